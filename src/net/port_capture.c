/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_capture.c - captures, attached to a port or to all of a network
 *
 * A frame is seen where a port sends it and where a port takes it. For one port that is each frame
 * once. For the whole network it is not: what a guest sends to another is seen at both, what comes
 * from outside for everybody is seen at every port. So of what a port takes only this counts:
 *
 *   from   an address from which no other port sent since the capture began
 *   for    the port's own address; everything else at one port only, the first that is up
 *
 * A guest that sends from others' addresses can mislead that; the source guard stops it.
 */
#include "net/port_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/explain.h"

#define TAPS_MAX  16u
#define SENDERS	  4096u
#define SENDER_MS 300000u
#define ADDRESSES ((size_t)2 * FRAME_MAC) /* destination, source */

/* Of a port that is gone: nothing passes here any more, only its owner has not removed it yet. */
struct port_tap {
	struct port_tap *next;
	struct capture *capture;
	bool whole;
	struct port *port;
};

static bool any_whole(const struct port_table *table)
{
	return table->senders;
}

static void show(const struct port *port, const struct frame *frame, bool whole)
{
	for (struct port_tap *tap = port->table->taps; tap; tap = tap->next) {
		if (tap->whole ? whole : tap->port == port)
			capture_frame(tap->capture, frame);
	}
}

void port_taps_sent(struct port *port, const struct frame *frames, size_t n)
{
	struct port_table *table = port->table;
	uint8_t addresses[ADDRESSES];

	for (size_t i = 0; i < n; i++) {
		if (any_whole(table) && frames[i].len >= FRAME_ETH_HEADER) {
			port_frame_head(&frames[i], addresses, sizeof(addresses));
			mac_table_learn(table->senders, addresses + FRAME_MAC, &port->sent_from,
					uv_now(table->loop));
		}
		show(port, &frames[i], true);
	}
}

static bool is_first_up(const struct port *port)
{
	const struct port *first = port->table->first;

	while (first && first != port && !(first->socket_up && first->admin_up))
		first = first->next;
	return first == port;
}

/* Is this where the whole network's captures see it? */
static bool counts(struct port *port, const struct frame *frame)
{
	struct port_table *table = port->table;
	uint64_t now_ms = uv_now(table->loop);
	uint8_t addresses[ADDRESSES];
	struct mac_holder *holder;

	if (!any_whole(table) || frame->len < FRAME_ETH_HEADER)
		return false;
	port_frame_head(frame, addresses, sizeof(addresses));
	holder = mac_table_find(table->senders, addresses + FRAME_MAC, now_ms);
	if (holder && holder != &port->sent_from)
		return false;
	if (port->guard.has_mac && memcmp(addresses, port->guard.mac, FRAME_MAC) == 0)
		return true;
	holder = mac_table_find(table->senders, addresses, now_ms);
	return holder ? holder == &port->sent_from : is_first_up(port);
}

void port_taps_received(struct port *port, const struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++)
		show(port, &frames[i], counts(port, &frames[i]));
}

void port_taps_port_closed(struct port *port)
{
	struct port_table *table = port->table;

	if (table->senders)
		mac_table_forget(table->senders, &port->sent_from);
	for (struct port_tap *tap = table->taps; tap; tap = tap->next) {
		if (tap->port != port)
			continue;
		tap->port = NULL;
		capture_end(tap->capture, "its port is gone");
	}
}

static int senders_begin(struct port_table *table)
{
	if (!table->senders)
		table->senders = mac_table_new(SENDERS, SENDER_MS);
	return table->senders ? 0 : -ENOMEM;
}

/* When the last capture of the whole network is gone. */
static void senders_end(struct port_table *table)
{
	for (const struct port_tap *tap = table->taps; tap; tap = tap->next) {
		if (tap->whole)
			return;
	}
	if (!table->senders)
		return;
	for (struct port *port = table->first; port; port = port->next)
		mac_table_forget(table->senders, &port->sent_from);
	mac_table_free(table->senders);
	table->senders = NULL;
}

static int tap_fill(struct port_table *table, struct port_tap *tap,
		    const struct capture_config *config, char **ret_error)
{
	int r = tap->whole ? senders_begin(table) : 0;

	if (r < 0) {
		close(config->fd);
		return r;
	}
	return capture_new(table->loop, config, &tap->capture, ret_error);
}

int port_table_capture_add(struct port_table *table, struct port *port,
			   const struct capture_config *config, struct capture **ret,
			   char **ret_error)
{
	struct port_tap *tap = table->n_taps < TAPS_MAX ? calloc(1, sizeof(*tap)) : NULL;
	int r;

	if (!tap) {
		close(config->fd);
		if (table->n_taps < TAPS_MAX)
			return -ENOMEM;
		return explain(ret_error, -ENOSPC,
			       "%u captures are running, which is the most; end one of them",
			       TAPS_MAX);
	}
	tap->whole = !port;
	tap->port = port;
	r = tap_fill(table, tap, config, ret_error);
	if (r < 0) {
		free(tap);
		senders_end(table);
		return r;
	}
	tap->next = table->taps;
	table->taps = tap;
	table->n_taps++;
	*ret = tap->capture;
	return 0;
}

void port_table_capture_remove(struct port_table *table, struct capture *capture)
{
	struct port_tap **at = &table->taps, *tap;

	while (*at && (*at)->capture != capture)
		at = &(*at)->next;
	tap = *at;
	if (!tap)
		return;
	*at = tap->next;
	table->n_taps--;
	capture_free(tap->capture);
	free(tap);
	senders_end(table);
}

void port_taps_free(struct port_table *table)
{
	while (table->taps)
		port_table_capture_remove(table, table->taps->capture);
}
