/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port.c - one guest's place in a network: name, policy and counters
 *
 * The port is a channel to its socket and holds one of its network. Frames are handed through
 * without a copy.
 */
#include "net/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct port_table {
	uv_loop_t *loop;
	struct network *network;
	struct port *first, **end;
};

struct port {
	struct channel channel; /* first: what the socket holds */
	struct port_table *table;
	struct port *next;
	struct port_config config;
	char *name;
	struct channel *network; /* the network's */
	bool socket_up, admin_up;
	uint64_t link_dropped;
};

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

	if (port->admin_up)
		channel_tell_link(&port->channel, up);
}

static const struct channel_events network_events = {
	.ready = on_ready,
	.writable = on_writable,
	.link = on_link,
};

/* From the socket */

static size_t port_send(struct channel *channel, const struct frame *frames, size_t n)
{
	struct port *port = port_of(channel);

	if (!port->admin_up) {
		port->link_dropped += n;
		return n;
	}
	return channel_send(port->network, frames, n);
}

static size_t port_peek(struct channel *channel, struct frame *frames, size_t n)
{
	return channel_peek(port_of(channel)->network, frames, n);
}

static void port_consume(struct channel *channel, size_t n)
{
	channel_consume(port_of(channel)->network, n);
}

static void port_set_link(struct channel *channel, bool up)
{
	struct port *port = port_of(channel);

	port->socket_up = up;
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
	free(table);
}

static int port_plug(struct port *port, const struct channel_events *events, void *opaque)
{
	const struct network_port plug = { .name = port->name,
					   .isolated = port->config.isolated,
					   .mtu = port->config.mtu };

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
	port->admin_up = true;
	port->config.name = port->name = strdup(config->name);
	if (port->name)
		r = port_plug(port, events, opaque);
	if (r < 0) {
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

bool port_admin_is_up(const struct port *port)
{
	return port->admin_up;
}

void port_set_admin(struct port *port, bool up)
{
	if (port->admin_up == up)
		return;
	port->admin_up = up;
	channel_set_link(port->network, up && port->socket_up);
	channel_tell_link(&port->channel, up);
}

void port_set_limits(struct port *port, const struct port_limits *limits)
{
	port->config.limits = *limits;
}

void port_counters(const struct port *port, struct port_counters *ret)
{
	*ret = (struct port_counters) {
		.channel = *channel_stats(port->network),
		.link_dropped = port->link_dropped,
	};
}
