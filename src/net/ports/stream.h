/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream.h - a stream socket (QEMU's -netdev stream): each guest that connects is a port
 */
#ifndef NET_PORTS_STREAM_H
#define NET_PORTS_STREAM_H

#include "net/ports/port_socket.h"

/* At once; one with mac= given. Further ones are hung up on. */
#define STREAM_GUESTS_MAX 64u

/** stream_new() - as port_socket_new() */
int stream_new(uv_loop_t *loop, const struct port_socket_config *config, struct port_table *table,
	       struct port_socket **ret, char **ret_error);

#endif
