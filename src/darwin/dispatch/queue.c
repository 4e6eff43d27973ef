/* SPDX-License-Identifier: BSD-3-Clause */
/* queue.c - queues, and work that is left in them; any thread, see queue.h */
#include "darwin/dispatch/queue.h"

#include <stdlib.h>
#include <string.h>

#include "darwin/block.h"

/* Items of one queue in a row, while other queues may wait for the thread. */
#define QUEUE_BATCH 64

struct dispatch_queue_attr_s {
	bool serial;
};
struct dispatch_queue_attr_s _dispatch_queue_attr_concurrent = { .serial = false };

_Thread_local struct queue_frame *queue_frames;

/* Nobody holds it, so nobody is its runner: it is at rest, and its list is empty. */
static void queue_free(struct darwin_object *object)
{
	dispatch_queue_t queue = (dispatch_queue_t)object;

	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

static const struct darwin_class queue_class = { .free = queue_free };

void queue_call(dispatch_queue_t queue, void *context, dispatch_function_t function)
{
	struct queue_frame frame = { .queue = queue, .outer = queue_frames };

	queue_frames = &frame;
	function(context);
	queue_frames = frame.outer;
}

bool queue_append(dispatch_queue_t queue, struct queue_item *item)
{
	bool was_at_rest;

	item->next = NULL;
	pthread_mutex_lock(&queue->lock);
	was_at_rest = !queue->busy;
	queue->busy = true;
	*queue->last = item;
	queue->last = &item->next;
	if (was_at_rest)
		darwin_object_get(&queue->object);
	pthread_mutex_unlock(&queue->lock);
	return was_at_rest;
}

/* The runner's: the next item. NULL: the queue is at rest now, and the runner no longer that. */
static struct queue_item *queue_pop(dispatch_queue_t queue)
{
	struct queue_item *item;

	pthread_mutex_lock(&queue->lock);
	item = queue->first;
	if (!item) {
		queue->busy = false;
	} else {
		queue->first = item->next;
		if (!queue->first)
			queue->last = &queue->first;
	}
	pthread_mutex_unlock(&queue->lock);
	return item;
}

/* A thread of the pool is the runner. */
static void run_serial(struct pool_work *work)
{
	dispatch_queue_t queue =
		(dispatch_queue_t)((char *)work - offsetof(struct dispatch_queue_s, work));
	struct queue_item *item;

	for (int i = 0; i < QUEUE_BATCH; i++) {
		item = queue_pop(queue);
		if (!item) {
			darwin_object_put(&queue->object);
			return;
		}
		if (item->turn) {
			dispatch_semaphore_signal(item->turn);
			return; /* that thread is the runner now */
		}
		queue_call(queue, item->context, item->function);
		free(item);
	}
	pool_submit(POOL_SERIAL, &queue->work);
}

static void run_concurrent(struct pool_work *work)
{
	struct queue_item *item = (struct queue_item *)work;

	queue_call(item->queue, item->context, item->function);
	darwin_object_put(&item->queue->object);
	free(item);
}

dispatch_queue_t dispatch_queue_create(const char *label, dispatch_queue_attr_t attr)
{
	size_t size = (label ? strlen(label) : 0) + 1;
	dispatch_queue_t queue = darwin_alloc(sizeof(*queue) + size);

	darwin_object_init(&queue->object, &queue_class);
	queue->serial = !attr || attr->serial;
	queue->work.run = run_serial;
	pthread_mutex_init(&queue->lock, NULL);
	queue->last = &queue->first;
	memcpy(queue->label, label ? label : "", size);
	return queue;
}

const char *dispatch_queue_get_label(dispatch_queue_t queue)
{
	return queue->label;
}

void dispatch_async_f(dispatch_queue_t queue, void *context, dispatch_function_t function)
{
	struct queue_item *item = darwin_alloc(sizeof(*item));

	item->function = function;
	item->context = context;
	if (!queue->serial) {
		item->work.run = run_concurrent;
		item->queue = queue;
		darwin_object_get(&queue->object);
		pool_submit(POOL_CONCURRENT, &item->work);
	} else if (queue_append(queue, item)) {
		pool_submit(POOL_SERIAL, &queue->work);
	}
}

static void run_block(void *context)
{
	block_call(context);
	_Block_release(context);
}

void dispatch_async(dispatch_queue_t queue, dispatch_block_t block)
{
	void *copy = _Block_copy((const void *)block);

	if (!copy)
		darwin_die("out of memory (a block)");
	dispatch_async_f(queue, copy, run_block);
}
