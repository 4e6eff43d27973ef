/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_network.c - the "kernel" kind of network: made of what Linux has
 *
 *   guest -- port -- TAP --+
 *                          +-- bridge (rig0) -- the host: dnsmasq, routes, nftables -- outside
 *   guest -- port -- TAP --+
 *
 * Frames between guests stay in the bridge; this process only carries them between guests and TAPs.
 * Nothing that was there before is changed, but for settings of forwarding (forwarding.c). What is
 * made goes in the order in which it is of no use any more; what a kill leaves behind, the next
 * network that starts removes (claim.c).
 */
#include "net/kernel/kernel_network.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "net/kernel/bridge_table.h"
#include "net/kernel/host_scan.h"
#include "net/kernel/kernel_internal.h"
#include "net/kernel/privilege.h"
#include "net/kernel/runtime_dir.h"
#include "sys/explain.h"
#include "sys/log.h"

#define MTU_MIN_IPV6 1280u /* RFC 8200, section 5 */

static const struct network_config *kernel_config(const struct network *network)
{
	return &((const struct kernel_network *)network)->config;
}

static int kernel_mac(const struct network *network, uint8_t ret[FRAME_MAC])
{
	const struct kernel_network *kernel = (const struct kernel_network *)network;
	const struct host_link *link;
	struct host_links links;
	int r = host_links_scan(kernel->netlink, &links);

	if (r < 0)
		return r;
	link = host_links_by_index(&links, kernel->bridge);
	if (link)
		memcpy(ret, link->mac, FRAME_MAC);
	host_links_free(&links);
	return link ? 0 : -ENODEV;
}

/* Forwards */

static int kernel_forward_add(struct network *network, const struct network_forward *forward,
			      char **ret_error)
{
	struct kernel_network *kernel = (struct kernel_network *)network;
	enum local_part part = local_forwards_part(forward);
	int r, fd;

	if (!kernel->forwards)
		return explain(
			ret_error, -EOPNOTSUPP,
			"guests of a bridged network are reached by their own addresses; leave "
			"the forward out");
	if (part == LOCAL_WHOLE)
		return local_forwards_add(kernel->local_forwards, forward, -1, ret_error);
	r = forward_rules_add(kernel->forwards, forward, ret_error);
	fd = r < 0 || part == LOCAL_NONE ? -1 : forward_rules_socket(kernel->forwards, forward);
	if (fd < 0)
		return r;
	r = local_forwards_add(kernel->local_forwards, forward, fd, ret_error);
	if (r < 0)
		forward_rules_remove(kernel->forwards, forward);
	return r;
}

static void kernel_forward_remove(struct network *network, const struct network_forward *forward)
{
	struct kernel_network *kernel = (struct kernel_network *)network;

	if (local_forwards_part(forward) != LOCAL_NONE)
		local_forwards_remove(kernel->local_forwards, forward);
	if (local_forwards_part(forward) != LOCAL_WHOLE)
		forward_rules_remove(kernel->forwards, forward);
}

/* What there is to tell */

static void kernel_each_lease(const struct network *network,
			      bool (*each)(void *opaque, const struct network_lease *lease),
			      void *opaque)
{
	const struct kernel_network *kernel = (const struct kernel_network *)network;

	if (kernel->dnsmasq)
		dnsmasq_each_lease(kernel->dnsmasq, each, opaque);
}

struct address_walk {
	const struct kernel_network *kernel;
	bool (*each)(void *opaque, const struct network_address *address);
	void *opaque;
	bool ended;
};

static void on_entry(void *opaque, const struct bridge_entry *entry)
{
	struct address_walk *walk = opaque;
	struct network_address address = { .age_ms = entry->age_ms };

	if (walk->ended)
		return;
	memcpy(address.mac, entry->mac, FRAME_MAC);
	address.channel = kernel_port_by_index(walk->kernel, entry->port);
	walk->ended = !walk->each(walk->opaque, &address);
}

static void kernel_each_address(const struct network *network,
				bool (*each)(void *opaque, const struct network_address *address),
				void *opaque)
{
	const struct kernel_network *kernel = (const struct kernel_network *)network;
	struct address_walk walk = { kernel, each, opaque, false };

	(void)bridge_table_each(kernel->netlink, kernel->bridge, on_entry, &walk);
}

static void kernel_each_counter(const struct network *network,
				void (*each)(void *opaque, const char *name, uint64_t value),
				void *opaque)
{
	const struct kernel_network *kernel = (const struct kernel_network *)network;
	const struct dnsmasq_counters *counters;

	if (!kernel->dnsmasq)
		return;
	counters = dnsmasq_counters(kernel->dnsmasq);
	each(opaque, "dnsmasq_restarts_total", counters->restarts);
	each(opaque, "dhcp_exhausted_total", counters->exhausted);
}

/* Changes on the host */

static void on_changed(void *opaque)
{
	struct kernel_network *kernel = opaque;
	char *error = NULL, why[128];

	if (kernel->failed)
		return;
	if (!kernel_bridge_exists(kernel)) {
		kernel->failed = true;
		snprintf(why, sizeof(why), "somebody removed the network's bridge, %s",
			 kernel->bridge_is_ours ? kernel->claim.bridge : kernel->config.ifname);
		network_tell_failed(&kernel->network, why);
		return;
	}
	if (kernel->forwarding && forwarding_refresh(kernel->forwarding, &error) < 0 && error)
		log_warning("%s", error);
	free(error);
}

/* The whole */

static void kernel_free(struct network *network)
{
	struct kernel_network *kernel = (struct kernel_network *)network;

	monitor_free(kernel->monitor);
	dnsmasq_free(kernel->dnsmasq);
	local_forwards_free(kernel->local_forwards);
	forward_rules_free(kernel->forwards);
	forwarding_free(kernel->forwarding);
	nat_free(kernel->nat);
	ovs_free(kernel->ovs);
	kernel_bridge_remove(kernel);
	runtime_dir_remove(kernel->dir);
	free(kernel->dir);
	claim_release(&kernel->claim);
	netlink_free(kernel->netlink);
	tap_memory_clear(&kernel->tap_memory);
	free(kernel->reservations);
	free(kernel);
}

static const struct network_ops kernel_ops = {
	.name = "kernel",
	.open = kernel_open,
	.config = kernel_config,
	.mac = kernel_mac,
	.forward_add = kernel_forward_add,
	.forward_remove = kernel_forward_remove,
	.reserve = kernel_reserve,
	.unreserve = kernel_unreserve,
	.each_lease = kernel_each_lease,
	.each_address = kernel_each_address,
	.each_counter = kernel_each_counter,
	.free = kernel_free,
};

/* Rules before forwarding: there is no moment without them. */
static int make_routes(struct kernel_network *kernel, char **ret_error)
{
	const char *bridge = kernel->claim.bridge;
	int r = nat_new(&kernel->config, bridge, &kernel->nat, ret_error);

	if (r >= 0)
		r = forward_rules_new(kernel->nat, bridge, &kernel->forwards);
	if (r >= 0)
		r = local_forwards_new(kernel->loop, &kernel->local_forwards);
	if (r < 0 || kernel->config.mode != NETWORK_SHARED)
		return r;
	r = forwarding_new(kernel->netlink, kernel->nat, bridge, kernel->dir,
			   kernel->config.mtu >= MTU_MIN_IPV6, &kernel->forwarding);
	return r < 0 ? r : forwarding_refresh(kernel->forwarding, ret_error);
}

/* Docker and libvirt turn this on: what the bridge carries between guests is then forwarded, too. */
static bool bridge_is_filtered(void)
{
	FILE *file = fopen("/proc/sys/net/bridge/bridge-nf-call-iptables", "re");
	bool filtered = file && fgetc(file) == '1';

	if (file)
		fclose(file);
	return filtered;
}

static void warn_of_others(struct kernel_network *kernel)
{
	char *others = nat_others(kernel->nat);

	if (others)
		log_warning(
			"%s: the firewall of this host drops what it does not know (nftables: %s)%s; "
			"nobody else's rules can undo that, so let it accept what comes from and "
			"goes to the interface %s",
			kernel->claim.bridge, others,
			bridge_is_filtered() ? ", between guests as well (br_netfilter)" : "",
			kernel->claim.bridge);
	free(others);
}

static int check_supported(const struct network_config *config, char **ret_error)
{
	if (config->host_loopback)
		return explain(
			ret_error, -EOPNOTSUPP,
			"--host-loopback: the kernel keeps what is bound to loopback from guests; "
			"leave it out, let the service listen on the gateway's address, or use "
			"--network user");
	if (config->uuid_given && config->addresses_given)
		return explain(
			ret_error, -EOPNOTSUPP,
			"--start-address: a kernel network with --net-uuid has no address of the "
			"host's; leave the three addresses out");
	if (config->uplink && !if_nametoindex(config->uplink))
		return explain(ret_error, -ENODEV,
			       "--uplink %s: the host has no such interface; see: ip link",
			       config->uplink);
	for (size_t i = 0; i < config->n_reservations; i++) {
		int r = kernel_check_name(&config->reservations[i], ret_error);

		if (r < 0) {
			explain_about(ret_error, "--reserve: ");
			return r;
		}
	}
	return privilege_check(config, ret_error);
}

static int make_own(struct kernel_network *kernel, char **ret_error)
{
	int r;

	if (kernel->config.uuid_given)
		return named_bridge_make(kernel, ret_error);
	r = kernel_bridge_make(kernel, ret_error);
	if (r >= 0)
		r = runtime_dir_make(kernel->claim.bridge, &kernel->dir, ret_error);
	if (r >= 0)
		r = make_routes(kernel, ret_error);
	if (r >= 0)
		r = dnsmasq_new(kernel->loop, &kernel->network, &kernel->config,
				kernel->claim.bridge, kernel->dir, &kernel->dnsmasq, ret_error);
	if (r >= 0)
		warn_of_others(kernel);
	return r;
}

static int fill(struct kernel_network *kernel, char **ret_error)
{
	int r = check_supported(&kernel->config, ret_error);

	if (r >= 0)
		r = netlink_new(&kernel->netlink);
	if (r >= 0)
		r = claim_take(kernel->netlink, &kernel->claim, ret_error);
	if (r >= 0 && kernel->config.mode == NETWORK_BRIDGED)
		r = kernel_bridged_find(kernel, ret_error);
	else if (r >= 0)
		r = make_own(kernel, ret_error);
	if (r >= 0)
		r = monitor_new(kernel->loop, on_changed, kernel, &kernel->monitor);
	return r;
}

static int copy_reservations(struct kernel_network *kernel)
{
	struct network_config *config = &kernel->config;
	size_t n = config->n_reservations;

	kernel->reservations = calloc(n + 1, sizeof(*kernel->reservations));
	if (!kernel->reservations)
		return -ENOMEM;
	if (n)
		memcpy(kernel->reservations, config->reservations,
		       n * sizeof(*config->reservations));
	config->reservations = kernel->reservations;
	return 0;
}

int kernel_network_new(uv_loop_t *loop, const struct network_config *config, struct network **ret,
		       char **ret_error)
{
	struct kernel_network *kernel = calloc(1, sizeof(*kernel));
	int r;

	*ret_error = NULL;
	if (!kernel)
		return -ENOMEM;
	kernel->network.ops = &kernel_ops;
	kernel->loop = loop;
	kernel->config = *config;
	kernel->claim.fd = -1;
	r = copy_reservations(kernel);
	if (r >= 0)
		r = fill(kernel, ret_error);
	if (r < 0) {
		kernel_free(&kernel->network);
		return *ret_error
			       ? r
			       : explain(ret_error, r, "cannot make the network: %s", strerror(-r));
	}
	*ret = &kernel->network;
	return 0;
}
