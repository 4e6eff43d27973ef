/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_reconnect.c - a new connection, with everything as it was
 *
 * The new session becomes the client's when all is done. Until then every call finds the old one, and
 * fails with -ENOTCONN; maps do not change (-EBUSY).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfio_user/client_internal.h"

static int restore(struct session *session, const struct agreement *agreement, rig_time deadline)
{
	struct rig_client *client = session->client;
	int r = client_dma_hold(client);

	if (r < 0)
		return client_fail(client, RIG_LOG_DEBUG, r,
				   "maps of the old connection are not called back yet");
	r = client_dma_restore(session, &agreement->caps, deadline);
	if (r == 0)
		r = client_irqs_restore(session, &agreement->caps, deadline);
	client_dma_go_on(client);
	return r;
}

/* The session is the client's if this returns 0. */
static int establish(struct session *session, rig_time deadline)
{
	struct rig_client *client = session->client;
	struct agreement agreement = { 0 };
	int r = client_negotiate(session, deadline, &agreement);

	if (r == 0)
		r = restore(session, &agreement, deadline);
	if (r == 0 && session_establish(session) < 0)
		r = client_fail(client, RIG_LOG_WARNING, -ENOTCONN,
				"the connection ended while it was restored");
	if (r < 0) {
		free(agreement.json);
		return r;
	}
	client_adopt(client, session, &agreement);
	return 0;
}

static int connect_again(struct rig_client *client, int fd)
{
	char *error = NULL;

	if (fd >= 0)
		return fd;
	if (!client->path)
		return -EINVAL;
	fd = client_open(client->path, &error);
	if (fd < 0)
		client_fail(client, RIG_LOG_WARNING, fd, "%s", error ? error : strerror(-fd));
	free(error);
	return fd;
}

static int reconnect(struct rig_client *client, int fd, rig_time deadline)
{
	struct session *session;
	int r;

	fd = connect_again(client, fd);
	if (fd < 0)
		return fd;
	/* What the old connection's end means to calls in flight comes first. */
	if (!(client->config.flags & RIG_CLIENT_DISPATCH_ONLY))
		client_dispatch_sessions(client);
	r = session_new(client, fd, &session);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = establish(session, deadline);
	if (r < 0) {
		session_end(session);
		session_unref(session);
		return r;
	}
	r = client_watch(client, session);
	if (r < 0)
		session_close(session, "a loop cannot poll it");
	return r;
}

/* One at a time, and only of a connection that is over. */
static int claim(struct rig_client *client)
{
	bool alive = rig_client_error(client) == 0;
	int r = 0;

	pthread_mutex_lock(&client->lock);
	if (alive || client->reconnecting)
		r = -EBUSY;
	else
		client->reconnecting = true;
	pthread_mutex_unlock(&client->lock);
	return r;
}

int rig_client_reconnect(struct rig_client *client, int fd, rig_time deadline)
{
	int r = client_forked(client) ? -ENOTCONN : claim(client);

	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = reconnect(client, fd, deadline);
	pthread_mutex_lock(&client->lock);
	client->reconnecting = false;
	pthread_mutex_unlock(&client->lock);
	return r;
}
