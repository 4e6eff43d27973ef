/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * switch.c - a learning Ethernet switch with bounded queues: its ports, and when they are told
 *
 * What comes in by channel_send() is taken at once or queued by the ports it is for
 * (switch_forward.c), and nothing else happens inside that call: ports are told by events, which
 * switch_dispatch() runs later. So a port is never entered from its own call, and a frame that makes
 * another port answer at once does not recurse. A port in the pending list has at least one bit set
 * in events.
 *
 * Sending never fails for lack of room: what does not fit in the receiver's queue is lost there, as
 * on a wire. channel_events.writable is therefore never called.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/switch_internal.h"

/*
 * Events in one switch_dispatch(); an uplink and guests that answer each other must not keep the
 * loop from its sockets.
 */
#define DISPATCH_MAX 64u

static struct switch_port *port_of(struct channel *channel)
{
	return (struct switch_port *)channel;
}

/* Events */

void switch_port_event(struct switch_port *port, unsigned int event)
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
	if (events & SWITCH_EVENT_LINK) {
		if (events & SWITCH_EVENT_READY)
			switch_port_event(port, SWITCH_EVENT_READY);
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

/* The channel */

static size_t port_send(struct channel *channel, const struct frame *frames, size_t n)
{
	switch_forward(port_of(channel), frames, n);
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
		switch_port_event(sw->uplink, SWITCH_EVENT_LINK);
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
		switch_port_event(port, SWITCH_EVENT_LINK);
	*ret = &port->channel;
	return 0;
}

uint64_t switch_port_of(const struct eth_switch *eth_switch, const uint8_t mac[FRAME_MAC])
{
	struct mac_holder *holder = mac_table_find(eth_switch->table, mac, eth_switch->now_ms);

	return holder ? switch_port_of_addresses(holder)->number : 0;
}

struct each_address {
	bool (*each)(void *opaque, const struct network_address *address);
	void *opaque;
};

static bool tell_address(void *opaque, const uint8_t mac[FRAME_MAC], struct mac_holder *holder,
			 uint64_t age_ms)
{
	const struct each_address *to = opaque;
	const struct switch_port *port = switch_port_of_addresses(holder);
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
