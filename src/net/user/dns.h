/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dns.h - the names of guests, at the gateway's own address
 *
 *   NAME, NAME.DOMAIN         a guest that leases an address under this name, or has one reserved
 *   gateway, host (.DOMAIN)   the gateway, which leads to the host
 *   x.x.x.x.in-addr.arpa      of the subnet; of the IPv6 prefix the gateway, and guests that were
 *                             heard from the address made of their MAC
 *
 * What is not ours is somebody else's to answer. No I/O, no clock. The loop's thread.
 */
#ifndef NET_USER_DNS_H
#define NET_USER_DNS_H

#include "net/user/dns_packet.h"
#include "net/user/leases.h"

#define DNS_TTL_S 60u

struct dns;

/** dns_new() - config and leases outlive it. Return: 0, -ENOMEM */
int dns_new(const struct network_config *config, const struct leases *leases, struct dns **ret);
void dns_free(struct dns *dns); /* NULL is fine */

enum dns_outcome {
	DNS_ANSWERED,
	DNS_FORWARD, /* not ours; shared mode only */
	DNS_IGNORED, /* no query at all; host mode only */
};

/**
 * dns_answer()
 * @message, @len: the UDP payload, any bytes
 * @answer: room for DNS_ANSWER_MAX
 */
enum dns_outcome dns_answer(const struct dns *dns, const uint8_t *message, size_t len,
			    uint8_t *answer, size_t *ret_len);

#endif
