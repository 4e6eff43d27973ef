/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_internal.h - what the files of the server share
 *
 *	server.c	   devices: their description, their life
 *	server_conn.c	   connections, one of which is the client's
 *	server_loss.c	   what a client leaves behind
 *	server_order.c	   which request waits for which
 *	server_defer.c	   callbacks whose answer comes later
 *	server_inbox.c	   what other threads leave to the server's
 *	server_requests.c  the commands
 *	server_regions.c   region accesses
 *	server_dma.c	   guest memory comes and goes
 *	server_dma_io.c	   and is read and written, by messages where it is not shared;
 *	server_dma_async.c many at a time
 *	server_io_fds.c	   fds that stand for writes to regions
 *	server_features.c  features, migration
 *
 * A request's way: server_request() -> server_admit() (now, or must it wait?) -> server_serve() ->
 * its function. Everything here belongs to the server's own thread, except where
 * a comment says otherwise.
 */
#ifndef VFIO_USER_SERVER_INTERNAL_H
#define VFIO_USER_SERVER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "vfio_user/dma.h"
#include "vfio_user/front.h"
#include "vfio_user/irq.h"
#include "vfio_user/version.h"
#include <outrigger/server.h>

/* What we accept in one message. QEMU refuses a server that says more than 16 fds. */
#define SERVER_MAX_MSG_FDS	  16u
#define SERVER_MAX_DATA_XFER_SIZE 1048576u

/*
 * Requests of a client that are not answered yet, each up to a megabyte: with more we stop reading, so
 * that is what a client can make us hold. Fewer would stop us behind the posted writes of a few CPUs
 * while a callback waits for guest memory, whose reply comes behind them.
 */
#define SERVER_MAX_OUTSTANDING	  256u

struct server_inbox;
struct server_features;

/**
 * server_step - goes on with a request once the device is ready for it
 * @error: what the device said: 0 or a negative errno
 *
 * The client may be gone by then (the reply goes nowhere), but not the server.
 * Return: 0: the request was answered, or will be (server_called()); or a negative errno: it is
 * refused with that by the caller.
 */
typedef int server_step(struct rig_conn *conn, struct front_request *request, int error);

/**
 * server_function - serves one command; the table is in server_requests.c
 *
 * What arrives passed its rule in wire.c. Return: as server_step, or SERVER_WAIT: not yet, nothing was
 * done; the request waits, with those like it, for server_go_on().
 */
typedef int server_function(struct rig_conn *conn, struct front_request *request);

#define SERVER_WAIT	       1

/*
 * What waits while the device has not answered a callback; bits of rig_conn.blocked.
 * ALL: it goes quiet, or resets
 * MIGRATION: a transition, data of the state
 * IRQS: a change of interrupts
 */
#define SERVER_BLOCK_ALL       (1u << 0)
#define SERVER_BLOCK_MIGRATION (1u << 1)
#define SERVER_BLOCK_IRQS      (1u << 2)

/**
 * struct server_callback - the callback of the device that is running and may be deferred
 * @conn:   NULL: none
 * @blocks: SERVER_BLOCK_..., if it is deferred
 * @then:   NULL: answered by whoever calls rig_request_done()
 * @data, @len: of one that moves bytes: those that it writes; NULL: it reads so many. While @then
 *          runs it is still that of the callback which was answered, of a read with what was read
 * @may_be_short: a deferred read need not read all
 * @deferred: rig_server_defer() was called
 */
struct server_callback {
	struct rig_conn *conn;
	struct front_request *request;
	uint32_t blocks;
	server_step *then;
	void *data;
	size_t len;
	bool may_be_short;
	struct rig_request *deferred;
};

/**
 * enum server_loss - how far what a client lent is gone
 * LOSS_NONE: its connection lives, or there is no client
 * LOSS_BUSY: the device has not answered a callback yet. Afterwards it is asked to be quiet
 * LOSS_QUIESCING: it was
 * LOSS_PINNED: dma_unmapping ran for everything, but somebody still uses some of it
 *
 * After the last disconnected() runs, and another client may come.
 */
enum server_loss {
	LOSS_NONE,
	LOSS_BUSY,
	LOSS_QUIESCING,
	LOSS_PINNED,
};

/**
 * struct rig_server
 * @dma:    of the client's memory; empty without one
 * @irqs:   nothing attached without a client
 * @io_fds: by region; NULL: none
 * @client: the connection that finished its handshake, a reference; NULL: none. It remains the
 *          client while its loss goes on
 * @conns:  the application's, linked by next
 * @inbox:  what other threads left to do
 * @loss, @loss_error, @loss_reason: of the client
 * @peer:   any thread: whom to send DMA messages, a reference. NULL without a living client
 * @stalled: any thread: see server_dma_async.c
 */
struct rig_server {
	struct rig_device device;
	unsigned int forks; /* fork_guard_generation() when it was made */
	struct dma_map *dma;
	struct irq_set *irqs;
	struct server_io_fds **io_fds;
	struct server_features *features;
	struct rig_conn *client;
	struct rig_conn *conns;
	unsigned int n_conns;
	struct server_callback callback;
	struct server_inbox *inbox;
	enum server_loss loss;
	int loss_error;
	char loss_reason[160];

	pthread_mutex_t peer_lock; /* of peer */
	struct rig_conn *peer;
	_Atomic(struct dma_transfer *) stalled;
};

/**
 * enum conn_state - what a connection may do
 * CONN_NEW: nothing but VERSION, which makes it the server's client or ends it.
 * CONN_CLIENT: every command but VERSION. At most one of a server's connections is here.
 * CONN_CLOSING: its last error reply is under way; what it still says is not listened to.
 *		The dispatch that got it here ends with its death.
 * CONN_DEAD: it is over. Waits for rig_conn_free().
 */
enum conn_state {
	CONN_NEW,
	CONN_CLIENT,
	CONN_CLOSING,
	CONN_DEAD,
};

/**
 * struct rig_conn
 * @refs:     the application's, the server's (client, peer), deferred requests', threads' that send
 *            DMA messages
 * @server:   NULL: it was freed before the connection
 * @inbox:    the server's, a reference
 * @sock:     the front's
 * @pid:      of who connected, for people; 0: not known
 * @poll_fd:  over the front's and the inbox's; -1: sock is enough
 * @client_caps, @agreed: in CONN_CLIENT: what it proposed, and what we answered
 * @refusals: logged so far
 * @blocked:  SERVER_BLOCK_...
 * @held:     struct front_request that wait, oldest first, linked by user
 * @removals: likewise: unmaps that wait for somebody to let go of the memory
 * @untold: what is mapped, and the device was not told of, as it is not quiet yet; size 0: nothing
 * @dispatching: this one; who does looks at the events afterwards anyway
 */
struct rig_conn {
	atomic_uint refs;
	unsigned int forks; /* fork_guard_generation() when it was made */
	struct rig_server *server;
	struct rig_conn *next;
	enum conn_state state;
	struct front *front;
	struct server_inbox *inbox;
	int sock;
	int poll_fd;
	pid_t pid;
	struct version_caps client_caps;
	struct version_caps agreed;
	unsigned int refusals;
	uint32_t blocked;
	void *held;
	void *removals;
	struct {
		uint64_t address, size;
	} untold;
	bool dispatching;
	void (*wants_changed)(void *opaque);
	void *wants_changed_opaque;
};

/* --- server.c --- */

void server_log(struct rig_server *server, enum rig_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** server_one_thread() - see RIG_DEVICE_ONE_THREAD */
static inline bool server_one_thread(const struct rig_server *server)
{
	return server->device.flags & RIG_DEVICE_ONE_THREAD;
}

/* --- server_conn.c --- */

/** server_conn_ref() - keep a connection's memory and front. Any thread. Return: conn */
struct rig_conn *server_conn_ref(struct rig_conn *conn);

/** server_conn_unref() - NULL is fine. Any thread */
void server_conn_unref(struct rig_conn *conn);

/**
 * server_claim() - make this connection the client
 *
 * A client that hung up without anybody noticing yet is buried first.
 * Return: 0, -EBUSY another one is alive, or still has memory in use
 */
int server_claim(struct rig_server *server, struct rig_conn *conn);

/** server_conn_drop() - the server's part of rig_conn_free() */
void server_conn_drop(struct rig_conn *conn, const char *reason);

/** server_conn_abandon() - the same in a child of a fork, whoever still refers to it: nobody is told */
void server_conn_abandon(struct rig_conn *conn);

/** server_woken() - for server_inbox_new() with one thread; opaque is the server */
void server_woken(void *opaque);

/** server_conn_end() - the connection is over, by us or by its front. No-op if it was */
void server_conn_end(struct rig_conn *conn, int error, const char *reason);

/** server_conn_over() - nothing of it is left to do: its fd is readable from here on */
void server_conn_over(struct rig_conn *conn);

/* --- server_loss.c --- */

/** server_loss_begin() - the client's connection is over */
void server_loss_begin(struct rig_server *server, int error, const char *reason);

/** server_loss_go_on() - as far as the device and who uses memory let it. No-op without a loss */
void server_loss_go_on(struct rig_server *server);

/** server_loss_force() - the server goes: nobody is waited for */
void server_loss_force(struct rig_server *server);

/* --- server_order.c --- */

/** server_admit() - serve it now, or when what it has to wait for is answered */
void server_admit(struct rig_conn *conn, struct front_request *request);

/** server_go_on() - something was answered: serve what waited for it */
void server_go_on(struct rig_conn *conn);

/** server_hold() - to the end of those that wait */
void server_hold(struct rig_conn *conn, struct front_request *request);

/** server_drop() - the connection is over: requests of this list get no answer any more */
void server_drop(struct rig_conn *conn, void **list, int error);

/* --- server_requests.c --- */

/** server_request() - the request callback of the front; opaque is the rig_conn */
void server_request(void *opaque, struct front_request *request);

/** server_refused() - likewise for a command that broke its rule; it is answered already */
void server_refused(void *opaque, const struct wire_header *header, size_t n_fds, int error);

/** server_serve() - run a command's function, answer what it refuses. Return: 0, SERVER_WAIT */
int server_serve(struct rig_conn *conn, struct front_request *request);

/** server_refuse() - log why, within limits. Return: error */
int server_refuse(struct rig_conn *conn, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * server_reply() - answer a request, which is gone then; payload may be part of it. Return: 0
 *
 * Replies of several pieces, or with fds: front_reply_ok().
 */
int server_reply(struct rig_conn *conn, struct front_request *request, const void *payload,
		 size_t len);

/* --- server_defer.c --- */

/**
 * server_calling() - the next thing is a callback of the device that may be deferred
 * @blocks: SERVER_BLOCK_... while it is
 * @then: goes on when it has answered
 *
 * server_called() - that callback returned r
 *
 * Calls @then at once if r is 0 or an errno, later if it is RIG_DEFERRED. Return: what @then
 * returned; 0 if it is to come. Between the two nothing else of the server may happen.
 *
 *	server_calling(conn, request, SERVER_BLOCK_MIGRATION, arrived);
 *	return server_called(conn, ops->transition(opaque, from, to));
 */
void server_calling(struct rig_conn *conn, struct front_request *request, uint32_t blocks,
		    server_step *then);
int server_called(struct rig_conn *conn, int r);

/**
 * server_calling_access(), server_called_access() - the same for a region access
 * @data: of a write its bytes, part of the request; NULL: a read of len bytes
 * @then: NULL: who answers a deferred one replies at once
 *
 * Return: RIG_DEFERRED: @then will run or was not given; 0 or an errno: the access is over
 */
void server_calling_access(struct rig_conn *conn, struct front_request *request, void *data,
			   size_t len, server_step *then);
int server_called_access(struct rig_server *server, int r);

/**
 * server_calling_data() - the same for data of a migration's state, which server_called() ends
 *
 * A read that is not deferred puts what it read into server->callback first.
 */
void server_calling_data(struct rig_conn *conn, struct front_request *request, void *data,
			 size_t len, server_step *then);

/**
 * server_quiesce() - go on with @then when the device is quiet
 *
 * It stays so until the first callback that @then makes has returned. Return: as server_called().
 */
int server_quiesce(struct rig_conn *conn, struct front_request *request, server_step *then);

/* --- server_regions.c --- */

server_function server_serve_region_read;
server_function server_serve_region_write;
server_function server_serve_write_multi;

/* --- server_dma.c --- */

server_function server_serve_dma_map;
server_function server_serve_dma_unmap;

/** server_tell_unmapping() - everything that is mapped is about to go */
void server_tell_unmapping(struct rig_server *server);

/** server_forget_untold() - the map that waits for the device to be quiet does not come to pass */
void server_forget_untold(struct rig_conn *conn);

/** server_reap() - finish what waited for somebody to let go of memory. No-op if nothing did */
void server_reap(struct rig_server *server);

/** server_dma_released() - for dma_map_set_notify(); opaque is the server. Any thread */
void server_dma_released(void *opaque);

/* --- server_dma_io.c --- */

/** server_set_peer() - whom to send DMA messages from now on; NULL: nobody */
void server_set_peer(struct rig_server *server, struct rig_conn *conn);

/* --- server_dma_async.c --- */

/** server_dma_go_on() - try to send what found no room. The server's thread */
void server_dma_go_on(struct rig_server *server);

/* --- server_io_fds.c --- */

server_function server_serve_region_io_fds;
void server_io_fds_free(struct rig_server *server);

/* --- server_features.c: commands 16 to 18, migration, the log of dirty pages --- */

/** server_features_new() - for rig_server_new(). Return: 0, -ENOMEM, -EINVAL device->migration */
int server_features_new(const struct rig_device *device, struct server_features **ret);

/** server_features_free() - NULL is fine */
void server_features_free(struct server_features *features);

server_function server_serve_feature;
server_function server_serve_mig_data_read;
server_function server_serve_mig_data_write;

/** server_feature_moves() - does this DEVICE_FEATURE concern migration? */
bool server_feature_moves(const struct front_request *request);

/** server_features_reset() - the device was reset, by a command or because the client is gone */
void server_features_reset(struct rig_server *server);

/**
 * server_features_client_gone() - what is the client's alone ends: its log of dirty pages
 *
 * No transition is deferred then. Runs before ops->disconnected, after its memory went.
 */
void server_features_client_gone(struct rig_server *server);

#endif
