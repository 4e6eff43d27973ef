/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * acceptor.c - takes in whoever connects to a stream socket
 */
#include "net/ports/acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/ports/bind.h"
#include "sys/explain.h"
#include "sys/log.h"

/* Until accept() is tried again when the process has no fds left. */
#define RETRY_MS  1000u
#define LABEL_MAX 160u

struct acceptor {
	uv_poll_t poll;
	uv_timer_t retry;
	unsigned int open_handles;
	struct sock_listener listener; /* fd -1: a connected socket, which was handed over */
	char *name;		       /* for log lines, with its kind */
	const char *kind;
	int (*accepted)(void *opaque, int fd);
	void *opaque;
	struct log_limit lost;
};

static void accept_start(struct acceptor *acceptor);

static void on_retry(uv_timer_t *timer)
{
	accept_start(timer->data);
}

/* One at a time: with more waiting the socket stays readable. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct acceptor *acceptor = poll->data;
	int fd = sock_accept(acceptor->listener.fd);
	int r = fd < 0 ? fd : acceptor->accepted(acceptor->opaque, fd);

	if (r >= 0 || fd == -EAGAIN)
		return;
	log_limited(&acceptor->lost, LOG_LEVEL_WARNING, "%s %s: a connection is lost: %s",
		    acceptor->kind, acceptor->name, strerror(-r));
	if (fd < 0) {
		uv_poll_stop(poll);
		uv_timer_start(&acceptor->retry, on_retry, RETRY_MS, 0);
	}
}

static void accept_start(struct acceptor *acceptor)
{
	uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
}

static void acceptor_release(struct acceptor *acceptor)
{
	free(acceptor->name);
	free(acceptor);
}

static void handle_closed(uv_handle_t *handle)
{
	struct acceptor *acceptor = handle->data;

	if (--acceptor->open_handles == 0)
		acceptor_release(acceptor);
}

void acceptor_free(struct acceptor *acceptor)
{
	if (!acceptor)
		return;
	if (acceptor->open_handles) {
		uv_close((uv_handle_t *)&acceptor->poll, handle_closed);
		uv_close((uv_handle_t *)&acceptor->retry, handle_closed);
	}
	sock_listener_close(&acceptor->listener);
	if (!acceptor->open_handles)
		acceptor_release(acceptor);
}

static int init_handles(struct acceptor *acceptor, uv_loop_t *loop)
{
	int r = uv_poll_init(loop, &acceptor->poll, acceptor->listener.fd);

	if (r < 0)
		return r;
	uv_timer_init(loop, &acceptor->retry);
	acceptor->poll.data = acceptor->retry.data = acceptor;
	acceptor->open_handles = 2;
	return 0;
}

static int acceptor_make(const char *what, const char *name, int (*accepted)(void *opaque, int fd),
			 void *opaque, struct acceptor **ret)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));

	if (!acceptor)
		return -ENOMEM;
	acceptor->listener.fd = -1;
	acceptor->kind = what;
	acceptor->accepted = accepted;
	acceptor->opaque = opaque;
	acceptor->name = strdup(name);
	if (!acceptor->name) {
		free(acceptor);
		return -ENOMEM;
	}
	*ret = acceptor;
	return 0;
}

/* The listener is the acceptor's, whatever happens. */
static int listen_start(struct acceptor *acceptor, uv_loop_t *loop,
			const struct sock_listener *listener)
{
	int r;

	acceptor->listener = *listener;
	r = init_handles(acceptor, loop);
	if (r >= 0)
		accept_start(acceptor);
	return r;
}

static int start(struct acceptor *acceptor, uv_loop_t *loop,
		 const struct port_socket_config *config, char **ret_error)
{
	char label[LABEL_MAX];
	struct port_bound bound;
	int r = port_bind(config, &bound, ret_error);

	if (r < 0)
		return r;
	if (bound.connected)
		r = acceptor->accepted(acceptor->opaque, bound.listener.fd);
	else
		r = listen_start(acceptor, loop, &bound.listener);
	if (r < 0) {
		port_bind_label(config, label, sizeof(label));
		return explain(ret_error, r, "%s: %s", label, strerror(-r));
	}
	return 0;
}

int acceptor_new(uv_loop_t *loop, const struct port_socket_config *config,
		 int (*accepted)(void *opaque, int fd), void *opaque, struct acceptor **ret,
		 char **ret_error)
{
	struct acceptor *acceptor;
	int r = acceptor_make(port_socket_kind_name(config->kind), config->name, accepted, opaque,
			      &acceptor);

	if (r < 0)
		return explain(ret_error, r, "no memory for a socket");
	r = start(acceptor, loop, config, ret_error);
	if (r < 0) {
		acceptor_free(acceptor);
		return r;
	}
	*ret = acceptor;
	return 0;
}

int acceptor_new_bound(uv_loop_t *loop, const char *what, const char *name,
		       const struct sock_listener *listener, int (*accepted)(void *opaque, int fd),
		       void *opaque, struct acceptor **ret)
{
	struct sock_listener own = *listener;
	struct acceptor *acceptor;
	int r = acceptor_make(what, name, accepted, opaque, &acceptor);

	if (r < 0) {
		sock_listener_close(&own);
		return r;
	}
	r = listen_start(acceptor, loop, &own);
	if (r < 0) {
		acceptor_free(acceptor);
		return r;
	}
	*ret = acceptor;
	return 0;
}

bool acceptor_is_open(const struct acceptor *acceptor)
{
	return acceptor->listener.fd >= 0;
}
