/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front.h - one connection that any thread may use
 *
 * A link belongs to one thread at a time; a front lends it to many. Both ends are built on it: the
 * client, which any thread of a VMM calls, and the server, whose device may answer, interrupt and
 * use guest memory from threads of its own. A front has no thread.
 *
 * Roles, each held by one thread at a time:
 *
 *   reader	sleeps on the socket and feeds the link. A thread that waits for a call takes the role
 *		if it is free, completes what comes for others too, and passes it to another waiter
 *		when its own has come. Everybody else sleeps on a word of its own: one wake-up each.
 *   sender	is inside sendmsg() with what was queued so far; who queues meanwhile leaves it to
 *		the sender: several messages, one system call.
 *
 * The lock covers the link and the lists; it is never held around a system call that can
 * sleep, nor around a callback of front_ops or front_call.done.
 *
 * Sockets: one, or two once front_add_twin() was called. Requests of the peer are taken from both;
 * ours leave by the one that front_set_out_twin() named.
 *
 * Callbacks: with dispatch_only they run in front_dispatch(), and in front_wait() of the thread that
 * last called front_dispatch() (before that: of the one that made the front) as far as
 * @nested allows; else in whichever thread waits or dispatches. One at a time and in the order in
 * which things came, but for those inside another's wait. They may call everything but front_free().
 * A callback that waits for a lock holds up other callbacks, but no reply.
 *
 * Fork: in the child every call fails with -ENOTCONN and touches neither lock nor socket;
 * front_free() closes its copies of the fds.
 */
#ifndef VFIO_USER_FRONT_H
#define VFIO_USER_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/link.h"
#include <outrigger/common.h>

struct front;
struct front_call;
struct front_waiter;

/** struct front_event - something to be called back; the front's */
struct front_event {
	struct front_event *next;
	uint8_t kind;
};

/**
 * struct front_request - a command of the peer's: the receiver's until it answers
 * @wire: points into memory of the request's own
 * @fds:  likewise; entries that were taken are -1, the others are closed with the answer
 * @user: the receiver's, NULL at first
 */
struct front_request {
	struct wire_request wire;
	struct link_fds *fds; /* NULL: none came */
	void *user;
};

struct front_ops {
	/* Answer with front_reply_*(), now or later, from any thread. */
	void (*request)(void *opaque, struct front_request *request);

	/*
	 * A command of the peer's that broke its rule was answered with this errno, without a
	 * request(). Of many at a time only the first is told. May be NULL
	 */
	void (*refused)(void *opaque, const struct wire_header *header, size_t n_fds, int error);

	/* Once: the connection is over. After this no request comes. May be NULL */
	void (*dead)(void *opaque, int error, const char *reason);

	/*
	 * front_events() or front_deadline() changed by a call other than front_dispatch(). Any
	 * thread, with the lock held: must do nothing but wake a loop. May be NULL.
	 */
	void (*wants_changed)(void *opaque);

	/* Around the wait in front_wait() and nothing else; see rig_client_ops. May be NULL */
	bool (*release)(void *opaque);
	void (*take)(void *opaque);
};

struct front_config {
	enum wire_side peer; /* the side the peer plays */
	struct wire_limits accepts;
	size_t max_outstanding; /* as in link_config */
	size_t max_queued;
	size_t max_requests;
	bool dispatch_only;
	/*
	 * Callbacks may run inside front_wait() inside a callback (to a bounded depth) and, with
	 * dispatch_only, inside front_wait() at all. Else such a wait only collects, for the loop.
	 */
	bool nested;
	bool plain_fd;	  /* front_fd() is the socket: nobody but one thread uses this front */
	uint32_t poll_us; /* how long a waiter may look before it sleeps; adaptive; 0: not */
	const struct front_ops *ops;
	void *opaque;
};

/**
 * front_new() - over a connected UNIX stream socket; fd is the front's on success only
 *
 * Unless plain_fd, whether it is non-blocking and its SO_RCVTIMEO are the front's business too.
 * Return: 0, -ENOMEM, -errno
 */
int front_new(int fd, const struct front_config *config, struct front **ret);

/**
 * front_free() - kills it if it lives. No thread may be inside. NULL is fine
 *
 * Calls back, in this thread: what is left of calls, and death; requests not called back yet are dropped.
 * Those that were may still be answered afterwards: their memory, and what that needs of the front, stay.
 */
void front_free(struct front *front);

/** front_kill() - as link_kill(); wakes everybody. Any thread */
void front_kill(struct front *front, int error, const char *reason);

/**
 * front_settle() - after front_kill(): when this returns, everything was called back
 *
 * In this thread, but for what others are at already, which is waited for. So not from a callback.
 */
void front_settle(struct front *front);

int front_error(const struct front *front);

/** front_reason() - copied; "" while it lives */
void front_reason(struct front *front, char *buf, size_t size);

/**
 * front_add_twin() - a second socket, the front's on success only
 *
 * Return: 0; -ENOTCONN; -EINVAL there is one already, or plain_fd; -ENOMEM
 */
int front_add_twin(struct front *front, int fd);

/** front_set_out_twin() - our requests leave by the twin from now on */
void front_set_out_twin(struct front *front);

/**
 * front_fd(), front_events(), front_deadline() - for a loop
 *
 * The fd is an epoll descriptor over the sockets and a wake-up, made when first asked for (or -errno);
 * with plain_fd: the socket. While a waiting thread reads, the sockets are not polled there.
 */
int front_fd(struct front *front);
short front_events(struct front *front);
rig_time front_deadline(struct front *front);

/**
 * front_dispatch() - receive, time out, send and call back what can be without waiting
 *
 * Return: 0, or -errno once dead and everything was called back.
 */
int front_dispatch(struct front *front);

/**
 * front_flush() - messages queued by callbacks of this thread's dispatch go out now
 *
 * Otherwise they leave when the dispatch ends, in one system call.
 */
void front_flush(struct front *front);

/**
 * struct front_call - a request of ours in flight; embedded in what its caller needs
 *
 * Must stay where it is until done() ran or front_wait() returned. A call without done() is timed out
 * by its front_wait(), so one has to follow.
 */
struct front_call {
	/*
	 * The reply came (or reply->error says why not): check it and copy what is wanted. With the
	 * lock held, in any thread: no call into the front. Return: the result. NULL: reply->error
	 */
	int (*accept)(struct front_call *call, const struct link_reply *reply);

	/* It is over. No lock held; the thread as configured. NULL: somebody waits for it */
	void (*done)(struct front_call *call, int result);

	/* link_into(), if data is not NULL. */
	size_t head;
	void *data;

	/* The rest is the front's. */
	struct front_event event;
	struct front *front;
	struct front_waiter *waiter;
	rig_time deadline;
	uint64_t order; /* among the requests of this front; the lock covers it */
	int result;	/* of one that is over: to be read */
	uint16_t id;
	uint8_t sock;
	uint8_t state;
};

/**
 * front_start() - send a request; link_request() says what the arguments are
 *
 * Return: 0: done() will run, or front_wait() is to be called; else as link_request(), nothing was
 * sent and nothing will run.
 */
int front_start(struct front *front, struct front_call *call, enum wire_command command,
		const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds,
		size_t reply_max, size_t reply_fds_max, rig_time deadline);

/** front_wait() - until a call without done() is over. Return: its result */
int front_wait(struct front *front, struct front_call *call);

/**
 * front_exchange() - front_start() and front_wait() in one, at fewer locks
 * @call: without done()
 *
 * Return: 0: it is over, with call->result; else as front_start(), and nothing was sent.
 */
int front_exchange(struct front *front, struct front_call *call, enum wire_command command,
		   const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds,
		   size_t reply_max, size_t reply_fds_max, rig_time deadline);

/**
 * front_room() - wait until front_start() gives no -EAGAIN any more
 *
 * Another thread may be faster and fill the room: start, and if need be wait again.
 * Return: 0, -ETIMEDOUT, -ENOTCONN
 */
int front_room(struct front *front, rig_time deadline);

/** front_post() - link_post(). Return: as there */
int front_post(struct front *front, enum wire_command command, const struct iovec *iov,
	       size_t n_iov);

/** front_cancel() - its result is -ECANCELED, unless it is over already. Any thread */
void front_cancel(struct front *front, struct front_call *call);

/**
 * front_is_bulk() - is a message so long that it is sent from where it is, or copied without the lock?
 *
 * So it may be in memory whose pages take their time to come. Any payload up to LINK_BULK_MIN bytes, in
 * many parts or with fds is copied with the lock held.
 */
bool front_is_bulk(const struct iovec *iov, size_t n_iov, size_t n_fds);

/**
 * front_reply_ok(), front_reply_error() - answer a request, which is gone then; any thread
 *
 * That the connection died meanwhile is no error. Never fails: what cannot be sent kills the
 * connection.
 */
void front_reply_ok(struct front *front, struct front_request *request, const struct iovec *iov,
		    size_t n_iov, const int *fds, size_t n_fds);
void front_reply_error(struct front *front, struct front_request *request, int error);

#endif
