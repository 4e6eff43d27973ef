/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.h - plug a vfio-user device into a VMM
 *
 * A client is one connection to one device. Each operation comes twice: ..._async(), which returns
 * at once and runs a completion later; and the blocking call, which waits for just that.
 *
 * Threads. Every function may be called from any thread, several at once, but for
 * rig_client_free(), which must be the last call. The library has no thread of its own: of the
 * threads that wait, one reads the socket for all (it becomes the reader when there is none, hands
 * each reply to its owner, and passes the role on when its own has come). A loop may take part with
 * rig_client_fd() and rig_client_dispatch(); without one, asynchronous calls make progress only
 * while some thread waits.
 *
 * Callbacks (completions, struct rig_client_ops) run with no lock of the library held and may start
 * calls, asynchronous ones always, blocking ones too. Which thread runs them is chosen once, with
 * RIG_CLIENT_DISPATCH_ONLY: any that happens to read, or only the one inside rig_client_dispatch()
 * and, while this very thread is inside a blocking call, that.
 *
 * A caller's big lock: rig_client_ops.release and .take surround the actual wait of a blocking
 * call and nothing else. The library never needs that lock to make progress.
 *
 * Failure. -ENOTCONN is for good (until rig_client_reconnect()): every waiter gets it at once when
 * the server dies, rig_client_error() says why. Every wait has a deadline; a reply that comes after
 * it is recognised and dropped. Unless said otherwise calls return 0 or
 *
 *   -EINVAL     the arguments contradict themselves, or what the device said of itself when it was
 *               asked: nothing was sent
 *   -ETIMEDOUT  no reply in time; whether the server did it is not known
 *   -ECANCELED  rig_client_cancel(), likewise
 *   -EPROTO     the reply contradicts its request: size, argsz, count, chains, fds. The connection
 *               lives on if its framing is intact
 *   -EOPNOTSUPP not agreed in the handshake
 *   -ENOTCONN   the connection is over, or belongs to the process that forked us
 *   -EAGAIN     asynchronous calls: too much is unsent; blocking calls wait for room. Of a call that
 *               takes several messages it may also be the completion's result
 *   -ENOBUFS    65535 requests wait for replies
 *   -ENOMEM     nothing was sent, or a reply could not be kept
 *   -errno      what the server replied, -EIO if it named none
 *
 * Fork: the child has no connection. There every call fails with -ENOTCONN and
 * rig_client_free() frees memory and closes the child's copies of fds without a word to the server.
 */
#ifndef OUTRIGGER_CLIENT_H
#define OUTRIGGER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <outrigger/common.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rig_client;

/** struct rig_client_ops - what the library asks of the application; every member may be NULL */
struct rig_client_ops {
	/*
	 * A thread is about to wait: give up the big lock if this thread holds it, and say whether
	 * it did; take() runs after the wait only if so.
	 */
	bool (*release)(void *opaque);
	void (*take)(void *opaque);

	/*
	 * The server reads or writes guest memory of which at least a part was mapped without
	 * @host (see struct rig_dma_region). The range is inside one or more adjacent maps that
	 * permit it, count is at most what rig_client_config said. buf is private memory, of a read
	 * all zero at first. Return: 0, a negative errno for the server, or RIG_DEFERRED after
	 * rig_client_defer(). NULL: the server gets EFAULT.
	 */
	int (*dma_read)(void *opaque, uint64_t address, void *buf, size_t count);
	int (*dma_write)(void *opaque, uint64_t address, const void *buf, size_t count);

	/*
	 * The library wrote guest memory at @host for the server: note it in the VMM's own log of
	 * dirty pages. The server's log does not have it (specification, "VFIO_USER_DMA_WRITE").
	 */
	void (*dma_written)(void *opaque, uint64_t address, size_t count);

	/*
	 * The connection is over. Runs once for each connection that was established, also if it
	 * was ended by rig_client_disconnect() or rig_client_free().
	 */
	void (*disconnected)(void *opaque, int error, const char *reason);

	/*
	 * rig_client_fd() is to be polled for other events, or an earlier deadline, than
	 * rig_client_events() and rig_client_deadline() last said. Any thread, with locks held: it
	 * may wake the loop, and must not call the client. Only for applications with a loop.
	 */
	void (*wants_changed)(void *opaque);

	/*
	 * For the operator: which peer, command and field, and the connection's fate. In whichever
	 * thread finds out, whatever the flags say.
	 */
	void (*log)(void *opaque, enum rig_log_level level, const char *message);
};

/* Flags of struct rig_client_config. */
#define RIG_CLIENT_TWIN_SOCKET	  (1u << 0) /* propose a second socket for the server's requests */
#define RIG_CLIENT_DISPATCH_ONLY  (1u << 1) /* callbacks run in rig_client_dispatch() only */
#define RIG_CLIENT_NO_WRITE_MULTI (1u << 2) /* do not propose write_multiple */

/** struct rig_client_config - zero for every default; copied, ops too */
struct rig_client_config {
	size_t struct_size;	     /* sizeof(struct rig_client_config), for growth */
	uint32_t flags;		     /* RIG_CLIENT_... */
	uint32_t max_msg_fds;	     /* we accept in one message; 0: 16; at most 253 */
	uint32_t max_data_xfer_size; /* bytes we accept; 0: 1 MiB; 4 KiB to 64 MiB */
	uint32_t max_requests;	     /* of the server's unanswered at a time; 0: 256 */
	/*
	 * How long a waiting thread may look for its reply without sleeping, microseconds;
	 * 0: not at all. Adaptive: it stops trying where that does not help.
	 */
	uint32_t poll_us;
	const struct rig_client_ops *ops; /* NULL: none */
	void *opaque;			  /* for ops */
};

/**
 * rig_client_connect() - connect to the device at a path, and negotiate
 * @deadline: for all of it
 * @ret_error: on failure a sentence for people, to be freed by the caller (NULL: not even memory
 *	for that); may be NULL
 *
 * Blocks. config may be NULL: every default. Return: as above, or -errno of connect
 */
RIG_API RIG_MUST_CHECK int rig_client_connect(const char *path,
					      const struct rig_client_config *config,
					      rig_time deadline, struct rig_client **ret,
					      char **ret_error);

/**
 * rig_client_new() - the same with a connected UNIX stream socket
 * @fd: the client's, also on failure
 */
RIG_API RIG_MUST_CHECK int rig_client_new(int fd, const struct rig_client_config *config,
					  rig_time deadline, struct rig_client **ret,
					  char **ret_error);

/** rig_client_free() - disconnects. NULL is fine. Not from a callback, nor while another call runs */
RIG_API void rig_client_free(struct rig_client *client);

/**
 * rig_client_disconnect() - end the connection; every outstanding call gets -ENOTCONN
 *
 * Maps and IRQs stay recorded for rig_client_reconnect().
 */
RIG_API void rig_client_disconnect(struct rig_client *client);

/**
 * rig_client_reconnect() - a new connection to the device, with everything as it was
 * @fd: a connected socket, the client's also on failure; -1: to the path of rig_client_connect()
 *
 * Negotiates, then puts back every DMA map and every IRQ eventfd. What the device's own state is
 * after that only the device knows. Blocks. While it runs every other call finds the old connection.
 * Should the server agree to less than before (maps, pages, fds), or refuse one, that fails and there
 * is no connection; it may be tried again. With RIG_CLIENT_DISPATCH_ONLY callbacks run in this
 * thread meanwhile, and until the loop first dispatches the new connection.
 *
 * Return: as above; -EBUSY the old connection lives, or calls that change maps have not been called
 * back yet, or another thread does this; -ENOSPC, -EOPNOTSUPP the server agrees to less; -errno of connect
 */
RIG_API RIG_MUST_CHECK int rig_client_reconnect(struct rig_client *client, int fd,
						rig_time deadline);

/** rig_client_error() - 0 while connected, else the error that ended it */
RIG_API int rig_client_error(const struct rig_client *client);

/**
 * rig_client_reason() - the last thing that went wrong, a sentence for people; "" if nothing has
 *
 * Which device, which command, what. ops->log() gets the same, and the connection's fate.
 * Copied to buf with its NUL, cut if need be. Return: its whole length.
 */
RIG_API size_t rig_client_reason(struct rig_client *client, char *buf, size_t size);

/**
 * rig_client_defer() - answer the server's request whose callback is running later
 *
 * Inside dma_read() and dma_write() only, which then return RIG_DEFERRED. Return: the request, for
 * rig_request_data() and rig_request_done(); NULL: no memory, or not in such a callback.
 */
RIG_API struct rig_request *rig_client_defer(struct rig_client *client);

/* --- a loop --- */

/**
 * rig_client_fd() - what to poll; stays the same, also across rig_client_reconnect()
 *
 * The first call tells the library that there is a loop: which then is not woken for what a
 * waiting thread reads. Return: an fd, the client's, or -errno.
 */
RIG_API int rig_client_fd(struct rig_client *client);

/** rig_client_events() - POLLIN, POLLOUT, both or 0: what to poll for now */
RIG_API short rig_client_events(struct rig_client *client);

/** rig_client_deadline() - when to call rig_client_dispatch() even without an event */
RIG_API rig_time rig_client_deadline(struct rig_client *client);

/**
 * rig_client_dispatch() - do what can be done without waiting
 *
 * With RIG_CLIENT_DISPATCH_ONLY, callbacks run in here (in one thread at a time).
 * Return: 0, or -ENOTCONN.
 */
RIG_API int rig_client_dispatch(struct rig_client *client);

/**
 * rig_call - names an asynchronous call of a client; 0 names none
 *
 * Where a function has a ret_call, that may be NULL.
 */
typedef uint64_t rig_call;

/** rig_client_cancel() - its completion gets -ECANCELED; no-op if it is over. May run it at once */
RIG_API void rig_client_cancel(struct rig_client *client, rig_call call);

/* --- the device --- */

/** struct rig_client_version - what was agreed */
struct rig_client_version {
	uint16_t major, minor;
	uint32_t max_msg_fds;	     /* what the server accepts in one message */
	uint32_t max_data_xfer_size; /* what it accepts */
	uint32_t max_dma_maps;
	uint64_t pgsizes;
	bool write_multiple;
	bool twin_socket;
	const char *json; /* the server's text, "" if none; the client's memory, until reconnect */
};

RIG_API void rig_client_version(const struct rig_client *client, struct rig_client_version *ret);

/* Devices that say they have more are not believed. */
#define RIG_CLIENT_MAX_REGIONS 1024u
#define RIG_CLIENT_MAX_IRQS    1024u

/** struct rig_device_info - "VFIO_USER_DEVICE_GET_INFO" */
struct rig_device_info {
	uint32_t flags; /* RIG_DEVICE_... */
	uint32_t num_regions;
	uint32_t num_irqs;
};

/** rig_client_device_info() - asked once, remembered */
RIG_API RIG_MUST_CHECK int rig_client_device_info(struct rig_client *client,
						  struct rig_device_info *ret, rig_time deadline);

/** struct rig_region_area - a part of a region that may be mapped */
struct rig_region_area {
	uint64_t offset; /* in the region */
	uint64_t size;
	uint64_t fd_offset; /* where it is in its file */
	uint32_t fd_index;  /* in rig_region_info.fds */
};

/**
 * struct rig_region_info - "VFIO_USER_DEVICE_GET_REGION_INFO", checked
 *
 * Areas are not empty, do not overlap and are inside the region; each names an fd that came.
 * A region that is mappable whole has one.
 */
struct rig_region_info {
	uint32_t index;
	uint32_t flags; /* RIG_REGION_... */
	uint64_t size;
	bool has_type;
	uint32_t type, subtype;
	size_t n_areas;
	const struct rig_region_area *areas;
	size_t n_fds;
	const int *fds; /* the client's */
};

/**
 * rig_client_region_info() - asked once for each region, remembered; the client's memory
 *
 * Valid until rig_client_reconnect() or rig_client_free().
 */
RIG_API RIG_MUST_CHECK int rig_client_region_info(struct rig_client *client, uint32_t index,
						  const struct rig_region_info **ret,
						  rig_time deadline);

/**
 * rig_client_region_map() - map a mappable part of a region into this process
 * @offset, @size: inside one area, any alignment
 * @prot: PROT_READ, PROT_WRITE; the region's flags must permit it
 *
 * Unmap with rig_client_region_unmap(); what is not goes with rig_client_free(). The memory is the
 * server's: it may change at any moment, and a server that truncates its file would kill a process
 * with SIGBUS; here reads give zeros from then on (see rig_client_memory_lost()).
 * Return: as above; -ENXIO no such area; -EPROTO its file is no memory, or shorter than was said;
 * mmap's errno.
 */
RIG_API RIG_MUST_CHECK int rig_client_region_map(struct rig_client *client, uint32_t region,
						 uint64_t offset, size_t size, int prot, void **ret,
						 rig_time deadline);

/** rig_client_region_unmap() - addr as rig_client_region_map() gave it. After a reconnect too */
RIG_API void rig_client_region_unmap(struct rig_client *client, void *addr);

/** rig_client_memory_lost() - did the server truncate memory that was mapped and touched? */
RIG_API bool rig_client_memory_lost(struct rig_client *client);

/** struct rig_io_fd - a sub-region whose accesses may go to an fd ("VFIO_USER_DEVICE_GET_REGION_IO_FDS") */
struct rig_io_fd {
	uint64_t offset; /* in the region */
	uint64_t size;	 /* 0: accesses of any size */
	int fd;		 /* -1: none */
	uint32_t type;	 /* RIG_IO_FD_... */
	uint32_t flags;
	uint64_t datamatch; /* ioeventfd */
	uint64_t user_data; /* ioregionfd */
	int shadow_fd;	    /* RIG_IO_FD_SHADOW, else -1 */
	uint64_t shadow_offset;
};

/**
 * rig_client_region_io_fds() - the fds of a region, for KVM or for who stands in for it
 * @ret: an array of *ret_n, to be given to rig_client_io_fds_free() (NULL for none)
 *
 * Entries that share an fd have it duplicated each. Those of ioeventfds are eventfds, those of
 * shadows files that can be mapped.
 */
RIG_API RIG_MUST_CHECK int rig_client_region_io_fds(struct rig_client *client, uint32_t region,
						    struct rig_io_fd **ret, size_t *ret_n,
						    rig_time deadline);
RIG_API void rig_client_io_fds_free(struct rig_io_fd *fds, size_t n);

/** struct rig_irq_info - "VFIO_USER_DEVICE_GET_IRQ_INFO" */
struct rig_irq_info {
	uint32_t index;
	uint32_t flags; /* RIG_IRQ_... */
	uint32_t count;
};

/** rig_client_irq_info() - asked each time: a device may change the count */
RIG_API RIG_MUST_CHECK int rig_client_irq_info(struct rig_client *client, uint32_t index,
					       struct rig_irq_info *ret, rig_time deadline);

/*
 * --- regions ---
 *
 * A range is checked here if the device and the region were asked for before; if not, by the server
 * alone. What takes several messages sends each when the reply to the one before has come, so other
 * calls' may come in between; the first that fails ends it.
 */

/**
 * rig_client_region_read() - read bytes of a region
 * @buf: meaningful only if the call returns 0
 * @count: more than the server's max_data_xfer_size, or our own, is split into several messages, so
 *	a long read is not atomic
 *
 * A reply with fewer bytes than asked for is -EPROTO.
 */
RIG_API RIG_MUST_CHECK int rig_client_region_read(struct rig_client *client, uint32_t region,
						  uint64_t offset, void *buf, size_t count,
						  rig_time deadline);

/** rig_client_region_read_async() - @buf must stay until the completion ran */
RIG_API RIG_MUST_CHECK int rig_client_region_read_async(struct rig_client *client, uint32_t region,
							uint64_t offset, void *buf, size_t count,
							rig_time deadline,
							struct rig_completion done,
							rig_call *ret_call);

/**
 * rig_client_region_write() - likewise; the device has acted on it when this returns
 *
 * No message has more than 32 KiB, because libvfio-user loses larger ones that Linux cuts.
 */
RIG_API RIG_MUST_CHECK int rig_client_region_write(struct rig_client *client, uint32_t region,
						   uint64_t offset, const void *buf, size_t count,
						   rig_time deadline);

/** rig_client_region_write_async() - @buf is copied */
RIG_API RIG_MUST_CHECK int rig_client_region_write_async(struct rig_client *client, uint32_t region,
							 uint64_t offset, const void *buf,
							 size_t count, rig_time deadline,
							 struct rig_completion done,
							 rig_call *ret_call);

/**
 * rig_client_region_post() - write without waiting: no reply is asked for
 *
 * Done before anything that is sent later; that it failed nobody learns. Waits only while more
 * than 4 MiB are unsent because the server does not read (-ETIMEDOUT: part of it may be sent).
 */
RIG_API RIG_MUST_CHECK int rig_client_region_post(struct rig_client *client, uint32_t region,
						  uint64_t offset, const void *buf, size_t count,
						  rig_time deadline);

/** struct rig_write - one of several writes in a message */
struct rig_write {
	uint64_t offset;
	uint32_t region;
	uint32_t count; /* at most 8 */
	uint8_t data[8];
};

/**
 * rig_client_region_write_multi() - several small writes, in order ("VFIO_USER_REGION_WRITE_MULTI")
 * @ret_done: how many the device did; the first that fails ends it. May be NULL
 *
 * Many are split into several messages. Return: also -EOPNOTSUPP; -EIO the device did fewer.
 */
RIG_API RIG_MUST_CHECK int rig_client_region_write_multi(struct rig_client *client,
							 const struct rig_write *writes, size_t n,
							 size_t *ret_done, rig_time deadline);

/** rig_client_region_post_multi() - likewise, without a reply */
RIG_API RIG_MUST_CHECK int rig_client_region_post_multi(struct rig_client *client,
							const struct rig_write *writes, size_t n,
							rig_time deadline);

/* --- IRQs: "VFIO_USER_DEVICE_SET_IRQS" --- */

/**
 * rig_client_set_irqs() - any combination of data and action
 * @flags: one of RIG_SET_IRQS_DATA_... with one of RIG_SET_IRQS_MASK, _UNMASK, _TRIGGER
 * @data:  DATA_BOOL: count bytes; DATA_EVENTFD: count ints, -1 detaches that vector; NULL detaches
 *	all of them; otherwise NULL
 *
 * Eventfds are sent in chunks of what was negotiated, runs with and without fd apart; duplicates of
 * those for RIG_SET_IRQS_TRIGGER are kept for rig_client_reconnect(). start = count = 0 with
 * DATA_NONE and TRIGGER disables the index.
 * Return: as above; -EOPNOTSUPP the server takes no fds; errno of dup, and nothing was sent.
 */
RIG_API RIG_MUST_CHECK int rig_client_set_irqs(struct rig_client *client, uint32_t index,
					       uint32_t flags, uint32_t start, uint32_t count,
					       const void *data, rig_time deadline);
RIG_API RIG_MUST_CHECK int rig_client_set_irqs_async(struct rig_client *client, uint32_t index,
						     uint32_t flags, uint32_t start, uint32_t count,
						     const void *data, rig_time deadline,
						     struct rig_completion done,
						     rig_call *ret_call);

/* --- guest memory --- */

/**
 * struct rig_dma_region - a part of guest memory
 * @address, @size: multiples of the smallest page that was agreed
 * @flags: RIG_DMA_READ, RIG_DMA_WRITE: what the device may do; at most one of RIG_DMA_ACCESS_...
 * @fd, @offset: its file, which the caller keeps open until it is unmapped (it is sent again by
 *	rig_client_reconnect()); -1: the server gets at it by messages only
 * @host:  where it is in this process, so that the library can serve the server's messages; the
 *	caller keeps it there until it is unmapped. NULL: rig_client_ops.dma_read and .dma_write do
 */
struct rig_dma_region {
	uint64_t address;
	uint64_t size;
	uint32_t flags;
	int fd;
	uint64_t offset;
	void *host;
};

/**
 * rig_client_dma_map() - let the device at a part of guest memory ("VFIO_USER_DMA_MAP")
 *
 * What failed is not mapped, except that after -ETIMEDOUT, -ECANCELED and -EPROTO the server may have
 * it: then the range stays taken until rig_client_dma_unmap() of it, or the connection's end.
 *
 * Return: as above; -EEXIST it overlaps one of ours, or the server says it does (as EEXIST or
 * EINVAL: not told apart then); -ENOSPC more than were agreed; -EOPNOTSUPP the server takes no fds;
 * -EBUSY rig_client_dma_unmap_all() or rig_client_reconnect() is running.
 */
RIG_API RIG_MUST_CHECK int rig_client_dma_map(struct rig_client *client,
					      const struct rig_dma_region *region,
					      rig_time deadline);
RIG_API RIG_MUST_CHECK int rig_client_dma_map_async(struct rig_client *client,
						    const struct rig_dma_region *region,
						    rig_time deadline, struct rig_completion done,
						    rig_call *ret_call);

/**
 * rig_client_dma_unmap() - take back exactly one earlier map
 *
 * When this returned 0 the server has no reference to it any more, and no message of its reaches
 * it. After -ETIMEDOUT, -ECANCELED and -EPROTO it may still have: such memory must not be reused before
 * another unmap returned 0 or the connection ended. After -ENOTCONN it is unmapped: a reconnect does
 * not put it back.
 * Return: as above; -ENOENT no such map; -EBUSY another call is about this map, or all of them.
 */
RIG_API RIG_MUST_CHECK int rig_client_dma_unmap(struct rig_client *client, uint64_t address,
						uint64_t size, rig_time deadline);
RIG_API RIG_MUST_CHECK int rig_client_dma_unmap_async(struct rig_client *client, uint64_t address,
						      uint64_t size, rig_time deadline,
						      struct rig_completion done,
						      rig_call *ret_call);

/**
 * rig_client_dma_unmap_all() - every map at once, with one message
 *
 * Return: as rig_client_dma_unmap(); -EBUSY other maps or unmaps are in flight.
 */
RIG_API RIG_MUST_CHECK int rig_client_dma_unmap_all(struct rig_client *client, rig_time deadline);

/* --- reset, features, migration --- */

/** rig_client_reset() - "VFIO_USER_DEVICE_RESET"; may take long */
RIG_API RIG_MUST_CHECK int rig_client_reset(struct rig_client *client, rig_time deadline);
RIG_API RIG_MUST_CHECK int rig_client_reset_async(struct rig_client *client, rig_time deadline,
						  struct rig_completion done, rig_call *ret_call);

/**
 * rig_client_feature() - "VFIO_USER_DEVICE_FEATURE" as it is
 * @flags: index and RIG_FEATURE_GET, _SET, _PROBE
 * @data, @len: what goes along
 * @reply, @reply_max: where what comes back behind the 8 fixed bytes goes; NULL, 0: nothing does
 *
 * Return: the number of bytes that came, or as above; -E2BIG they are more than reply_max
 */
RIG_API RIG_MUST_CHECK int rig_client_feature(struct rig_client *client, uint32_t flags,
					      const void *data, size_t len, void *reply,
					      size_t reply_max, rig_time deadline);

/** rig_client_migration_flags() - RIG_MIGRATION_...; -EOPNOTSUPP: this device cannot be migrated */
RIG_API RIG_MUST_CHECK int rig_client_migration_flags(struct rig_client *client, uint64_t *ret,
						      rig_time deadline);

RIG_API RIG_MUST_CHECK int rig_client_migration_get_state(struct rig_client *client,
							  enum rig_migration_state *ret,
							  rig_time deadline);

/** rig_client_migration_set_state() - returns when the change is complete; may take long */
RIG_API RIG_MUST_CHECK int rig_client_migration_set_state(struct rig_client *client,
							  enum rig_migration_state state,
							  rig_time deadline);
RIG_API RIG_MUST_CHECK int rig_client_migration_set_state_async(struct rig_client *client,
								enum rig_migration_state state,
								rig_time deadline,
								struct rig_completion done,
								rig_call *ret_call);

/**
 * rig_client_migration_read() - the next bytes of the device's state, in PRE_COPY or STOP_COPY
 *
 * Return: how many; 0: no more for now; or as above
 */
RIG_API RIG_MUST_CHECK ssize_t rig_client_migration_read(struct rig_client *client, void *buf,
							 size_t size, rig_time deadline);

/** rig_client_migration_write() - give them to a device in RESUMING; split as need be */
RIG_API RIG_MUST_CHECK int rig_client_migration_write(struct rig_client *client, const void *buf,
						      size_t size, rig_time deadline);

/**
 * rig_client_save() - stop the device and write all of its state to a file
 * @fd: written from where it is, with blocking writes
 * @deadline: for each message
 *
 * A device that can saves first what it can while it runs (PRE_COPYING); whoever does not want that
 * stops it first. Leaves the device in STOP. Return: as above, or write's errno.
 */
RIG_API RIG_MUST_CHECK int rig_client_save(struct rig_client *client, int fd, uint64_t *ret_bytes,
					   rig_time deadline);

/**
 * rig_client_load() - the reverse: everything fd has goes into the device
 *
 * Leaves the device in STOP; on failure in ERROR or where it was refused: rig_client_reset() helps.
 */
RIG_API RIG_MUST_CHECK int rig_client_load(struct rig_client *client, int fd, uint64_t *ret_bytes,
					   rig_time deadline);

/**
 * rig_client_dirty_start() - log which pages the device writes (DMA_LOGGING_START)
 * @page_size: wished for; @ret_page_size: what the server took
 * @ranges: what to log; NULL, 0: everything
 */
struct rig_dirty_range {
	uint64_t address;
	uint64_t size;
};
RIG_API RIG_MUST_CHECK int rig_client_dirty_start(struct rig_client *client, uint64_t page_size,
						  const struct rig_dirty_range *ranges, size_t n,
						  uint64_t *ret_page_size, rig_time deadline);
RIG_API RIG_MUST_CHECK int rig_client_dirty_stop(struct rig_client *client, rig_time deadline);

/**
 * rig_client_dirty_report() - and forget which of these pages were written
 * @bitmap: bit i of word i/64 is the page i from address on; words for all of them; overwritten
 * @n_words: (pages + 63) / 64
 *
 * On failure pages may have been forgotten: take all of them for written.
 */
RIG_API RIG_MUST_CHECK int rig_client_dirty_report(struct rig_client *client, uint64_t address,
						   uint64_t size, uint64_t page_size,
						   uint64_t *bitmap, size_t n_words,
						   rig_time deadline);

#ifdef __cplusplus
}
#endif

#endif
