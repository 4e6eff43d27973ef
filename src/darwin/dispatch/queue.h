/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * queue.h - a queue: what its two halves, work that is left there (queue.c) and work that waits for
 * its turn (queue_sync.c), have in common
 *
 * A serial queue is either at rest, or busy: then somebody is its runner, and only the runner runs its
 * items: a thread of the pool, or a thread in dispatch_sync(). The runner owns a reference. Being
 * the runner is handed on, never held by two:
 *
 *	at rest --async--> pool --list empty--> at rest
 *	at rest --sync---> caller --list empty--> at rest, else --> pool
 *	pool ----item of a sync at the head----> its caller
 *
 * A concurrent queue has no state: each item is work of the pool's by itself.
 */
#ifndef DARWIN_QUEUE_H
#define DARWIN_QUEUE_H

#include <pthread.h>

#include "darwin/dispatch/pool.h"
#include "darwin/object.h"

/**
 * struct queue_item - work to be done
 * @turn: of dispatch_sync(): signalled when its thread has become the runner, which does the rest; the
 *	  item is that thread's. Else NULL, and the item is freed by who ran it
 */
struct queue_item {
	struct pool_work work; /* of a concurrent queue */
	struct queue_item *next;
	dispatch_queue_t queue; /* of a concurrent queue: a reference */
	dispatch_function_t function;
	void *context;
	dispatch_semaphore_t turn;
};

struct dispatch_queue_s {
	struct darwin_object object;
	bool serial;
	struct pool_work work; /* being the runner, while the pool has that */
	pthread_mutex_t lock;  /* guards the rest */
	bool busy;
	struct queue_item *first, **last;
	char label[];
};

/* The queues whose items this thread is running, the innermost first. */
struct queue_frame {
	dispatch_queue_t queue;
	struct queue_frame *outer;
};
extern _Thread_local struct queue_frame *queue_frames;

/** queue_append() - leave it at the end of a serial queue's list. Return: whether the queue was at
 * rest; then the caller has become its runner, with a reference. */
bool queue_append(dispatch_queue_t queue, struct queue_item *item);

/** queue_call() - run @function as an item of @queue. */
void queue_call(dispatch_queue_t queue, void *context, dispatch_function_t function);

#endif
