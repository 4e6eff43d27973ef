/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_filter.h - which frames the driver wants to receive
 *
 * "5.1.6.5.1 Packet Receive Filtering" to "5.1.6.5.3 VLAN Filtering". A table that the driver
 * overfills stops to filter its kind of address, as the specification allows: too much is received,
 * never too little.
 */
#ifndef VIRTIO_NET_FILTER_H
#define VIRTIO_NET_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/frame.h"

#define NET_FILTER_MACS	 64u
#define NET_FILTER_VLANS 4096u

struct net_filter_table {
	uint8_t mac[NET_FILTER_MACS][FRAME_MAC];
	size_t n;
	bool overflow; /* more were asked for: all of this kind pass */
};

struct net_filter {
	uint8_t mac[FRAME_MAC]; /* the driver's own, which VIRTIO_NET_CTRL_MAC_ADDR_SET changes */
	bool promisc, allmulti, alluni, nomulti, nouni, nobcast;
	struct net_filter_table unicast, multicast;
	uint8_t vlans[NET_FILTER_VLANS / 8];
};

/** net_filter_init() - promiscuous, until the driver says otherwise; no VLAN passes then */
void net_filter_init(struct net_filter *filter, const uint8_t mac[FRAME_MAC]);

/** net_filter_set_vlan() - pass frames of this VLAN or not. Return: false: there is no such VLAN */
bool net_filter_set_vlan(struct net_filter *filter, uint16_t vlan, bool pass);

/**
 * net_filter_passes() - does the driver want a frame that starts so?
 * @vlans: VIRTIO_NET_F_CTRL_VLAN was negotiated: tagged frames pass by VLAN
 * @start: FRAME_ETH_HEADER + FRAME_VLAN_TAG bytes, zeroes if it is shorter
 */
bool net_filter_passes(const struct net_filter *filter, bool vlans, const uint8_t *start);

#endif
