/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vring.h - the driver's side of a virtqueue (split ring; virtio 1.x, "2.7 Split Virtqueues")
 *
 * Every buffer is one descriptor, which it keeps: buffer and descriptor have the same number, their
 * id. A buffer is either the driver's or the device's; vring_offer() and vring_take() move it.
 *
 * The device writes the used ring at any moment: each field is read once and checked before use. A
 * device that breaks the rules breaks the ring: vring_take() gives -EPROTO from then on.
 *
 * One thread: the one that receives, or the one that sends; vring_waiting() is for any.
 */
#ifndef VIRTIO_DRIVER_VRING_H
#define VIRTIO_DRIVER_VRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/spec.h"

#define VRING_SIZE_MAX 1024u

struct vring {
	uint16_t size;
	bool event_idx; /* VIRTIO_F_EVENT_IDX was negotiated */
	bool broken;
	bool armed; /* an interrupt was asked for; without the event index only */
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;

	uint16_t next_avail;	 /* place of the next entry that is offered */
	uint16_t shown;		 /* avail.idx: what the device has been shown */
	uint16_t kick_judged;	 /* avail.idx when a kick was last considered */
	bool kick_due;		 /* the index went round since, kick_judged says nothing */
	uint16_t used_seen;	 /* used.idx when it was last read, checked */
	_Atomic(uint16_t) taken; /* place of the next used element to take; written by the owner */
	uint16_t n_offered;	 /* buffers that are the device's */
	bool is_offered[VRING_SIZE_MAX]; /* by id */
};

/** struct vring_layout - where the parts of a ring are, from its start */
struct vring_layout {
	size_t desc, avail, used;
	size_t bytes; /* of all */
};

/** vring_layout() - @size: a power of two, at most VRING_SIZE_MAX */
void vring_layout(uint16_t size, struct vring_layout *ret);

/** vring_init() - @memory: zeroed, aligned to a page, of vring_layout()'s bytes; stays the caller's */
void vring_init(struct vring *ring, uint16_t size, bool event_idx, void *memory);

/** vring_set_buffer() - of an id that is the driver's. @flags: 0 or VIRTQ_DESC_F_WRITE */
void vring_set_buffer(struct vring *ring, uint16_t id, uint64_t address, uint32_t len,
		      uint16_t flags);

/** vring_offer() - a buffer becomes the device's, which learns of it by vring_show() */
void vring_offer(struct vring *ring, uint16_t id);

/** vring_show() - everything offered so far */
void vring_show(struct vring *ring);

/** vring_wants_kick() - does the device want to hear of what was shown since this was last asked? */
bool vring_wants_kick(struct vring *ring);

/**
 * vring_take() - the next buffer that the device is done with
 * @ret_len: what it says it has written, unchecked
 * Return: 1; 0 none; -EPROTO
 */
int vring_take(struct vring *ring, uint16_t *ret_id, uint32_t *ret_len);

/** vring_waiting() - how many vring_take() would give, as far as the device is to be believed */
uint16_t vring_waiting(const struct vring *ring);

/**
 * vring_arm() - ask for an interrupt once @n more buffers can be taken; n is at most n_offered
 * Return: false: as many wait already (or the device speaks nonsense)
 */
bool vring_arm(struct vring *ring, uint16_t n);

/** vring_disarm() - the driver looks by itself */
void vring_disarm(struct vring *ring);

#endif
