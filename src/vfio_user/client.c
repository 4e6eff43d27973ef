/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.c - life of a client
 *
 * It outlives its connections, which are sessions (client_session.c): what is kept here is what
 * an application holds on to.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/explain.h"
#include "sys/fork_guard.h"
#include "vfio_user/client_internal.h"

#define MAX_MSG_FDS	   16u
#define MIN_DATA_XFER_SIZE 4096u
#define MAX_DATA_XFER_SIZE (64u << 20)
#define MAX_REQUESTS_LIMIT 65536u

/* A new client */

static int take_config(struct rig_client *client, const struct rig_client_config *config)
{
	const uint32_t flags =
		RIG_CLIENT_TWIN_SOCKET | RIG_CLIENT_DISPATCH_ONLY | RIG_CLIENT_NO_WRITE_MULTI;
	struct rig_client_config *ours = &client->config;

	if (config) {
		if (config->struct_size < sizeof(*config) || (config->flags & ~flags))
			return -EINVAL;
		*ours = *config;
	}
	if (ours->ops)
		client->ops = *ours->ops;
	if (ours->max_msg_fds == 0)
		ours->max_msg_fds = MAX_MSG_FDS;
	if (ours->max_data_xfer_size == 0)
		ours->max_data_xfer_size = RIG_DEFAULT_MAX_DATA_XFER_SIZE;
	if (ours->max_msg_fds > LINK_MAX_FDS || ours->max_requests > MAX_REQUESTS_LIMIT ||
	    ours->max_data_xfer_size < MIN_DATA_XFER_SIZE ||
	    ours->max_data_xfer_size > MAX_DATA_XFER_SIZE)
		return -EINVAL;
	return 0;
}

static int client_alloc(const struct rig_client_config *config, const char *path,
			struct rig_client **ret)
{
	struct rig_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->fd = -1;
	pthread_mutex_init(&client->lock, NULL);
	pthread_mutex_init(&client->error.lock, NULL);
	client_dma_init(client);
	fork_guard_init();
	client->forks = fork_guard_generation();
	r = take_config(client, config);
	if (r == 0 && path) {
		client->path = strdup(path);
		r = client->path ? 0 : -ENOMEM;
	}
	if (r < 0) {
		free(client);
		return r;
	}
	*ret = client;
	return 0;
}

static int explain_handshake(struct rig_client *client, int error, rig_time waited_us,
			     char **ret_error)
{
	const char *name = client_name(client), *why = client->error.text;

	switch (error) {
	case -EBUSY:
		return explain(ret_error, error, "%s serves another client", name);
	case -ETIMEDOUT:
		return explain(
			ret_error, error,
			"%s took the connection and said nothing for %.3g s: it serves another "
			"client, or does not speak vfio-user",
			name, (double)waited_us / 1e6);
	case -EPROTO:
	case -ENOTCONN:
		return explain(ret_error, error, "%s does not speak vfio-user: %s", name, why);
	default:
		return explain(ret_error, error, "%s: %s", name, *why ? why : strerror(-error));
	}
}

void client_adopt(struct rig_client *client, struct session *session, struct agreement *agreement)
{
	char *old_json;

	pthread_mutex_lock(&client->lock);
	if (session != client->sessions) {
		session->next = client->sessions;
		client->sessions = session;
	}
	client->major = agreement->major;
	client->minor = agreement->minor;
	client->caps = agreement->caps;
	old_json = client->json;
	client->json = agreement->json;
	client_forget_device(client);
	pthread_mutex_unlock(&client->lock);
	free(old_json);
}

/* fd is the client's, also on failure. */
static int client_start(struct rig_client *client, int fd, rig_time deadline)
{
	struct agreement agreement;
	int r = session_new(client, fd, &client->sessions);

	if (r < 0) {
		close(fd);
		return r;
	}
	r = client_negotiate(client->sessions, deadline, &agreement);
	if (r < 0)
		return r;
	client_adopt(client, client->sessions, &agreement);
	r = session_establish(client->sessions);
	if (r < 0)
		client_fail(client, RIG_LOG_DEBUG, r, "the connection ended during the handshake");
	return r;
}

static int client_make(int fd, const char *path, const struct rig_client_config *config,
		       rig_time deadline, struct rig_client **ret, char **ret_error)
{
	rig_time started = rig_now();
	struct rig_client *client;
	int r = client_alloc(config, path, &client);

	if (r < 0) {
		close(fd);
		return explain(ret_error, r, "%s", strerror(-r));
	}
	r = client_start(client, fd, deadline);
	if (r < 0) {
		explain_handshake(client, r, deadline - started, ret_error);
		rig_client_free(client);
		return r;
	}
	*ret = client;
	return 0;
}

/* What the caller asked to know, or nothing. */
static int hand_out_error(int r, char *error, char **ret_error)
{
	if (r < 0 && ret_error)
		*ret_error = error;
	else
		free(error);
	return r;
}

int rig_client_connect(const char *path, const struct rig_client_config *config, rig_time deadline,
		       struct rig_client **ret, char **ret_error)
{
	char *error = NULL;
	int r = client_open(path, &error);

	if (r >= 0)
		r = client_make(r, path, config, deadline, ret, &error);
	return hand_out_error(r, error, ret_error);
}

int rig_client_new(int fd, const struct rig_client_config *config, rig_time deadline,
		   struct rig_client **ret, char **ret_error)
{
	char *error = NULL;
	int r = client_make(fd, NULL, config, deadline, ret, &error);

	return hand_out_error(r, error, ret_error);
}

/* The end of one */

static void end_sessions(struct rig_client *client)
{
	for (struct session *session = client->sessions; session; session = session->next)
		session_end(session);
	while (client->sessions) {
		struct session *session = client->sessions;

		client->sessions = session->next;
		session_unref(session);
	}
}

/* In a child: was nobody changing what this lock covers when the parent forked? */
static bool is_whole(pthread_mutex_t *lock)
{
	return pthread_mutex_trylock(lock) == 0;
}

/* Fronts close their fds without touching a lock, and nothing is called back. */
static void drop_sessions(struct rig_client *client)
{
	while (client->sessions) {
		struct session *session = client->sessions;

		client->sessions = session->next;
		front_free(session->front);
		free(session);
	}
}

/* What client->lock covers, but for sessions. */
static void free_device(struct rig_client *client)
{
	client_region_maps_free(client);
	client_forget_device(client);
	client_irqs_free(client);
	free(client->json);
}

void rig_client_free(struct rig_client *client)
{
	if (!client)
		return;
	if (!client_forked(client)) {
		end_sessions(client);
		free_device(client);
		client_dma_free(client);
	} else {
		drop_sessions(client);
		if (is_whole(&client->dma.lock))
			client_dma_free(client);
		if (is_whole(&client->lock)) {
			tdestroy(client->calls, op_drop);
			free_device(client);
		}
	}
	if (client->fd >= 0)
		close(client->fd);
	free(client->path);
	free(client);
}

void rig_client_disconnect(struct rig_client *client)
{
	struct session *session;

	if (client_forked(client))
		return;
	session = session_current(client);
	session_close(session, "disconnected by this client");
	session_unref(session);
}

/* What it is */

bool client_forked(const struct rig_client *client)
{
	return client->forks != fork_guard_generation();
}

const char *client_name(const struct rig_client *client)
{
	return client->path ? client->path : "vfio-user device";
}

int rig_client_error(const struct rig_client *client)
{
	struct session *session;
	int r;

	if (client_forked(client))
		return -ENOTCONN;
	session = session_current((struct rig_client *)client);
	r = front_error(session->front);
	session_unref(session);
	return r;
}

void rig_client_version(const struct rig_client *client, struct rig_client_version *ret)
{
	pthread_mutex_t *lock = &((struct rig_client *)client)->lock;
	const bool forked = client_forked(client);

	if (!forked)
		pthread_mutex_lock(lock);
	*ret = (struct rig_client_version) {
		.major = client->major,
		.minor = client->minor,
		.max_msg_fds = client->caps.max_msg_fds,
		.max_data_xfer_size = client->caps.max_data_xfer_size,
		.max_dma_maps = client->caps.max_dma_maps,
		.pgsizes = client->caps.pgsizes,
		.write_multiple = client->caps.write_multiple,
		.twin_socket = client->caps.twin_socket,
		.json = client->json ? client->json : "",
	};
	if (!forked)
		pthread_mutex_unlock(lock);
}

struct version_caps client_caps(struct rig_client *client)
{
	struct version_caps caps;

	pthread_mutex_lock(&client->lock);
	caps = client->caps;
	pthread_mutex_unlock(&client->lock);
	return caps;
}

uint32_t client_limit_locked(const struct rig_client *client)
{
	uint32_t theirs = client->caps.max_data_xfer_size;

	/* A reply that large is what we said that we accept. */
	return theirs < client->config.max_data_xfer_size ? theirs
							  : client->config.max_data_xfer_size;
}

uint32_t client_limit(struct rig_client *client)
{
	uint32_t limit;

	pthread_mutex_lock(&client->lock);
	limit = client_limit_locked(client);
	pthread_mutex_unlock(&client->lock);
	return limit;
}
