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
#include "net/relay/stream_relay.h"
#include "net/user/forward.h"
#include "net/user/loopback_door.h"
#include "sys/explain.h"
#include "sys/sock.h"

#define PORT_TRIES 16u

struct unix_forward {
	struct unix_forward *next;
	struct unix_forwards *owner;
	struct sock_listener listener;
	struct network_forward behind; /* libslirp's, on loopback */
	int door;		       /* its listening socket; libslirp's */
	struct stream_relay *relay;
};

struct unix_forwards {
	Slirp *slirp;
	struct slirp_poll *slirp_poll;
	struct unix_forward *list;
	struct stream_relays *relays;
};

static int dial(void *opaque)
{
	const struct unix_forward *forward = opaque;

	return loopback_door_enter(forward->door, &forward->behind.host);
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

static int start_relay(struct unix_forward *forward)
{
	char name[sizeof(struct sockaddr_un)];

	snprintf(name, sizeof(name), "tcp:%s", forward->listener.path);
	return stream_relay_new(forward->owner->relays, forward->listener.fd, name, dial, forward,
				&forward->relay);
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
	r = start_relay(forward);
	if (r < 0) {
		user_forward_remove(forward->owner->slirp, forward->owner->slirp_poll,
				    &forward->behind);
		sock_listener_close(&forward->listener);
		return explain(ret_error, r, "%s", strerror(-r));
	}
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
	stream_relay_free(forward->relay);
	sock_listener_close(&forward->listener);
	free(forward);
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
	int r;

	if (!forwards)
		return -ENOMEM;
	r = stream_relays_new(loop, &forwards->relays);
	if (r < 0) {
		free(forwards);
		return r;
	}
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
	stream_relays_free(forwards->relays);
	free(forwards);
}
