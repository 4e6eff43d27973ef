/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_ports.c - an interface for each port, plugged in
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/kernel/bridge_table.h"
#include "net/kernel/host_link.h"
#include "net/kernel/kernel_internal.h"
#include "net/kernel/macvtap.h"
#include "net/kernel/tap_device.h"
#include "sys/log.h"

#define FRAME_OVERHEAD (FRAME_ETH_HEADER + FRAME_VLAN_TAG)
#define PORTS_MAX      1024u /* what a bridge of Linux has */
#define PORT_NAME_MAX  (IFNAMSIZ + 16)

struct kernel_port {
	struct kernel_port *next;
	struct channel *channel;
	unsigned int number, ifindex;
	char name[PORT_NAME_MAX]; /* "rig0p1": shorter than IFNAMSIZ */
};

const struct channel *kernel_port_by_index(const struct kernel_network *kernel,
					   unsigned int ifindex)
{
	for (const struct kernel_port *port = kernel->ports; port; port = port->next) {
		if (port->ifindex == ifindex)
			return port->channel;
	}
	return NULL;
}

void kernel_port_plugged(void *kernel_network, const char *name, bool ok)
{
	struct kernel_network *kernel = kernel_network;

	for (struct kernel_port *port = kernel->ports; port; port = port->next) {
		if (strcmp(port->name, name) == 0) {
			channel_tell_link(port->channel, ok);
			return;
		}
	}
}

static struct kernel_port **find(struct kernel_network *kernel, const struct channel *channel)
{
	struct kernel_port **at = &kernel->ports;

	while (*at && (*at)->channel != channel)
		at = &(*at)->next;
	return at;
}

/* A TAP goes with its descriptor, but not from Open vSwitch's database. */
static void unplug(struct kernel_network *kernel, const struct kernel_port *port)
{
	if (kernel->plug == KERNEL_PLUG_OVS)
		ovs_remove_port(kernel->ovs, port->name);
	if (kernel->plug == KERNEL_PLUG_MACVTAP)
		(void)host_link_remove(kernel->netlink, port->ifindex); /* gone is gone */
}

static void on_closing(void *opaque, struct channel *channel)
{
	struct kernel_port **at = find(opaque, channel), *port = *at;

	unplug(opaque, port);
	*at = port->next;
	free(port);
}

/* A macvtap is up when its guest is there; what is for the guest's address comes to it then. */
static void on_carrier(void *opaque, const struct channel *channel, bool up)
{
	struct kernel_network *kernel = opaque;
	unsigned int ifindex = (*find(kernel, channel))->ifindex;

	(void)(up ? host_link_set_up(kernel->netlink, ifindex)
		  : host_link_set_down(kernel->netlink, ifindex));
}

static void on_source(void *opaque, const struct channel *channel, const uint8_t mac[FRAME_MAC])
{
	struct kernel_network *kernel = opaque;
	const struct kernel_port *port = *find(kernel, channel);
	int r = macvtap_set_mac(kernel->netlink, port->ifindex, mac);

	if (r < 0)
		log_warning("%s: cannot give it its guest's MAC address: %s", port->name,
			    strerror(-r));
}

static uint64_t on_dropped(void *opaque, const struct channel *channel)
{
	struct kernel_network *kernel = opaque;

	return host_link_dropped(kernel->netlink, (*find(kernel, channel))->ifindex);
}

static void name_port(const struct kernel_network *kernel, unsigned int number,
		      char ret[PORT_NAME_MAX])
{
	snprintf(ret, PORT_NAME_MAX, "%sp%u", kernel->claim.bridge, number);
}

static bool number_is_used(const struct kernel_network *kernel, unsigned int number)
{
	char name[PORT_NAME_MAX];

	name_port(kernel, number, name);
	if (kernel->ovs && ovs_has_port(kernel->ovs, name))
		return true;
	for (const struct kernel_port *port = kernel->ports; port; port = port->next) {
		if (port->number == number)
			return true;
	}
	return false;
}

static int open_device(struct kernel_network *kernel, struct kernel_port *port,
		       const struct network_port *config, int *ret_fd, char **ret_error)
{
	int r;

	if (kernel->plug == KERNEL_PLUG_MACVTAP)
		return macvtap_open(kernel->netlink, port->name, kernel->bridge, config->mac,
				    config->isolated, &port->ifindex, ret_fd, ret_error);
	r = tap_device_open(port->name, ret_fd, ret_error);
	if (r >= 0)
		port->ifindex = if_nametoindex(port->name);
	return r;
}

/* With a number that nobody has. -ENOSPC: no more of them */
static int open_numbered(struct kernel_network *kernel, struct kernel_port *port,
			 const struct network_port *config, int *ret_fd)
{
	char *error = NULL;
	int r = -ENOSPC;

	for (port->number = 1; port->number <= PORTS_MAX; port->number++) {
		if (number_is_used(kernel, port->number))
			continue;
		name_port(kernel, port->number, port->name);
		r = open_device(kernel, port, config, ret_fd, &error);
		if (r != -EBUSY && r != -EEXIST)
			break;
	}
	if (error)
		log_error("%s", error);
	free(error);
	return r;
}

static int join_bridge(struct kernel_network *kernel, const struct kernel_port *port,
		       const struct network_port *config)
{
	const struct host_port_flags flags = { .isolated = config->isolated, .flood = true };
	int r = host_link_enslave(kernel->netlink, port->ifindex, kernel->bridge);

	if (r >= 0)
		r = host_port_set_flags(kernel->netlink, port->ifindex, &flags);
	return r < 0 ? r : host_link_set_up(kernel->netlink, port->ifindex);
}

static int join_ovs(struct kernel_network *kernel, const struct kernel_port *port,
		    const struct network_port *config)
{
	int r = host_link_set_up(kernel->netlink, port->ifindex);

	return r < 0 ? r : ovs_add_port(kernel->ovs, port->name, config->isolated);
}

static int plug_in(struct kernel_network *kernel, const struct kernel_port *port,
		   const struct network_port *config)
{
	struct netlink *netlink = kernel->netlink;
	char alias[HOST_ALIAS_MAX + 1];
	int r;

	claim_alias(config->name, alias);
	r = host_link_set_alias(netlink, port->ifindex, alias);
	if (r >= 0 && kernel->plug != KERNEL_PLUG_MACVTAP)
		r = host_link_set_mtu(netlink, port->ifindex, kernel->config.mtu);
	if (r >= 0)
		r = host_link_no_ipv6(netlink, port->ifindex);
	if (r == -EAFNOSUPPORT) /* the host has no IPv6 */
		r = 0;
	if (r >= 0 && kernel->plug == KERNEL_PLUG_BRIDGE)
		r = join_bridge(kernel, port, config);
	if (r >= 0 && kernel->plug == KERNEL_PLUG_OVS)
		r = join_ovs(kernel, port, config);
	return r;
}

static int fill(struct kernel_network *kernel, struct kernel_port *port,
		const struct network_port *config, const struct channel_events *events,
		void *opaque)
{
	int fd;
	int r = open_numbered(kernel, port, config, &fd);

	if (r < 0)
		return r;
	r = plug_in(kernel, port, config);
	if (r >= 0)
		r = tap_channel_new(kernel->loop, fd, FRAME_OVERHEAD + kernel->config.mtu,
				    &kernel->tap_memory, &kernel->channel_owner, events, opaque,
				    &port->channel);
	if (r < 0) {
		unplug(kernel, port);
		close(fd);
	}
	return r;
}

int kernel_open(struct network *network, const struct network_port *config,
		const struct channel_events *events, void *opaque, struct channel **ret)
{
	struct kernel_network *kernel = (struct kernel_network *)network;
	struct kernel_port *port = calloc(1, sizeof(*port));
	int r;

	if (!port)
		return -ENOMEM;
	kernel->channel_owner = (struct tap_channel_owner) {
		.closing = on_closing,
		.dropped = on_dropped,
		.source = kernel->plug == KERNEL_PLUG_MACVTAP ? on_source : NULL,
		.set_carrier = kernel->plug == KERNEL_PLUG_MACVTAP ? on_carrier : NULL,
		.opaque = kernel,
	};
	r = fill(kernel, port, config, events, opaque);
	if (r < 0) {
		free(port);
		return r;
	}
	port->next = kernel->ports;
	kernel->ports = port;
	*ret = port->channel;
	return 0;
}
