/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control.h - the control socket: requests and answers in JSON, a line each (docs/control.md)
 *
 * Who may connect may do everything: the rights of the socket's file decide. One thread: the loop's.
 */
#ifndef NET_CONTROL_CONTROL_H
#define NET_CONTROL_CONTROL_H

#include "net/service.h"

#define CONTROL_PROTOCOL    1
#define CONTROL_CLIENTS_MAX 256u /* each interface of libvmnet is one, too */

struct control;
struct control_client;
struct captures;

/**
 * struct control_host - what is controlled
 * @version: of the program
 * @captures: the control socket's own
 */
struct control_host {
	struct net_service *service;
	const char *version;
	struct captures *captures;
	/* As net_reload() of the command; NULL: there is no file to read again. */
	int (*reload)(void *opaque, void (*refused)(void *opaque, const char *sentence),
		      void *refused_opaque, char **ret_error);
	void *opaque; /* for reload */
};

/**
 * control_new() - listen
 * @settings: control_path is not NULL
 * @host: copied
 * @ret_error: a sentence; the caller frees
 * Return: 0, -errno
 */
int control_new(uv_loop_t *loop, const struct net_settings *settings,
		const struct control_host *host, struct control **ret, char **ret_error);

/** control_n_clients() - how many are connected; NULL: there is no control socket, and nobody is */
unsigned int control_n_clients(const struct control *control);

/** control_free() - disconnects all. The loop must run once more before it is closed. NULL is fine */
void control_free(struct control *control);

#endif
