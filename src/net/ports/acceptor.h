/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * acceptor.h - takes in whoever connects to a stream socket, a port's or the control socket
 *
 * An inherited socket that is connected already is the one connection there will be.
 *
 * One thread: the loop's.
 */
#ifndef NET_PORTS_ACCEPTOR_H
#define NET_PORTS_ACCEPTOR_H

#include "net/ports/port_socket.h"
#include "sys/sock.h"

struct acceptor;

/**
 * acceptor_new() - bind, and listen
 * @config:   as port_bind()
 * @accepted: a connection, non-blocking and close-on-exec, the callee's in any case. Return: 0,
 *	      -errno: it is lost, which gets logged. Runs inside of acceptor_new() for a connected socket,
 *	      whose failure is then its own
 */
int acceptor_new(uv_loop_t *loop, const struct port_socket_config *config,
		 int (*accepted)(void *opaque, int fd), void *opaque, struct acceptor **ret,
		 char **ret_error);

/**
 * acceptor_new_bound() - the same with a socket that listens already
 * @what, @name: for log lines; @what is a constant
 * @listener:    the acceptor's from here on, also if this fails
 * Return: 0, -errno
 */
int acceptor_new_bound(uv_loop_t *loop, const char *what, const char *name,
		       const struct sock_listener *listener, int (*accepted)(void *opaque, int fd),
		       void *opaque, struct acceptor **ret);

/** acceptor_free() - accepts nobody any more, and removes the file. The loop must run once more */
void acceptor_free(struct acceptor *acceptor); /* NULL is fine */

/** acceptor_is_open() - may another one come? */
bool acceptor_is_open(const struct acceptor *acceptor);

#endif
