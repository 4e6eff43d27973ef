/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tap_guest.c - carries frames between a TAP device and a stream socket: a guest's card
 *
 *	bench_tap_guest TAP SOCKET	numbers of two descriptors, which it got from its parent
 *
 * The guest is the kernel, in the network namespace of the TAP device. Here is what QEMU does for
 * its guest: each frame is sent by itself behind its length, what comes is read as it is there. A
 * socket that takes no more keeps the TAP from being read, as a full ring would.
 *
 * Ends with the other side of the socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PREFIX	  4u
#define FRAME_MAX 65550u
#define RX_BYTES  (2 * (PREFIX + FRAME_MAX))
#define AT_ONCE	  32u /* frames in a row, then the other direction has its turn */

struct buffer {
	uint8_t bytes[RX_BYTES];
	size_t start, end;
};

/* Return: is all of it gone? */
static bool flush(int sock, struct buffer *b)
{
	while (b->start < b->end) {
		ssize_t n = send(sock, b->bytes + b->start, b->end - b->start,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			exit(0);
		b->start += (size_t)n;
	}
	return true;
}

static void from_tap(int tap, int sock, struct buffer *b)
{
	for (unsigned int i = 0; i < AT_ONCE; i++) {
		ssize_t n = read(tap, b->bytes + PREFIX, FRAME_MAX);
		uint32_t len = htonl((uint32_t)n);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			die("read from the TAP: %s", strerror(errno));
		memcpy(b->bytes, &len, PREFIX);
		b->start = 0;
		b->end = PREFIX + (size_t)n;
		if (!flush(sock, b))
			return;
	}
}

/* All whole frames that are there. What the kernel does not want, as with its link down, is lost. */
static void to_tap(int tap, struct buffer *b)
{
	uint32_t len;

	while (b->end - b->start >= PREFIX) {
		memcpy(&len, b->bytes + b->start, PREFIX);
		len = ntohl(len);
		if (len > FRAME_MAX)
			die("a frame of %u bytes", len);
		if (b->end - b->start < PREFIX + len)
			break;
		(void)!write(tap, b->bytes + b->start + PREFIX, len);
		b->start += PREFIX + len;
	}
	memmove(b->bytes, b->bytes + b->start, b->end - b->start);
	b->end -= b->start;
	b->start = 0;
}

static void from_socket(int tap, int sock, struct buffer *b)
{
	ssize_t n = recv(sock, b->bytes + b->end, sizeof(b->bytes) - b->end, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		exit(0);
	if (n > 0) {
		b->end += (size_t)n;
		to_tap(tap, b);
	}
}

static int number_of(const char *text)
{
	int fd = atoi(text);

	if (fcntl(fd, F_GETFD) < 0)
		die("%s is no descriptor", text);
	return fd;
}

int main(int argc, char **argv)
{
	static struct buffer in, out;
	int tap, sock;

	if (argc != 3)
		die("bench_tap_guest TAP SOCKET");
	tap = number_of(argv[1]);
	sock = number_of(argv[2]);
	if (fcntl(tap, F_SETFL, O_NONBLOCK) < 0)
		die("fcntl: %s", strerror(errno));
	for (;;) {
		bool full = !flush(sock, &out);
		struct pollfd p[] = { { .fd = sock, .events = POLLIN | (full ? POLLOUT : 0) },
				      { .fd = full ? -1 : tap, .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			die("poll: %s", strerror(errno));
		if (p[0].revents & (POLLIN | POLLHUP | POLLERR))
			from_socket(tap, sock, &in);
		if (!full && p[1].revents)
			from_tap(tap, sock, &out);
	}
}
