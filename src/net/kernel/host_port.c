/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_port.c - a port of the host, taken
 */
#include "net/kernel/host_port.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/explain.h"

static socklen_t address_len(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
}

bool host_port_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port &&
	       memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

int host_port_bind(const struct network_forward *forward, bool reuse, int *ret_fd, char **ret_error)
{
	int one = 1;
	int fd = socket(forward->host.ss_family,
			(forward->protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) |
				SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	int r;

	if (fd < 0)
		return -errno;
	if (forward->host.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (reuse)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const void *)&forward->host, address_len(&forward->host)) == 0) {
		*ret_fd = fd;
		return 0;
	}
	r = -errno;
	close(fd);
	if (r == -EADDRINUSE)
		return explain(ret_error, r,
			       "another program on the host uses this port; choose another one");
	if (r == -EADDRNOTAVAIL)
		return explain(
			ret_error, r,
			"the host has no such address; give one that it has, or none for all");
	return r;
}
