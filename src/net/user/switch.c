/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * switch.c - a learning Ethernet switch with bounded queues
 *
 * A frame that comes in by channel_send() is judged (is it one?), its source is learned, and it is
 * copied into the queue of each port it goes to. Nothing else happens inside that call: ports are
 * told by events, which switch_dispatch() runs later. So a port is never entered from its own call,
 * and a frame that makes another port answer at once does not recurse.
 *
 * A port in the pending list has at least one bit set in events:
 *
 *   EVENT_READY  a frame was queued after the port saw its queue empty (port->hungry)
 *   EVENT_LINK   uplink only: whether any other port's link is up has changed
 *
 * Where many frames at once go to a port that is not behind, which is where copies cost, they are
 * offered to it first (channel_events.take) and only the others are queued.
 *
 * Sending never fails for lack of room: what does not fit in the receiver's queue is lost there, as
 * on a wire. channel_events.writable is therefore never called.
 */
#include "net/user/switch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/frame_queue.h"
#include "net/user/mac_table.h"

/*
 * Events in one switch_dispatch(); an uplink and guests that answer each other must not keep the
 * loop from its sockets.
 */
#define DISPATCH_MAX  64u

/* Less is not worth a system call of its own: with others for that port it is cheaper. */
#define OFFER_MIN     16u

/* Destination and source. */
#define ADDRESSES_LEN ((size_t)2 * FRAME_MAC)

#define EVENT_READY   (1u << 0)
#define EVENT_LINK    (1u << 1)

struct switch_port {
	struct channel channel; /* first: what is given out */
	struct eth_switch *eth_switch;
	struct switch_port *next;
	uint64_t number;
	bool uplink;
	bool isolated;
	bool up;
	bool hungry; /* the last peek gave nothing: the next frame is an event */
	unsigned int events;
	struct switch_port *next_pending;
	struct mac_holder addresses;
	struct frame_queue queue;
	struct channel_stats stats;
};

struct eth_switch {
	struct switch_config config;
	uint64_t now_ms;
	struct switch_port *ports;
	struct switch_port *uplink;
	uint64_t n_opened; /* ports so far */
	unsigned int n_up; /* ports with their link up, but for the uplink */
	struct switch_port *pending, **pending_end;
	struct mac_table *table;
	struct frame_chunk_cache chunks;
};

static struct switch_port *port_of(struct channel *channel)
{
	return (struct switch_port *)channel;
}

static struct switch_port *port_of_addresses(struct mac_holder *addresses)
{
	return (struct switch_port *)(void *)((char *)addresses -
					      offsetof(struct switch_port, addresses));
}

/* Events */

static void port_event(struct switch_port *port, unsigned int event)
{
	struct eth_switch *sw = port->eth_switch;

	if (!port->events) {
		bool first = !sw->pending;

		*sw->pending_end = port;
		sw->pending_end = &port->next_pending;
		port->next_pending = NULL;
		port->events = event;
		if (first)
			sw->config.pending(sw->config.opaque);
	}
	port->events |= event;
}

static void pending_remove(struct eth_switch *sw, struct switch_port *port)
{
	struct switch_port **at = &sw->pending;

	if (!port->events)
		return;
	while (*at != port)
		at = &(*at)->next_pending;
	*at = port->next_pending;
	if (sw->pending_end == &port->next_pending)
		sw->pending_end = at;
	port->events = 0;
}

/*
 * An event may close its port: what is left to tell is queued before, nothing touches the port
 * after.
 */
static void port_tell(struct switch_port *port)
{
	unsigned int events = port->events;

	pending_remove(port->eth_switch, port);
	if (events & EVENT_LINK) {
		if (events & EVENT_READY)
			port_event(port, EVENT_READY);
		channel_tell_link(&port->channel, port->eth_switch->n_up > 0);
		return;
	}
	channel_tell_ready(&port->channel);
}

bool switch_dispatch(struct eth_switch *eth_switch)
{
	for (unsigned int i = 0; i < DISPATCH_MAX && eth_switch->pending; i++)
		port_tell(eth_switch->pending);
	return eth_switch->pending;
}

/* Forwarding */

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
		port_event(port, EVENT_READY);
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
	if (!may_exchange(from, port_of_addresses(holder)))
		return false;
	path->to = port_of_addresses(holder);
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

/* The channel */

static size_t port_send(struct channel *channel, const struct frame *frames, size_t n)
{
	struct switch_port *port = port_of(channel);
	struct path path = { .to = NULL };
	size_t handed_over = n >= OFFER_MIN ? hand_over(port, frames, n, &path) : 0;

	for (size_t i = handed_over; i < n; i++) {
		port->stats.sent_frames++;
		port->stats.sent_bytes += frames[i].len;
		if (!forward(port, &frames[i], &path))
			port->stats.sent_dropped++;
	}
	return n;
}

static size_t port_peek(struct channel *channel, struct frame *frames, size_t n)
{
	struct switch_port *port = port_of(channel);
	size_t shown = frame_queue_peek(&port->queue, frames, n);

	if (!shown)
		port->hungry = true;
	return shown;
}

static void port_consume(struct channel *channel, size_t n)
{
	struct switch_port *port = port_of(channel);

	port->stats.received_frames += n;
	port->stats.received_bytes += frame_queue_pop(&port->queue, n);
}

static void count_up(struct eth_switch *sw, int change)
{
	bool was_up = sw->n_up > 0;

	sw->n_up += (unsigned int)change;
	if (sw->uplink && was_up != (sw->n_up > 0))
		port_event(sw->uplink, EVENT_LINK);
}

static void port_set_link(struct channel *channel, bool up)
{
	struct switch_port *port = port_of(channel);
	struct eth_switch *sw = port->eth_switch;

	if (port->up == up)
		return;
	port->up = up;
	if (!up) {
		port->stats.received_dropped += frame_queue_clear(&port->queue);
		mac_table_forget(sw->table, &port->addresses);
		port->hungry = true;
	}
	if (!port->uplink)
		count_up(sw, up ? 1 : -1);
}

static const struct channel_stats *port_stats(const struct channel *channel)
{
	return &((const struct switch_port *)channel)->stats;
}

static void ports_remove(struct eth_switch *sw, struct switch_port *port)
{
	struct switch_port **at = &sw->ports;

	while (*at != port)
		at = &(*at)->next;
	*at = port->next;
	if (sw->uplink == port)
		sw->uplink = NULL;
}

static void port_close(struct channel *channel)
{
	struct switch_port *port = port_of(channel);

	port_set_link(channel, false);
	pending_remove(port->eth_switch, port);
	ports_remove(port->eth_switch, port);
	free(port);
}

static const struct channel_ops port_ops = {
	.send = port_send,
	.peek = port_peek,
	.consume = port_consume,
	.set_link = port_set_link,
	.stats = port_stats,
	.close = port_close,
};

/* The switch */

int switch_new(const struct switch_config *config, struct eth_switch **ret)
{
	struct eth_switch *sw = calloc(1, sizeof(*sw));

	if (!sw)
		return -ENOMEM;
	sw->config = *config;
	sw->pending_end = &sw->pending;
	sw->table = mac_table_new(SWITCH_ADDRESSES, SWITCH_AGE_MS);
	if (!sw->table) {
		switch_free(sw);
		return -ENOMEM;
	}
	*ret = sw;
	return 0;
}

void switch_free(struct eth_switch *eth_switch)
{
	if (!eth_switch)
		return;
	assert(!eth_switch->ports);
	mac_table_free(eth_switch->table);
	frame_chunk_cache_clear(&eth_switch->chunks);
	free(eth_switch);
}

int switch_open(struct eth_switch *eth_switch, const struct switch_port_config *config,
		struct channel **ret)
{
	struct switch_port *port;

	if (config->uplink && eth_switch->uplink)
		return -EEXIST;
	port = calloc(1, sizeof(*port));
	if (!port)
		return -ENOMEM;
	*port = (struct switch_port) {
		.channel = { .ops = &port_ops, .events = config->events, .opaque = config->opaque },
		.eth_switch = eth_switch,
		.next = eth_switch->ports,
		.number = ++eth_switch->n_opened,
		.uplink = config->uplink,
		.isolated = config->isolated,
		.hungry = true,
		.addresses = { .priority = config->uplink },
		.queue = { .cache = &eth_switch->chunks, .max_bytes = SWITCH_QUEUE_BYTES },
	};
	eth_switch->ports = port;
	if (config->uplink)
		eth_switch->uplink = port;
	if (config->uplink && eth_switch->n_up)
		port_event(port, EVENT_LINK);
	*ret = &port->channel;
	return 0;
}

uint64_t switch_port_of(const struct eth_switch *eth_switch, const uint8_t mac[FRAME_MAC])
{
	struct mac_holder *holder = mac_table_find(eth_switch->table, mac, eth_switch->now_ms);

	return holder ? port_of_addresses(holder)->number : 0;
}

struct each_address {
	bool (*each)(void *opaque, const struct network_address *address);
	void *opaque;
};

static bool tell_address(void *opaque, const uint8_t mac[FRAME_MAC], struct mac_holder *holder,
			 uint64_t age_ms)
{
	const struct each_address *to = opaque;
	const struct switch_port *port = port_of_addresses(holder);
	struct network_address address = { .channel = port->uplink ? NULL : &port->channel,
					   .age_ms = age_ms };

	memcpy(address.mac, mac, FRAME_MAC);
	return to->each(to->opaque, &address);
}

void switch_each_address(const struct eth_switch *eth_switch,
			 bool (*each)(void *opaque, const struct network_address *address),
			 void *opaque)
{
	struct each_address to = { each, opaque };

	mac_table_each(eth_switch->table, eth_switch->now_ms, tell_address, &to);
}

void switch_tick(struct eth_switch *eth_switch, uint64_t now_ms)
{
	eth_switch->now_ms = now_ms;
}
