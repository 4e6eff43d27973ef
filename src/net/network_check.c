/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_check.c - is it a network? The topics in their order, and what is none of them
 */
#include "net/network_check.h"

#include <errno.h>
#include <string.h>

#include "sys/explain.h"
#include "virtio/frame.h"

#define ULA_PREFIX 0xfdu

static int check_prefix6(const struct network_config *config, char **ret_error)
{
	static const uint8_t zero[8];

	if (config->nat66_prefix.s6_addr[0] != ULA_PREFIX)
		return explain(
			ret_error, -EINVAL,
			"--nat66-prefix %s: not a unique local prefix; choose one inside fd00::/8, like "
			"fd12:3456:789a::",
			network_text6(&config->nat66_prefix).s);
	if (memcmp(config->nat66_prefix.s6_addr + 8, zero, sizeof(zero)) != 0)
		return explain(
			ret_error, -EINVAL,
			"--nat66-prefix %s: more than 64 bits; the last 64 must be zero, like in "
			"fd12:3456:789a::",
			network_text6(&config->nat66_prefix).s);
	return 0;
}

static int check_mtu(const struct network_config *config, char **ret_error)
{
	if (config->mtu < FRAME_MTU_MIN || config->mtu > FRAME_MTU_MAX)
		return explain(ret_error, -EINVAL, "--mtu %u: out of range; give %u to %u",
			       config->mtu, FRAME_MTU_MIN, FRAME_MTU_MAX);
	return 0;
}

static int check_own(const struct network_config *config, char **ret_error)
{
	int r = network_check_addresses(config, ret_error);

	return r < 0 ? r : check_prefix6(config, ret_error);
}

int network_config_check(const struct network_config *config, char **ret_error)
{
	int r = network_check_mode(config, ret_error);

	if (r >= 0)
		r = network_check_features(config, ret_error);
	if (r >= 0 && config->mode != NETWORK_BRIDGED)
		r = check_own(config, ret_error);
	if (r < 0)
		return r;
	r = network_check_dhcp(config, ret_error);
	return r < 0 ? r : check_mtu(config, ret_error);
}
