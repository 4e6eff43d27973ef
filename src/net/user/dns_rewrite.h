/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dns_rewrite.h - the gateway as name server, where libslirp's is
 *
 * libslirp tells its name server, which is the host's, by an address of its own. That address is
 * one that no guest can have: the subnet's own, and of the IPv6 prefix the one that ends in zeros
 * (RFC 4291, section 2.6.1). Guests never see it: what they send to port 53 of the gateway goes
 * there, and what comes from there comes from the gateway.
 *
 * Checksums are updated, not made anew: one that was wrong stays so. Pure functions.
 */
#ifndef NET_USER_DNS_REWRITE_H
#define NET_USER_DNS_REWRITE_H

#include "net/network_config.h"

/** dns_rewrite_server(), _server6() - libslirp's name server */
struct in_addr dns_rewrite_server(const struct network_addresses *addresses);
struct in6_addr dns_rewrite_server6(const struct network_addresses *addresses);

/** dns_rewrite_is_query() - UDP or TCP for the gateway's port 53? @frame: any bytes */
bool dns_rewrite_is_query(const struct network_addresses *addresses, const uint8_t *frame,
			  size_t len);

/** dns_rewrite_query() - that, in place: to libslirp's name server */
void dns_rewrite_query(const struct network_addresses *addresses, uint8_t *frame, size_t len);

/**
 * dns_rewrite_is_answer() - from libslirp's name server, or an error about a packet that went there
 * @frame: from libslirp
 */
bool dns_rewrite_is_answer(const struct network_addresses *addresses, const uint8_t *frame,
			   size_t len);

/** dns_rewrite_answer() - that, in place: from the gateway */
void dns_rewrite_answer(const struct network_addresses *addresses, uint8_t *frame, size_t len);

#endif
