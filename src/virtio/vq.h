/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vq.h - the device's side of a virtqueue (split ring; virtio 1.x, "2.7 Split Virtqueues")
 *
 * Everything in the ring may be written by the guest at any moment: each field is read once, into a
 * local, checked, and only the copy is used; a chain is followed for at most as many steps as the
 * ring has entries. A guest that breaks the rules breaks its queue: every call gives the same error
 * until a reset.
 *
 *   state     | entered by                     | vq_pop(), vq_has_work() | left by
 *   ----------+--------------------------------+-------------------------+----------------------
 *   disabled  | vq_init(), vq_reset()          | 0, false                | vq_enable()
 *   working   | vq_enable()                    | as the ring says        | the others
 *   suspended | vq_memory_changed(), while the | 0, false                | the memory comes back
 *             | rings are not mapped           |                         |
 *   broken    | a rule broken by the guest     | the error, false        | vq_reset()
 *
 * One thread: the one that works on this queue.
 */
#ifndef VIRTIO_VQ_H
#define VIRTIO_VQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VQ_SIZE_MAX  1024u
/* Segments of one chain, readable and writable together, after translation. A chain of more breaks
 * the queue: the drivers of our devices need about 20. */
#define VQ_CHAIN_IOV 64u

/** struct vq_memory - how a queue finds guest memory; see rig_dma_translate() for the contract */
struct vq_memory {
	int (*translate)(void *opaque, uint64_t address, uint64_t len, uint32_t prot,
			 struct iovec *iov, size_t max_iov);
	void *opaque;
};

/** struct vq_setup - what the driver wrote to the common configuration */
struct vq_setup {
	uint16_t size; /* a power of two, at most VQ_SIZE_MAX */
	uint64_t desc, driver, device;
	bool event_idx;	    /* VIRTIO_F_EVENT_IDX was negotiated */
	bool indirect_desc; /* VIRTIO_F_INDIRECT_DESC was negotiated */
};

struct vq {
	const struct vq_memory *memory;
	struct vq_setup setup;
	bool enabled;
	int broken; /* 0, or the error that every call returns until the queue is reset */
	const char *broken_reason; /* a sentence for the log */
	void *desc, *avail, *used; /* host addresses; NULL: translate again before use */
	uint16_t last_avail;	   /* next entry of the available ring to look at */
	bool filled;		   /* something was popped since it was enabled */
	uint16_t next_used;	   /* next entry of the used ring to fill */
	uint16_t
		signalled_used; /* next_used when the driver was last considered for an interrupt */
	bool signalled_valid;	/* false: the index went round since, signalled_used says nothing */
	bool notify_enabled;
};

/** struct vq_chain - a popped descriptor chain; readable segments come first */
struct vq_chain {
	uint16_t head;
	uint16_t n_readable, n_writable;
	size_t readable_len, writable_len;
	struct iovec iov[VQ_CHAIN_IOV]; /* n_readable, then n_writable */
};

void vq_init(struct vq *vq, const struct vq_memory *memory);

/**
 * vq_enable() - start to work on a queue
 *
 * Positions start at 0 and kicks are on. On failure the queue is broken, with a reason.
 *
 * Return: 0, -EINVAL size or alignment, -EFAULT or -EACCES rings outside guest memory, -EREMOTEIO
 * in memory that is not shared, -EPROTO in more than one mapping
 */
int vq_enable(struct vq *vq, const struct vq_setup *setup);

/** vq_reset() - to the state after vq_init() */
void vq_reset(struct vq *vq);

/** vq_memory_changed() - guest memory was unmapped: cached addresses are void */
void vq_memory_changed(struct vq *vq);

/** vq_suspended() - enabled, but the rings were not found again yet since vq_memory_changed() */
bool vq_suspended(const struct vq *vq);

/**
 * vq_has_work() - has the driver made a chain available that was not popped? (A look; no check.)
 */
bool vq_has_work(struct vq *vq);

/**
 * vq_pop() - take the next chain. Return: 1, 0 none, or what broke the queue (-EPROTO, -EFAULT,
 * -EREMOTEIO ...)
 */
int vq_pop(struct vq *vq, struct vq_chain *ret);

/** vq_unpop() - put back the newest n chains popped; they come again, read anew */
void vq_unpop(struct vq *vq, uint16_t n);

/** vq_break() - the chain just popped makes no sense to the device. Return: -EPROTO */
int vq_break(struct vq *vq, const char *reason);

/**
 * vq_fill() - write a used element index places ahead, not shown to the driver until vq_publish()
 * Return: 0, -EAGAIN the queue is suspended, or what broke it
 */
int vq_fill(struct vq *vq, uint16_t head, uint32_t written, uint16_t index);

/** vq_publish() - show the driver n filled elements at once. Return: as vq_fill() */
int vq_publish(struct vq *vq, uint16_t n);

/**
 * vq_wants_interrupt() - does the driver want to hear of what was published since last time? Once
 * per batch
 */
bool vq_wants_interrupt(struct vq *vq);

/** vq_disable_notify() - we are looking anyway: the driver need not kick */
void vq_disable_notify(struct vq *vq);

/**
 * vq_enable_notify() - ask for kicks again, for the first chain that follows those popped so far
 * Return: true if work arrived meanwhile (look again before sleeping)
 */
bool vq_enable_notify(struct vq *vq);

#endif
