/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_session.c - one connection of a client
 *
 * A front cannot be revived, and threads may still be inside a dead one when its successor is
 * there. So each connection is a session of its own, kept by references: the client's list's and
 * each operation's. A dead session leaves the list when nobody else has one.
 */
#include <errno.h>
#include <stdlib.h>

#include "vfio_user/client_internal.h"

/* session.told: what the application knows. Its disconnected() runs on ALIVE -> DEAD only. */
enum {
	TOLD_NOTHING,
	TOLD_ALIVE,
	TOLD_DEAD,
};

static void on_request(void *opaque, struct front_request *request)
{
	session_request(opaque, request);
}

static void on_dead(void *opaque, int error, const char *reason)
{
	struct session *session = opaque;
	struct rig_client *client = session->client;

	if (atomic_exchange(&session->told, TOLD_DEAD) != TOLD_ALIVE)
		return;
	client_fail(client, atomic_load(&session->closing) ? RIG_LOG_DEBUG : RIG_LOG_WARNING, error,
		    "the connection is over: %s", reason);
	if (client->ops.disconnected)
		client->ops.disconnected(client->config.opaque, error, reason);
}

static void on_wants_changed(void *opaque)
{
	const struct session *session = opaque;
	const struct rig_client *client = session->client;

	client->ops.wants_changed(client->config.opaque);
}

static bool on_release(void *opaque)
{
	const struct session *session = opaque;
	const struct rig_client *client = session->client;

	return client->ops.release(client->config.opaque);
}

static void on_take(void *opaque)
{
	const struct session *session = opaque;
	const struct rig_client *client = session->client;

	client->ops.take(client->config.opaque);
}

/* A hook that is not there must not cost a call for each wait. */
static struct front_ops ops_for(const struct rig_client *client)
{
	const bool hooks = client->ops.release && client->ops.take;

	return (struct front_ops) {
		.request = on_request,
		.refused = session_refused_early,
		.dead = on_dead,
		.wants_changed = client->ops.wants_changed ? on_wants_changed : NULL,
		.release = hooks ? on_release : NULL,
		.take = hooks ? on_take : NULL,
	};
}

int session_new(struct rig_client *client, int fd, struct session **ret)
{
	const struct rig_client_config *config = &client->config;
	struct session *session = calloc(1, sizeof(*session));
	struct front_config front = {
		.peer = WIRE_FROM_SERVER,
		.accepts = { config->max_data_xfer_size, config->max_msg_fds },
		.max_outstanding = config->max_requests,
		.dispatch_only = config->flags & RIG_CLIENT_DISPATCH_ONLY,
		.nested = true,
		.poll_us = config->poll_us,
		.opaque = session,
	};
	int r;

	if (!session)
		return -ENOMEM;
	session->ops = ops_for(client);
	session->client = client;
	atomic_init(&session->refs, 1);
	front.ops = &session->ops;
	r = front_new(fd, &front, &session->front);
	if (r < 0) {
		free(session);
		return r;
	}
	*ret = session;
	return 0;
}

void session_ref(struct session *session)
{
	atomic_fetch_add(&session->refs, 1);
}

void session_unref(struct session *session)
{
	if (atomic_fetch_sub(&session->refs, 1) > 1)
		return;
	front_free(session->front);
	free(session);
}

struct session *session_current(struct rig_client *client)
{
	struct session *session;

	pthread_mutex_lock(&client->lock);
	session = client->sessions;
	session_ref(session);
	pthread_mutex_unlock(&client->lock);
	return session;
}

int session_establish(struct session *session)
{
	int nothing = TOLD_NOTHING;

	return atomic_compare_exchange_strong(&session->told, &nothing, TOLD_ALIVE) ? 0 : -ENOTCONN;
}

void session_close(struct session *session, const char *reason)
{
	atomic_store(&session->closing, true);
	front_kill(session->front, -ENOTCONN, reason);
}

void session_end(struct session *session)
{
	session_close(session, "closed by this client");
	front_settle(session->front);
}

/* Dead, everything called back, and known to nobody but the list. */
static bool session_is_done(struct session *session)
{
	return atomic_load(&session->drained) && atomic_load(&session->refs) == 1;
}

static void reap(struct rig_client *client)
{
	struct session *done = NULL;

	pthread_mutex_lock(&client->lock);
	for (struct session **at = &client->sessions->next; *at;) {
		struct session *session = *at;

		if (!session_is_done(session)) {
			at = &session->next;
			continue;
		}
		*at = session->next;
		session->next = done;
		done = session;
	}
	pthread_mutex_unlock(&client->lock);
	while (done) {
		struct session *session = done;

		done = session->next;
		session_unref(session);
	}
}

/* Once all is called back, a loop has nothing more to do with it. */
static int session_dispatch(struct session *session)
{
	int r;

	if (atomic_load(&session->drained))
		return -ENOTCONN;
	r = front_dispatch(session->front);
	if (r < 0 && !atomic_exchange(&session->drained, true))
		client_unwatch(session->client, session);
	return r;
}

struct session *session_after(struct session *session)
{
	struct rig_client *client = session->client;
	struct session *next;

	/* A session that somebody refers to stays in the list, and so does its place there. */
	pthread_mutex_lock(&client->lock);
	next = session->next;
	if (next)
		session_ref(next);
	pthread_mutex_unlock(&client->lock);
	session_unref(session);
	return next;
}

int client_dispatch_sessions(struct rig_client *client)
{
	struct session *session = session_current(client);
	int r = session_dispatch(session);

	while ((session = session_after(session)) != NULL)
		session_dispatch(session);
	reap(client);
	return r < 0 ? -ENOTCONN : 0;
}
