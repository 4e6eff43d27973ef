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
	if (!up)
		port->channel.shown = 0; /* the network has dropped what waited */
	if (port->admin_up)
		channel_tell_link(&port->channel, up);
}

/* Who counts or looks at what is taken does so when it is consumed. */
static size_t on_take(void *opaque, const struct frame *frames, size_t n)
{
	struct port *port = opaque;

	if (port->config.limits.to_guest || port->table->taps)
		return 0;
	return channel_offer(&port->channel, frames, n);
}

static const struct channel_events network_events = {
	.ready = on_ready,
	.writable = on_writable,
	.link = on_link,
	.take = on_take,
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

/* As far as the rate allows and the network has room. */
static size_t send_limited(struct port *port, const struct frame *frames, size_t n)
{
	size_t taken;

	if (port->limiter)
		n = port_limits_send(port, frames, n);
	taken = n > 0 ? channel_send(port->network, frames, n) : 0;
	if (port->limiter && taken < n)
		port_limits_not_sent(port, frames + taken, n - taken);
	if (port->table->taps)
		port_taps_sent(port, frames, taken);
	return taken;
}

/* What is to be dropped counts as taken, once all before it is. */
static size_t send_guarded(struct port *port, const struct frame *frames, size_t n)
{
	enum source_guard_verdict why;
	size_t done = 0;

	while (done < n) {
		size_t good = port_guard_judge(port, frames + done, n - done, &why);
		size_t taken = good > 0 ? send_limited(port, frames + done, good) : 0;

		done += taken;
		if (taken < good)
			return done;
		if (done < n) {
			port->guard_dropped[why]++;
			done++;
		}
	}
	return done;
}

static size_t port_send(struct channel *channel, const struct frame *frames, size_t n)
{
	struct port *port = port_of(channel);

	if (!port->admin_up) {
		port->link_dropped += n;
		return n;
	}
	if (port->guarded)
		return send_guarded(port, frames, n);
	if (!port->guard.has_mac && n > 0)
		port_guard_see(port, frames);
	return send_limited(port, frames, n);
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
		if (port->limiter)
			port_limits_took(port, frames, shown);
		channel_consume(port->network, shown);
		n -= shown;
	}
}

static void port_consume(struct channel *channel, size_t n)
{
	struct port *port = port_of(channel);

	/* A capture that has just ended may have left the network with less shown than that. */
	if (port->table->taps || port->limiter || n > port->network->shown)
		consume_seen(port, n);
	else
		channel_consume(port->network, n);
}

static void port_set_link(struct channel *channel, bool up)
{
	struct port *port = port_of(channel);

	if (port->socket_up != up)
		port->table->n_up += up ? 1 : -1u;
	port->socket_up = up;
	if (!up)
		source_guard_forget(&port->guard); /* somebody else may come */
	channel_set_link(port->network, up && port->admin_up);
}

static const struct channel_stats *port_stats(const struct channel *channel)
{
	return channel_stats(((const struct port *)channel)->network);
}

static void port_close(struct channel *channel)
{
	struct port *port = port_of(channel);

	port->table->n_up -= port->socket_up;
	channel_close(port->network);
	port_taps_port_closed(port);
	port_limits_close(port);
	source_guard_remove(&port->guard);
	port_table_remove(port->table, port);
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

/* Made and looked at */

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
	port_guard_open(port);
	port_table_add(table, port);
	*ret = &port->channel;
	return 0;
}

struct port *port_of_channel(struct channel *channel)
{
	return port_of(channel);
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
	if (port->guard.has_mac)
		memcpy(ret, port->guard.mac, FRAME_MAC);
	return port->guard.has_mac;
}

bool port_admin_is_up(const struct port *port)
{
	return port->admin_up;
}

/* What the network drops now, it drops for this. */
static void unplug(struct port *port)
{
	uint64_t before = channel_stats(port->network)->received_dropped;

	port->channel.shown = 0;
	channel_set_link(port->network, false);
	port->link_dropped += channel_stats(port->network)->received_dropped - before;
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
	for (size_t i = 0; i < SOURCE_GUARD_VERDICTS; i++) {
		ret->guard[i] = port->guard_dropped[i];
		ret->guard_dropped += port->guard_dropped[i];
	}
}
