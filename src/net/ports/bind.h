/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bind.h - the socket behind a port: made at a path, passed by the service manager, or inherited
 */
#ifndef NET_PORTS_BIND_H
#define NET_PORTS_BIND_H

#include "net/ports/port_socket.h"
#include "sys/sock.h"

/**
 * struct port_bound - a non-blocking close-on-exec UNIX socket
 * @listener:  sock_listener_close() ends it; the file is removed if it was made here
 * @connected: there is one peer and will be no other; else a stream listens, datagrams may come
 *	       from anybody
 */
struct port_bound {
	struct sock_listener listener;
	bool connected;
};

/**
 * port_bind() - as the config has it
 * @config: if it names an fd, a duplicate of that is used
 * Return: 0, -errno with a sentence that begins with the option
 */
int port_bind(const struct port_socket_config *config, struct port_bound *ret, char **ret_error);

/** port_bind_why_no_path() - what is wrong with a path, and what to do, behind its name; static
 * @error: of sock_listen() or sock_bind_dgram()
 */
const char *port_bind_why_no_path(int error);

/** port_bind_label() - "--nic /run/a.sock", "--stream fd=3": how sentences begin. On truncation: cut */
void port_bind_label(const struct port_socket_config *config, char *buf, size_t size);

#endif
