/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_access.h - what of the host's side is closed to guests, and what the user has opened
 *
 * IPv4 addresses are written ::ffff:0:0/96 (host_access_mapped()). Ports are in the host's order, 0
 * where a protocol has none. Pure functions.
 */
#ifndef NET_USER_HOST_ACCESS_H
#define NET_USER_HOST_ACCESS_H

#include "net/network_config.h"

static inline struct in6_addr host_access_mapped(struct in_addr address)
{
	struct in6_addr mapped = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	mapped.s6_addr32[3] = address.s_addr;
	return mapped;
}

/** host_access_is_metadata() - one of metadata.h? Link-local ones are not: no router forwards to these */
bool host_access_is_metadata(const struct in6_addr *address);

/** host_access_is_allowed() - opened by --allow? */
bool host_access_is_allowed(const struct network_config *config, const struct in6_addr *address,
			    uint16_t port);

/**
 * host_access_loopback() - which of the host's loopback addresses does this port of the gateway
 * lead to, by --allow?
 * @v6:	 of the gateway's two addresses
 * @ret: 127.0.0.1 or ::1 if these are allowed
 * Return: false: none
 */
bool host_access_loopback(const struct network_config *config, bool v6, uint16_t port,
			  struct in6_addr *ret);

#endif
