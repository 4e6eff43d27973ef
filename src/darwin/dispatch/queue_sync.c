/* SPDX-License-Identifier: BSD-3-Clause */
/* queue_sync.c - work whose submitter waits: it runs on the submitter's thread, in its turn */
#include "darwin/dispatch/queue.h"

#include "darwin/block.h"

static bool runs_here(dispatch_queue_t queue)
{
	for (const struct queue_frame *frame = queue_frames; frame; frame = frame->outer) {
		if (frame->queue == queue)
			return true;
	}
	return false;
}

/* The runner's: leave the rest to the pool, if there is any. */
static void hand_on(dispatch_queue_t queue)
{
	bool more;

	pthread_mutex_lock(&queue->lock);
	more = queue->first != NULL;
	queue->busy = more;
	pthread_mutex_unlock(&queue->lock);
	if (more)
		pool_submit(POOL_SERIAL, &queue->work);
	else
		darwin_object_put(&queue->object);
}

/* Return: with this thread as the runner, after all that was submitted before. */
static void wait_for_turn(dispatch_queue_t queue)
{
	struct queue_item item = { .turn = NULL };

	pthread_mutex_lock(&queue->lock);
	if (!queue->busy) {
		queue->busy = true;
		darwin_object_get(&queue->object);
		pthread_mutex_unlock(&queue->lock);
		return;
	}
	pthread_mutex_unlock(&queue->lock);

	item.turn = dispatch_semaphore_create(0);
	if (queue_append(queue, &item))
		pool_submit(POOL_SERIAL, &queue->work);
	dispatch_semaphore_wait(item.turn, DISPATCH_TIME_FOREVER);
	dispatch_release(item.turn);
}

void dispatch_sync_f(dispatch_queue_t queue, void *context, dispatch_function_t function)
{
	if (!queue->serial) {
		queue_call(queue, context, function);
		return;
	}
	if (runs_here(queue))
		darwin_die("dispatch_sync() on queue '%s' from within its own work would wait for "
			   "itself",
			   queue->label);
	wait_for_turn(queue);
	queue_call(queue, context, function);
	hand_on(queue);
}

static void call_block(void *context)
{
	block_call(context);
}

void dispatch_sync(dispatch_queue_t queue, dispatch_block_t block)
{
	dispatch_sync_f(queue, (void *)block, call_block);
}
