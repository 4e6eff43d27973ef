/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port.c - one guest's place in a network: name, policy and counters
 *
 * The port is a channel to its socket and holds one of its network. Frames are handed through
 * without a copy.
 */
#include "net/port_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_BATCH 64u

static struct port *port_of(struct channel *channel)
{
	return (struct port *)channel;
}

/* From the network */

static void on_ready(void *opaque)
{
	struct port *port = opaque;

	channel_tell_ready(&port->channel);
}

static void on_writable(void *opaque)
{
	struct port *port = opaque;

	channel_tell_writable(&port->channel);
}

static void on_link(void *opaque, bool up)
{
	struct port *port = opaque;

	port->network_up = up;
	if (port->admin_up)
		channel_tell_link(&port->channel, up);
}

static const struct channel_events network_events = {
	.ready = on_ready,
	.writable = on_writable,
	.link = on_link,
};

/* From the socket */

void port_frame_head(const struct frame *frame, uint8_t *ret, size_t n)
{
	for (size_t i = 0; n > 0; i++) {
		size_t here = frame->iov[i].iov_len < n ? frame->iov[i].iov_len : n;

		if (here)
			memcpy(ret, frame->iov[i].iov_base, here);
		ret += here;
		n -= here;
	}
}

static void mac_see(struct port *port, const struct frame *frame)
{
	uint8_t addresses[2 * FRAME_MAC];

	if (frame->len < FRAME_ETH_HEADER)
		return;
	port_frame_head(frame, addresses, sizeof(addresses));
	if (addresses[FRAME_MAC] & 1)
		return;
	memcpy(port->mac, addresses + FRAME_MAC, FRAME_MAC);
	port->has_mac = true;
}

static size_t port_send(struct channel *channel, const struct frame *frames, size_t n)
{
	struct port *port = port_of(channel);
	size_t taken;

	if (!port->admin_up) {
		port->link_dropped += n;
		return n;
	}
	if (!port->has_mac && n > 0)
		mac_see(port, frames);
	if (port->limiter)
		n = port_limits_send(port, frames, n);
	taken = n > 0 ? channel_send(port->network, frames, n) : 0;
	if (port->limiter && taken < n)
		port_limits_not_sent(port, frames + taken, n - taken);
	if (port->table->taps)
		port_taps_sent(port, frames, taken);
	return taken;
}

static size_t port_peek(struct channel *channel, struct frame *frames, size_t n)
{
	struct port *port = port_of(channel);
	size_t shown = channel_peek(port->network, frames, n);

	return port->limiter ? port_limits_show(port, frames, shown) : shown;
}

/*
 * What was shown is shown once more, to whoever else wants to see it: the frames of the socket's
 * peek are its own.
 */
static void consume_seen(struct port *port, size_t n)
{
	struct frame frames[SEEN_BATCH];

	while (n > 0) {
		size_t batch = n < SEEN_BATCH ? n : SEEN_BATCH;
		size_t shown = channel_peek(port->network, frames, batch);

		assert(shown > 0);
		if (port->table->taps)
			port_taps_received(port, frames, shown);
		channel_consume(port->network, shown);
		n -= shown;
	}
}

static void port_consume(struct channel *channel, size_t n)
{
	struct port *port = port_of(channel);
	uint64_t before = channel_stats(port->network)->received_bytes;

	/* A capture that has just ended may have left the network with less shown than that. */
	if (port->table->taps || n > port->network->shown)
		consume_seen(port, n);
	else
		channel_consume(port->network, n);
	if (port->limiter)
		port_limits_took(port, channel_stats(port->network)->received_bytes - before);
}

static void mac_reset(struct port *port)
{
	port->has_mac = port->config.mac_known;
	memcpy(port->mac, port->config.mac, FRAME_MAC);
}

static void port_set_link(struct channel *channel, bool up)
{
	struct port *port = port_of(channel);

	port->socket_up = up;
	if (!up)
		mac_reset(port); /* somebody else may come */
	channel_set_link(port->network, up && port->admin_up);
}

static const struct channel_stats *port_stats(const struct channel *channel)
{
	return channel_stats(((const struct port *)channel)->network);
}

static void table_remove(struct port_table *table, struct port *port)
{
	struct port **at = &table->first;

	while (*at != port)
		at = &(*at)->next;
	*at = port->next;
	if (table->end == &port->next)
		table->end = at;
}

static void port_close(struct channel *channel)
{
	struct port *port = port_of(channel);

	channel_close(port->network);
	port_taps_port_closed(port);
	port_limits_close(port);
	table_remove(port->table, port);
	free(port->name);
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

/* The table */

int port_table_new(uv_loop_t *loop, struct network *network, struct port_table **ret)
{
	struct port_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->loop = loop;
	table->network = network;
	table->end = &table->first;
	*ret = table;
	return 0;
}

void port_table_free(struct port_table *table)
{
	if (!table)
		return;
	port_taps_free(table);
	free(table);
}

static int port_plug(struct port *port, const struct channel_events *events, void *opaque)
{
	const struct network_port plug = { .name = port->name,
					   .isolated = port->config.isolated,
					   .mtu = port->config.mtu,
					   .mac = port->config.mac_known ? port->config.mac
									 : NULL };

	port->channel = (struct channel) { .ops = &port_ops, .events = events, .opaque = opaque };
	return network_open(port->table->network, &plug, &network_events, port, &port->network);
}

int port_open(struct port_table *table, const struct port_config *config,
	      const struct channel_events *events, void *opaque, struct channel **ret)
{
	struct port *port;
	int r = -ENOMEM;

	if (port_find(table, config->name))
		return -EEXIST;
	port = calloc(1, sizeof(*port));
	if (!port)
		return -ENOMEM;
	port->table = table;
	port->config = *config;
	port->admin_up = port->network_up = true;
	mac_reset(port);
	port->config.name = port->name = strdup(config->name);
	if (port->name)
		r = port_set_limits(port, &config->limits);
	if (r >= 0)
		r = port_plug(port, events, opaque);
	if (r < 0) {
		port_limits_close(port);
		free(port->name);
		free(port);
		return r;
	}
	*table->end = port;
	table->end = &port->next;
	*ret = &port->channel;
	return 0;
}

struct port *port_of_channel(struct channel *channel)
{
	return port_of(channel);
}

struct port *port_find(struct port_table *table, const char *name)
{
	struct port *port = table->first;

	while (port && strcmp(port->name, name) != 0)
		port = port->next;
	return port;
}

struct port *port_first(struct port_table *table)
{
	return table->first;
}

struct port *port_next(struct port *port)
{
	return port->next;
}

struct network *port_table_network(struct port_table *table)
{
	return table->network;
}

const struct channel *port_network_channel(const struct port *port)
{
	return port->network;
}

const struct port_config *port_config(const struct port *port)
{
	return &port->config;
}

bool port_is_up(const struct port *port)
{
	return port->socket_up;
}

bool port_mac(const struct port *port, uint8_t ret[FRAME_MAC])
{
	if (port->has_mac)
		memcpy(ret, port->mac, FRAME_MAC);
	return port->has_mac;
}

bool port_admin_is_up(const struct port *port)
{
	return port->admin_up;
}

/* What the network drops now, it drops for this. */
static void unplug(struct port *port)
{
	const struct channel_stats *stats = channel_stats(port->network);
	uint64_t before = stats->received_dropped;

	port->channel.shown = 0;
	channel_set_link(port->network, false);
	port->link_dropped += stats->received_dropped - before;
}

void port_set_admin(struct port *port, bool up)
{
	if (port->admin_up == up)
		return;
	port->admin_up = up;
	if (up)
		channel_set_link(port->network, port->socket_up);
	else
		unplug(port);
	channel_tell_link(&port->channel, up && port->network_up);
}

void port_counters(const struct port *port, struct port_counters *ret)
{
	*ret = (struct port_counters) {
		.channel = *channel_stats(port->network),
		.rate_dropped = port_limits_dropped(port),
		.link_dropped = port->link_dropped,
	};
}
