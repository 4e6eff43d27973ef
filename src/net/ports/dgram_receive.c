/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dgram_receive.c - from the guest of a datagram socket, and who that is
 *
 * Who is there. A socket that is not connected learns its guest from the first datagram that is a
 * frame or vfkit's hello, and answers to where that came from. It stays unconnected: the kernel
 * would refuse a guest that was started again. The guest is gone when nobody holds its address any
 * more, which shows when something is sent there; and, so that the next one need not wait for that,
 * is looked at when a datagram comes from elsewhere. Whoever else sends while it is alive is
 * ignored.
 */
#include "net/ports/dgram_internal.h"

#include <string.h>

/* Who is there */

void dgram_guest_gone(struct dgram *d)
{
	log_limited(&d->peers, LOG_LEVEL_INFO, "dgram %s: guest gone", d->name);
	d->up = false;
	d->waits = WAIT_NONE;
	channel_set_link(d->channel, false);
}

/* Return: is it the guest now? */
static bool guest_learn(struct dgram *d, const struct dgram_address *from)
{
	char text[DGRAM_ADDRESS_TEXT];
	int r = dgram_address_check(d->scout, from);

	dgram_address_print(from, text);
	if (r < 0 && r != -EPERM) {
		d->unanswerable++;
		log_limited(&d->mistakes, LOG_LEVEL_WARNING,
			    "dgram %s: a guest at %s cannot be answered: %s%s", d->name, text,
			    strerror(-r),
			    r == -ENOENT ? "; it needs an absolute path that exists here" : "");
		return false;
	}
	d->peer = *from;
	d->up = true;
	d->waits = WAIT_OWN; /* looks for frames in the next turn */
	d->rx->n_frames = 0; /* the one before it sent them, and is dead */
	channel_set_link(d->channel, true);
	log_limited(&d->peers, LOG_LEVEL_INFO, "dgram %s: guest connected at %s", d->name, text);
	return true;
}

/* @looked: at the guest, in this batch */
static bool is_from_guest(struct dgram *d, const struct dgram_address *from, bool *looked)
{
	char text[DGRAM_ADDRESS_TEXT];

	if (d->bound.connected || (d->up && dgram_address_is_same(from, &d->peer)))
		return true;
	if (!dgram_address_is_named(from)) {
		d->unanswerable++;
		log_limited(&d->mistakes, LOG_LEVEL_WARNING,
			    "dgram %s: a guest cannot be answered: its socket has no name; bind it "
			    "to a path",
			    d->name);
		return false;
	}
	if (d->up && !*looked) {
		*looked = true;
		if (dgram_nobody_there(dgram_address_check(d->scout, &d->peer)))
			dgram_guest_gone(d);
	}
	if (!d->up)
		return guest_learn(d, from);
	d->foreign++;
	dgram_address_print(from, text);
	log_limited(&d->mistakes, LOG_LEVEL_WARNING,
		    "dgram %s: %s is ignored: the socket has a guest; give each its own", d->name,
		    text);
	return false;
}

/* From the guest */

void dgram_hand_on(struct dgram *d)
{
	struct dgram_rx *rx = d->rx;
	size_t n = rx->n_frames - rx->first;
	size_t taken = n ? channel_send(d->channel, rx->frames + rx->first, n) : 0;

	rx->first += taken;
	d->network_full = taken < n;
}

static void take(struct dgram *d, size_t i, bool *looked)
{
	const struct dgram_rx *rx = d->rx;
	enum dgram_content content = dgram_content(dgram_rx_bytes(rx, i), rx->len[i], rx->cut[i]);

	if (content != DGRAM_FRAME && content != DGRAM_HELLO) {
		d->no_frames++;
		log_limited(&d->mistakes, LOG_LEVEL_WARNING,
			    "dgram %s: %s%zu bytes came that are no frame, which has %u to %u",
			    d->name, rx->cut[i] ? "more than " : "", rx->len[i], DGRAM_FRAME_MIN,
			    DGRAM_FRAME_MAX);
		return;
	}
	if (is_from_guest(d, &rx->from[i], looked) && content == DGRAM_FRAME)
		dgram_rx_keep(d->rx, i);
}

void dgram_receive(struct dgram *d)
{
	int n = dgram_rx_receive(d->rx, d->bound.listener.fd);
	bool looked = false;

	if (n == -EAGAIN)
		return;
	if (n < 0 && d->bound.connected)
		dgram_guest_gone(d);
	else if (n < 0)
		log_limited(&d->lost, LOG_LEVEL_WARNING, "dgram %s: receiving: %s", d->name,
			    strerror(-n));
	for (int i = 0; i < n; i++)
		take(d, (size_t)i, &looked);
	dgram_hand_on(d);
}
