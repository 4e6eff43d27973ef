/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slirp_loop.c - the least that a user network can be: libslirp between a stream socket and poll()
 *
 *	bench_slirp_loop SOCKET MTU	number of a descriptor, which it got from its parent
 *
 * One guest, no switch, no filter, no queue: what came goes into libslirp from where it was read, what
 * libslirp sends is put behind its length and goes out together before poll() waits. What `outrigger
 * net` takes beyond this is its own; this is libslirp's and the kernel's.
 *
 * Subnet and gateway: bench/user_network. Ends with the other side of the socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libslirp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench.h"

#define PREFIX	  4u
#define FRAME_MAX 65550u
#define IN_BYTES  (2 * (PREFIX + FRAME_MAX))
#define OUT_BYTES (256u << 10)
#define FDS_MAX	  64

struct loop {
	Slirp *slirp;
	int sock;
	struct pollfd fds[FDS_MAX];
	int n_fds;
	uint8_t in[IN_BYTES], out[OUT_BYTES];
	size_t in_len, out_len;
};

static void flush(struct loop *loop)
{
	for (size_t done = 0; done < loop->out_len;) {
		ssize_t n = send(loop->sock, loop->out + done, loop->out_len - done, MSG_NOSIGNAL);

		if (n < 0)
			exit(0);
		done += (size_t)n;
	}
	loop->out_len = 0;
}

static ssize_t send_packet(const void *packet, size_t len, void *opaque)
{
	struct loop *loop = opaque;
	uint32_t prefix = htonl((uint32_t)len);

	if (PREFIX + len > OUT_BYTES - loop->out_len)
		flush(loop);
	memcpy(loop->out + loop->out_len, &prefix, PREFIX);
	memcpy(loop->out + loop->out_len + PREFIX, packet, len);
	loop->out_len += PREFIX + len;
	return (ssize_t)len;
}

static void receive(struct loop *loop)
{
	ssize_t n =
		recv(loop->sock, loop->in + loop->in_len, IN_BYTES - loop->in_len, MSG_DONTWAIT);
	size_t at = 0;
	uint32_t len;

	if (n == 0 || (n < 0 && errno != EAGAIN))
		exit(0);
	loop->in_len += n > 0 ? (size_t)n : 0;
	while (loop->in_len - at >= PREFIX) {
		memcpy(&len, loop->in + at, PREFIX);
		len = ntohl(len);
		if (len > FRAME_MAX)
			die("a frame of %u bytes", len);
		if (loop->in_len - at < PREFIX + len)
			break;
		slirp_input(loop->slirp, loop->in + at + PREFIX, (int)len);
		at += PREFIX + len;
	}
	memmove(loop->in, loop->in + at, loop->in_len - at);
	loop->in_len -= at;
}

static int add_poll(int fd, int events, void *opaque)
{
	struct loop *loop = opaque;

	if (loop->n_fds == FDS_MAX)
		die("more than %d sockets", FDS_MAX);
	loop->fds[loop->n_fds] = (struct pollfd) { .fd = fd };
	loop->fds[loop->n_fds].events = (short)((events & SLIRP_POLL_IN ? POLLIN : 0) |
						(events & SLIRP_POLL_OUT ? POLLOUT : 0) |
						(events & SLIRP_POLL_PRI ? POLLPRI : 0));
	return loop->n_fds++;
}

static int get_revents(int index, void *opaque)
{
	short revents = ((struct loop *)opaque)->fds[index].revents;

	return (revents & POLLIN ? SLIRP_POLL_IN : 0) | (revents & POLLOUT ? SLIRP_POLL_OUT : 0) |
	       (revents & POLLPRI ? SLIRP_POLL_PRI : 0) | (revents & POLLERR ? SLIRP_POLL_ERR : 0) |
	       (revents & POLLHUP ? SLIRP_POLL_HUP : 0);
}

static int64_t clock_get_ns(void *opaque)
{
	return (int64_t)now_ns();
}

/* Router advertisements are for nobody here. */
static void *timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	return opaque;
}

static void timer_free(void *timer, void *opaque)
{
}

static void timer_mod(void *timer, int64_t expires_ms, void *opaque)
{
}

static void guest_error(const char *message, void *opaque)
{
}

static void fd_changed(int fd, void *opaque)
{
}

static void notify(void *opaque)
{
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_get_ns,
	.timer_new_opaque = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = fd_changed,
	.unregister_poll_fd = fd_changed,
	.notify = notify,
};

static void turn(struct loop *loop)
{
	uint32_t timeout_ms = UINT32_MAX;
	int r;

	loop->fds[0] = (struct pollfd) { .fd = loop->sock, .events = POLLIN };
	loop->n_fds = 1;
	slirp_pollfds_fill(loop->slirp, &timeout_ms, add_poll, loop);
	flush(loop);
	r = poll(loop->fds, (nfds_t)loop->n_fds, (int)timeout_ms);
	slirp_pollfds_poll(loop->slirp, r < 0, get_revents, loop);
	if (loop->fds[0].revents)
		receive(loop);
}

int main(int argc, char **argv)
{
	static struct loop loop;
	SlirpConfig config = { .version = 4,
			       .in_enabled = true,
			       .vnetwork.s_addr = htonl(0xc0a84000),
			       .vnetmask.s_addr = htonl(0xffffff00),
			       .vhost.s_addr = htonl(0xc0a84001),
			       .vnameserver.s_addr = htonl(0xc0a84003),
			       .vdhcp_start.s_addr = htonl(0xc0a84002),
			       .disable_dhcp = true };

	if (argc != 3)
		die("bench_slirp_loop SOCKET MTU");
	loop.sock = atoi(argv[1]);
	config.if_mtu = config.if_mru = (size_t)atoi(argv[2]);
	loop.slirp = slirp_new(&config, &callbacks, &loop);
	if (!loop.slirp)
		die("libslirp refuses");
	for (;;)
		turn(&loop);
}
