/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_link.h - interfaces of the host: made, set up and removed
 *
 * One request each. Interfaces are named by their index, which is never used for another one while
 * a network lives. All return 0 or the kernel's -errno. One thread.
 */
#ifndef NET_KERNEL_HOST_LINK_H
#define NET_KERNEL_HOST_LINK_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "net/kernel/netlink.h"
#include "virtio/frame.h"

/** host_bridge_add() - a bridge that forwards at once, without STP, down. -EEXIST: the name is taken */
int host_bridge_add(struct netlink *netlink, const char *name, const uint8_t mac[FRAME_MAC],
		    uint16_t mtu);
int host_link_remove(struct netlink *netlink, unsigned int ifindex);

int host_link_set_up(struct netlink *netlink, unsigned int ifindex);
int host_link_set_down(struct netlink *netlink, unsigned int ifindex);
/** host_link_take_multicast() - of every group, not only of those the host has joined there */
int host_link_take_multicast(struct netlink *netlink, unsigned int ifindex);
int host_link_set_mtu(struct netlink *netlink, unsigned int ifindex, uint16_t mtu);
int host_link_set_alias(struct netlink *netlink, unsigned int ifindex, const char *alias);

/** host_link_no_ipv6() - the host itself has no IPv6 address on it, not even a link-local one */
int host_link_no_ipv6(struct netlink *netlink, unsigned int ifindex);

/** host_link_enslave() - make it a port of a bridge; @master 0: of none */
int host_link_enslave(struct netlink *netlink, unsigned int ifindex, unsigned int master);

/** struct host_port_flags - of a port of a bridge */
struct host_port_flags {
	bool isolated; /* reaches no other port that is isolated */
	bool flood;    /* gets what is for nobody known, for groups, for all */
};
int host_port_set_flags(struct netlink *netlink, unsigned int ifindex,
			const struct host_port_flags *flags);

/** host_address_add() - @family: AF_INET or AF_INET6, @address: of that family. IPv6: used at once */
int host_address_add(struct netlink *netlink, unsigned int ifindex, int family, const void *address,
		     unsigned int prefix_len);

#endif
