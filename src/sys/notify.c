/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notify.c - tell the service manager how we are (the sd_notify protocol)
 *
 * One datagram to the UNIX socket that the manager named in the environment. That is all of the
 * protocol, and less than a library to link with.
 */
#include "sys/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * '@' stands for the NUL byte that an abstract name starts with; its end is the length, not a NUL.
 */
static int notify_address(const char *name, struct sockaddr_un *ret, socklen_t *ret_len)
{
	size_t len = strlen(name);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(address.sun_path))
		return -EINVAL;
	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	else
		len++;
	*ret = address;
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

int notify_service_manager(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t address_len;
	ssize_t n;
	int fd, r;

	if (!name || !*name)
		return 0;
	r = notify_address(name, &address, &address_len);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	n = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
		   address_len);
	r = n < 0 ? -errno : 0;
	close(fd);
	return r;
}
