/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * switch.h - a learning Ethernet switch with bounded queues
 *
 * Learns which port an address is behind, forwards a known unicast frame to that port and no other,
 * floods the rest. A port whose reader is slow loses its own frames (counted) and delays nobody.
 * One port may be the uplink: nobody takes its addresses over, isolated ports exchange frames with
 * it only, and its link is up while any other port's is.
 *
 * No I/O, no clock of its own, no knowledge of what a port is. One thread.
 */
#ifndef NET_USER_SWITCH_H
#define NET_USER_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/network.h"

#define SWITCH_ADDRESSES   4096u      /* table size; the port with most of them makes room */
#define SWITCH_AGE_MS	   300000u    /* of an address that was not heard of (IEEE 802.1D) */
#define SWITCH_QUEUE_BYTES (1u << 20) /* frames waiting for one port */

struct eth_switch;

struct switch_port_config {
	bool uplink;
	bool isolated;
	const struct channel_events *events;
	void *opaque;
};

/**
 * struct switch_config
 * @max_frame: longer frames are dropped, counted as their sender's
 * @pending:   events wait: call switch_dispatch() soon. May run inside any call of any channel
 */
struct switch_config {
	size_t max_frame;
	void (*pending)(void *opaque);
	void *opaque;
};

int switch_new(const struct switch_config *config, struct eth_switch **ret);
void switch_free(struct eth_switch *eth_switch); /* every port is closed already; NULL is fine */

/** switch_open() - add a port. Return: 0, -ENOMEM, -EEXIST a second uplink */
int switch_open(struct eth_switch *eth_switch, const struct switch_port_config *config,
		struct channel **ret);

/**
 * switch_dispatch() - run the events that wait, those included that they cause, up to a bounded
 * number
 *
 * Not from an event. Return: true if some still wait
 */
bool switch_dispatch(struct eth_switch *eth_switch);

/**
 * switch_port_of() - which port an address was last heard of at
 * Return: a number of that port's own, never used again; 0: not known
 */
uint64_t switch_port_of(const struct eth_switch *eth_switch, const uint8_t mac[FRAME_MAC]);

/**
 * switch_each_address() - the table, until the callback says false
 *
 * The switch must not be changed meanwhile.
 */
void switch_each_address(const struct eth_switch *eth_switch,
			 bool (*each)(void *opaque, const struct network_address *address),
			 void *opaque);

/** switch_tick() - it is now; addresses age by it */
void switch_tick(struct eth_switch *eth_switch, uint64_t now_ms);

#endif
