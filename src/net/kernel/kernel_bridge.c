/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_bridge.c - the bridge of a shared or host network, and the host's place on it
 *
 * The keeper of the claim is a port of the bridge that nothing is sent to: with it the bridge has a
 * carrier, and so its addresses are in use, before the first guest comes.
 *
 * Two networks that start at once may find the same subnet free. So each looks again when it has
 * taken one, and whoever sees another there gives its own up and takes the next.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/kernel/host_link.h"
#include "net/kernel/kernel_internal.h"
#include "net/kernel/subnet.h"
#include "net/kernel/sysctl.h"
#include "sys/explain.h"

#define ATTEMPTS     8u
#define MTU_MIN_IPV6 1280u /* RFC 8200, section 5 */

/* The same for the same gateway, so that guests need not forget it when we start again. */
static void bridge_mac(const struct network_config *config, uint8_t ret[FRAME_MAC])
{
	ret[0] = 0x52;
	ret[1] = 0x49;
	memcpy(ret + 2, &config->start_address, sizeof(config->start_address));
}

/*
 * Guests are no routers for the host, and it needs no address that it makes itself from theirs.
 * Its own are used without asking first whether a guest has them (dad_transmits): the asking
 * begins with the first guest, which would wait for its router meanwhile, and no guest is to have
 * them.
 */
static int set_up_ipv6(const char *bridge)
{
	int r = sysctl_set("ipv6", bridge, "accept_ra", 0);

	if (r >= 0)
		r = sysctl_set("ipv6", bridge, "autoconf", 0);
	if (r >= 0)
		r = sysctl_set("ipv6", bridge, "dad_transmits", 0);
	return r == -ENOENT ? 0 : r; /* the host has no IPv6 */
}

static int add_addresses(const struct kernel_network *kernel)
{
	const struct network_config *config = &kernel->config;
	struct network_addresses addresses;
	int prefix_len = __builtin_popcount(config->subnet_mask.s_addr);
	int r;

	network_config_addresses(config, &addresses);
	r = host_address_add(kernel->netlink, kernel->bridge, AF_INET, &addresses.gateway,
			     (unsigned int)prefix_len);
	if (r < 0 || config->mtu < MTU_MIN_IPV6)
		return r;
	r = host_address_add(kernel->netlink, kernel->bridge, AF_INET6, &addresses.gateway6, 64);
	return r == -EACCES || r == -EOPNOTSUPP ? 0 : r; /* the host has IPv6 turned off */
}

int kernel_bridge_plug_keeper(const struct kernel_network *kernel)
{
	static const struct host_port_flags flags = { .isolated = true };
	unsigned int keeper = if_nametoindex(kernel->claim.keeper);
	int r = host_link_no_ipv6(kernel->netlink, keeper);

	if (r == -EAFNOSUPPORT)
		r = 0;
	if (r >= 0)
		r = host_link_enslave(kernel->netlink, keeper, kernel->bridge);
	if (r >= 0)
		r = host_port_set_flags(kernel->netlink, keeper, &flags);
	if (r >= 0)
		r = host_link_set_up(kernel->netlink, keeper);
	return r;
}

static int set_up(struct kernel_network *kernel)
{
	char alias[HOST_ALIAS_MAX + 1];
	int r = set_up_ipv6(kernel->claim.bridge);

	claim_alias(kernel->config.mode == NETWORK_HOST ? "host network" : "shared network", alias);
	if (r >= 0)
		r = host_link_set_alias(kernel->netlink, kernel->bridge, alias);
	if (r >= 0)
		r = kernel_bridge_plug_keeper(kernel);
	if (r >= 0)
		r = host_link_set_up(kernel->netlink, kernel->bridge);
	if (r >= 0)
		r = add_addresses(kernel);
	return r;
}

static int make(struct kernel_network *kernel, char **ret_error)
{
	uint8_t mac[FRAME_MAC];
	int r;

	bridge_mac(&kernel->config, mac);
	r = host_bridge_add(kernel->netlink, kernel->claim.bridge, mac, kernel->config.mtu);
	if (r == -EOPNOTSUPP)
		return explain(
			ret_error, r,
			"the kernel has no bridges; load its module bridge (modprobe bridge)");
	if (r >= 0) {
		kernel->bridge = if_nametoindex(kernel->claim.bridge);
		kernel->bridge_is_ours = true;
		r = set_up(kernel);
	}
	if (r < 0)
		return explain(ret_error, r, "cannot make the bridge %s: %s", kernel->claim.bridge,
			       strerror(-r));
	return 0;
}

int kernel_bridge_make(struct kernel_network *kernel, char **ret_error)
{
	int r = -EADDRINUSE;

	for (unsigned int attempt = 0; attempt < ATTEMPTS; attempt++) {
		/* Who came second at first is not where the first one is the next time. */
		unsigned int skip = attempt ? attempt + kernel->claim.number : 0;

		r = subnet_choose(kernel->netlink, &kernel->config, skip, ret_error);
		if (r >= 0)
			r = make(kernel, ret_error);
		if (r < 0)
			return r;
		r = subnet_recheck(kernel->netlink, &kernel->config, kernel->bridge, ret_error);
		if (r >= 0) {
			subnet_keep(&kernel->config);
			return 0;
		}
		kernel_bridge_remove(kernel);
		if (r != -EADDRINUSE || kernel->config.addresses_given)
			return r;
		free(*ret_error);
		*ret_error = NULL;
	}
	return explain(ret_error, r, "other networks take each subnet at the same time; try again");
}

void kernel_bridge_remove(struct kernel_network *kernel)
{
	if (kernel->bridge_is_ours && kernel->config.uuid_given)
		named_bridge_leave(kernel);
	else if (kernel->bridge_is_ours)
		(void)host_link_remove(kernel->netlink, kernel->bridge); /* gone is gone */
	kernel->bridge = 0;
	kernel->bridge_is_ours = false;
}

bool kernel_bridge_exists(const struct kernel_network *kernel)
{
	char name[IFNAMSIZ];

	return if_indextoname(kernel->bridge, name);
}
