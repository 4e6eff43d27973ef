/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control.c - the control socket: who may come in
 */
#include "net/control/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/control/answer.h"
#include "net/control/captures.h"
#include "net/control/client.h"
#include "net/ports/acceptor.h"
#include "net/ports/bind.h"
#include "sys/activation.h"
#include "sys/explain.h"
#include "sys/log.h"

struct control {
	uv_loop_t *loop;
	struct control_host host;
	struct acceptor *acceptor;
	struct control_client *clients[CONTROL_CLIENTS_MAX]; /* NULL: free */
	unsigned int n_clients;
	struct log_limit refused;
};

static void on_gone(void *opaque, struct control_client *client)
{
	struct control *control = opaque;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (control->clients[i] == client) {
			control->clients[i] = NULL;
			control->n_clients--;
		}
	}
	captures_forget(control->host.captures, client);
	control_client_free(client);
}

static const struct control_client_events client_events = { .gone = on_gone };

/* Told, as far as the socket takes it, which for a new one it does. */
static void turn_away(struct control *control, int fd)
{
	char *text, why[64];

	log_limited(
		&control->refused, LOG_LEVEL_WARNING,
		"control: a client is refused: %u are connected, which is the most there may be",
		CONTROL_CLIENTS_MAX);
	snprintf(why, sizeof(why), "%u clients are connected; disconnect one", CONTROL_CLIENTS_MAX);
	if (control_refusal(-EBUSY, why, &text) >= 0) {
		struct iovec whole = { .iov_base = text, .iov_len = strlen(text) };

		(void)sock_msg_send(fd, &whole, 1, NULL, 0);
		free(text);
	}
	close(fd);
}

static int on_accepted(void *opaque, int fd)
{
	struct control *control = opaque;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		int r;

		if (control->clients[i])
			continue;
		r = control_client_new(control->loop, fd, &control->host, &client_events, control,
				       &control->clients[i]);
		control->n_clients += r >= 0;
		return r;
	}
	turn_away(control, fd);
	return 0;
}

/* Of the service manager, or made here. */
static int bind_control(const struct net_settings *settings, struct sock_listener *ret,
			char **ret_error)
{
	const struct sock_access access = { .mode = settings->control_mode,
					    .group = settings->control_group };
	int fd = activation_fd_by_path(settings->control_path, SOCK_STREAM);
	int r;

	if (fd >= 0) {
		*ret = (struct sock_listener) { .fd = fd };
		return 0;
	}
	if (fd != -ENOENT)
		return explain(ret_error, fd,
			       "--control %s: the service manager has bound it to a socket of "
			       "another kind: ListenStream= is needed",
			       settings->control_path);
	r = sock_listen(settings->control_path, &access, ret);
	if (r < 0)
		return explain(ret_error, r, "--control %s: %s", settings->control_path,
			       port_bind_why_no_path(r));
	return 0;
}

int control_new(uv_loop_t *loop, const struct net_settings *settings,
		const struct control_host *host, struct control **ret, char **ret_error)
{
	struct control *control = calloc(1, sizeof(*control));
	struct sock_listener listener;
	int r;

	if (!control)
		return -ENOMEM;
	control->loop = loop;
	control->host = *host;
	r = captures_new(net_service_ports(host->service), control_client_tell,
			 &control->host.captures);
	if (r >= 0)
		r = bind_control(settings, &listener, ret_error);
	if (r >= 0)
		r = acceptor_new_bound(loop, "control", settings->control_path, &listener,
				       on_accepted, control, &control->acceptor);
	if (r < 0) {
		captures_free(control->host.captures);
		free(control);
		return r;
	}
	*ret = control;
	return 0;
}

unsigned int control_n_clients(const struct control *control)
{
	return control ? control->n_clients : 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	captures_free(control->host.captures);
	acceptor_free(control->acceptor);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		control_client_free(control->clients[i]);
	free(control);
}
