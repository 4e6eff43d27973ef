/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_dma_async.c - rig_dma_read_async(), rig_dma_write_async()
 *
 * A transfer starts DMA_IO_WINDOW messages in the thread that asks for it; the end of each, in
 * rig_conn_dispatch(), starts the next. Its lock covers both. It is taken before the front's, never by
 * what the front calls with its own held.
 *
 * When the connection takes no more requests and no message of a transfer is in flight whose end would
 * go on with it, it is stalled: each dispatch tries again, at the latest after STALL_US.
 */
#include "vfio_user/server_dma_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/server_inbox.h"

#define STALL_US			1000u

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

struct dma_transfer {
	struct dma_io io;
	struct rig_completion completion;
	struct server_task task; /* nothing was sent */
	struct dma_transfer *next_stalled;
	pthread_mutex_t lock; /* of all below, and io */
	int error;	      /* the first */
	unsigned int n_flying;
	bool stalled;
	struct dma_message window[DMA_IO_WINDOW];
	uint8_t bytes[]; /* what is written, if nobody is told of the end */
};

static bool is_over(const struct dma_transfer *t)
{
	return t->n_flying == 0 && !t->stalled && (t->io.len == 0 || t->error < 0);
}

/* server is NULL if it is gone. */
static void complete(struct dma_transfer *t, struct rig_server *server)
{
	struct rig_completion completion = t->completion;
	int error = t->error;

	dma_io_clear(&t->io);
	pthread_mutex_destroy(&t->lock);
	free(t);
	if (completion.run)
		completion.run(completion.opaque, error);
	else if (error < 0 && server)
		server_log(server, RIG_LOG_WARNING, "guest memory was not reached: %s",
			   strerror(-error));
}

static void complete_task(struct server_task *task, struct rig_server *server)
{
	complete(container_of(task, struct dma_transfer, task), server);
}

static void fail(struct dma_transfer *t, int error)
{
	if (t->error == 0)
		t->error = error;
}

static void stall(struct dma_transfer *t)
{
	struct rig_server *server = t->io.server;

	t->stalled = true;
	t->next_stalled = atomic_load(&server->stalled);
	while (!atomic_compare_exchange_weak(&server->stalled, &t->next_stalled, t))
		;
	server_inbox_expect(server->inbox, rig_now() + STALL_US);
}

static void message_done(struct front_call *call, int result);

static struct dma_message *idle_message(struct dma_transfer *t)
{
	for (size_t i = 0; i < DMA_IO_WINDOW; i++)
		if (!t->window[i].busy)
			return &t->window[i];
	return NULL;
}

/* Return: did the message leave, or fail for good? */
static bool send_message(struct dma_transfer *t, struct dma_message *message)
{
	int r = dma_message_start(message, message_done);

	if (r == 0) {
		message->busy = true;
		t->n_flying++;
		return true;
	}
	dma_io_undo(&t->io, message);
	if (r != -EAGAIN) {
		fail(t, r);
		return true;
	}
	if (t->n_flying == 0)
		stall(t);
	return false;
}

/* Locked. */
static void start_more(struct dma_transfer *t)
{
	struct dma_message *message;

	while (t->io.len > 0 && t->error == 0 && (message = idle_message(t))) {
		int r = dma_io_next(&t->io, message);

		if (r < 0)
			fail(t, r);
		else if (r == 1 && !send_message(t, message))
			return;
	}
}

/* The rest of a short one, at once: it takes the place that this one had. */
static void ask_again(struct dma_message *message)
{
	struct dma_transfer *t = container_of(message->io, struct dma_transfer, io);
	int r = dma_message_start(message, message_done);

	if (r < 0) {
		fail(t, r);
		message->busy = false;
		t->n_flying--;
		dma_message_end(message);
	}
}

/* In the server's thread, as the front is dispatch_only. */
static void message_done(struct front_call *call, int result)
{
	struct dma_message *message = container_of(call, struct dma_message, call);
	struct dma_transfer *t = container_of(message->io, struct dma_transfer, io);
	bool over;
	int r = dma_message_advance(message, result);

	pthread_mutex_lock(&t->lock);
	if (r > 0 && t->error == 0) {
		ask_again(message);
	} else {
		if (r < 0)
			fail(t, r);
		message->busy = false;
		t->n_flying--;
		dma_message_end(message);
		start_more(t);
	}
	over = is_over(t);
	pthread_mutex_unlock(&t->lock);
	if (over)
		complete(t, t->io.server);
}

void server_dma_go_on(struct rig_server *server)
{
	struct dma_transfer *t = atomic_load(&server->stalled);

	if (t)
		t = atomic_exchange(&server->stalled, NULL);
	while (t) {
		struct dma_transfer *next = t->next_stalled;
		bool over;

		pthread_mutex_lock(&t->lock);
		t->stalled = false;
		start_more(t);
		over = is_over(t);
		pthread_mutex_unlock(&t->lock);
		if (over)
			complete(t, server);
		t = next;
	}
}

static struct dma_transfer *transfer_new(const struct dma_io *io, struct rig_completion done)
{
	/* Who is not told of the end does not know until when they are needed. */
	bool copies = io->command == WIRE_DMA_WRITE && !done.run;
	size_t own_bytes = copies ? io->len : 0;
	struct dma_transfer *t;

	if (own_bytes > SIZE_MAX - sizeof(*t))
		return NULL;
	t = malloc(sizeof(*t) + own_bytes);
	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	t->io = *io;
	t->completion = done;
	t->task.run = complete_task;
	pthread_mutex_init(&t->lock, NULL);
	if (own_bytes > 0)
		t->io.buf = memcpy(t->bytes, io->buf, own_bytes);
	return t;
}

static int start(const struct dma_io *io, struct rig_completion done)
{
	struct dma_transfer *t = transfer_new(io, done);
	bool over;
	int error;

	if (!t)
		return -ENOMEM;
	pthread_mutex_lock(&t->lock);
	start_more(t);
	over = is_over(t);
	error = t->error;
	pthread_mutex_unlock(&t->lock);
	if (!over) { /* it is its messages' now */
		server_inbox_expect(io->server->inbox, io->deadline);
		return 0;
	}
	if (error == 0) {
		server_inbox_put(io->server->inbox, &t->task);
		return 0;
	}
	t->completion.run = NULL;
	complete(t, NULL);
	return error;
}

int rig_dma_read_async(struct rig_server *server, uint64_t address, void *buf, size_t len,
		       rig_time deadline, struct rig_completion done)
{
	const struct dma_io io = { server, WIRE_DMA_READ, address, len, buf, deadline, NULL };

	return start(&io, done);
}

int rig_dma_write_async(struct rig_server *server, uint64_t address, const void *buf, size_t len,
			rig_time deadline, struct rig_completion done)
{
	const struct dma_io io = {
		server, WIRE_DMA_WRITE, address, len, (void *)buf, deadline, NULL
	};

	return start(&io, done);
}
