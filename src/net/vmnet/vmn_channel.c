/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_channel.c - a port of a vmnet network: frames from its interface, and the interface's life
 *
 * Reading is pulled by the port: peek() shows what was read and not taken, and reads when that is
 * nothing. vmnet's event says that packets are unread, and says it again and again until none is:
 *
 *   peek() reads nothing	the port is to be told (asked); the event is on from before that read,
 *				so what comes after it is told
 *   event, asked		the port is told, and pulls until there is nothing: the event goes quiet
 *   event, not asked		the port was told before and does not pull, or not yet: the event is
 *				switched off, and stays off until a peek() finds nothing
 *
 * So a guest that takes nothing costs one event and up to a ring of packets; what more there is waits in
 * vmnet, which drops it when its own buffers are full. When it goes on, it gets first what was read
 * first.
 *
 * The port's link is down until the interface has started, and again when vmnet loses it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/vmnet/vmn_desc.h"
#include "net/vmnet/vmn_internal.h"
#include "net/vmnet/vmn_status.h"
#include "sys/explain.h"

#define READ_PAUSE_MS	  100u
#define READ_FAILURES_MAX 50u /* in a row, with the pause between: 5 s */
#define DISCARD_READS	  32u

static struct vmn_channel *vmn_channel_of(struct channel *channel)
{
	return (struct vmn_channel *)channel;
}

void vmn_say_failed(struct vmn_channel *channel, const char *what, vmnet_return_t status)
{
	log_limited(&channel->network->said, LOG_LEVEL_WARNING, "port %s: %s: %s", channel->name,
		    what, vmn_status_text(status));
}

/* Reading */

/* The event is off and the port told nothing, until the pause is over. */
static void rest(struct vmn_channel *channel)
{
	(void)vmn_iface_watch(channel->iface, false);
	channel->resting = true;
	vmn_iface_pause(channel->iface, READ_PAUSE_MS);
}

static void fail_reading(struct vmn_channel *channel, const char *what, vmnet_return_t status)
{
	channel->network->counters.read_failed++;
	channel->read_failures++;
	vmn_say_failed(channel, what, status);
	rest(channel);
}

/* Return: how many packets more there were */
static unsigned int read_once(struct vmn_channel *channel)
{
	struct vmn_read result = vmn_ring_read(&channel->ring, vmn_iface_ref(channel->iface));

	channel->network->counters.read_bad += result.bad;
	if (result.status == VMNET_SUCCESS) {
		channel->read_failures = 0;
		return result.n + result.bad;
	}
	fail_reading(channel, "cannot read", result.status);
	return 0;
}

/* Until there is something to show, or nothing to read. */
static void read_some(struct vmn_channel *channel)
{
	while (channel->ring.n == 0 && read_once(channel) > 0)
		;
}

/* Nothing is there: the port is to be told. Who switches the event on looks once more. */
static void ask(struct vmn_channel *channel)
{
	vmnet_return_t status;

	channel->asked = true;
	if (channel->resting || vmn_iface_is_watched(channel->iface))
		return;
	status = vmn_iface_watch(channel->iface, true);
	if (status == VMNET_SUCCESS)
		read_some(channel);
	else
		fail_reading(channel, "cannot be told of packets", status);
	channel->asked = channel->ring.n == 0;
}

static size_t vmn_peek(struct channel *base, struct frame *frames, size_t n)
{
	struct vmn_channel *channel = vmn_channel_of(base);

	if (!channel->running || !channel->up)
		return 0;
	if (channel->ring.n == 0 && !channel->resting)
		read_some(channel);
	if (channel->ring.n == 0)
		ask(channel);
	return vmn_ring_show(&channel->ring, frames, n);
}

static void vmn_consume(struct channel *base, size_t n)
{
	struct vmn_channel *channel = vmn_channel_of(base);

	channel->stats.received_frames += n;
	channel->stats.received_bytes += vmn_ring_take(&channel->ring, n);
}

/* Links */

/* What came while nobody was there is for nobody. Bounded: who floods is read by the next turn. */
static void discard(struct vmn_channel *channel)
{
	for (unsigned int i = 0; i < DISCARD_READS && read_once(channel) > 0; i++)
		vmn_ring_clear(&channel->ring);
	vmn_ring_clear(&channel->ring);
}

/* Both ends are up. The port looks by itself, or when it is told in the loop's next turn. */
static void begin(struct vmn_channel *channel)
{
	channel->full = false;
	channel->resting = false;
	discard(channel);
	ask(channel);
	if (!channel->asked) {
		channel->asked = true;
		vmn_iface_poke(channel->iface);
	}
}

static void stop_reading(struct vmn_channel *channel)
{
	channel->asked = false;
	channel->full = false;
	channel->stats.received_dropped += vmn_ring_clear(&channel->ring);
	if (channel->running)
		(void)vmn_iface_watch(channel->iface, false);
}

static void vmn_set_link(struct channel *base, bool up)
{
	struct vmn_channel *channel = vmn_channel_of(base);

	if (channel->up == up)
		return;
	channel->up = up;
	if (!up)
		stop_reading(channel);
	else if (channel->running)
		begin(channel);
}

/* What the interface tells. After a word to the port the channel may be gone. */

static void on_pending(void *opaque)
{
	struct vmn_channel *channel = opaque;

	channel->down_told = true;
	channel_tell_link(&channel->channel, false);
}

static void on_started(void *opaque, const struct vmn_facts *facts)
{
	struct vmn_channel *channel = opaque;
	struct vmn_offloads offloads = vmn_desc_offloads(&channel->network->config);

	vmn_network_started(channel->network, facts);
	log_debug("port %s: vmnet has started its interface, MAC address %s, MTU %u, frames up to "
		  "%zu bytes, %u a call",
		  channel->name, facts->mac[0] ? facts->mac : "none", facts->mtu, facts->max_packet,
		  facts->write_packets);
	vmn_ring_init(&channel->ring, &channel->network->memory, facts, &offloads);
	channel->write_packets = facts->write_packets;
	channel->longest = offloads.segments ? FRAME_ETH_HEADER + (size_t)channel->ring.mtu
					     : facts->max_packet;
	channel->running = true;
	if (channel->up)
		begin(channel);
	if (channel->down_told)
		channel_tell_link(&channel->channel, true);
}

/* The others go on, if there are any: that all interfaces are taken is nothing of theirs. */
static void on_failed(void *opaque, int error, const char *why)
{
	struct vmn_channel *channel = opaque;
	struct vmn_network *network = channel->network;
	char text[512];

	network->counters.start_failed++;
	snprintf(text, sizeof(text), "port %s: %s", channel->name, why);
	vmn_iface_close(channel->iface);
	channel->iface = NULL;
	if (!network->any_started) {
		vmn_network_fail(network, text);
		return;
	}
	log_error("%s; its guest stays without a network until it is plugged in again", text);
	if (!channel->down_told)
		channel_tell_link(&channel->channel, false);
}

/* vmnet does not give the interface back by itself: who starts us again may get a new one. */
static void lose(struct vmn_channel *channel)
{
	char text[256];

	snprintf(text, sizeof(text), "port %s: vmnet has lost its interface: nothing can be read",
		 channel->name);
	vmn_network_fail(channel->network, text);
}

static void on_readable(void *opaque)
{
	struct vmn_channel *channel = opaque;

	if (channel->up && channel->asked) {
		channel->asked = false;
		channel_tell_ready(&channel->channel);
	} else if (vmn_iface_is_watched(channel->iface)) {
		channel->network->counters.source_stopped++;
		(void)vmn_iface_watch(channel->iface, false);
	}
}

static void on_resumed(void *opaque)
{
	struct vmn_channel *channel = opaque;

	if (channel->resting && channel->read_failures >= READ_FAILURES_MAX) {
		lose(channel);
		return;
	}
	if (channel->resting) {
		channel->resting = false;
		vmn_iface_poke(channel->iface);
	}
	if (channel->full) {
		channel->full = false;
		channel_tell_writable(&channel->channel);
	}
}

static const struct vmn_iface_events iface_events = {
	.pending = on_pending,
	.started = on_started,
	.failed = on_failed,
	.readable = on_readable,
	.resumed = on_resumed,
};

/* Made and ended */

static const struct channel_stats *vmn_stats(const struct channel *channel)
{
	return &((const struct vmn_channel *)channel)->stats;
}

static void channel_free(struct vmn_channel *channel)
{
	vmn_iface_close(channel->iface);
	vmn_ring_clear(&channel->ring);
	free(channel->name);
	free(channel);
}

static void vmn_close(struct channel *base)
{
	struct vmn_channel *channel = vmn_channel_of(base);
	struct vmn_channel **at = &channel->network->channels;

	while (*at != channel)
		at = &(*at)->next;
	*at = channel->next;
	channel->network->counters.interfaces--;
	channel_free(channel);
}

static const struct channel_ops vmn_channel_ops = {
	.send = vmn_send,
	.peek = vmn_peek,
	.consume = vmn_consume,
	.set_link = vmn_set_link,
	.stats = vmn_stats,
	.close = vmn_close,
};

static int start(struct vmn_channel *channel, const struct network_port *port)
{
	struct vmn_network *network = channel->network;
	struct vmn_iface_config config = { .name = channel->name,
					   .object = network->object,
					   .times = network->times };
	char *error = NULL;
	int r = vmn_desc_port(&network->config, port, &config.description, &error);

	if (r >= 0) {
		r = vmn_iface_new(network->loop, &config, &iface_events, channel, &channel->iface,
				  &error);
		xpc_release(config.description);
	}
	if (r < 0)
		log_error("port %s: %s", channel->name, error ? error : strerror(-r));
	free(error);
	return r;
}

int vmn_open(struct network *base, const struct network_port *port,
	     const struct channel_events *events, void *opaque, struct channel **ret)
{
	struct vmn_network *network = (struct vmn_network *)base;
	struct vmn_channel *channel = calloc(1, sizeof(*channel));
	int r = -ENOMEM;

	if (!channel)
		return r;
	channel->channel =
		(struct channel) { .ops = &vmn_channel_ops, .events = events, .opaque = opaque };
	channel->network = network;
	channel->name = strdup(port->name);
	if (channel->name)
		r = start(channel, port);
	if (r < 0) {
		channel_free(channel);
		return r;
	}
	channel->next = network->channels;
	network->channels = channel;
	network->counters.interfaces++;
	*ret = &channel->channel;
	return 0;
}
