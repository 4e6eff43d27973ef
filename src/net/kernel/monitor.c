/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * monitor.c - rtnetlink's notifications, as a hint only
 *
 * What changed is not read from them: a notification lost (the socket's buffer is full) would be a
 * change lost. Whoever is told looks at how things are.
 */
#include "net/kernel/monitor.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_MAX 256u /* at once; what is left comes with the next event */

struct monitor {
	uv_poll_t poll;
	int fd;
	void (*changed)(void *opaque);
	void *opaque;
};

/* libuv looks no more after an error: the socket's buffer was full, which is read by then. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct monitor *monitor = poll->data;
	unsigned int reads = 0;
	char bytes[8192];
	ssize_t n;

	do {
		n = recv(monitor->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (++reads < READS_MAX && (n > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS))));
	if (status < 0)
		uv_poll_start(poll, UV_READABLE, on_readable);
	monitor->changed(monitor->opaque);
}

static int subscribe(int *ret)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF };
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int r = fd < 0 || bind(fd, (const void *)&address, sizeof(address)) < 0 ? -errno : 0;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && r >= 0; i++) {
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			r = -errno;
	}
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	*ret = fd;
	return 0;
}

int monitor_new(uv_loop_t *loop, void (*changed)(void *opaque), void *opaque, struct monitor **ret)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	int r;

	if (!monitor)
		return -ENOMEM;
	monitor->changed = changed;
	monitor->opaque = opaque;
	r = subscribe(&monitor->fd);
	if (r < 0) {
		free(monitor);
		return r;
	}
	uv_poll_init(loop, &monitor->poll, monitor->fd);
	monitor->poll.data = monitor;
	uv_poll_start(&monitor->poll, UV_READABLE, on_readable);
	*ret = monitor;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void monitor_free(struct monitor *monitor)
{
	if (!monitor)
		return;
	uv_close((uv_handle_t *)&monitor->poll, on_closed);
	close(monitor->fd);
}
