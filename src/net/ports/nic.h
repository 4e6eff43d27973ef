/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic.h - a port that is a virtio-net device on a vfio-user socket
 *
 * Listens at a path, serves one VMM at a time (the next one after it is gone), and moves frames
 * between the device and its channel. After a kick it polls the rings for a while before it sleeps:
 * kicks are expensive with QEMU. One thread: the loop's.
 */
#ifndef NET_PORTS_NIC_H
#define NET_PORTS_NIC_H

#include "net/ports/port_socket.h"

/** nic_new() - as port_socket_new() */
int nic_new(uv_loop_t *loop, const struct port_socket_config *config, struct port_table *table,
	    struct port_socket **ret, char **ret_error);

#endif
