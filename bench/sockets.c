/* SPDX-License-Identifier: BSD-3-Clause */
/* sockets.c - the sockets that measuring programs and their child processes talk by: see bench.h */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench.h"
#include "vfio_user/wire.h"

static void send_all(int fd, const void *data, size_t len)
{
	if (send(fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("send: %s", strerror(errno));
}

static void recv_all(int fd, void *data, size_t len)
{
	ssize_t n = recv(fd, data, len, MSG_WAITALL);

	if (n != (ssize_t)len)
		die("recv: %s", n < 0 ? strerror(errno) : "the server hung up");
}

pid_t fork_with_socket(int *ret_fd)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	close(pair[pid > 0]);
	*ret_fd = pair[pid == 0];
	return pid;
}

size_t socket_address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
	snprintf(ret->sun_path, sizeof(ret->sun_path), "%s", path);
	return offsetof(struct sockaddr_un, sun_path) + strlen(ret->sun_path) + 1;
}

int socket_bind(const char *path)
{
	struct sockaddr_un sa;
	size_t len = socket_address(path, &sa);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, (socklen_t)len) < 0)
		die("cannot bind to %s: %s", path, strerror(errno));
	return fd;
}

int socket_connect(int type, const char *path, const char *own)
{
	struct sockaddr_un sa;
	size_t len = socket_address(path, &sa);
	int fd = own ? socket_bind(own) : socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, (socklen_t)len) < 0)
		die("cannot connect to %s: %s", path, strerror(errno));
	return fd;
}

int nic_connect(const char *path)
{
	static const char json[] = "{\"capabilities\":{\"max_msg_fds\":16}}";
	static const struct wire_version version = { .major = 0, .minor = 0 };
	struct wire_header header = { .id = 1, .command = WIRE_VERSION };
	char request[sizeof(header) + sizeof(version) + sizeof(json)];
	struct wire_header reply;
	char rest[4096];
	int fd = socket_connect(SOCK_STREAM, path, NULL);

	header.size = sizeof(request);
	memcpy(request, &header, sizeof(header));
	memcpy(request + sizeof(header), &version, sizeof(version));
	memcpy(request + sizeof(header) + sizeof(version), json, sizeof(json));
	send_all(fd, request, sizeof(request));
	recv_all(fd, &reply, sizeof(reply));
	if (reply.flags != WIRE_TYPE_REPLY || reply.size < sizeof(reply) ||
	    reply.size - sizeof(reply) > sizeof(rest))
		die("the server refused the version (flags %#x, error %u)", reply.flags,
		    reply.error);
	recv_all(fd, rest, reply.size - sizeof(reply));
	return fd;
}
