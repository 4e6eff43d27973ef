/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * switch_internal.h - what the files of the switch share: switch.c, switch_forward.c
 */
#ifndef NET_USER_SWITCH_INTERNAL_H
#define NET_USER_SWITCH_INTERNAL_H

#include "net/user/frame_queue.h"
#include "net/user/mac_table.h"
#include "net/user/switch.h"

/* Why a port is in the pending list. */
#define SWITCH_EVENT_READY (1u << 0) /* a frame was queued after it saw its queue empty */
#define SWITCH_EVENT_LINK  (1u << 1) /* uplink only: any other port's link is up, or none is */

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

static inline struct switch_port *switch_port_of_addresses(struct mac_holder *addresses)
{
	return (struct switch_port *)(void *)((char *)addresses -
					      offsetof(struct switch_port, addresses));
}

/* To be told of it by switch_dispatch(). */
void switch_port_event(struct switch_port *port, unsigned int event);

/**
 * switch_forward() - judge, learn, and bring what a port has sent to those it is for
 *
 * Counted at both ends. What finds no room at a port is lost there. No port is entered but by
 * channel_offer().
 */
void switch_forward(struct switch_port *from, const struct frame *frames, size_t n);

#endif
