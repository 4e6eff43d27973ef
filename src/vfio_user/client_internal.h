/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_internal.h - what the files of the client share
 *
 *	client.c	     life
 *	client_loop.c	     what a loop calls
 *	client_session.c     one connection: its front, its callbacks, who still uses it
 *	client_handshake.c   "VFIO_USER_VERSION"
 *	client_reconnect.c   a new connection, with everything as it was
 *	client_op.c	     operations: a row of messages, each with its reply; blocking and not
 *	client_error.c	     what went wrong, for people
 *	client_info.c	     what the device says of itself
 *	client_io_fds.c	     fds that stand for parts of a region
 *	client_map.c	     regions mapped into this process
 *	client_io.c	     regions read and written by messages
 *	client_reset.c	     reset
 *	client_irqs*.c	     interrupts
 *	client_irq_records.c which eventfds the server has for them
 *	client_dma*.c	     which guest memory the device may use
 *	client_serve.c	     the server's DMA messages
 *	client_feature.c     features
 *	client_migration.c   the device's state, read and written
 *	client_dirty.c	     which pages the device wrote
 *
 * Locks. client->lock covers what struct rig_client says; client->dma.lock and client->error.lock
 * theirs. None is held around another, a call into a front, a callback or anything that sleeps.
 * op->lock is held around front_start() and front_cancel(), and around op_kind.next, which may take
 * client->lock; so may op_kind.accept, which runs with the front's lock held, and takes no other.
 *
 * Fork: no lock may be touched in the child, as its holder may not exist there. So each public
 * function asks client_forked() first, or begins with op_run() or op_submit(), which do.
 */
#ifndef VFIO_USER_CLIENT_INTERNAL_H
#define VFIO_USER_CLIENT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "vfio_user/front.h"
#include "vfio_user/version.h"
#include <outrigger/client.h>

/* Room for what a reply did wrong. */
#define CLIENT_WHY 128

/**
 * struct session - one connection of a client
 * @refs: one of client->sessions, one of each operation. The last frees it
 * @told: see session_establish()
 * @drained: dead, and everything was called back
 * @refused: requests of the server's that were reported
 */
struct session {
	struct session *next; /* client->lock */
	struct front *front;
	struct rig_client *client;
	atomic_uint refs;
	atomic_int told;
	atomic_bool closing; /* by us: nothing for the operator */
	atomic_bool drained;
	atomic_uint refused;
	struct front_ops ops;
};

/**
 * struct client_dma - the maps that the server has, as far as we know; see client_dma.c
 * @maps: of struct dma_record, tsearch(); none overlap
 * @n: of them; @calls: of map and unmap in flight; @users: of all records
 * @all: unmap_all is in flight, or a reconnect puts maps back: nothing may change
 */
struct client_dma {
	pthread_mutex_t lock;
	pthread_cond_t unused; /* a record's users went to 0 */
	void *maps;
	size_t n;
	size_t calls;
	size_t users;
	bool all;
};

/** struct client_error - the last thing that went wrong, without the device's name */
struct client_error {
	pthread_mutex_t lock;
	char text[320];
};

struct irqs_op;
struct region_map;
struct known_region;

struct rig_client {
	/* constant */
	struct rig_client_config config;
	struct rig_client_ops ops;
	char *path; /* NULL: came as an fd */
	unsigned int forks;

	pthread_mutex_t lock;	  /* covers: */
	struct session *sessions; /* the current one first, then dead ones that are still used */
	bool reconnecting;
	uint16_t major, minor; /* what was agreed */
	struct version_caps caps;
	char *json; /* NULL: none came */
	int fd;	    /* an epoll over the sessions' fronts; -1: nobody asked for it */
	bool has_device;
	struct rig_device_info device;
	struct known_region **regions; /* device.num_regions; NULL: not asked yet */
	struct region_map *region_maps;
	bool memory_lost;
	void *irqs; /* of struct irq_record, tsearch() */
	struct irqs_op *irqs_flying;
	void *calls; /* asynchronous operations by their rig_call, tsearch() */
	rig_call last_call;

	struct client_dma dma;
	struct client_error error;
};

/* --- operations --- */

struct op;

/**
 * struct op_message - one message of an operation, and what may come back
 * @iov: copied when it is sent
 * @reply_min, @reply_max: bytes of its payload
 */
struct op_message {
	struct iovec iov[3];
	size_t n_iov;
	const int *fds;
	size_t n_fds;
	size_t reply_min, reply_max;
	size_t reply_fds_max;
};

struct op_kind {
	enum wire_command command;

	/* The next message. Return: 1; 0: there is none; -errno: the operation failed */
	int (*next)(struct op *op, struct op_message *ret);

	/*
	 * The reply to it, within the bounds that next() said. With the front's lock held, in any
	 * thread. Take fds by setting them to -1. Return: 0, or op_wrong(). NULL: nothing to check
	 */
	int (*accept)(struct op *op, const void *payload, size_t len, struct link_fds *fds);

	/* All of it is over, before anybody hears so. No lock held. Return: the result. May be NULL */
	int (*over)(struct op *op, int result);

	/* Of an asynchronous one: what it holds besides itself. May be NULL */
	void (*clear)(struct op *op);
};

/**
 * struct op - an operation: messages one after the other, each sent when the reply before has come
 *
 * First member of what its kind needs. Its maker calls op_init(), or clears it and sets kind; op_run() and
 * op_submit() do the rest.
 * One failed message ends it.
 */
struct op {
	struct front_call call;
	const struct op_kind *kind;
	struct rig_client *client;
	struct session *session;
	rig_time started, deadline;
	size_t reply_min;
	bool sent;	      /* the last message was */
	char why[CLIENT_WHY]; /* what is wrong with the reply; "" if the error says all */

	/* asynchronous ones */
	struct rig_completion done;
	rig_call id;
	atomic_uint refs;
	pthread_mutex_t lock; /* around sending and cancelling */
	bool cancelled;
};

/** op_init() - what op_run() and op_submit() need, in memory that was not cleared */
void op_init(struct op *op, const struct op_kind *kind);

/** op_run() - do it and wait. Return: 0, what over() made of it, or -errno. Any thread */
int op_run(struct rig_client *client, struct op *op, rig_time deadline);

/** op_run_in() - the same in a session that is not the current one */
int op_run_in(struct session *session, struct op *op, rig_time deadline);

/**
 * op_submit() - start it; the completion runs when it is over
 * @op: from malloc() and its friends; gone when this fails, else when the completion ran
 * @ret_call: may be NULL
 *
 * It has one message at least.
 */
int op_submit(struct rig_client *client, struct op *op, rig_time deadline,
	      struct rig_completion done, rig_call *ret_call);

/** op_submit_in() - the same in this session; the caller's reference to it becomes the operation's */
int op_submit_in(struct session *session, struct op *op, rig_time deadline,
		 struct rig_completion done, rig_call *ret_call);

/** op_drop() - one that will never be over, in a child process; also for tdestroy() */
void op_drop(void *op);

/** op_wrong() - for accept(): say what is wrong with the reply. Return: -EPROTO */
int op_wrong(struct op *op, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** op_no_memory() - the same for our own lack of memory. Return: -ENOMEM */
int op_no_memory(struct op *op);

/** client_accept - as op_kind.accept; op is for op_wrong(), opaque is the asker's */
typedef int client_accept(struct op *op, void *opaque, const void *payload, size_t len,
			  struct link_fds *fds);

/**
 * client_ask() - one message, one reply, blocking
 * @accept: NULL: nothing to check
 */
struct client_ask {
	enum wire_command command;
	const struct iovec *iov; /* up to 3 */
	size_t n_iov;
	size_t reply_min, reply_max, reply_fds_max;
	client_accept *accept;
	void *opaque;
};
int client_ask(struct rig_client *client, const struct client_ask *ask, rig_time deadline);
int client_ask_in(struct session *session, const struct client_ask *ask, rig_time deadline);

/* --- sessions --- */

/** session_new() - a front over a connected socket, not yet the client's. fd: as front_new() */
int session_new(struct rig_client *client, int fd, struct session **ret);
void session_ref(struct session *session);
void session_unref(struct session *session);

/** session_current() - with a reference */
struct session *session_current(struct rig_client *client);

/** session_after() - an earlier one, with a reference instead of that to this one; or NULL */
struct session *session_after(struct session *session);

/**
 * session_establish() - the handshake is done: from here on its end is told to the application
 *
 * Return: 0, -ENOTCONN: it ended already, and nobody was told
 */
int session_establish(struct session *session);

/** session_close() - kill it, by our own will */
void session_close(struct session *session, const char *reason);

/** session_end() - the same, and have everything called back. Its client goes next */
void session_end(struct session *session);

/** client_dispatch_sessions() - the current one, and what earlier ones still have to say */
int client_dispatch_sessions(struct rig_client *client);

/** client_watch() - put a session into the loop's epoll, if there is a loop. Return: 0, -errno */
int client_watch(struct rig_client *client, struct session *session);
void client_unwatch(struct rig_client *client, struct session *session);

/** session_request() - the server's request: client_serve.c */
void session_request(struct session *session, struct front_request *request);

/** session_refused_early() - as front_ops.refused; of these, too, few are reported */
void session_refused_early(void *opaque, const struct wire_header *header, size_t n_fds, int error);

/** session_refused() - note a request of the server's that got an errno; few are reported */
void session_refused(struct session *session, const struct wire_request *request, int error);

/* --- the handshake --- */

struct agreement {
	uint16_t major, minor;
	struct version_caps caps;
	char *json;
};

/** client_negotiate() - VERSION, and the twin socket. ret->json is the caller's */
int client_negotiate(struct session *session, rig_time deadline, struct agreement *ret);

/** client_adopt() - the session is the current one from here, on these terms, which are taken */
void client_adopt(struct rig_client *client, struct session *session, struct agreement *agreement);

static inline bool client_wants_twin(const struct rig_client *client)
{
	return client->config.flags & RIG_CLIENT_TWIN_SOCKET;
}

/** client_open() - a socket connected to a device's path. Return: fd or -errno, with a sentence */
int client_open(const char *path, char **ret_error);

/* --- errors --- */

/**
 * client_fail() - remember and log what went wrong
 * @error: handed on. Return: it
 */
int client_fail(struct rig_client *client, enum rig_log_level level, int error, const char *format,
		...) __attribute__((format(printf, 4, 5)));

/** client_explain() - an operation failed: say why. Return: error */
int client_explain(struct op *op, int error);

/** client_name() - which device: its path, if there is one */
const char *client_name(const struct rig_client *client);

/** client_forked() - are we in a child of the process that made the client? */
bool client_forked(const struct rig_client *client);

/* --- the device --- */

/** client_limit() - data bytes that one message may carry to and from this server */
uint32_t client_limit(struct rig_client *client);
uint32_t client_limit_locked(const struct rig_client *client);

/** client_reply_max() - the longest reply without data of a region or memory that we ask for */
uint32_t client_reply_max(const struct rig_client *client);

/** client_caps() - what the server accepts */
struct version_caps client_caps(struct rig_client *client);

/**
 * client_region_hold() - as rig_client_region_info(), but good until client_region_release(), whatever
 * another thread reconnects meanwhile
 */
int client_region_hold(struct rig_client *client, uint32_t index,
		       const struct rig_region_info **ret, rig_time deadline);
void client_region_release(const struct rig_region_info *info);

/**
 * client_begin_io() - client_check_range(), client_limit() and session_current() in one
 *
 * Return: as client_check_range(), or -ENOTCONN in a child process
 */
int client_begin_io(struct rig_client *client, uint32_t region, uint64_t offset, uint64_t count,
		    uint32_t *ret_limit, struct session **ret);

/**
 * client_check_range() - does what is known of the device allow it?
 *
 * Return: 0; -EINVAL: the region does not exist, the range leaves it or wraps
 */
int client_check_range(struct rig_client *client, uint32_t region, uint64_t offset, uint64_t count);

/** client_forget_device() - what was remembered may not be true any more. client->lock is held */
void client_forget_device(struct rig_client *client);

/** client_region_maps_free() - at the client's end */
void client_region_maps_free(struct rig_client *client);

/* --- interrupts and memory, for reconnect and the end --- */

/** client_irqs_restore() - attach every recorded eventfd to the server of a new session */
int client_irqs_restore(struct session *session, const struct version_caps *caps,
			rig_time deadline);
void client_irqs_free(struct rig_client *client);

void client_dma_init(struct rig_client *client);

/** client_dma_hold() - no map changes until client_dma_go_on(). Return: 0, -EBUSY: one does */
int client_dma_hold(struct rig_client *client);
void client_dma_go_on(struct rig_client *client);

/** client_dma_restore() - map all that is recorded with the server of a new session. While held */
int client_dma_restore(struct session *session, const struct version_caps *caps, rig_time deadline);
void client_dma_free(struct rig_client *client);

/** struct dma_piece - host memory behind part of a range; in use until client_dma_unuse() */
struct dma_piece {
	struct dma_record *record;
	void *host; /* NULL: only the application knows */
	size_t len;
};

/**
 * client_dma_use() - the host memory of a range that the server wants to read or write
 * @prot: RIG_DMA_READ, RIG_DMA_WRITE
 * @ret, @ret_n: to be given to client_dma_unuse(). Unmaps of them wait until then
 *
 * Return: 0, or -EFAULT, -EACCES, -ENOMEM
 */
int client_dma_use(struct rig_client *client, uint64_t address, size_t count, uint32_t prot,
		   struct dma_piece **ret, size_t *ret_n);
void client_dma_unuse(struct rig_client *client, struct dma_piece *pieces, size_t n);

#endif
