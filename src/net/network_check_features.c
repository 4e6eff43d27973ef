/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_check_features.c - what a network does by itself, and can be told not to
 */
#include <errno.h>
#include <string.h>

#include "net/network_check.h"
#include "sys/explain.h"

#define ULA_PREFIX 0xfdu

static int say_shared_only(const struct network_config *config, const char *option,
			   char **ret_error)
{
	return explain(ret_error, -EINVAL,
		       "--%s: a %s network has no way out of its own; leave it out or serve a "
		       "shared network",
		       option, network_mode_name(config->mode));
}

static int check_way_out(const struct network_config *config, char **ret_error)
{
	if (config->mode == NETWORK_SHARED)
		return 0;
	if (config->no_nat44)
		return say_shared_only(config, "nat44 off", ret_error);
	if (config->no_nat66)
		return say_shared_only(config, "nat66 off", ret_error);
	return config->uplink ? say_shared_only(config, "uplink", ret_error) : 0;
}

static int check_services(const struct network_config *config, char **ret_error)
{
	if (config->mode != NETWORK_BRIDGED || (!config->no_dns && !config->no_ra))
		return 0;
	return explain(ret_error, -EINVAL,
		       "--%s off: a bridged network has what its segment has; leave it out",
		       config->no_dns ? "dns-proxy" : "router-advertisement");
}

static int check_host6(const struct network_config *config, char **ret_error)
{
	static const uint8_t zero[8];
	const struct in6_addr *host = &config->host6;

	if (!config->host6_given)
		return 0;
	if (!config->uuid_given || !config->addresses_given)
		return explain(ret_error, -EINVAL,
			       "--host-ipv6 %s: the host's address in a network with --net-uuid "
			       "and the three addresses; give these, too, or leave it out",
			       network_text6(host).s);
	if (host->s6_addr[0] != ULA_PREFIX || memcmp(host->s6_addr + 8, zero, 8) == 0)
		return explain(ret_error, -EINVAL,
			       "--host-ipv6 %s: no address of a host inside fd00::/8; give one "
			       "like fd12:3456:789a::1",
			       network_text6(host).s);
	return 0;
}

static int check_offloads(const struct network_config *config, char **ret_error)
{
	if (!config->offloads || config->kind == NETWORK_VMNET)
		return 0;
	return explain(ret_error, -EINVAL,
		       "--offloads on: a network of kind %s has frames of no other size than its "
		       "guests'; leave it out, or use --network vmnet",
		       network_kind_name(config->kind));
}

int network_check_features(const struct network_config *config, char **ret_error)
{
	int r = check_way_out(config, ret_error);

	if (r >= 0)
		r = check_services(config, ret_error);
	if (r >= 0)
		r = check_offloads(config, ret_error);
	return r < 0 ? r : check_host6(config, ret_error);
}
