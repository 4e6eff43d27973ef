/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * switch_forward.c - where the switch brings a frame
 *
 * It is judged (is it one?), its source is learned, and it is copied into the queue of each port it
 * goes to: the one that its destination is behind, or all.
 *
 * Where many frames at once go to a port that is not behind, which is where copies cost, they are
 * offered to it first (channel_events.take) and only the others are queued.
 */
#include <string.h>

#include "net/user/switch_internal.h"

/* Less is not worth a system call of its own: with others for that port it is cheaper. */
#define OFFER_MIN     16u

/* Destination and source. */
#define ADDRESSES_LEN ((size_t)2 * FRAME_MAC)

static bool mac_is_multicast(const uint8_t *mac)
{
	return mac[0] & 1;
}

static bool mac_is_zero(const uint8_t *mac)
{
	static const uint8_t zero[FRAME_MAC];

	return memcmp(mac, zero, FRAME_MAC) == 0;
}

/*
 * IEEE 802.1D, 7.12.6: 01-80-C2-00-00-0x is between a station and its bridge (pause, STP, LLDP)
 * and never forwarded.
 */
static bool mac_is_link_local(const uint8_t *mac)
{
	static const uint8_t prefix[] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };

	return memcmp(mac, prefix, sizeof(prefix)) == 0 && mac[5] < 0x10;
}

static bool may_exchange(const struct switch_port *from, const struct switch_port *to)
{
	if (from == to || !to->up)
		return false;
	return from->uplink || to->uplink || !(from->isolated || to->isolated);
}

static void port_queue(struct switch_port *port, const struct frame *frame)
{
	if (!frame_queue_push(&port->queue, frame)) {
		port->stats.received_dropped++;
		return;
	}
	if (port->hungry) {
		port->hungry = false;
		switch_port_event(port, SWITCH_EVENT_READY);
	}
}

static void flood(struct switch_port *from, const struct frame *frame)
{
	for (struct switch_port *to = from->eth_switch->ports; to; to = to->next) {
		if (may_exchange(from, to))
			port_queue(to, frame);
	}
}

/* Gather the two addresses; the caller knows that the frame is long enough. */
static void frame_addresses(const struct frame *frame, uint8_t ret[ADDRESSES_LEN])
{
	size_t have = 0;

	for (size_t i = 0; have < ADDRESSES_LEN; i++) {
		size_t n = frame->iov[i].iov_len;

		if (n > ADDRESSES_LEN - have)
			n = ADDRESSES_LEN - have;
		if (n)
			memcpy(ret + have, frame->iov[i].iov_base, n);
		have += n;
	}
}

/*
 * Where the frame before went: frames of one batch mostly have the addresses of the one before, of
 * which everything is known then.
 */
struct path {
	uint8_t addresses[ADDRESSES_LEN];
	struct switch_port *to; /* NULL: not to one port */
};

static bool frame_acceptable(const struct switch_port *from, const struct frame *frame)
{
	return from->up && frame->len >= FRAME_ETH_HEADER &&
	       frame->len <= from->eth_switch->config.max_frame;
}

/*
 * To one port, or (path->to: NULL) to all others. Return: false if the frame goes nowhere by its own
 * or its port's fault.
 */
static bool find_path(struct switch_port *from, const struct frame *frame, struct path *path)
{
	struct eth_switch *sw = from->eth_switch;
	uint8_t addresses[ADDRESSES_LEN];
	const uint8_t *destination = addresses, *source = addresses + FRAME_MAC;
	struct mac_holder *holder;

	if (!frame_acceptable(from, frame))
		return false;
	frame_addresses(frame, addresses);
	if (path->to && memcmp(addresses, path->addresses, ADDRESSES_LEN) == 0)
		return true;
	path->to = NULL;
	if (mac_is_multicast(source) || mac_is_zero(source) || mac_is_link_local(destination))
		return false;
	if (!mac_table_learn(sw->table, source, &from->addresses, sw->now_ms))
		return false;
	holder = mac_is_multicast(destination) ? NULL
					       : mac_table_find(sw->table, destination, sw->now_ms);
	if (!holder)
		return true;
	if (!may_exchange(from, switch_port_of_addresses(holder)))
		return false;
	path->to = switch_port_of_addresses(holder);
	memcpy(path->addresses, addresses, ADDRESSES_LEN);
	return true;
}

static bool forward(struct switch_port *from, const struct frame *frame, struct path *path)
{
	if (!find_path(from, frame, path))
		return false;
	if (path->to)
		port_queue(path->to, frame);
	else
		flood(from, frame);
	return true;
}

/* Do all of them go the way of the first? */
static bool together(const struct switch_port *from, const struct frame *frames, size_t n,
		     const struct path *path)
{
	uint8_t addresses[ADDRESSES_LEN];

	for (size_t i = 0; i < n; i++) {
		if (!frame_acceptable(from, &frames[i]))
			return false;
		frame_addresses(&frames[i], addresses);
		if (memcmp(addresses, path->addresses, ADDRESSES_LEN) != 0)
			return false;
	}
	return true;
}

/* Return: how many frames, the oldest, are where they are to go */
static size_t hand_over(struct switch_port *from, const struct frame *frames, size_t n,
			struct path *path)
{
	size_t taken, bytes = 0;

	if (!find_path(from, &frames[0], path) || !path->to || path->to->queue.head ||
	    !together(from, frames, n, path))
		return 0;
	taken = channel_offer(&path->to->channel, frames, n);
	for (size_t i = 0; i < taken; i++)
		bytes += frames[i].len;
	from->stats.sent_frames += taken;
	from->stats.sent_bytes += bytes;
	path->to->stats.received_frames += taken;
	path->to->stats.received_bytes += bytes;
	return taken;
}

void switch_forward(struct switch_port *from, const struct frame *frames, size_t n)
{
	struct path path = { .to = NULL };
	size_t handed_over = n >= OFFER_MIN ? hand_over(from, frames, n, &path) : 0;

	for (size_t i = handed_over; i < n; i++) {
		from->stats.sent_frames++;
		from->stats.sent_bytes += frames[i].len;
		if (!forward(from, &frames[i], &path))
			from->stats.sent_dropped++;
	}
}
