/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unix_forward.c - port forwards that begin at a UNIX socket of the host
 *
 *   client --- UNIX socket --- splice --- TCP on loopback --- libslirp --- guest
 *
 * libslirp (since 4.7) would listen at a path itself, but takes over what is there, and for each
 * client needs one fd more, without which it ends the process. So it listens on loopback instead,
 * behind a door that only we get through (loopback_door.h): who may connect is decided by the rights
 * of the socket's file.
 */
#include "net/user/unix_forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/ports/bind.h"
#include "net/user/forward.h"
#include "net/user/loopback_door.h"
#include "net/user/splice.h"
#include "sys/explain.h"
#include "sys/log.h"
#include "sys/sock.h"

#define CONNECTIONS_MAX 1024u /* of all forwards: two buffers of 64 KiB each */
#define RETRY_MS	1000u /* until accept() is tried again when the process has no fds left */
#define PORT_TRIES	16u

struct connection {
	struct connection *next;
	struct splice *splice;
};

struct unix_forward {
	struct unix_forward *next;
	struct unix_forwards *owner;
	struct sock_listener listener;
	struct network_forward behind; /* libslirp's, on loopback */
	int door;		       /* its listening socket; libslirp's */
	uv_poll_t poll;
	uv_timer_t retry;
	unsigned int open_handles;
};

struct unix_forwards {
	uv_loop_t *loop;
	Slirp *slirp;
	struct slirp_poll *slirp_poll;
	struct unix_forward *list;
	struct connection *connections;
	unsigned int n_connections;
	struct log_limit lost;
};

/* Connections */

static void connection_free(struct unix_forwards *forwards, struct connection **at)
{
	struct connection *connection = *at;

	*at = connection->next;
	forwards->n_connections--;
	splice_free(connection->splice);
	free(connection);
}

static void on_ended(void *opaque, struct splice *splice)
{
	struct unix_forwards *forwards = opaque;
	struct connection **at = &forwards->connections;

	while ((*at)->splice != splice)
		at = &(*at)->next;
	connection_free(forwards, at);
}

/* Takes fd in any case. */
static int connection_new(struct unix_forward *forward, int fd)
{
	struct unix_forwards *forwards = forward->owner;
	struct connection *connection;
	int tcp_fd, r;

	connection =
		forwards->n_connections < CONNECTIONS_MAX ? calloc(1, sizeof(*connection)) : NULL;
	tcp_fd = connection ? loopback_door_enter(forward->door, &forward->behind.host) : -ENOBUFS;
	if (tcp_fd < 0) {
		close(fd);
		free(connection);
		return tcp_fd;
	}
	r = splice_new(forwards->loop, fd, tcp_fd, on_ended, forwards, &connection->splice);
	if (r < 0) {
		free(connection);
		return r;
	}
	connection->next = forwards->connections;
	forwards->connections = connection;
	forwards->n_connections++;
	return 0;
}

/* The socket */

static void accept_start(struct unix_forward *forward);

static void on_retry(uv_timer_t *timer)
{
	accept_start(timer->data);
}

/* One at a time: with more waiting the socket stays readable. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct unix_forward *forward = poll->data;
	int fd = sock_accept(forward->listener.fd);
	int r = fd < 0 ? fd : connection_new(forward, fd);

	if (r >= 0 || fd == -EAGAIN)
		return;
	log_limited(&forward->owner->lost, LOG_LEVEL_WARNING,
		    "--forward tcp:%s: a connection is lost: %s", forward->listener.path,
		    r == -ENOBUFS ? "too many" : strerror(-r));
	if (fd < 0) {
		uv_poll_stop(poll);
		uv_timer_start(&forward->retry, on_retry, RETRY_MS, 0);
	}
}

static void accept_start(struct unix_forward *forward)
{
	uv_poll_start(&forward->poll, UV_READABLE, on_readable);
}

/* A port of those that the kernel gives to nobody in particular. */
static int pick_port(struct sockaddr_storage *host)
{
	socklen_t len = host->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						    : sizeof(struct sockaddr_in);
	int fd = socket(host->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	((struct sockaddr_in *)host)->sin_port = 0;
	if (bind(fd, (const struct sockaddr *)host, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)host, &len) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* Somebody may be quicker and have the port. */
static int add_behind(struct unix_forward *forward, char **ret_error)
{
	struct unix_forwards *forwards = forward->owner;
	int r = -EADDRINUSE;

	for (unsigned int i = 0; i < PORT_TRIES && r == -EADDRINUSE; i++) {
		char *error = NULL;

		r = pick_port(&forward->behind.host);
		if (r >= 0)
			r = user_forward_add(forwards->slirp, forwards->slirp_poll,
					     &forward->behind, &error);
		free(error);
	}
	if (r < 0)
		return explain(ret_error, r, "no port of loopback to go through: %s", strerror(-r));
	forward->door = user_forward_socket(forwards->slirp, &forward->behind);
	r = forward->door < 0 ? forward->door : loopback_door_shut(forward->door);
	if (r < 0) {
		user_forward_remove(forwards->slirp, forwards->slirp_poll, &forward->behind);
		return explain(ret_error, r,
			       "this kernel has no socket filters, which keep others out: %s",
			       strerror(-r));
	}
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct unix_forward *forward = handle->data;

	if (--forward->open_handles == 0)
		free(forward);
}

static int start(struct unix_forward *forward, const struct network_forward *config,
		 char **ret_error)
{
	const char *path = ((const struct sockaddr_un *)&config->host)->sun_path;
	int r = sock_listen(path, NULL, &forward->listener);

	if (r < 0)
		return explain(ret_error, r, "%s", port_bind_why_no_path(r));
	r = add_behind(forward, ret_error);
	if (r < 0) {
		sock_listener_close(&forward->listener);
		return r;
	}
	r = uv_poll_init(forward->owner->loop, &forward->poll, forward->listener.fd);
	if (r < 0) {
		user_forward_remove(forward->owner->slirp, forward->owner->slirp_poll,
				    &forward->behind);
		sock_listener_close(&forward->listener);
		return explain(ret_error, r, "%s", strerror(-r));
	}
	uv_timer_init(forward->owner->loop, &forward->retry);
	forward->open_handles = 2;
	forward->poll.data = forward->retry.data = forward;
	accept_start(forward);
	return 0;
}

int unix_forwards_add(struct unix_forwards *forwards, const struct network_forward *config,
		      char **ret_error)
{
	struct unix_forward *forward = calloc(1, sizeof(*forward));
	struct sockaddr_in loopback4 = { .sin_family = AF_INET,
					 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 loopback6 = { .sin6_family = AF_INET6,
					  .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int r;

	if (!forward)
		return -ENOMEM;
	forward->owner = forwards;
	forward->behind.protocol = IPPROTO_TCP;
	forward->behind.guest = config->guest;
	if (config->guest.ss_family == AF_INET6)
		memcpy(&forward->behind.host, &loopback6, sizeof(loopback6));
	else
		memcpy(&forward->behind.host, &loopback4, sizeof(loopback4));
	r = start(forward, config, ret_error);
	if (r < 0) {
		free(forward);
		return r;
	}
	forward->next = forwards->list;
	forwards->list = forward;
	return 0;
}

static void remove_at(struct unix_forwards *forwards, struct unix_forward **at)
{
	struct unix_forward *forward = *at;

	*at = forward->next;
	user_forward_remove(forwards->slirp, forwards->slirp_poll, &forward->behind);
	uv_close((uv_handle_t *)&forward->poll, on_closed);
	uv_close((uv_handle_t *)&forward->retry, on_closed);
	sock_listener_close(&forward->listener);
}

void unix_forwards_remove(struct unix_forwards *forwards, const struct network_forward *forward)
{
	const char *path = ((const struct sockaddr_un *)&forward->host)->sun_path;
	struct unix_forward **at = &forwards->list;

	while (*at && strcmp((*at)->listener.path, path) != 0)
		at = &(*at)->next;
	if (*at)
		remove_at(forwards, at);
}

int unix_forwards_new(uv_loop_t *loop, Slirp *slirp, struct slirp_poll *poll,
		      struct unix_forwards **ret)
{
	struct unix_forwards *forwards = calloc(1, sizeof(*forwards));

	if (!forwards)
		return -ENOMEM;
	forwards->loop = loop;
	forwards->slirp = slirp;
	forwards->slirp_poll = poll;
	*ret = forwards;
	return 0;
}

void unix_forwards_free(struct unix_forwards *forwards)
{
	if (!forwards)
		return;
	while (forwards->list)
		remove_at(forwards, &forwards->list);
	while (forwards->connections)
		connection_free(forwards, &forwards->connections);
	free(forwards);
}
