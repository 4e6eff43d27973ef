/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_internal.h - one kernel network, for the files that make it up
 *
 * kernel_network.c makes and ends the whole, kernel_bridge.c its bridge, kernel_ports.c its ports,
 * kernel_reservations.c what its DHCP keeps for guests.
 * One thread: the loop's.
 */
#ifndef NET_KERNEL_KERNEL_INTERNAL_H
#define NET_KERNEL_KERNEL_INTERNAL_H

#include "net/kernel/claim.h"
#include "net/kernel/dnsmasq.h"
#include "net/kernel/forward_rules.h"
#include "net/kernel/forwarding.h"
#include "net/kernel/local_forwards.h"
#include "net/kernel/monitor.h"
#include "net/kernel/nat.h"
#include "net/kernel/netlink.h"
#include "net/kernel/ovs.h"
#include "net/kernel/tap_channel.h"
#include "net/network.h"

struct kernel_port;

/** enum kernel_plug - what a port is plugged into, and so what it is made of */
enum kernel_plug {
	KERNEL_PLUG_BRIDGE,  /* a TAP, port of a Linux bridge: ours, or --ifname */
	KERNEL_PLUG_OVS,     /* a TAP, port of an Open vSwitch bridge */
	KERNEL_PLUG_MACVTAP, /* a macvtap on an interface */
};

struct kernel_network {
	struct network network; /* first: what is given out */
	uv_loop_t *loop;
	struct network_config config;		  /* settled */
	struct network_reservation *reservations; /* of config; ours, for they change */
	struct netlink *netlink;
	struct claim claim;
	enum kernel_plug plug;
	unsigned int bridge; /* what ports are plugged into; 0: there is none yet */
	bool bridge_is_ours; /* to be removed at the end */
	struct tap_memory tap_memory;
	struct tap_channel_owner channel_owner;
	struct kernel_port *ports;
	struct ovs *ovs; /* KERNEL_PLUG_OVS only */
	char *dir;	 /* for files of this run, where there is a bridge with addresses */
	struct nat *nat;
	struct forwarding *forwarding;
	struct forward_rules *forwards;
	struct local_forwards *local_forwards; /* as long as there are forwards */
	struct dnsmasq *dnsmasq;
	struct monitor *monitor;
	bool failed; /* and has been told of */
};

/** kernel_bridge_make() - with addresses, up; settles those that were left open. 0 or -errno */
int kernel_bridge_make(struct kernel_network *kernel, char **ret_error);
void kernel_bridge_remove(struct kernel_network *kernel);

/** kernel_bridge_exists() - nobody has removed it */
bool kernel_bridge_exists(const struct kernel_network *kernel);

/** kernel_bridge_plug_keeper() - the claim's interface becomes a port that nothing is sent to */
int kernel_bridge_plug_keeper(const struct kernel_network *kernel);

/** named_bridge_make(), named_bridge_leave() - the same for a network with a UUID */
int named_bridge_make(struct kernel_network *kernel, char **ret_error);
void named_bridge_leave(struct kernel_network *kernel);

/** kernel_bridged_find() - what --ifname names. Return: 0, -ENODEV, -EBUSY, -EINVAL, -errno */
int kernel_bridged_find(struct kernel_network *kernel, char **ret_error);

/** kernel_open() - as in struct network_ops */
int kernel_open(struct network *network, const struct network_port *port,
		const struct channel_events *events, void *opaque, struct channel **ret);

/** kernel_reserve(), kernel_unreserve() - as in struct network_ops */
int kernel_reserve(struct network *network, const struct network_reservation *wanted,
		   char **ret_error);
int kernel_unreserve(struct network *network, const uint8_t mac[FRAME_MAC]);

/** kernel_check_name() - does dnsmasq take its name for one? Return: 0, -EINVAL */
int kernel_check_name(const struct network_reservation *wanted, char **ret_error);

/** kernel_port_plugged() - told by Open vSwitch: the network's end of a port's cable is in, or is not */
void kernel_port_plugged(void *kernel_network, const char *name, bool ok);

/** kernel_port_by_index() - NULL: the interface is none of our ports */
const struct channel *kernel_port_by_index(const struct kernel_network *kernel,
					   unsigned int ifindex);

#endif
