/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_defer.c - callbacks whose answer comes later, from any thread
 *
 * While a callback runs that may be deferred, server->callback says what for. rig_server_defer()
 * makes a deferral of that. Who calls rig_request_done() then
 *
 *   - answers a region access right there, with one message: nothing depends on it;
 *   - leaves everything else as a task to the server's thread, which goes on with the next step.
 *
 * A deferral holds a reference to the connection, and that one to its inbox: so both may be done
 * with when the client, the application's connection or the server are gone.
 */
#include "vfio_user/server_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/request.h"
#include "vfio_user/server_inbox.h"

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/**
 * struct deferral - a callback that is not answered yet
 * @io: of a region access: the head of its reply
 * @read: the bytes follow it
 * @error: what the answer was; for the task
 */
struct deferral {
	struct rig_request base;
	struct server_task task;
	struct rig_conn *conn;
	uint32_t blocks;
	server_step *then;
	uint8_t io[sizeof(struct wire_region_io)];
	bool read;
	int error;
	uint8_t bytes[];
};

static void deferral_free(struct deferral *d)
{
	server_conn_unref(d->conn);
	free(d);
}

/* Any thread. */
static void answer_access(struct rig_request *request, int error)
{
	struct deferral *d = container_of(request, struct deferral, base);
	const struct iovec iov[] = { { d->io, sizeof(d->io) }, { d->bytes, request->len } };

	if (error < 0)
		front_reply_error(request->front, request->wire, error);
	else
		front_reply_ok(request->front, request->wire, iov, d->read ? 2 : 1, NULL, 0);
	deferral_free(d);
}

/* On the server's thread, or without a server on any. */
static void go_on(struct server_task *task, struct rig_server *server)
{
	struct deferral *d = container_of(task, struct deferral, task);
	struct front_request *wire = d->base.wire;
	struct rig_conn *conn = d->conn;
	int r = -ESHUTDOWN;

	if (server) {
		conn->blocked &= ~d->blocks;
		server->callback.data = d->base.data;
		server->callback.len = d->base.len;
		r = d->then(conn, wire, d->error);
	}
	if (r < 0 && wire)
		front_reply_error(conn->front, wire, r);
	if (server) {
		server_go_on(conn);
		server_loss_go_on(server);
	}
	deferral_free(d);
}

/* Any thread. */
static void leave_answer(struct rig_request *request, int error)
{
	struct deferral *d = container_of(request, struct deferral, base);

	d->error = error;
	server_inbox_put(d->conn->inbox, &d->task);
}

struct rig_request *rig_server_defer(struct rig_server *server)
{
	struct server_callback *callback = &server->callback;
	size_t own_bytes = callback->data ? 0 : callback->len;
	struct deferral *d;

	if (!callback->conn || callback->deferred)
		return NULL;
	d = calloc(1, sizeof(*d) + own_bytes);
	if (!d)
		return NULL;
	d->base = (struct rig_request) {
		.front = callback->conn->front,
		.wire = callback->request,
		.data = callback->data ? callback->data : d->bytes,
		.len = callback->len,
		.may_be_short = callback->may_be_short,
		.done = callback->then ? leave_answer : answer_access,
	};
	d->task.run = go_on;
	d->conn = server_conn_ref(callback->conn);
	d->blocks = callback->blocks;
	d->then = callback->then;
	d->read = !callback->data;
	if (!callback->then)
		memcpy(d->io, callback->request->wire.region_io, sizeof(d->io));
	callback->deferred = &d->base;
	return &d->base;
}

void server_calling(struct rig_conn *conn, struct front_request *request, uint32_t blocks,
		    server_step *then)
{
	conn->server->callback = (struct server_callback) {
		.conn = conn,
		.request = request,
		.blocks = blocks,
		.then = then,
	};
}

void server_calling_access(struct rig_conn *conn, struct front_request *request, void *data,
			   size_t len, server_step *then)
{
	server_calling(conn, request, 0, then);
	conn->server->callback.data = data;
	conn->server->callback.len = len;
}

void server_calling_data(struct rig_conn *conn, struct front_request *request, void *data,
			 size_t len, server_step *then)
{
	server_calling(conn, request, SERVER_BLOCK_MIGRATION, then);
	conn->server->callback.data = data;
	conn->server->callback.len = len;
	conn->server->callback.may_be_short = !data;
}

int server_called_access(struct rig_server *server, int r)
{
	struct rig_request *deferred = server->callback.deferred;

	server->callback.conn = NULL;
	server->callback.deferred = NULL;
	if (r == RIG_DEFERRED && deferred)
		return RIG_DEFERRED;
	/* Who asked for a deferral and then answers has no use for it any more. */
	if (deferred)
		deferral_free(container_of(deferred, struct deferral, base));
	if (r <= 0)
		return r;
	server_log(server, RIG_LOG_ERROR, "a callback returned %d without a deferred request", r);
	return -EIO;
}

int server_called(struct rig_conn *conn, int r)
{
	struct rig_server *server = conn->server;
	struct server_callback callback = server->callback;

	r = server_called_access(server, r);
	if (r == RIG_DEFERRED) {
		conn->blocked |= callback.blocks;
		return 0;
	}
	return callback.then(conn, callback.request, r);
}

int server_quiesce(struct rig_conn *conn, struct front_request *request, server_step *then)
{
	const struct rig_device *device = &conn->server->device;

	if (!device->ops->quiesce)
		return then(conn, request, 0);
	server_calling(conn, request, SERVER_BLOCK_ALL, then);
	return server_called(conn, device->ops->quiesce(device->opaque));
}
