/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_loop.c - the least that forwarding can be: see copy_loop.h
 *
 * Blocking calls only, no poll(): in and out of the kernel once for what is there. As many bytes in
 * one call, and as much in its send buffer, as a port of ours has.
 */
#include "copy_loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define COPY_BYTES   (128u << 10)
#define SOCKET_BYTES (1 << 20)

/* @address: where to, if that one is not connected */
static _Noreturn void copy(int from, int to, const struct sockaddr_un *address, size_t address_len)
{
	static char bytes[COPY_BYTES];
	ssize_t n;

	while ((n = recv(from, bytes, sizeof(bytes), 0)) > 0) {
		for (ssize_t done = 0, r; done < n; done += r) {
			r = sendto(to, bytes + done, (size_t)(n - done), MSG_NOSIGNAL,
				   (const struct sockaddr *)address, (socklen_t)address_len);
			if (r < 0)
				_exit(1);
		}
	}
	_exit(0);
}

static pid_t start(int from, int to, const struct sockaddr_un *address, size_t address_len)
{
	const int bytes = SOCKET_BYTES;
	pid_t pid;

	(void)setsockopt(to, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		copy(from, to, address, address_len);
	}
	close(from);
	if (to != from)
		close(to);
	return pid;
}

static pid_t start_stream(int *ret_from, int *ret_to)
{
	int from[2], to[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, from) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to) < 0)
		die("socketpair: %s", strerror(errno));
	*ret_from = from[1];
	*ret_to = to[1];
	return start(from[0], to[0], NULL, 0);
}

/* One socket does: it receives from whoever sends and sends to the other guest. */
static pid_t start_dgram(const struct served *s, int *ret_from, int *ret_to)
{
	char path[96], guest[96];
	struct sockaddr_un address;
	int fd;

	served_path(s, "copy", path, sizeof(path));
	served_path(s, "copy-guest", guest, sizeof(guest));
	fd = socket_bind(path);
	*ret_from = socket_connect(SOCK_DGRAM, path, NULL);
	*ret_to = socket_connect(SOCK_DGRAM, path, guest);
	return start(fd, fd, &address, socket_address(guest, &address));
}

pid_t copy_loop_start(const struct served *s, int type, int *ret_from, int *ret_to)
{
	return type == SOCK_DGRAM ? start_dgram(s, ret_from, ret_to)
				  : start_stream(ret_from, ret_to);
}

void copy_loop_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
