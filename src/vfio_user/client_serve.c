/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_serve.c - the server's DMA messages
 *
 * A range may cross maps that touch each other. All of it is looked up, and the permission of each
 * map checked, before a byte is copied: what is refused leaves memory untouched. Where all of it is
 * in this process the library copies; otherwise the application is asked, and may answer later.
 *
 * The link refused what was malformed, too long or had fds; see wire.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "vfio_user/client_internal.h"
#include "vfio_user/request.h"

/* A server could fill the log: this many are told of each connection. */
#define REPORTED_MAX	20u

/* Pieces of guest memory that go into one message without being put together. */
#define STRAIGHT_PIECES 6u

/** struct serving - a request that the application's callback has, or keeps */
struct serving {
	struct rig_request request;
	struct rig_client *client;
	uint8_t data[]; /* of a read */
};

/**
 * struct callback - one that is running; on its thread's stack
 * @deferred: rig_client_defer() was called, so serving may be answered and gone
 */
struct callback {
	struct callback *outer;
	struct serving *serving;
	bool deferred;
};

static _Thread_local struct callback *running;

static size_t count_of(const struct wire_request *wire)
{
	return (size_t)wire->dma_io->count; /* at most max_data_xfer_size: the link looked */
}

static void reply_done(struct front *front, struct front_request *request, const void *data)
{
	const struct wire_dma_io head = *request->wire.dma_io;
	const struct iovec iov[] = {
		{ (void *)&head, sizeof(head) },
		{ (void *)data, data ? (size_t)head.count : 0 },
	};

	front_reply_ok(front, request, iov, data ? 2 : 1, NULL, 0);
}

void session_refused(struct session *session, const struct wire_request *request, int error)
{
	if (atomic_fetch_add(&session->refused, 1) >= REPORTED_MAX)
		return;
	client_fail(session->client, RIG_LOG_WARNING, error,
		    "%s of the server at 0x%llx, %llu bytes: refused: %s (the connection lives on)",
		    wire_command_name((uint16_t)request->command),
		    (unsigned long long)request->dma_io->address,
		    (unsigned long long)request->dma_io->count, strerror(-error));
}

void session_refused_early(void *opaque, const struct wire_header *header, size_t n_fds, int error)
{
	struct session *session = opaque;

	if (atomic_fetch_add(&session->refused, 1) >= REPORTED_MAX)
		return;
	client_fail(
		session->client, RIG_LOG_WARNING, error,
		"%s (command %u) of the server, %u bytes with %zu fds: refused: %s (the connection lives on)",
		wire_command_name(header->command), header->command, header->size, n_fds,
		strerror(-error));
}

static void refuse(struct session *session, struct front_request *request, int error)
{
	session_refused(session, &request->wire, error);
	front_reply_error(session->front, request, error);
}

/* By the application */

/* In any thread, also when session and client are gone. */
static void serving_done(struct rig_request *rig, int error)
{
	struct serving *self = (struct serving *)rig;
	struct front_request *request = rig->wire;
	const bool read = request->wire.command == WIRE_DMA_READ;

	if (error < 0)
		front_reply_error(rig->front, request, error);
	else
		reply_done(rig->front, request, read ? self->data : NULL);
	free(self);
}

static struct serving *serving_new(struct session *session, struct front_request *request)
{
	const bool read = request->wire.command == WIRE_DMA_READ;
	size_t count = count_of(&request->wire);
	struct serving *self = calloc(1, sizeof(*self) + (read ? count : 0));

	if (!self)
		return NULL;
	self->client = session->client;
	self->request = (struct rig_request) {
		.front = session->front,
		.wire = request,
		.data = read ? self->data : (void *)request->wire.dma_io->data,
		.len = count,
		.done = serving_done,
	};
	return self;
}

static int call_back(struct rig_client *client, const struct rig_request *rig)
{
	const struct wire_request *wire = &rig->wire->wire;
	void *opaque = client->config.opaque;

	if (wire->command == WIRE_DMA_READ)
		return client->ops.dma_read(opaque, wire->dma_io->address, rig->data, rig->len);
	return client->ops.dma_write(opaque, wire->dma_io->address, rig->data, rig->len);
}

static void serve_by_callback(struct session *session, struct front_request *request)
{
	struct rig_client *client = session->client;
	const bool read = request->wire.command == WIRE_DMA_READ;
	struct callback callback = { .outer = running };
	int r;

	if (read ? !client->ops.dma_read : !client->ops.dma_write) {
		refuse(session, request, -EFAULT);
		return;
	}
	callback.serving = serving_new(session, request);
	if (!callback.serving) {
		refuse(session, request, -ENOMEM);
		return;
	}
	running = &callback;
	r = call_back(client, &callback.serving->request);
	running = callback.outer;
	if (callback.deferred)
		return;
	if (r == RIG_DEFERRED)
		r = -EIO; /* but nobody has what it takes to answer */
	if (r < 0)
		session_refused(session, &request->wire, r);
	serving_done(&callback.serving->request, r < 0 ? r : 0);
}

struct rig_request *rig_client_defer(struct rig_client *client)
{
	if (!running || running->serving->client != client)
		return NULL;
	running->deferred = true;
	return &running->serving->request;
}

/* By the library */

static bool all_here(const struct dma_piece *pieces, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!pieces[i].host)
			return false;
	return true;
}

/* Straight from where it is. Return: was it so long, and in so few pieces, that this is worth it? */
static bool reply_pieces(struct session *session, struct front_request *request,
			 const struct dma_piece *pieces, size_t n)
{
	struct wire_dma_io head = *request->wire.dma_io;
	struct iovec iov[STRAIGHT_PIECES + 1] = { { &head, sizeof(head) } };

	if (n > STRAIGHT_PIECES)
		return false;
	for (size_t i = 0; i < n; i++)
		iov[i + 1] = (struct iovec) { pieces[i].host, pieces[i].len };
	if (!front_is_bulk(iov, n + 1, 0))
		return false;
	front_reply_ok(session->front, request, iov, n + 1, NULL, 0);
	return true;
}

static void read_pieces(struct session *session, struct front_request *request,
			struct dma_piece *pieces, size_t n)
{
	size_t count = count_of(&request->wire), at = 0;
	bool done = reply_pieces(session, request, pieces, n);
	uint8_t *data = done ? NULL : malloc(count ? count : 1);

	for (size_t i = 0; data && i < n; i++) {
		memcpy(data + at, pieces[i].host, pieces[i].len);
		at += pieces[i].len;
	}
	client_dma_unuse(session->client, pieces, n);
	if (data)
		reply_done(session->front, request, data);
	else if (!done)
		refuse(session, request, -ENOMEM);
	free(data);
}

static void write_pieces(struct session *session, struct front_request *request,
			 struct dma_piece *pieces, size_t n)
{
	struct rig_client *client = session->client;
	const struct wire_dma_io *io = request->wire.dma_io;
	const uint8_t *data = io->data;

	for (size_t i = 0; i < n; i++) {
		memcpy(pieces[i].host, data, pieces[i].len);
		data += pieces[i].len;
	}
	client_dma_unuse(client, pieces, n);
	if (client->ops.dma_written && io->count > 0)
		client->ops.dma_written(client->config.opaque, io->address, (size_t)io->count);
	reply_done(session->front, request, NULL);
}

void session_request(struct session *session, struct front_request *request)
{
	const struct wire_request *wire = &request->wire;
	const bool read = wire->command == WIRE_DMA_READ;
	struct dma_piece *pieces;
	size_t n;
	int r = client_dma_use(session->client, wire->dma_io->address, count_of(wire),
			       read ? RIG_DMA_READ : RIG_DMA_WRITE, &pieces, &n);

	if (r < 0) {
		refuse(session, request, r);
	} else if (!all_here(pieces, n)) {
		client_dma_unuse(session->client, pieces, n);
		serve_by_callback(session, request);
	} else if (read) {
		read_pieces(session, request, pieces, n);
	} else {
		write_pieces(session, request, pieces, n);
	}
}
