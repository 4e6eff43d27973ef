/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_loss.c - what a client leaves behind
 *
 * Its eventfds are closed at once. Its memory goes as by an unmap: when the device has answered what
 * it deferred and is quiet, it is told of each range, and then whoever still uses some is waited for.
 * Only after that is the client gone for the device, and for another client.
 */
#include "vfio_user/server_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void reset_device(struct rig_server *server)
{
	const struct rig_device *device = &server->device;
	int r;

	if (!(device->flags & RIG_DEVICE_RESET_ON_LOSS))
		return;
	r = device->ops->reset(device->opaque, RIG_RESET_CLIENT_LOST);
	if (r != 0)
		server_log(server, RIG_LOG_ERROR, "reset without a client: %s",
			   r < 0 ? strerror(-r) : "must not be deferred");
	server_features_reset(server);
}

static void client_gone(struct rig_server *server)
{
	const struct rig_device *device = &server->device;
	struct rig_conn *client = server->client;

	server->loss = LOSS_NONE;
	server_features_client_gone(server);
	reset_device(server);
	server->client = NULL;
	server_drop(client, &client->removals, -ENOTCONN);
	server_conn_over(client);
	if (device->ops->disconnected)
		device->ops->disconnected(device->opaque, server->loss_error, server->loss_reason);
	server_conn_unref(client);
}

/* An error of the device changes nothing: the client is gone. */
static int loss_quiet(struct rig_conn *conn, struct front_request *request, int error)
{
	struct rig_server *server = conn->server;

	if (error < 0)
		server_log(server, RIG_LOG_ERROR, "without a client, but not quiet: %s",
			   strerror(-error));
	server_tell_unmapping(server);
	(void)dma_map_remove_all(server->dma);
	server->loss = LOSS_PINNED;
	return 0;
}

void server_loss_begin(struct rig_server *server, int error, const char *reason)
{
	server->loss = LOSS_BUSY;
	server->loss_error = error;
	snprintf(server->loss_reason, sizeof(server->loss_reason), "%s", reason);
	server_set_peer(server, NULL);
	irq_set_detach_all(server->irqs);
	server_loss_go_on(server);
}

void server_loss_go_on(struct rig_server *server)
{
	if (server->loss == LOSS_BUSY && !server->client->blocked) {
		server->loss = LOSS_QUIESCING;
		server_quiesce(server->client, NULL, loss_quiet);
	}
	if (server->loss == LOSS_PINNED && dma_map_reap(server->dma, NULL, NULL) == 0)
		client_gone(server);
}

void server_loss_force(struct rig_server *server)
{
	if (server->loss == LOSS_BUSY || server->loss == LOSS_QUIESCING) {
		server_forget_untold(server->client);
		loss_quiet(server->client, NULL, 0);
	}
	if (server->loss == LOSS_PINNED)
		client_gone(server);
}
