/* SPDX-License-Identifier: BSD-3-Clause */
#include "virtio/net_filter.h"

#include <string.h>

#define ETH_TYPE     12u
#define VLAN_TAG     14u
#define VLAN_ID_MASK 0xfffu

void net_filter_init(struct net_filter *filter, const uint8_t mac[FRAME_MAC])
{
	memset(filter, 0, sizeof(*filter));
	memcpy(filter->mac, mac, FRAME_MAC);
	/* A driver without CTRL_RX cannot ask for more than its own address, and some (bridges)
	 * need it. */
	filter->promisc = true;
}

bool net_filter_set_vlan(struct net_filter *filter, uint16_t vlan, bool pass)
{
	uint8_t bit = (uint8_t)(1u << vlan % 8);

	if (vlan >= NET_FILTER_VLANS)
		return false;
	if (pass)
		filter->vlans[vlan / 8] |= bit;
	else
		filter->vlans[vlan / 8] &= (uint8_t)~bit;
	return true;
}

static bool table_holds(const struct net_filter_table *table, const uint8_t *mac)
{
	for (size_t i = 0; i < table->n; i++) {
		if (memcmp(table->mac[i], mac, FRAME_MAC) == 0)
			return true;
	}
	return table->overflow;
}

static bool vlan_passes(const struct net_filter *filter, const uint8_t *start)
{
	uint16_t type = (uint16_t)(start[ETH_TYPE] << 8 | start[ETH_TYPE + 1]);
	uint16_t vlan = (uint16_t)(start[VLAN_TAG] << 8 | start[VLAN_TAG + 1]) & VLAN_ID_MASK;

	if (type != FRAME_TYPE_VLAN)
		return true;
	/* VLAN 0 is no VLAN: the tag holds a priority only. */
	return vlan == 0 || (filter->vlans[vlan / 8] & 1u << vlan % 8);
}

static bool multicast_passes(const struct net_filter *filter, const uint8_t *destination)
{
	static const uint8_t broadcast[FRAME_MAC] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (memcmp(destination, broadcast, FRAME_MAC) == 0)
		return !filter->nobcast;
	if (filter->nomulti)
		return false;
	return filter->allmulti || table_holds(&filter->multicast, destination);
}

static bool unicast_passes(const struct net_filter *filter, const uint8_t *destination)
{
	if (filter->nouni)
		return false;
	return filter->alluni || memcmp(destination, filter->mac, FRAME_MAC) == 0 ||
	       table_holds(&filter->unicast, destination);
}

bool net_filter_passes(const struct net_filter *filter, bool vlans, const uint8_t *start)
{
	if (filter->promisc)
		return true;
	if (vlans && !vlan_passes(filter, start))
		return false;
	return start[0] & 1 ? multicast_passes(filter, start) : unicast_passes(filter, start);
}
