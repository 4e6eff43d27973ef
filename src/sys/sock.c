/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sock.c - UNIX sockets: addresses, connecting, accepting
 */
#include "sys/sock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int sock_address(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	/* An empty name would not fail: the kernel takes it for an abstract address. */
	if (len == 0)
		return -ENOENT;
	if (len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, len + 1);
	return 0;
}

bool sock_is_listening(int fd)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
}

int sock_connect_to(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	do
		r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	while (r < 0 && errno == EINTR);
	if (r < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int sock_connect(const char *path)
{
	struct sockaddr_un address;
	int r = sock_address(path, &address);

	return r < 0 ? r : sock_connect_to(&address);
}

int sock_accept(int fd)
{
	int r;

	do
		r = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (r < 0 && errno == EINTR);
	if (r >= 0)
		return r;
	/* That one gave up while it waited: nothing that the listener has to hear of. */
	return errno == ECONNABORTED ? -EAGAIN : -errno;
}
