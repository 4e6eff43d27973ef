/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_send.c - to a guest that is connected to a stream socket
 *
 *   socket <-- sendmsg() ------------- channel_peek() ------ network
 *                 ^  ^--- the rest of a frame that was sent in part
 *                 +---- take(): many at once, from another guest's rx buffer
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "net/ports/stream_internal.h"

#define SEND_BATCHES 8u /* in one turn of the loop */
#define SEND_IOVS    256u

/* Return: bytes, 0: full, -errno: to be ended */
static ssize_t try_send(struct stream_guest *guest, struct iovec *iov, size_t n_iov)
{
	const struct msghdr message = { .msg_iov = iov, .msg_iovlen = n_iov };
	ssize_t r;

	do
		r = sendmsg(guest->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r > 0)
		return r;
	guest->socket_full = true;
	return r == 0 || errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
}

/* Return: bytes, 0: full, -1: over */
static ssize_t send_iov(struct stream_guest *guest, struct iovec *iov, size_t n_iov)
{
	ssize_t r = try_send(guest, iov, n_iov);

	if (r >= 0)
		return r;
	stream_guest_end(guest, STREAM_END_ERROR,
			 r == -EPIPE || r == -ECONNRESET ? "it hung up" : strerror((int)-r));
	return -1;
}

/* The rest of a frame. Return: may another one follow? */
static bool send_left(struct stream_guest *guest)
{
	const void *bytes;
	size_t len = stream_tx_left(&guest->tx, &bytes);
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	ssize_t sent = len ? send_iov(guest, &iov, 1) : 0;

	if (sent < 0)
		return false;
	stream_tx_left_sent(&guest->tx, (size_t)sent);
	guest->socket_full = (size_t)sent < len;
	return !guest->socket_full;
}

/* Return: may another batch follow? */
static bool send_batch(struct stream_guest *guest)
{
	struct frame frames[STREAM_BATCH];
	struct iovec iov[SEND_IOVS];
	size_t n = channel_peek(guest->channel, frames, STREAM_BATCH);
	size_t len, n_iov;
	ssize_t sent;

	if (n == 0)
		return false;
	n_iov = stream_tx_gather(&guest->tx, frames, n, iov, SEND_IOVS, &len);
	sent = send_iov(guest, iov, n_iov);
	if (sent < 0)
		return false;
	channel_consume(guest->channel, stream_tx_sent(&guest->tx, frames, n, (size_t)sent));
	guest->socket_full = (size_t)sent < len;
	return !guest->socket_full;
}

bool stream_guest_pull(struct stream_guest *guest)
{
	bool more = send_left(guest);

	for (unsigned int i = 0; i < SEND_BATCHES && more; i++)
		more = send_batch(guest);
	if (more)
		guest->socket_full = true; /* it is not, and says so in the next turn */
	return !guest->over;
}

/*
 * From another guest's buffer straight to the socket. Whoever is gone is not ended here, inside of that
 * guest's send: its socket says so in the next turn, too.
 */
size_t stream_guest_take(void *opaque, const struct frame *frames, size_t n)
{
	struct stream_guest *guest = opaque;
	struct iovec iov[SEND_IOVS];
	size_t len, n_iov, taken = 0;
	const void *left;
	ssize_t sent;

	if (guest->over || guest->socket_full || stream_tx_left(&guest->tx, &left) > 0)
		return 0;
	n_iov = stream_tx_gather(&guest->tx, frames, n, iov, SEND_IOVS, &len);
	sent = try_send(guest, iov, n_iov);
	if (sent > 0)
		taken = stream_tx_sent(&guest->tx, frames, n, (size_t)sent);
	guest->socket_full = sent < (ssize_t)len;
	stream_guest_arm(guest);
	return taken;
}
