/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dgram.h - a datagram socket (QEMU's -netdev dgram, vfkit, krunkit): one port, one frame a datagram
 */
#ifndef NET_PORTS_DGRAM_H
#define NET_PORTS_DGRAM_H

#include "net/ports/port_socket.h"

/** dgram_new() - as port_socket_new() */
int dgram_new(uv_loop_t *loop, const struct port_socket_config *config, struct port_table *table,
	      struct port_socket **ret, char **ret_error);

#endif
