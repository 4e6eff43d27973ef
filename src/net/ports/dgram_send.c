/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dgram_send.c - to the guest of a datagram socket
 *
 * Full. A send fails with EAGAIN for one of two reasons, and each is waited for elsewhere:
 *
 *   WAIT_OWN   our own send buffer is full: the socket itself says when it is not
 *   WAIT_PEER  the guest's queue is full (net.unix.max_dgram_qlen): a socket that is not connected
 *	        knows nothing of that, so a second one, the scout, is connected to the guest and
 *	        sends nothing. It also finds out whether somebody is there
 *
 * Meanwhile nothing is pulled from the network: frames wait, and get dropped, in its queue for this
 * port.
 */
#include "net/ports/dgram_internal.h"

#include <poll.h>
#include <string.h>

#define SEND_BATCHES 8u

static bool is_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1;
}

/* The guest is known to have no room, or we have none: which? */
static void wait_for_room(struct dgram *d)
{
	int r;

	d->waits = WAIT_OWN;
	if (d->bound.connected || !is_writable(d->bound.listener.fd))
		return;
	r = dgram_address_check(d->scout, &d->peer);
	if (dgram_nobody_there(r))
		dgram_guest_gone(d);
	else if (r >= 0)
		d->waits = WAIT_PEER;
}

/* Nothing of it went out. Return: may another batch follow? */
static bool send_failed(struct dgram *d, int error, size_t n)
{
	switch (error) {
	case -EAGAIN:
		wait_for_room(d);
		return false;
	case -ECONNREFUSED:
	case -ENOENT:
	case -ENOTCONN:
	case -ECONNRESET:
	case -EPIPE:
		dgram_guest_gone(d);
		return false;
	case -EMSGSIZE:
	case -ENOBUFS:
	case -ENOMEM:
		n = 1; /* waiting would hold up all that come after it */
		break;
	default:
		log_limited(&d->lost, LOG_LEVEL_WARNING,
			    "dgram %s: the guest cannot be answered: %s", d->name,
			    strerror(-error));
		break;
	}
	d->unsent += n;
	channel_consume(d->channel, n);
	return true;
}

/* An empty datagram would be the end of the connection to QEMU. Return: how many are none */
static size_t frames_before_a_runt(const struct frame *frames, size_t n)
{
	size_t good = 0;

	while (good < n && frames[good].len >= DGRAM_FRAME_MIN)
		good++;
	return good;
}

/* Return: may another batch follow? */
static bool send_batch(struct dgram *d)
{
	struct frame frames[DGRAM_TX_BATCH];
	size_t n = channel_peek(d->channel, frames, DGRAM_TX_BATCH);
	size_t good = frames_before_a_runt(frames, n);
	int sent;

	if (n == 0)
		return false;
	if (good == 0)
		return send_failed(d, -EMSGSIZE, 1);
	sent = dgram_tx_send(d->bound.listener.fd, d->bound.connected ? NULL : &d->peer, frames,
			     good);
	if (sent < 0)
		return send_failed(d, sent, good);
	channel_consume(d->channel, (size_t)sent);
	return true;
}

void dgram_pull(struct dgram *d)
{
	bool more = d->up;

	d->waits = WAIT_NONE;
	for (unsigned int i = 0; i < SEND_BATCHES && more; i++)
		more = send_batch(d);
	if (more)
		d->waits = WAIT_OWN; /* it is not full, and says so in the next turn */
}
