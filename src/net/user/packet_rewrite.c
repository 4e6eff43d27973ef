/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packet_rewrite.c - another address in a packet, checksums included
 *
 * An address is in up to two checksums: IPv4's of its header, and that of UDP or TCP, over a pseudo
 * header. In an ICMP error it is the destination in the header that the error is about; there IPv4's
 * checksum takes up the change, and ICMP's, which covers both, stays; ICMPv6's does not.
 */
#include "net/user/packet_rewrite.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#define IP4_CHECKSUM   10u
#define IP4_FROM       12u
#define IP4_TO	       16u
#define IP6_FROM       8u
#define IP6_TO	       24u
#define UDP_CHECKSUM   6u
#define TCP_CHECKSUM   16u
#define ICMP_HEADER    8u
#define ICMP6_CHECKSUM 2u

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
	if (ip->protocol == IPPROTO_ICMPV6 && ip->v6)
		return frame + ip->at + ICMP6_CHECKSUM;
	return NULL;
}

void packet_replace_address(uint8_t *frame, size_t len, const struct packet_transport *ip,
			    size_t at, const void *with)
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

bool packet_find_error(const uint8_t *frame, size_t len, const struct packet_transport *ip,
		       struct packet_error *ret)
{
	size_t inner = ip->at + ICMP_HEADER;
	size_t header = ip->v6 ? PACKET_IP6_HEADER : PACKET_IP4_HEADER;

	if (ip->v6 ? ip->protocol != IPPROTO_ICMPV6 || frame[ip->at] != ICMP6_DST_UNREACH
		   : ip->protocol != IPPROTO_ICMP || frame[ip->at] != ICMP_DEST_UNREACH)
		return false;
	if (len < inner + header)
		return false;
	if (!ip->v6)
		header = (size_t)(frame[inner] & 0xf) * 4;
	if (header < PACKET_IP4_HEADER || len < inner + header + 4)
		return false;
	*ret = (struct packet_error) { .protocol = frame[inner + (ip->v6 ? 6 : 9)],
				       .source = inner + (ip->v6 ? IP6_FROM : IP4_FROM),
				       .destination = inner + (ip->v6 ? IP6_TO : IP4_TO),
				       .at = inner + header };
	return true;
}

void packet_replace_in_error(uint8_t *frame, const struct packet_transport *ip,
			     const struct packet_error *error, const void *with)
{
	size_t size = ip->v6 ? 16 : 4;
	uint8_t *checksum = ip->v6 ? frame + ip->at + ICMP6_CHECKSUM
				   : frame + error->destination - IP4_TO + IP4_CHECKSUM;

	update(checksum, frame + error->destination, with, size);
	memcpy(frame + error->destination, with, size);
}
