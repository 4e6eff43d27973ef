/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_check_addresses.c - which addresses make a network
 *
 * vmnet's rules: RFC 1918 addresses, the first of the range is the gateway, the rest of it DHCP's,
 * the rest of the subnet free for static use.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "net/network_check.h"
#include "sys/explain.h"

static int check_mask(const struct network_config *config, char **ret_error)
{
	uint32_t host_bits = ~ntohl(config->subnet_mask.s_addr);

	if (host_bits & (host_bits + 1))
		return explain(ret_error, -EINVAL,
			       "--subnet-mask %s: the one bits are not in one piece at the front; "
			       "give a mask like 255.255.255.0",
			       network_text(config->subnet_mask).s);
	if (host_bits < 3 || host_bits > 0xffffff)
		return explain(ret_error, -EINVAL,
			       "--subnet-mask %s: a subnet has 8 to 30 network bits; "
			       "give 255.0.0.0 to 255.255.255.252",
			       network_text(config->subnet_mask).s);
	return 0;
}

static bool subnet_is_private(uint32_t first, uint32_t last)
{
	static const struct {
		uint32_t first, last;
	} blocks[] = {
		/* RFC 1918, section 3 */
		{ 0x0a000000u, 0x0affffffu }, /* 10/8 */
		{ 0xac100000u, 0xac1fffffu }, /* 172.16/12 */
		{ 0xc0a80000u, 0xc0a8ffffu }, /* 192.168/16 */
	};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (first >= blocks[i].first && last <= blocks[i].last)
			return true;
	}
	return false;
}

static int check_private(const struct network_config *config, char **ret_error)
{
	uint32_t mask = ntohl(config->subnet_mask.s_addr);
	uint32_t first = ntohl(config->start_address.s_addr) & mask;

	if (subnet_is_private(first, first | ~mask))
		return 0;
	return explain(
		ret_error, -EINVAL,
		"--start-address %s, --subnet-mask %s: the subnet is not a private one; choose one "
		"inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
		network_text(config->start_address).s, network_text(config->subnet_mask).s);
}

static int check_host_address(const struct network_config *config, const char *option,
			      struct in_addr address, char **ret_error)
{
	uint32_t host_bits = ~config->subnet_mask.s_addr & address.s_addr;

	if (host_bits == 0)
		return explain(
			ret_error, -EINVAL,
			"%s %s: this is the subnet's own address; the next one is free for use",
			option, network_text(address).s);
	if (host_bits == ~config->subnet_mask.s_addr)
		return explain(
			ret_error, -EINVAL,
			"%s %s: this is the subnet's broadcast address; the one before is free for use",
			option, network_text(address).s);
	return 0;
}

static int check_order(const struct network_config *config, char **ret_error)
{
	uint32_t mask = config->subnet_mask.s_addr;

	if ((config->start_address.s_addr & mask) != (config->end_address.s_addr & mask))
		return explain(
			ret_error, -EINVAL,
			"--end-address %s: not in the subnet of --start-address %s with --subnet-mask %s; "
			"both must be in one subnet",
			network_text(config->end_address).s, network_text(config->start_address).s,
			network_text(config->subnet_mask).s);
	if (ntohl(config->start_address.s_addr) >= ntohl(config->end_address.s_addr))
		return explain(
			ret_error, -EINVAL,
			"--end-address %s: not after --start-address %s; the range runs from the gateway "
			"up to the last address that a guest may get",
			network_text(config->end_address).s, network_text(config->start_address).s);
	return 0;
}

/* The mask first: every rule about addresses is meant relative to it. */
int network_check_addresses(const struct network_config *config, char **ret_error)
{
	int r = check_mask(config, ret_error);

	if (r < 0)
		return r;
	r = check_private(config, ret_error);
	if (r < 0)
		return r;
	r = check_host_address(config, "--start-address", config->start_address, ret_error);
	if (r < 0)
		return r;
	r = check_order(config, ret_error);
	if (r < 0)
		return r;
	return check_host_address(config, "--end-address", config->end_address, ret_error);
}
