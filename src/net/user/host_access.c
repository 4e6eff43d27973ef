/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_access.c - what of the host's side is closed to guests, and what the user has opened
 */
#include "net/user/host_access.h"

#include <string.h>

#include "net/metadata.h"

/* First @len bits alike? */
static bool same_prefix(const struct in6_addr *a, const struct in6_addr *b, unsigned int len)
{
	unsigned int bytes = len / 8, bits = len % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return bits == 0 || (a->s6_addr[bytes] ^ b->s6_addr[bytes]) >> (8 - bits) == 0;
}

#define IPV4(a, b, c, d)                                     \
	{                                                    \
		.s6_addr = { [10] = 0xff, 0xff, a, b, c, d } \
	}

bool host_access_is_metadata(const struct in6_addr *address)
{
	const struct metadata_range *range;

	for (size_t i = 0; (range = metadata_range(i)); i++) {
		if (same_prefix(address, &range->address, range->prefix_len))
			return true;
	}
	return false;
}

/* ::/0 is all of IPv6, and nothing of IPv4. */
static bool is_ipv4(const struct network_allow *allow)
{
	return allow->prefix_len >= 96 && IN6_IS_ADDR_V4MAPPED(&allow->address);
}

static bool covers(const struct network_allow *allow, const struct in6_addr *address, uint16_t port)
{
	return (allow->port == 0 || allow->port == port) &&
	       is_ipv4(allow) == IN6_IS_ADDR_V4MAPPED(address) &&
	       same_prefix(&allow->address, address, allow->prefix_len);
}

bool host_access_is_allowed(const struct network_config *config, const struct in6_addr *address,
			    uint16_t port)
{
	for (size_t i = 0; i < config->n_allows; i++) {
		if (covers(&config->allows[i], address, port))
			return true;
	}
	return false;
}

bool host_access_loopback(const struct network_config *config, bool v6, uint16_t port,
			  struct in6_addr *ret)
{
	static const struct in6_addr loopback4 = IPV4(127, 0, 0, 1),
				     loopback6 = { .s6_addr = { [15] = 1 } };
	const struct in6_addr *usual = v6 ? &loopback6 : &loopback4;

	if (host_access_is_allowed(config, usual, port)) {
		*ret = *usual;
		return true;
	}
	/* Others of 127/8: the first address of what was allowed. */
	for (size_t i = 0; i < config->n_allows && !v6; i++) {
		const struct network_allow *allow = &config->allows[i];

		if (is_ipv4(allow) && allow->address.s6_addr[12] == 127 &&
		    covers(allow, &allow->address, port)) {
			*ret = allow->address;
			return true;
		}
	}
	return false;
}
