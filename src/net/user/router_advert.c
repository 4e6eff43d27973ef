/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * router_advert.c - libslirp's router advertisements, corrected
 *
 * libslirp announces the address of its name server, which is hidden behind the gateway's
 * (dns_rewrite.h), whenever the host has a name server that is reached by IPv6.
 *
 *   | Ethernet 14 | IPv6 40 | router advertisement 16 | options, each in units of 8 bytes ... |
 */
#include "net/user/router_advert.h"

#include <linux/if_ether.h>
#include <netinet/icmp6.h>

#include "net/user/packet.h"

#define NEXT_HEADER    (PACKET_IP + 6u)
#define ICMP6	       (PACKET_IP + PACKET_IP6_HEADER)
#define ICMP6_CHECKSUM (ICMP6 + 2u)
#define OPTIONS	       (ICMP6 + 16u)
#define RDNSS	       25u /* RFC 8106: type, length, 2 reserved, 4 lifetime, addresses */
#define RDNSS_LIFETIME 4u
#define RDNSS_SERVER   8u
#define RDNSS_LEN      24u /* with one address, as libslirp has it */

bool router_advert_is(const uint8_t *frame, size_t len)
{
	return len >= OPTIONS && packet_get16(frame + PACKET_ETH_TYPE) == ETH_P_IPV6 &&
	       frame[NEXT_HEADER] == IPPROTO_ICMPV6 && frame[ICMP6] == ND_ROUTER_ADVERT;
}

/* RFC 1624: HC' = ~(~HC + ~m + m') */
static void put_word(uint8_t *frame, size_t at, unsigned int value)
{
	uint32_t sum = (uint16_t)~packet_get16(frame + ICMP6_CHECKSUM) +
		       (uint32_t)(uint16_t)~packet_get16(frame + at) + value;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	packet_put16(frame + at, value);
	packet_put16(frame + ICMP6_CHECKSUM, ~sum & 0xffff);
}

/* Of the next option from there on that tells of a name server. Return: 0: there is none */
static size_t find_server(const uint8_t *frame, size_t len, size_t at)
{
	while (at + 8 <= len && frame[at + 1] != 0) {
		size_t size = (size_t)8 * frame[at + 1];

		if (size > len - at)
			break;
		if (frame[at] == RDNSS && size >= RDNSS_LEN)
			return at;
		at += size;
	}
	return 0;
}

void router_advert_set_server(uint8_t *frame, size_t len, const struct in6_addr *server)
{
	size_t at = OPTIONS;

	while ((at = find_server(frame, len, at))) {
		for (size_t i = 0; i < 16; i += 2)
			put_word(frame, at + RDNSS_SERVER + i, packet_get16(server->s6_addr + i));
		at += (size_t)8 * frame[at + 1];
	}
}

void router_advert_end_server(uint8_t *frame, size_t len)
{
	size_t at = OPTIONS;

	while ((at = find_server(frame, len, at))) {
		put_word(frame, at + RDNSS_LIFETIME, 0);
		put_word(frame, at + RDNSS_LIFETIME + 2, 0);
		at += (size_t)8 * frame[at + 1];
	}
}
