/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.h - be a vfio-user device
 *
 * A device is a description (regions, IRQs, migration) plus callbacks; the library does the
 * protocol. It owns no thread and no loop: the application accepts connections, hands them over
 * with rig_server_connect() and calls rig_conn_dispatch() whenever poll() says so.
 *
 * One server is one device and serves one client at a time. Its state outlives a client that
 * disconnects; that client's memory maps, fds and IRQs do not.
 *
 * Threads: a server and its connections belong to one thread, its own, which makes every call
 * below and runs every callback, except where "Any thread" stands: interrupts, guest memory and
 * the answers to deferred requests. Different servers may belong to different threads.
 *
 * Nothing waits for the device: a callback that cannot answer yet calls rig_server_defer() and
 * returns RIG_DEFERRED; rig_request_done() answers later, from any thread. Requests that arrive
 * meanwhile are served, with exceptions: while the device resets, or goes quiet, everything of that
 * client waits; behind a deferred migration transition, or data of the state, what concerns migration
 * and resets; behind a deferred change of interrupts, the next ones. At most 256 requests of a client are unanswered; then
 * it is not read until some are. A client that hangs up is gone once all of these, but not deferred
 * region accesses, are answered.
 *
 * Unless said otherwise functions return 0 or a negative errno, and write out-parameters (ret_...)
 * on success only.
 *
 * Fork: the child has no client. There rig_conn_dispatch() fails with -ENOTCONN; rig_conn_free() and
 * rig_server_free() close the child's copies of sockets without a word to the client or the device.
 * Nothing else may be called. Guest memory and interrupts' eventfds stay until it ends or executes
 * another program.
 */
#ifndef OUTRIGGER_SERVER_H
#define OUTRIGGER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <outrigger/common.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rig_server;
struct rig_conn;

/**
 * struct rig_mmap_area - a part of a region that the client may map
 * @fd, @fd_offset: its own file and where it starts there; only with RIG_REGION_AREA_FDS, otherwise
 *	it is in the region's. Areas with files of their own reach only clients that agreed to
 *	sparse_mmap_fds; others see a region that cannot be mapped
 */
struct rig_mmap_area {
	uint64_t offset;
	uint64_t size;
	int fd;
	uint64_t fd_offset;
};

/* A flag of struct rig_region that is ours, above those of the specification: areas have fds. */
#define RIG_REGION_AREA_FDS (1u << 16)

/**
 * struct rig_region - one region of the device
 * @size:    bytes; 0: the region does not exist
 * @flags:   RIG_REGION_READ, _WRITE; accesses against them get -EACCES without a callback.
 *           RIG_REGION_MMAP with an @mmap_fd, or with RIG_REGION_AREA_FDS too and areas that have
 *           one each. RIG_REGION_CAPS is the library's business
 * @mmap_fd: memory of the region, the application's; sent to clients that ask. Ignored without
 *           RIG_REGION_MMAP
 * @mmap_offset: where the region starts in it
 * @areas, @n_areas: parts that may be mapped; none: all of it
 * @type, @subtype: of a region beyond RIG_PCI_REGIONS; both 0: none is told
 */
struct rig_region {
	uint64_t size;
	uint32_t flags;
	int mmap_fd;
	uint64_t mmap_offset;
	const struct rig_mmap_area *areas;
	size_t n_areas;
	uint32_t type, subtype;
};

/**
 * struct rig_irq - one IRQ index
 * @count: vectors
 * @flags: RIG_IRQ_EVENTFD, _MASKABLE, _AUTOMASKED, _NORESIZE. Clients may mask vectors of any index
 *         but ERR and REQ, whatever this says
 */
struct rig_irq {
	uint32_t count;
	uint32_t flags;
};

/** enum rig_reset - why a device goes back to the state after power-on */
enum rig_reset {
	RIG_RESET_COMMAND,     /* the client's DEVICE_RESET */
	RIG_RESET_FUNCTION,    /* the guest's function level reset, through the PCIe capability */
	RIG_RESET_CLIENT_LOST, /* the client is gone; only with RIG_DEVICE_RESET_ON_LOSS */
};

/**
 * struct rig_device_ops - what the library asks of a device
 *
 * Every member but region_read and region_write may be NULL; reset only without RIG_DEVICE_RESET.
 * They run inside rig_conn_dispatch(), rig_conn_free() and rig_server_free(), of any connection of
 * this server: one that finishes its handshake may find that the client before it is gone. No
 * lock is held. They may call what "Any thread" may call, rig_dma_translate(), rig_irq_unmask_fd()
 * and rig_server_defer(), and nothing else of this server.
 *
 * Those that return int may return RIG_DEFERRED where they say so.
 */
struct rig_device_ops {
	/*
	 * Read or write count bytes; the range is inside the region, the region's flags permit it,
	 * count is 1 up to 1 MiB, nothing is aligned in any way. buf is private memory, never
	 * shared with the client; what region_read leaves alone is zero.
	 * Return: 0, RIG_DEFERRED, or a negative errno for the client (which, for a posted write,
	 * is lost).
	 */
	int (*region_read)(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count);
	int (*region_write)(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			    size_t count);

	/*
	 * Back to the state after power-on. DMA maps and IRQ eventfds stay (specification,
	 * "VFIO_USER_DEVICE_RESET"). After the client's command the device is RUNNING and data
	 * sessions of a migration are over. Return: 0, RIG_DEFERRED (not for RIG_RESET_CLIENT_LOST), or a
	 * negative errno for the client.
	 */
	int (*reset)(void *opaque, enum rig_reset why);

	/*
	 * Stop using guest memory and interrupts until the next callback of this device other than
	 * this one has returned: memory comes or goes, a reset or a migration transition is next, or
	 * the client is gone. Return: 0, RIG_DEFERRED: it is quiet when rig_request_done() says so
	 * with 0; an error refuses what was to happen, except that the client is gone. After an error
	 * the device is not held to be quiet.
	 */
	int (*quiesce)(void *opaque);

	/*
	 * Part of guest memory appeared; or is about to go: once this returns the device holds no
	 * pointer into it but for pinned ones (rig_dma_pin()), which the answer to the client waits
	 * for, as it does for DMA messages in flight. A client that is gone takes its memory with it
	 * the same way.
	 */
	void (*dma_mapped)(void *opaque, uint64_t address, uint64_t size);
	void (*dma_unmapping)(void *opaque, uint64_t address, uint64_t size);

	/*
	 * The client masked or unmasked vectors of an index, or attached other eventfds to them or
	 * none; flags are those of its "VFIO_USER_DEVICE_SET_IRQS". Not when a client is gone.
	 * Return: 0, RIG_DEFERRED, or a negative errno for the client, which takes nothing back: the
	 * vectors are as it wanted them.
	 */
	int (*irqs_changed)(void *opaque, uint32_t index, uint32_t start, uint32_t count,
			    uint32_t flags);

	/*
	 * A client finished its handshake; or is gone, for this reason. By then dma_unmapping ran
	 * for all of its memory, nothing of it is pinned (but see rig_server_free()), and its IRQ
	 * eventfds are closed.
	 */
	void (*connected)(void *opaque);
	void (*disconnected)(void *opaque, int error, const char *reason);

	/*
	 * The library has something to say to the operator: who did what, and what came of it. At
	 * most 20 refused requests per connection are reported. Any thread that calls the library.
	 */
	void (*log)(void *opaque, enum rig_log_level level, const char *message);
};

/**
 * struct rig_migration_ops - a device whose state can be saved and restored
 *
 * Threads and calls as for struct rig_device_ops. The state machine is the library's: it checks
 * what a client asks for, finds the path and asks for one step at a time.
 */
struct rig_migration_ops {
	/*
	 * One arc of the specification's diagram: RUNNING<->STOP, STOP<->STOP_COPYING,
	 * STOP<->RESUMING, and with RIG_MIGRATION_PRE_COPY RUNNING<->PRE_COPYING,
	 * PRE_COPYING->STOP_COPYING. RESUMING->STOP is where state that is not whole, or
	 * makes no sense, is refused. Return: 0, RIG_DEFERRED; -ENOTRECOVERABLE: the device is
	 * in no state any more (ERROR), which only a reset leaves; any other negative errno: it is
	 * still in @from.
	 */
	int (*transition)(void *opaque, enum rig_migration_state from, enum rig_migration_state to);

	/*
	 * The next bytes of the state, in PRE_COPYING and STOP_COPYING. Return: how many;
	 * 0: that is all (for now, in PRE_COPYING); RIG_DEFERRED: rig_request_set_len() says how
	 * many; or a negative errno.
	 */
	ssize_t (*read_data)(void *opaque, void *buf, size_t size);

	/*
	 * Some bytes of the state, in RESUMING, cut anywhere. Return: 0, RIG_DEFERRED, or a negative
	 * errno.
	 */
	int (*write_data)(void *opaque, const void *buf, size_t size);

	uint64_t flags; /* RIG_MIGRATION_STOP_COPY, and _PRE_COPY */
};

/*
 * Flags of struct rig_device that are ours, above those of the specification.
 * RESET_ON_LOSS:  reset() when a client is gone
 * WRITE_MULTIPLE: agree to write_multiple; see the guide for when that helps
 * ONE_THREAD:     no other thread calls the library for this server, not even to answer deferred
 *	requests. rig_conn_fd() is then the socket itself, which saves descriptors; no twin
 *	socket is agreed to; and rig_conn_deadline() has to be asked by devices that make
 *	asynchronous calls
 */
#define RIG_DEVICE_RESET_ON_LOSS  (1u << 16)
#define RIG_DEVICE_WRITE_MULTIPLE (1u << 17)
#define RIG_DEVICE_ONE_THREAD	  (1u << 18)

/** struct rig_device - the description; copied by rig_server_new(), but not what it points to */
struct rig_device {
	size_t struct_size; /* sizeof(struct rig_device), for growth */
	uint32_t flags;	    /* RIG_DEVICE_... */
	const struct rig_region *regions;
	uint32_t n_regions; /* a PCI device: at least RIG_PCI_REGIONS */
	const struct rig_irq *irqs;
	uint32_t n_irqs; /* a PCI device: at least RIG_PCI_IRQS */
	const struct rig_device_ops *ops;
	void *opaque;				   /* for ops and migration */
	uint32_t max_dma_maps;			   /* 0: RIG_DEFAULT_MAX_DMA_MAPS */
	const struct rig_migration_ops *migration; /* NULL: cannot be migrated */
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
 * Their rig_conn remain until rig_conn_free(), good for nothing else. Waits for nothing. Guest memory
 * that is pinned still stays where it is until rig_dma_unpin(), and may be unpinned by any thread
 * afterwards as before; it has to be, as requests that are deferred still have to be answered. No
 * thread may be inside another call for this server by now. NULL is fine. Not from a callback.
 */
RIG_API void rig_server_free(struct rig_server *server);

/**
 * rig_server_connect() - serve this connected UNIX stream socket
 * @fd: the server's, also on failure; whether it blocks may change
 *
 * The first connection to finish its handshake becomes the client. While it lives the others are
 * told EBUSY in reply to their VERSION, then closed. Whether it lives is looked at when another
 * one asks: a client that hung up makes room at once, even if nobody has dispatched it since,
 * unless some of its memory is pinned still.
 *
 * Return: 0, -ENOMEM, -EINVAL not a UNIX stream socket, -EAGAIN 16 connections are here already,
 * -EMFILE, -ENFILE
 */
RIG_API RIG_MUST_CHECK int rig_server_connect(struct rig_server *server, int fd,
					      struct rig_conn **ret);

/**
 * rig_conn_fd() - for poll(); stays the same
 *
 * Readable also for what other threads left to do, deadlines of asynchronous calls, and for good once
 * the connection is over. With RIG_DEVICE_ONE_THREAD rig_conn_deadline() tells of the former two.
 */
RIG_API int rig_conn_fd(const struct rig_conn *conn);

/**
 * rig_conn_events() - what to poll for now (POLLIN, POLLOUT, or POLLHUP, which poll() reports unasked)
 *
 * 0, with RIG_DEVICE_ONE_THREAD only: leave the fd out, as it would report a hang-up all the time. The
 * client is gone, and the device has not let go of its memory yet or not answered it. Ask again after
 * each call into the library.
 */
RIG_API short rig_conn_events(const struct rig_conn *conn);

/**
 * rig_conn_deadline() - when to call rig_conn_dispatch() even without an event
 *
 * Of asynchronous DMA and what the device left to the next dispatch. A time that has come, or 0, is
 * now. RIG_FOREVER without RIG_DEVICE_ONE_THREAD: the fd is readable then. Ask again after each call
 * into the library.
 */
RIG_API rig_time rig_conn_deadline(const struct rig_conn *conn);

/**
 * rig_conn_dispatch() - do what can be done without waiting
 * @revents: from poll(); 0 is fine
 *
 * Also notices that the client truncated memory which the device touched since, and ends the
 * connection for that. A device that works between dispatches may call this with 0 to find out.
 *
 * Return: 0, or -errno when the connection is over: call rig_conn_free(). A client that is gone is not
 * over before disconnected() ran.
 */
RIG_API RIG_MUST_CHECK int rig_conn_dispatch(struct rig_conn *conn, short revents);

/**
 * rig_conn_set_wants_changed() - hook that runs when rig_conn_events() changed, or
 * rig_conn_deadline() became earlier
 *
 * Only for changes that something other than rig_conn_dispatch() of this connection caused.
 */
RIG_API void rig_conn_set_wants_changed(struct rig_conn *conn, void (*hook)(void *opaque),
					void *opaque);

/** rig_conn_free() - close it if it is open. NULL is fine. Not from a callback of this server */
RIG_API void rig_conn_free(struct rig_conn *conn);

/**
 * rig_server_defer() - answer the request whose callback is running later
 *
 * Only inside a callback that may return RIG_DEFERRED, which it then does. Return: the request, for
 * rig_request_data() and rig_request_done(); NULL: no memory, or not in such a callback.
 */
RIG_API struct rig_request *rig_server_defer(struct rig_server *server);

/**
 * rig_server_add_io_fd() - an fd that stands for writes to part of a region
 * @fd: duplicated; what the client does with it (KVM: an ioeventfd) is between it and the device
 * @type: RIG_IO_FD_IOEVENTFD, or RIG_IO_FD_SHADOW with @shadow_fd and @shadow_offset
 *
 * Clients learn of it when they ask ("VFIO_USER_DEVICE_GET_REGION_IO_FDS").
 * Return: 0, -EINVAL, -ENOSPC more than 16 fds of a region, -ENOMEM, errno of dup
 */
struct rig_io_fd_desc {
	uint64_t offset;
	uint64_t size; /* 0: writes of any size */
	int fd;
	uint32_t type;
	uint32_t flags; /* RIG_IO_FD_FLAG_... */
	uint64_t datamatch;
	int shadow_fd;
	uint64_t shadow_offset;
};
RIG_API RIG_MUST_CHECK int rig_server_add_io_fd(struct rig_server *server, uint32_t region,
						const struct rig_io_fd_desc *desc);

/* --- interrupts: any thread --- */

/**
 * rig_irq_trigger() - interrupt the client
 * @index, @vector: a vector that does not exist is -EINVAL
 *
 * Writes 1 to the eventfd that the client attached; without one does nothing. Never waits: a full
 * counter is already an interrupt.
 *
 * A masked vector is held pending until it is unmasked, by a message or by the eventfd that the
 * client attached for that. The latter is looked at here and in rig_conn_dispatch() only: a pending
 * interrupt that it would release stays until then; see rig_irq_unmask_fd() for level-triggered
 * ones.
 */
RIG_API int rig_irq_trigger(struct rig_server *server, uint32_t index, uint32_t vector);

/**
 * rig_irq_unmask_fd() - the eventfd by which the client unmasks this vector, or -1
 *
 * For poll() (POLLIN: call rig_irq_unmasked()), by a device with a level-triggered INTx that may
 * still be asserted after the guest's end of interrupt. The library's; changes with irqs_changed, and
 * goes with the client. The server's own thread only.
 */
RIG_API int rig_irq_unmask_fd(struct rig_server *server, uint32_t index, uint32_t vector);

/**
 * rig_irq_unmasked() - look at that eventfd: did the client signal it since the last look?
 *
 * If so the vector is unmasked, and delivered if it was pending; what is still asserted is to be
 * triggered again. Return: 1 it did, 0 not, -EINVAL no such vector
 */
RIG_API int rig_irq_unmasked(struct rig_server *server, uint32_t index, uint32_t vector);

/* --- guest memory: any thread, unless said otherwise --- */

/**
 * rig_dma_translate() - where guest memory is in this process. The server's own thread only
 * @prot: RIG_DMA_READ, RIG_DMA_WRITE or both, as the device will access it
 * @iov, @max_iov: filled; a range that crosses mappings takes several
 *
 * Pointers stay good until ops->dma_unmapping tells of their range. The memory is shared with the
 * guest and may change at any moment: read each thing once. Should the client truncate it, reads
 * give zeros, system calls on it fail with EFAULT, and the client is dropped at its next dispatch.
 * Writes are to be told with rig_dma_mark_dirty().
 *
 * Return: number of iovecs (0 for len 0), or -EFAULT not mapped, -EACCES mapped without that
 * permission, -EREMOTEIO mapped without shared memory (only messages reach it), -ENOBUFS max_iov is
 * too small.
 */
RIG_API int rig_dma_translate(struct rig_server *server, uint64_t address, uint64_t len,
			      uint32_t prot, struct iovec *iov, size_t max_iov);

/**
 * struct rig_dma_seg - a piece of guest memory in use
 * @host, @len: where it is here
 * @address, @prot: as asked for
 */
struct rig_dma_seg {
	void *host;
	size_t len;
	uint64_t address;
	uint32_t prot;
	uint32_t reserved;
	void *private_[2];
};

/**
 * rig_dma_pin() - use guest memory until rig_dma_unpin()
 *
 * As rig_dma_translate(), from any thread: while a piece is pinned the answer to its unmap waits.
 * Takes no lock and costs the same with any number of mappings. A device must
 * unpin what dma_unmapping tells of, within the time that the client gives an unmap.
 */
RIG_API int rig_dma_pin(struct rig_server *server, uint64_t address, uint64_t len, uint32_t prot,
			struct rig_dma_seg *segs, size_t max_segs);

/**
 * rig_dma_unpin() - pieces that rig_dma_pin() gave, all or some; from any thread
 *
 * Those pinned with RIG_DMA_WRITE are marked dirty, over their len: shorten it to what was written.
 */
RIG_API void rig_dma_unpin(struct rig_server *server, struct rig_dma_seg *segs, size_t n);

/** rig_dma_mark_dirty() - the device wrote here through rig_dma_translate() */
RIG_API void rig_dma_mark_dirty(struct rig_server *server, uint64_t address, uint64_t len);

/**
 * rig_dma_read(), rig_dma_write() - copy from or to guest memory
 *
 * Through shared memory where there is some, else by messages to the client
 * ("VFIO_USER_DMA_READ", "VFIO_USER_DMA_WRITE"), split by its max_data_xfer_size. Waits for these
 * replies; may be called from callbacks. While the server's own thread waits, requests of the client
 * pile up and are served after the callback; behind 256 of them, without a twin socket, a reply is not
 * heard before the deadline. Some clients (QEMU) serve no such message while a
 * thread of theirs waits for a region access: answer that first, with rig_server_defer().
 *
 * Return: 0, -EFAULT not mapped, -EACCES mapped without that permission, -ETIMEDOUT, -ENOTCONN,
 * -EPROTO a reply that contradicts its request, -EIO the client makes no progress, -ENOMEM, or what
 * the client replied. Part of it may have been done.
 */
RIG_API RIG_MUST_CHECK int rig_dma_read(struct rig_server *server, uint64_t address, void *buf,
					size_t len, rig_time deadline);
RIG_API RIG_MUST_CHECK int rig_dma_write(struct rig_server *server, uint64_t address,
					 const void *buf, size_t len, rig_time deadline);

/**
 * rig_dma_read_async(), rig_dma_write_async() - likewise, many at a time
 * @buf: must stay until the completion ran; copied by a write without a completion
 *
 * The completion runs on the server's own thread, where callbacks do, also if nothing had to be sent.
 * Return: as above (the completion does not run), or -EAGAIN
 */
RIG_API RIG_MUST_CHECK int rig_dma_read_async(struct rig_server *server, uint64_t address,
					      void *buf, size_t len, rig_time deadline,
					      struct rig_completion done);
RIG_API RIG_MUST_CHECK int rig_dma_write_async(struct rig_server *server, uint64_t address,
					       const void *buf, size_t len, rig_time deadline,
					       struct rig_completion done);

#ifdef __cplusplus
}
#endif

#endif
