/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front_internal.h - what the files of a front share
 *
 *   front.c         life and death, the lock, and what every unlocking looks after
 *   front_send.c    the sender; everything that queues a message
 *   front_bulk.c    long messages
 *   front_read.c    the reader
 *   front_wait.c    threads that wait: who reads, who follows, the hand-over
 *   front_events.c  what the links call back, and the runner that passes it on
 *   front_loop.c    a front in somebody's loop
 *
 * Three roles, each held by one thread at a time, none of them tied to the lock:
 *
 *   reader	front->reader: a waiter, or the dispatch. Alone calls link_space(), so the buffer that
 *		it receives into without the lock stays, even if the link dies meanwhile
 *   sender	sock->sending. Alone calls link_pending() and link_sent(); what it has in sendmsg()
 *		stays likewise
 *   runner	front->runner, if front->depth > 0: calls back, in the order in which things came.
 *		It holds neither of the others meanwhile, so a callback that takes long, or waits for
 *		a lock of the application, holds up other callbacks but no reply
 *
 * The lock covers everything here but what is constant after front_new(). front_unlock() is where
 * others are told: see there.
 */
#ifndef VFIO_USER_FRONT_INTERNAL_H
#define VFIO_USER_FRONT_INTERNAL_H

#include <pthread.h>

#include "sys/waitword.h"
#include "vfio_user/front.h"

#define FRONT_SOCKS	2
#define FRONT_MAX_DEPTH 8 /* callbacks inside waits inside callbacks */

/** enum front_call_state - of a front_call */
enum front_call_state {
	FRONT_CALL_FLYING,
	FRONT_CALL_LATE, /* its waiter's time is up: it is being cancelled */
	FRONT_CALL_OVER, /* result is there */
};

/** enum front_event_kind - what to call back */
enum front_event_kind {
	FRONT_EVENT_REQUEST,
	FRONT_EVENT_CALL,
	FRONT_EVENT_REFUSAL,
	FRONT_EVENT_DEATH,
};

/**
 * struct front_refusal - a command that the link refused, to be told
 * @pending: it is in the queue, or being told: the runner's, who sets it back without the lock
 */
struct front_refusal {
	struct front_event event;
	atomic_bool pending;
	struct wire_header header;
	size_t n_fds;
	int error;
};

/**
 * struct front_sock - one of the sockets
 * @sndbuf:  bytes that the kernel holds for it, as the kernel counts
 * @naps:    a recvmsg without MSG_DONTWAIT sleeps, for a short time: see front_read.c
 * @sending: somebody is its sender
 * @full:    the peer does not read: sent is not before POLLOUT
 * @broken:  the peer takes nothing more. What it said before is still read, then this is the end
 * @polled:  what the sleeping reader polls for
 * @armed:   what the epoll set has; -1: not in it
 */
struct front_sock {
	struct front *front;
	struct link *link;
	int fd;
	size_t sndbuf;
	bool naps;
	bool sending;
	bool full;
	bool broken;
	short polled;
	int armed;
};

/** enum front_word - why a follower was woken. It is no follower any more then */
enum front_word {
	FRONT_WORD_OVER = 1, /* its call is over, and nobody refers to it: it need not lock */
	FRONT_WORD_LEAD,     /* it is the reader */
	FRONT_WORD_LOOK,     /* something else changed */
};

/**
 * struct front_waiter - a thread inside front_wait() or front_room()
 * @call:       NULL: it waits for room
 * @front:      whose; constant
 * @prev, @next: among the followers, if @following
 * @next_woken: among those to be woken after unlocking, with @verdict
 * @nested:     it is the runner, inside a callback
 * @dispatcher: it is the thread that calls front_dispatch()
 * @released:   the hooks: release() said that take() is to be called
 * @napped:     nothing came during a nap
 * @late:       its deadline passed
 */
struct front_waiter {
	struct waitword word;
	struct front *front;
	struct front_call *call;
	rig_time deadline;
	struct front_waiter *prev, *next;
	struct front_waiter *next_woken;
	enum front_word verdict;
	bool following;
	bool nested;
	bool dispatcher;
	bool released;
	bool napped;
	bool late;
};

/** struct front_list - a queue of events */
struct front_list {
	struct front_event *first, *last;
};

/**
 * struct front_wants - what a loop has to poll for, and until when
 */
struct front_wants {
	short events;
	rig_time deadline;
};

struct front_served;

struct front {
	struct front_config config;
	unsigned int generation;
	pthread_mutex_t lock;

	bool locked; /* for the child of a fork: was anybody in the middle of it? */
	bool freed;  /* only requests that are not answered yet keep it */
	int error;
	char reason[160];
	struct front_event death;
	struct front_refusal refusal;

	struct front_sock socks[FRONT_SOCKS];
	size_t n_socks;
	uint8_t out;
	uint64_t started; /* requests of ours */

	/* The reader. ring_fd wakes it from poll(); -1 with plain_fd. */
	struct front_waiter *reader;
	struct front_waiter dispatching; /* the reader, if front_dispatch() is */
	bool polling;			 /* it is in poll(), until then at the latest: */
	rig_time polling_until;
	int ring_fd;
	bool rung;

	/* Those that wait while another one reads, the youngest last. */
	struct front_waiter *first_follower, *last_follower;
	size_t n_room; /* how many wait for room, followers or not */
	struct front_waiter *woken, *last_woken;

	/* The runner. sleeping_runner: in front_wait(), to be woken when there is something to do. */
	struct front_list events;
	struct front_list held; /* requests that came before them, but wait for POLLOUT */
	unsigned int depth;
	pthread_cond_t idle; /* of a dead front: depth is 0, or a socket is not sent to any more */
	pthread_t runner;
	pthread_t dispatcher;
	struct front_waiter *sleeping_runner;
	size_t n_served; /* requests that are not answered yet */
	struct front_served *spare;
	size_t n_spare;

	/* The loop, if there is any. bell_fd wakes it. told: what it knows. */
	bool has_loop;
	int epoll_fd, bell_fd;
	bool bell_rung;
	bool in_dispatch;
	struct front_wants told;

	/* Polling, microseconds: see front_read.c */
	uint32_t look_us;
};

/* front.c */

/** front_forked() - are we a child that has no business here? */
bool front_forked(const struct front *front);

/* With plain_fd there is one thread, which saves itself the trouble. */
static inline void front_lock(struct front *front)
{
	if (!front->config.plain_fd)
		pthread_mutex_lock(&front->lock);
	front->locked = true;
}

/** front_unlock_unchanged() - nothing was changed that concerns anybody */
static inline void front_unlock_unchanged(struct front *front)
{
	front->locked = false;
	if (!front->config.plain_fd)
		pthread_mutex_unlock(&front->lock);
}

/** front_unlock_telling(), front_loop_settle() - for front_unlock() */
void front_unlock_telling(struct front *front);
void front_loop_settle(struct front *front);

/**
 * front_unlock() - see to it that everybody learns what concerns them
 *
 * Whatever was changed under the lock: events find who runs them, the sleeping reader and the loop
 * look again if they poll for the wrong things, and those in front->woken are woken once the
 * lock is free. If there is but one thread that is its loop, which in its dispatch looks anyway.
 */
static inline void front_unlock(struct front *front)
{
	if (front->config.plain_fd) {
		front->locked = false;
		if (!front->in_dispatch)
			front_loop_settle(front);
	} else if (front->events.first != NULL || front->polling || front->has_loop ||
		   front->woken != NULL) {
		front_unlock_telling(front);
	} else {
		front_unlock_unchanged(front);
	}
}

/** front_die() - as front_kill(), locked */
void front_die(struct front *front, int error, const char *reason);

/** front_die_of() - because a system call failed */
void front_die_of(struct front *front, const char *call, int error);

/** front_put() - one request less is unanswered. Locked; it is not when this returns */
void front_put(struct front *front);

/* front_send.c */

/** front_send() - everything that waits, unless it has to wait for POLLOUT. Unlocks meanwhile */
void front_send(struct front *front);

/** front_queue() - front_start() with the lock held, and without sending */
int front_queue(struct front *front, struct front_call *call, enum wire_command command,
		const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds,
		size_t reply_max, size_t reply_fds_max, rig_time deadline);

/**
 * front_sock_send() - likewise, of one socket
 *
 * Return: was the lock released, so that anything may have been queued?
 */
bool front_sock_send(struct front_sock *sock);

/** front_sock_go_on() - for its sender, who is none any more then. Unlocks */
void front_sock_go_on(struct front_sock *sock);

/** front_sock_sent() - what came of a sendmsg(): n bytes, or -errno. Return: go on? */
bool front_sock_sent(struct front_sock *sock, ssize_t n, size_t offered);

/** front_call_sent() - a request of it was accepted by its link */
void front_call_sent(struct front_call *call);

/** front_call_deadline() - for its link */
uint64_t front_call_deadline(const struct front_call *call);

/* front_bulk.c */

/** front_bulk_held() - if so much were sent now, would most of it be copied? Then POLLOUT is waited for */
bool front_bulk_held(struct front_sock *sock, size_t len);

/** front_bulk_request() - link_request(), and sent. Return: as there. Unlocks */
int front_bulk_request(struct front_call *call, enum wire_command command, const struct iovec *iov,
		       size_t n_iov, size_t reply_max, size_t reply_fds_max);

/** front_bulk_reply() - link_reply_ok(), and sent. The front lives, and may not afterwards. Unlocks */
void front_bulk_reply(struct front_sock *sock, link_token token, const struct iovec *iov,
		      size_t n_iov);

/* front_read.c */

/** enum front_receipt - what a recvmsg brought */
enum front_receipt {
	FRONT_NOTHING,
	FRONT_SOMETHING, /* and that was all */
	FRONT_MORE,	 /* there may be more */
};

/** front_receive() - one recvmsg that does not wait, of each socket; the reader only. Unlocks */
enum front_receipt front_receive(struct front *front);

/** front_drain() - what there is, if it is not too much, unless somebody else reads. Unlocks */
void front_drain(struct front *front);

/** front_read_turn() - wait for something and receive it; the reader only. Unlocks */
void front_read_turn(struct front *front, struct front_waiter *w);

/** front_tick() - time out what is due */
void front_tick(struct front *front);

/** front_next_deadline() - of the calls that nobody waits for */
rig_time front_next_deadline(const struct front *front);

/** front_ring() - the reader shall look again. No-op unless it sleeps */
void front_ring(struct front *front);

/** front_reader_settle() - does the sleeping reader poll for the right things? */
void front_reader_settle(struct front *front);

/* front_wait.c */

/** front_pass_role() - w reads no longer: another one does, or nobody */
void front_pass_role(struct front *front, struct front_waiter *w);

/** front_waiter_over() - has what it waits for come? */
bool front_waiter_over(const struct front_waiter *w);

/** front_wake() - a follower is none any more, and learns why after unlocking */
void front_wake(struct front *front, struct front_waiter *w, enum front_word verdict);

/** front_wake_room() - those that wait for room look again */
void front_wake_room(struct front *front);

void front_hook_release(struct front_waiter *w);
void front_hook_take(struct front_waiter *w);

/* front_events.c */

extern const struct link_ops front_link_ops;

/** front_call_done() - the completion of every link_request() of ours */
void front_call_done(void *opaque, const struct link_reply *reply);

/** front_may_run() - is there something to call back, and may this waiter? */
bool front_may_run(const struct front *front, const struct front_waiter *w);

/** front_runs_here() - may a callback run in this wait, now or later? */
bool front_runs_here(const struct front *front, const struct front_waiter *w);

/**
 * front_run() - call back what there is, but not more than so many. Unlocks
 * @w: stop when its call is over and somebody else reads; may be NULL
 */
void front_run(struct front *front, const struct front_waiter *w, size_t budget);

/** front_release_held() - requests that wait until the peer takes more: look again */
void front_release_held(struct front *front);

/** front_events_settle() - tell whoever runs the events that there are some */
void front_events_settle(struct front *front);

/** front_drop_events() - at the end of the front: calls and death are called back, requests freed */
void front_drop_events(struct front *front);
void front_free_spares(struct front *front);

/** front_batching() - is this thread in a callback, after which things are sent anyway? */
bool front_batching(const struct front *front);

/* front_loop.c */

/** front_bell() - wake the loop, if there is one */
void front_bell(struct front *front);

/** front_write_eventfd(), front_read_eventfd() - never wait */
void front_write_eventfd(int fd);
void front_read_eventfd(int fd);

#endif
