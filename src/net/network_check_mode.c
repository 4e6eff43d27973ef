/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_check_mode.c - which options a mode has, and needs
 *
 * vmnet's rules, as QEMU's netdevs have them: nat66-prefix only shared, net-uuid only host (a named
 * network, which has no DHCP), ifname only bridged and there always. What is bridged has the
 * addresses of its segment: nothing about addresses can be said of it.
 */
#include <errno.h>
#include <stdio.h>

#include "net/network_check.h"
#include "net/network_text.h"
#include "sys/explain.h"

static int check_kind(const struct network_config *config, char **ret_error)
{
	if (config->mode == NETWORK_BRIDGED && config->kind == NETWORK_USER)
		return explain(ret_error, -EINVAL,
			       "--network user: cannot bridge, which takes the kernel's network; "
			       "leave it out, or serve a shared network");
	return 0;
}

static int check_ifname(const struct network_config *config, char **ret_error)
{
	if (config->mode == NETWORK_BRIDGED && !config->ifname)
		return explain(
			ret_error, -EINVAL,
			"--ifname: missing; a bridged network needs the bridge or interface of "
			"the host to plug into, like --ifname br0");
	if (config->mode != NETWORK_BRIDGED && config->ifname)
		return explain(ret_error, -EINVAL,
			       "--ifname %s: a %s network plugs into no interface; leave it out or "
			       "serve a bridged network",
			       config->ifname, network_mode_name(config->mode));
	return 0;
}

static int check_shared_only(const struct network_config *config, char **ret_error)
{
	if (config->mode == NETWORK_SHARED || !config->prefix_given)
		return 0;
	return explain(
		ret_error, -EINVAL,
		"--nat66-prefix %s: a %s network has no NAT66; leave it out or serve a shared "
		"network",
		network_text6(&config->nat66_prefix).s, network_mode_name(config->mode));
}

static int check_host_only(const struct network_config *config, char **ret_error)
{
	if (config->mode == NETWORK_HOST || !config->uuid_given)
		return 0;
	return explain(ret_error, -EINVAL,
		       "--net-uuid: a %s network is not a named one; leave it out or serve a host "
		       "network",
		       network_mode_name(config->mode));
}

static int check_own_addresses(const struct network_config *config, char **ret_error)
{
	if (config->mode != NETWORK_BRIDGED || !config->addresses_given)
		return 0;
	return explain(
		ret_error, -EINVAL,
		"--start-address %s: a bridged network has the addresses of its segment; leave "
		"out the three or serve a shared or host network",
		network_text(config->start_address).s);
}

/* Is the host in this network, so that something of it could be open to guests? */
static int check_host_access(const struct network_config *config, char **ret_error)
{
	char allow[NETWORK_ALLOW_TEXT], option[NETWORK_ALLOW_TEXT + sizeof("--allow ")];

	if (!config->host_loopback && !config->n_allows)
		return 0;
	if (config->host_loopback) {
		snprintf(option, sizeof(option), "--host-loopback");
	} else {
		network_allow_print(&config->allows[0], allow);
		snprintf(option, sizeof(option), "--allow %s", allow);
	}
	if (config->mode == NETWORK_BRIDGED)
		return explain(
			ret_error, -EINVAL,
			"%s: in a bridged network guests reach the host like any other station "
			"does; leave it out",
			option);
	if (config->uuid_given && !config->addresses_given)
		return explain(
			ret_error, -EINVAL,
			"%s: with --net-uuid the host is not in the network, unless it has an "
			"address there; give the three addresses, too, or leave it out",
			option);
	return 0;
}

int network_check_mode(const struct network_config *config, char **ret_error)
{
	static int (*const checks[])(const struct network_config *config, char **ret_error) = {
		check_kind,	 check_ifname,	      check_shared_only,
		check_host_only, check_own_addresses, check_host_access,
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int r = checks[i](config, ret_error);

		if (r < 0)
			return r;
	}
	return 0;
}
