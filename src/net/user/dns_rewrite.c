/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dns_rewrite.c - the gateway as name server, where libslirp's is
 */
#include "net/user/dns_rewrite.h"

#include "net/user/packet_rewrite.h"

struct in_addr dns_rewrite_server(const struct network_addresses *addresses)
{
	return addresses->network;
}

struct in6_addr dns_rewrite_server6(const struct network_addresses *addresses)
{
	return addresses->prefix6;
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
		packet_replace_address(frame, len, &ip, ip.destination,
				       ip.v6 ? (const void *)&server6 : (const void *)&server);
}

/* Answers */

static bool is_from_server(const struct network_addresses *addresses, const uint8_t *frame,
			   const struct packet_transport *ip)
{
	struct in6_addr server6 = dns_rewrite_server6(addresses);

	return is_at(frame, ip->source, ip, dns_rewrite_server(addresses), &server6);
}

static bool is_error_about_server(const struct network_addresses *addresses, const uint8_t *frame,
				  size_t len, const struct packet_transport *ip,
				  struct packet_error *ret)
{
	struct in6_addr server6 = dns_rewrite_server6(addresses);

	return packet_find_error(frame, len, ip, ret) &&
	       is_at(frame, ret->destination, ip, dns_rewrite_server(addresses), &server6);
}

bool dns_rewrite_is_answer(const struct network_addresses *addresses, const uint8_t *frame,
			   size_t len)
{
	struct packet_transport ip;
	struct packet_error error;

	return packet_find_transport(frame, len, &ip) &&
	       (is_from_server(addresses, frame, &ip) ||
		is_error_about_server(addresses, frame, len, &ip, &error));
}

void dns_rewrite_answer(const struct network_addresses *addresses, uint8_t *frame, size_t len)
{
	struct packet_transport ip;
	struct packet_error error;
	const void *gateway;

	if (!packet_find_transport(frame, len, &ip))
		return;
	gateway = ip.v6 ? (const void *)&addresses->gateway6 : (const void *)&addresses->gateway;
	if (is_error_about_server(addresses, frame, len, &ip, &error))
		packet_replace_in_error(frame, &ip, &error, gateway);
	if (is_from_server(addresses, frame, &ip))
		packet_replace_address(frame, len, &ip, ip.source, gateway);
}
