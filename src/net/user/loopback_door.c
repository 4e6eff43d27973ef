/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loopback_door.c - a listening TCP socket on loopback that only this process gets into
 *
 * Whoever may run programs on a host may connect to its loopback. A socket filter, which needs no
 * privileges, drops every packet for the listening socket. To get in, a socket of ours is bound to an
 * address and port, which nobody else has as long as it is; packets from there are let through
 * while it connects. On loopback the handshake is over when connect() returns. The accepted socket
 * keeps the filter of that moment, which is the right one for it.
 */
#include "net/user/loopback_door.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define PASS	    UINT32_MAX
#define TCP_SOURCE  0 /* the filter sees the segment from its TCP header on */
#define IP4_SOURCE  12
#define IP6_SOURCE  8
#define PROGRAM_MAX (2 + 2 * 4 + 2)

static int set_filter(int fd, struct sock_filter *program, unsigned int n)
{
	struct sock_fprog filter = { .len = (unsigned short)n, .filter = program };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno
											 : 0;
}

static int let_in_nobody(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);

	return set_filter(fd, &drop, 1);
}

/* One comparison: a load, and to the end of the program, which drops, if it is another value. */
static unsigned int compare(struct sock_filter *program, unsigned int at, unsigned int n,
			    uint16_t size, uint32_t offset, uint32_t value)
{
	program[at] = (struct sock_filter)BPF_STMT(BPF_LD | size | BPF_ABS, offset);
	program[at + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0,
						       (uint8_t)(n - 1 - (at + 2)));
	return at + 2;
}

static int let_in(int fd, const struct sockaddr_storage *from)
{
	const struct sockaddr_in *in = (const void *)from;
	const struct sockaddr_in6 *in6 = (const void *)from;
	bool v6 = from->ss_family == AF_INET6;
	const void *address = v6 ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr;
	unsigned int words = v6 ? 4 : 1, n = 2 + 2 * words + 2, at = 0;
	struct sock_filter program[PROGRAM_MAX];
	uint32_t word;

	/* The port is at the same place in both. */
	at = compare(program, at, n, BPF_H, TCP_SOURCE, ntohs(in->sin_port));
	for (unsigned int i = 0; i < words; i++) {
		memcpy(&word, (const uint8_t *)address + 4 * i, 4);
		at = compare(program, at, n, BPF_W,
			     (uint32_t)SKF_NET_OFF + (v6 ? IP6_SOURCE : IP4_SOURCE) + 4 * i,
			     ntohl(word));
	}
	program[at] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, PASS);
	program[at + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	return set_filter(fd, program, n);
}

int loopback_door_shut(int listening)
{
	struct pollfd poll_fd = { .fd = listening, .events = POLLIN };
	int r = let_in_nobody(listening), fd;

	while (r >= 0 && poll(&poll_fd, 1, 0) == 1) {
		fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			break;
		close(fd);
	}
	return r;
}

/* Return: a bound socket, -errno */
static int bound_socket(const struct sockaddr_storage *address, struct sockaddr_storage *ret_name)
{
	struct sockaddr_storage name = *address;
	socklen_t len = name.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						   : sizeof(struct sockaddr_in);
	int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	((struct sockaddr_in *)&name)->sin_port = 0;
	if (bind(fd, (struct sockaddr *)&name, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&name, &len) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_name = name;
	return fd;
}

static int finish(int fd, const struct sockaddr_storage *address)
{
	socklen_t len = address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						       : sizeof(struct sockaddr_in);
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t error_len = sizeof(error);

	if (connect(fd, (const struct sockaddr *)address, len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	if (poll(&poll_fd, 1, 0) != 1)
		return -EAGAIN; /* the queue is full */
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0)
		return -errno;
	return -error;
}

int loopback_door_enter(int listening, const struct sockaddr_storage *address)
{
	struct sockaddr_storage name;
	int fd = bound_socket(address, &name), r;

	if (fd < 0)
		return fd;
	r = let_in(listening, &name);
	if (r >= 0) {
		r = finish(fd, address);
		(void)!let_in_nobody(listening); /* else: as before, who has the port next */
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}
