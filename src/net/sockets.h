/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sockets.h - the sockets where guests plug in, of one network, by name
 *
 * One thread: the loop's.
 */
#ifndef NET_SOCKETS_H
#define NET_SOCKETS_H

#include "net/ports/port_socket.h"

struct sockets;

/** struct socket_entry - one of them; the table's, as is all that it points to */
struct socket_entry {
	struct socket_entry *next;
	struct port_socket_config config; /* with name, and for a NIC with MAC; fd is -1 */
	struct port_socket *socket;
};

int sockets_new(uv_loop_t *loop, struct port_table *ports, struct sockets **ret);
void sockets_free(struct sockets *sockets); /* guests are unplugged; NULL is fine */

/**
 * sockets_add()
 * @config: with a name; a NIC without a MAC gets one that no other has
 * @ret: may be NULL
 * Return: 0; -EEXIST name or MAC is taken; -EADDRINUSE the path is one of ours; what
 * port_socket_new() returns. @ret_error with all of them
 */
int sockets_add(struct sockets *sockets, const struct port_socket_config *config,
		const struct socket_entry **ret, char **ret_error);

/** sockets_remove() - by its name, guests on it are unplugged. Return: 0, -ENOENT */
int sockets_remove(struct sockets *sockets, const char *name);

/** sockets_set_limits() - of its ports, those to come included. Return: 0, -ENOENT, -ENOMEM */
int sockets_set_limits(struct sockets *sockets, const char *name, const struct port_limits *limits);

/** sockets_find(), sockets_first() - NULL: none; in the order in which they were added */
const struct socket_entry *sockets_find(const struct sockets *sockets, const char *name);
const struct socket_entry *sockets_first(const struct sockets *sockets);

#endif
