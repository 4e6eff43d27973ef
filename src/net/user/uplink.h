/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink.h - the way out of a user network: libslirp on a port of the switch
 *
 * NAT, DHCP, DNS and router advertisements come from libslirp. In host mode a filter in front
 * of it lets through only what is meant for the host. One thread: the loop's.
 */
#ifndef NET_USER_UPLINK_H
#define NET_USER_UPLINK_H

#include "net/network.h"
#include "net/user/switch.h"

struct uplink;

/** uplink_new() - plugs itself into the switch. Return: 0, -ENOMEM, -EIO libslirp refused */
int uplink_new(uv_loop_t *loop, const struct network_config *config, struct eth_switch *eth_switch,
	       struct uplink **ret);

/**
 * uplink_free() - also closes its handles; the loop must run once more before it is closed itself.
 * NULL is fine
 */
void uplink_free(struct uplink *uplink);

#endif
