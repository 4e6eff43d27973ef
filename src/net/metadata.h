/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metadata.h - where clouds tell their machines who they are
 *
 * Whoever asks there is given the host's name, keys and credentials, so every network closes these
 * to guests. Link-local addresses, of both families, are closed as well and are not listed.
 */
#ifndef NET_METADATA_H
#define NET_METADATA_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/** struct metadata_range - IPv4 as ::ffff:0:0/96, its prefix_len included in @prefix_len */
struct metadata_range {
	struct in6_addr address;
	uint8_t prefix_len;
};

/** metadata_range() - one after the other from 0. Return: NULL behind the last */
const struct metadata_range *metadata_range(size_t i);

#endif
