/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slaac.h - the IPv6 address that a guest makes of a prefix and its MAC (RFC 4291, appendix A)
 *
 * Only some guests do: others make up the second half. Pure.
 */
#ifndef NET_USER_SLAAC_H
#define NET_USER_SLAAC_H

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "virtio/frame.h"

/** slaac_make() - @prefix: of 64 bits */
static inline struct in6_addr slaac_make(const struct in6_addr *prefix,
					 const uint8_t mac[FRAME_MAC])
{
	struct in6_addr address = *prefix;
	uint8_t *id = address.s6_addr + 8;

	memcpy(id, mac, 3);
	id[0] ^= 2;
	id[3] = 0xff;
	id[4] = 0xfe;
	memcpy(id + 5, mac + 3, 3);
	return address;
}

/** slaac_mac() - the one that an address was made of. Return: false: it was made otherwise */
static inline bool slaac_mac(const struct in6_addr *address, uint8_t ret[FRAME_MAC])
{
	const uint8_t *id = address->s6_addr + 8;

	if (id[3] != 0xff || id[4] != 0xfe)
		return false;
	memcpy(ret, id, 3);
	ret[0] ^= 2;
	memcpy(ret + 3, id + 5, 3);
	return true;
}

#endif
