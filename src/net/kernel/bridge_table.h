/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bridge_table.h - what a bridge has learned, and what one interface has dropped
 */
#ifndef NET_KERNEL_BRIDGE_TABLE_H
#define NET_KERNEL_BRIDGE_TABLE_H

#include "net/kernel/netlink.h"
#include "virtio/frame.h"

/** struct bridge_entry - a learned address */
struct bridge_entry {
	uint8_t mac[FRAME_MAC];
	unsigned int port; /* interface behind which it is */
	uint64_t age_ms;
};

/** bridge_table_each() - Return: 0 or -errno */
int bridge_table_each(struct netlink *netlink, unsigned int bridge,
		      void (*each)(void *opaque, const struct bridge_entry *entry), void *opaque);

/** host_link_dropped() - frames that nobody read in time. Return: their number, 0 if unknown */
uint64_t host_link_dropped(struct netlink *netlink, unsigned int ifindex);

#endif
