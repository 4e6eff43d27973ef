/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * complete.c - settings, once all is known: defaults, and whether it goes together
 *
 * The network first: rules about ports and forwards are meant relative to it.
 */
#include <errno.h>
#include <string.h>

#include "net/settings/complete.h"
#include "net/settings/table.h"
#include "sys/explain.h"

static int check_mode_given(const struct net_settings *settings, char **ret_error)
{
	if (settings_given(settings, "mode"))
		return 0;
	return explain(ret_error, -EINVAL,
		       "the mode is missing: outrigger net shared|host|bridged --nic PATH, see "
		       "outrigger net --help");
}

static int check_addresses_given(struct net_settings *settings, char **ret_error)
{
	bool start = settings_given(settings, "start-address");
	bool end = settings_given(settings, "end-address");
	bool mask = settings_given(settings, "subnet-mask");

	settings->network.addresses_given = start && end && mask;
	if (start == end && end == mask)
		return 0;
	return explain(ret_error, -EINVAL,
		       "%s%s%snot given; --start-address, --end-address and --subnet-mask go "
		       "together, give all three or none",
		       start ? "" : "--start-address ", end ? "" : "--end-address ",
		       mask ? "" : "--subnet-mask ");
}

static int fill_network(struct net_settings *settings, char **ret_error)
{
	struct network_config *network = &settings->network, defaults;
	int r = network_config_default(network->mode, &defaults);

	if (r < 0)
		return explain(ret_error, r, "no random number: %s", strerror(-r));
	if (!settings_given(settings, "network"))
		network->kind = defaults.kind;
	if (!network->addresses_given) {
		network->start_address = defaults.start_address;
		network->end_address = defaults.end_address;
		network->subnet_mask = defaults.subnet_mask;
	}
	if (network->host6_given)
		memcpy(network->nat66_prefix.s6_addr, network->host6.s6_addr, 8);
	else if (!network->prefix_given)
		network->nat66_prefix = defaults.nat66_prefix;
	if (!network->mtu)
		network->mtu = defaults.mtu;
	if (!network->dhcp.lease_s)
		network->dhcp.lease_s = defaults.dhcp.lease_s;
	network->source_guard |= network->isolated;
	return 0;
}

/* What an option of DHCP's is for, if there is none. */
static int check_dhcp_given(struct net_settings *settings, char **ret_error)
{
	struct network_config *network = &settings->network;

	if (network->uuid_given && settings_given(settings, "dhcp") && !network->dhcp.off)
		return explain(
			ret_error, -EINVAL,
			"--dhcp on: a network with --net-uuid has no DHCP; leave one of them "
			"out");
	network->dhcp.off |= network->uuid_given || network->mode == NETWORK_BRIDGED;
	if (network->dhcp.off && settings_given(settings, "lease-time"))
		return explain(ret_error, -EINVAL,
			       "--lease-time %s: this network has no DHCP; leave it out",
			       settings_value(settings, "lease-time"));
	return 0;
}

static int complete_network(struct net_settings *settings, char **ret_error)
{
	int r = check_mode_given(settings, ret_error);

	if (r < 0)
		return r;
	r = check_addresses_given(settings, ret_error);
	if (r < 0)
		return r;
	r = fill_network(settings, ret_error);
	if (r < 0)
		return r;
	r = check_dhcp_given(settings, ret_error);
	if (r < 0)
		return r;
	return network_config_check(&settings->network, ret_error);
}

int net_settings_complete(struct net_settings *settings, char **ret_error)
{
	int r;

	*ret_error = NULL;
	if (!settings_given(settings, "log-level"))
		settings->log_level = LOG_LEVEL_INFO;
	r = complete_network(settings, ret_error);
	if (r >= 0)
		r = complete_sockets(settings, ret_error);
	if (r >= 0)
		r = complete_forwards(settings, ret_error);
	if (r < 0)
		settings_locate(settings, ret_error);
	return r;
}
