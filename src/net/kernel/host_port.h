/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_port.h - the host's side of a port forward, as a socket that has the port
 */
#ifndef NET_KERNEL_HOST_PORT_H
#define NET_KERNEL_HOST_PORT_H

#include "net/network.h"

/**
 * host_port_bind() - a bound, non-blocking socket
 * @forward: its host's side is an IP address
 * @reuse: connections of before may still be there (a socket that is going to listen)
 * @ret_error: for -EADDRINUSE and -EADDRNOTAVAIL a sentence; the caller frees
 * Return: 0, -EACCES the port is not this user's to take, -errno
 */
int host_port_bind(const struct network_forward *forward, bool reuse, int *ret_fd,
		   char **ret_error);

/** host_port_same() - are these two addresses of one port? */
bool host_port_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

#endif
