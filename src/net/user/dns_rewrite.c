/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dns_rewrite.c - the gateway as name server, where libslirp's is
 *
 * An address is in up to two checksums: IPv4's of its header, and that of UDP or TCP, over a pseudo
 * header. In an ICMP error it is the destination in the header that the error is about; there IPv4's
 * checksum takes up the change, and ICMP's, which covers both, stays; ICMPv6's does not.
 */
#include "net/user/dns_rewrite.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "net/user/packet.h"

#define IP4_CHECKSUM   10u
#define IP4_TO	       16u
#define IP6_TO	       24u
#define UDP_CHECKSUM   6u
#define TCP_CHECKSUM   16u
#define ICMP_HEADER    8u
#define ICMP6_CHECKSUM 2u

struct in_addr dns_rewrite_server(const struct network_addresses *addresses)
{
	return addresses->network;
}

struct in6_addr dns_rewrite_server6(const struct network_addresses *addresses)
{
	return addresses->prefix6;
}

/* RFC 1624: HC' = ~(~HC + ~m + m') */
static void update(uint8_t *checksum, const uint8_t *from, const uint8_t *to, size_t len)
{
	uint32_t sum = (uint16_t)~packet_get16(checksum);

	for (size_t i = 0; i < len; i += 2)
		sum += (uint16_t)~packet_get16(from + i) + (uint32_t)packet_get16(to + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	packet_put16(checksum, ~sum & 0xffff);
}

/* Of the transport's header; NULL: none that the address is in, or it is not there. */
static uint8_t *transport_checksum(uint8_t *frame, size_t len, const struct packet_transport *ip)
{
	if (ip->protocol == IPPROTO_TCP && len - ip->at >= TCP_CHECKSUM + 2)
		return frame + ip->at + TCP_CHECKSUM;
	if (ip->protocol == IPPROTO_UDP &&
	    (ip->v6 || packet_get16(frame + ip->at + UDP_CHECKSUM) != 0))
		return frame + ip->at + UDP_CHECKSUM;
	return NULL;
}

static void replace(uint8_t *frame, size_t len, const struct packet_transport *ip, size_t at,
		    const void *with)
{
	uint8_t *checksum = transport_checksum(frame, len, ip);
	size_t size = ip->v6 ? 16 : 4;

	if (!ip->v6)
		update(frame + PACKET_IP + IP4_CHECKSUM, frame + at, with, size);
	if (checksum)
		update(checksum, frame + at, with, size);
	if (checksum && ip->protocol == IPPROTO_UDP && packet_get16(checksum) == 0)
		packet_put16(checksum, 0xffff);
	memcpy(frame + at, with, size);
}

static bool is_at(const uint8_t *frame, size_t at, const struct packet_transport *ip,
		  struct in_addr address, const struct in6_addr *address6)
{
	if (ip->v6)
		return memcmp(frame + at, address6, 16) == 0;
	return memcmp(frame + at, &address, 4) == 0;
}

/* Queries */

bool dns_rewrite_is_query(const struct network_addresses *addresses, const uint8_t *frame,
			  size_t len)
{
	struct packet_transport ip;

	if (!packet_find_transport(frame, len, &ip))
		return false;
	if (ip.protocol != IPPROTO_UDP && ip.protocol != IPPROTO_TCP)
		return false;
	return packet_get16(frame + ip.at + 2) == PACKET_DNS_PORT &&
	       is_at(frame, ip.destination, &ip, addresses->gateway, &addresses->gateway6);
}

void dns_rewrite_query(const struct network_addresses *addresses, uint8_t *frame, size_t len)
{
	struct in6_addr server6 = dns_rewrite_server6(addresses);
	struct in_addr server = dns_rewrite_server(addresses);
	struct packet_transport ip;

	if (packet_find_transport(frame, len, &ip))
		replace(frame, len, &ip, ip.destination,
			ip.v6 ? (const void *)&server6 : (const void *)&server);
}

/* Answers */

static bool is_from_server(const struct network_addresses *addresses, const uint8_t *frame,
			   const struct packet_transport *ip)
{
	struct in6_addr server6 = dns_rewrite_server6(addresses);

	return is_at(frame, ip->source, ip, dns_rewrite_server(addresses), &server6);
}

/* Return: where the address is that the error was about, 0 for no error about the name server. */
static size_t error_about_server(const struct network_addresses *addresses, const uint8_t *frame,
				 size_t len, const struct packet_transport *ip)
{
	struct in6_addr server6 = dns_rewrite_server6(addresses);
	size_t header = ip->v6 ? PACKET_IP6_HEADER : PACKET_IP4_HEADER;
	size_t inner = ip->at + ICMP_HEADER, at = inner + (ip->v6 ? IP6_TO : IP4_TO);

	if (ip->v6 ? ip->protocol != IPPROTO_ICMPV6 || frame[ip->at] != ICMP6_DST_UNREACH
		   : ip->protocol != IPPROTO_ICMP || frame[ip->at] != ICMP_DEST_UNREACH)
		return 0;
	if (len < inner + header || !is_at(frame, at, ip, dns_rewrite_server(addresses), &server6))
		return 0;
	return at;
}

bool dns_rewrite_is_answer(const struct network_addresses *addresses, const uint8_t *frame,
			   size_t len)
{
	struct packet_transport ip;

	return packet_find_transport(frame, len, &ip) &&
	       (is_from_server(addresses, frame, &ip) ||
		error_about_server(addresses, frame, len, &ip));
}

static void replace_in_error(const struct network_addresses *addresses, uint8_t *frame, size_t at,
			     const struct packet_transport *ip)
{
	if (ip->v6) {
		update(frame + ip->at + ICMP6_CHECKSUM, frame + at, addresses->gateway6.s6_addr,
		       16);
		memcpy(frame + at, &addresses->gateway6, 16);
	} else {
		update(frame + at - IP4_TO + IP4_CHECKSUM, frame + at,
		       (const uint8_t *)&addresses->gateway, 4);
		memcpy(frame + at, &addresses->gateway, 4);
	}
}

void dns_rewrite_answer(const struct network_addresses *addresses, uint8_t *frame, size_t len)
{
	struct packet_transport ip;
	size_t at;

	if (!packet_find_transport(frame, len, &ip))
		return;
	at = error_about_server(addresses, frame, len, &ip);
	if (at)
		replace_in_error(addresses, frame, at, &ip);
	if (is_from_server(addresses, frame, &ip))
		replace(frame, len, &ip, ip.source,
			ip.v6 ? (const void *)&addresses->gateway6
			      : (const void *)&addresses->gateway);
}
