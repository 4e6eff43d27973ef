/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.h - be a vfio-user device
 *
 * A device is a description (regions, IRQs) plus callbacks; the library does the protocol. It owns
 * no thread and no loop: the application accepts connections, hands them over with
 * rig_server_connect() and calls rig_conn_dispatch() whenever poll() says so.
 *
 * One server is one device and serves one client at a time. Its state outlives a client that
 * disconnects; that client's memory maps, fds and IRQs do not.
 *
 * Threads: a server, its connections and its DMA map belong to one thread, which makes every call
 * below and runs every callback. Different servers may belong to different threads.
 *
 * Unless said otherwise functions return 0 or a negative errno, and write out-parameters (ret_...)
 * on success only.
 */
#ifndef OUTRIGGER_SERVER_H
#define OUTRIGGER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <outrigger/vfio_user.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RIG_API	       __attribute__((visibility("default")))
#define RIG_MUST_CHECK __attribute__((warn_unused_result))
#else
#define RIG_API
#define RIG_MUST_CHECK
#endif

struct rig_server;
struct rig_conn;

/** struct rig_mmap_area - a part of a region that the client may map */
struct rig_mmap_area {
	uint64_t offset;
	uint64_t size;
};

/**
 * struct rig_region - one region of the device
 * @size:    bytes; 0: the region does not exist
 * @flags:   RIG_REGION_READ, _WRITE; accesses against them get -EACCES without a callback.
 *           RIG_REGION_MMAP with an @mmap_fd. RIG_REGION_CAPS is the library's business
 * @mmap_fd: memory of the region, the application's; sent to clients that ask. Ignored without
 *           RIG_REGION_MMAP
 * @mmap_offset: where the region starts in it
 * @areas, @n_areas: parts that may be mapped; none: all of it
 */
struct rig_region {
	uint64_t size;
	uint32_t flags;
	int mmap_fd;
	uint64_t mmap_offset;
	const struct rig_mmap_area *areas;
	size_t n_areas;
};

/**
 * struct rig_irq - one IRQ index
 * @count: vectors
 * @flags: RIG_IRQ_EVENTFD, _MASKABLE, _NORESIZE. Clients may mask vectors of any index but ERR and
 *         REQ, whatever this says. RIG_IRQ_AUTOMASKED is refused: nobody waits for the eventfd by
 *         which a client unmasks (see rig_irq_trigger())
 */
struct rig_irq {
	uint32_t count;
	uint32_t flags;
};

/** enum rig_log_level - how much something matters */
enum rig_log_level {
	RIG_LOG_ERROR,
	RIG_LOG_WARNING,
	RIG_LOG_INFO,
	RIG_LOG_DEBUG,
};

/**
 * struct rig_device_ops - what the library asks of a device
 *
 * Every member but region_read and region_write may be NULL; reset only without RIG_DEVICE_RESET.
 * They run inside rig_conn_dispatch(), rig_conn_free() and rig_server_free(), of any connection of
 * this server: one that finishes its handshake may find that the client before it is gone.
 * They may call rig_irq_trigger() and rig_dma_translate(), and nothing else of this server.
 */
struct rig_device_ops {
	/*
	 * Read or write count bytes; the range is inside the region, the region's flags permit it,
	 * count is 1 up to 1 MiB, nothing is aligned in any way. buf is private memory, never
	 * shared with the client; what region_read leaves alone is zero.
	 * Return: 0, or a negative errno for the client (which, for a posted write, is lost).
	 */
	int (*region_read)(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count);
	int (*region_write)(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			    size_t count);

	/*
	 * Back to the state after power-on. DMA maps and IRQ eventfds stay (specification,
	 * "VFIO_USER_DEVICE_RESET").
	 */
	void (*reset)(void *opaque);

	/*
	 * Part of guest memory appeared; or is about to go: once this returns the device holds no
	 * pointer into it. A client that is gone takes its memory with it the same way.
	 */
	void (*dma_mapped)(void *opaque, uint64_t address, uint64_t size);
	void (*dma_unmapping)(void *opaque, uint64_t address, uint64_t size);

	/*
	 * A client finished its handshake; or is gone, for this reason. By then dma_unmapping ran
	 * for all of its memory, and its IRQ eventfds are closed.
	 */
	void (*connected)(void *opaque);
	void (*disconnected)(void *opaque, int error, const char *reason);

	/*
	 * The library has something to say to the operator: who did what, and what came of it. At
	 * most 20 refused requests per connection are reported.
	 */
	void (*log)(void *opaque, enum rig_log_level level, const char *message);
};

/** struct rig_device - the description; copied by rig_server_new(), but not what it points to */
struct rig_device {
	size_t struct_size; /* sizeof(struct rig_device), for growth */
	uint32_t flags;	    /* RIG_DEVICE_... */
	const struct rig_region *regions;
	uint32_t n_regions; /* a PCI device: at least RIG_PCI_REGIONS */
	const struct rig_irq *irqs;
	uint32_t n_irqs; /* a PCI device: at least RIG_PCI_IRQS */
	const struct rig_device_ops *ops;
	void *opaque;	       /* for ops */
	uint32_t max_dma_maps; /* 0: RIG_DEFAULT_MAX_DMA_MAPS */
};

/**
 * rig_server_new() - a device without a client
 *
 * Return: 0, -EINVAL the description contradicts itself, -ENOMEM
 */
RIG_API RIG_MUST_CHECK int rig_server_new(const struct rig_device *device, struct rig_server **ret);

/**
 * rig_server_free() - ends every connection (ops->disconnected runs)
 *
 * Their rig_conn remain until rig_conn_free(), good for nothing else. NULL is fine. Not from a
 * callback.
 */
RIG_API void rig_server_free(struct rig_server *server);

/**
 * rig_server_connect() - serve this connected UNIX stream socket
 * @fd: the server's, also on failure; made non-blocking
 *
 * The first connection to finish its handshake becomes the client. While it lives the others are
 * told EBUSY in reply to their VERSION, then closed. Whether it lives is looked at when another
 * one asks: a client that hung up makes room at once, even if nobody has dispatched it since.
 *
 * Return: 0, -ENOMEM, -EINVAL not a UNIX stream socket, -EAGAIN 16 connections are here already
 */
RIG_API RIG_MUST_CHECK int rig_server_connect(struct rig_server *server, int fd,
					      struct rig_conn **ret);

/** rig_conn_fd() - for poll() */
RIG_API int rig_conn_fd(const struct rig_conn *conn);

/**
 * rig_conn_events() - what to poll for now (POLLIN, POLLOUT)
 *
 * Ask again after each call into the library.
 */
RIG_API short rig_conn_events(const struct rig_conn *conn);

/**
 * rig_conn_dispatch() - do what can be done without waiting
 * @revents: from poll(); 0 is fine
 *
 * Also notices that the client truncated memory which the device touched since, and ends the
 * connection for that. A device that works between dispatches may call this with 0 to find out.
 *
 * Return: 0, or -errno when the connection is over: call rig_conn_free().
 */
RIG_API RIG_MUST_CHECK int rig_conn_dispatch(struct rig_conn *conn, short revents);

/**
 * rig_conn_set_wants_changed() - hook that runs when rig_conn_events() changed
 *
 * Only for changes that something other than rig_conn_dispatch() of this connection caused.
 */
RIG_API void rig_conn_set_wants_changed(struct rig_conn *conn, void (*hook)(void *opaque),
					void *opaque);

/** rig_conn_free() - close it if it is open. NULL is fine. Not from a callback of this server */
RIG_API void rig_conn_free(struct rig_conn *conn);

/**
 * rig_irq_trigger() - interrupt the client
 * @index, @vector: a vector that does not exist is -EINVAL
 *
 * Writes 1 to the eventfd that the client attached; without one does nothing. Never waits: a full
 * counter is already an interrupt.
 *
 * A masked vector is held pending until it is unmasked, by a message or by the eventfd that the
 * client attached for that. The latter is looked at here and in rig_conn_dispatch() only: a pending
 * interrupt that it would release stays until then. Nor is the device told of it, as a
 * level-triggered INTx that is still asserted after the guest's end of interrupt would need.
 */
RIG_API int rig_irq_trigger(struct rig_server *server, uint32_t index, uint32_t vector);

/**
 * rig_dma_translate() - where guest memory is in this process
 * @prot: RIG_DMA_READ, RIG_DMA_WRITE or both, as the device will access it
 * @iov, @max_iov: filled; a range that crosses mappings takes several
 *
 * Pointers stay good until ops->dma_unmapping tells of their range. The memory is shared with the
 * guest and may change at any moment: read each thing once. Should the client truncate it, reads
 * give zeros, system calls on it fail with EFAULT, and the client is dropped at its next dispatch.
 *
 * Return: number of iovecs (0 for len 0), or -EFAULT not mapped, -EACCES mapped without that
 * permission, -EREMOTEIO mapped without shared memory (only messages reach it), -ENOBUFS max_iov is
 * too small.
 */
RIG_API int rig_dma_translate(struct rig_server *server, uint64_t address, uint64_t len,
			      uint32_t prot, struct iovec *iov, size_t max_iov);

#ifdef __cplusplus
}
#endif

#endif
