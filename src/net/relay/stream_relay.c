/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_relay.c - accept, dial, splice
 */
#include "net/relay/stream_relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/relay/splice.h"
#include "sys/log.h"
#include "sys/sock.h"

#define CONNECTIONS_MAX 1024u /* of a network: two buffers of 64 KiB each */
#define RETRY_MS	1000u /* until accept() is tried again when the process has no fds left */

struct connection {
	struct connection *next;
	struct splice *splice;
};

struct stream_relay {
	struct stream_relays *owner;
	int fd;
	char *name;
	int (*dial)(void *opaque);
	void *opaque;
	uv_poll_t poll;
	uv_timer_t retry;
	unsigned int open_handles;
};

struct stream_relays {
	uv_loop_t *loop;
	struct connection *connections;
	unsigned int n_connections;
	struct log_limit lost;
};

/* Connections */

static void connection_free(struct stream_relays *relays, struct connection **at)
{
	struct connection *connection = *at;

	*at = connection->next;
	relays->n_connections--;
	splice_free(connection->splice);
	free(connection);
}

static void on_ended(void *opaque, struct splice *splice)
{
	struct stream_relays *relays = opaque;
	struct connection **at = &relays->connections;

	while ((*at)->splice != splice)
		at = &(*at)->next;
	connection_free(relays, at);
}

/* Takes fd in any case. */
static int connection_new(struct stream_relay *relay, int fd)
{
	struct stream_relays *relays = relay->owner;
	struct connection *connection;
	int far_fd, r;

	connection =
		relays->n_connections < CONNECTIONS_MAX ? calloc(1, sizeof(*connection)) : NULL;
	far_fd = connection ? relay->dial(relay->opaque) : -ENOBUFS;
	if (far_fd < 0) {
		close(fd);
		free(connection);
		return far_fd;
	}
	r = splice_new(relays->loop, fd, far_fd, on_ended, relays, &connection->splice);
	if (r < 0) {
		free(connection);
		return r;
	}
	connection->next = relays->connections;
	relays->connections = connection;
	relays->n_connections++;
	return 0;
}

/* The socket */

static void accept_start(struct stream_relay *relay);

static void on_retry(uv_timer_t *timer)
{
	accept_start(timer->data);
}

/* One at a time: with more waiting the socket stays readable. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct stream_relay *relay = poll->data;
	int fd = sock_accept(relay->fd);
	int r = fd < 0 ? fd : connection_new(relay, fd);

	if (r >= 0 || fd == -EAGAIN)
		return;
	log_limited(&relay->owner->lost, LOG_LEVEL_WARNING,
		    "--forward %s: a connection is lost: %s", relay->name,
		    r == -ENOBUFS ? "too many" : strerror(-r));
	if (fd < 0) {
		uv_poll_stop(poll);
		uv_timer_start(&relay->retry, on_retry, RETRY_MS, 0);
	}
}

static void accept_start(struct stream_relay *relay)
{
	uv_poll_start(&relay->poll, UV_READABLE, on_readable);
}

int stream_relay_new(struct stream_relays *relays, int fd, const char *name,
		     int (*dial)(void *opaque), void *opaque, struct stream_relay **ret)
{
	struct stream_relay *relay = calloc(1, sizeof(*relay));
	int r = -ENOMEM;

	if (relay)
		relay->name = strdup(name);
	if (relay && relay->name)
		r = uv_poll_init(relays->loop, &relay->poll, fd);
	if (r < 0) {
		free(relay ? relay->name : NULL);
		free(relay);
		return r;
	}
	relay->owner = relays;
	relay->fd = fd;
	relay->dial = dial;
	relay->opaque = opaque;
	uv_timer_init(relays->loop, &relay->retry);
	relay->open_handles = 2;
	relay->poll.data = relay->retry.data = relay;
	accept_start(relay);
	*ret = relay;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct stream_relay *relay = handle->data;

	if (--relay->open_handles)
		return;
	free(relay->name);
	free(relay);
}

void stream_relay_free(struct stream_relay *relay)
{
	if (!relay)
		return;
	uv_close((uv_handle_t *)&relay->poll, on_closed);
	uv_close((uv_handle_t *)&relay->retry, on_closed);
}

/* All */

int stream_relays_new(uv_loop_t *loop, struct stream_relays **ret)
{
	struct stream_relays *relays = calloc(1, sizeof(*relays));

	if (!relays)
		return -ENOMEM;
	relays->loop = loop;
	*ret = relays;
	return 0;
}

void stream_relays_free(struct stream_relays *relays)
{
	if (!relays)
		return;
	while (relays->connections)
		connection_free(relays, &relays->connections);
	free(relays);
}
