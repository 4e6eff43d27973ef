/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * refusal.c - what a host answers to a packet for a port at which nobody is
 *
 * TCP: RFC 9293, 3.5.2. Errors: RFC 792 and 1122 (3.2.2), RFC 4443 (2.4, 3.1).
 */
#include "net/user/refusal.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "net/user/packet.h"

#define TCP_HEADER 20u
#define TCP_FIN	   0x01u
#define TCP_SYN	   0x02u
#define TCP_RST	   0x04u
#define TCP_ACK	   0x10u
#define ICMP_ERROR 8u /* the header of one, before what it quotes */
#define TTL	   64u

/* @end: of the packet, in the frame */
struct refused {
	const uint8_t *frame;
	struct packet_transport ip;
	size_t end;
};

static bool is_someone(const uint8_t *address, bool v6)
{
	static const uint8_t nobody[16];

	if (memcmp(address, nobody, v6 ? 16 : 4) == 0)
		return false;
	return v6 ? address[0] != 0xff : address[0] < 224 && address[0] != 127;
}

static bool read_packet(const uint8_t *frame, size_t len, struct refused *ret)
{
	const uint8_t *ip = frame + PACKET_IP;
	size_t packet_len;

	ret->frame = frame;
	if (!packet_find_transport(frame, len, &ret->ip) || (frame[0] & 1) ||
	    (frame[FRAME_MAC] & 1))
		return false;
	packet_len = ret->ip.v6 ? PACKET_IP6_HEADER + packet_get16(ip + 4) : packet_get16(ip + 2);
	ret->end = PACKET_IP + packet_len;
	return ret->end <= len && ret->end >= ret->ip.at + PACKET_UDP_HEADER &&
	       is_someone(frame + ret->ip.source, ret->ip.v6) &&
	       is_someone(frame + ret->ip.destination, ret->ip.v6);
}

/* Back to whom the packet came from. Return: where the payload goes */
static size_t put_headers(const struct refused *refused, uint8_t *to, uint8_t protocol,
			  size_t payload_len)
{
	const uint8_t *frame = refused->frame;
	uint8_t *ip = to + PACKET_IP;

	memcpy(to, frame + FRAME_MAC, FRAME_MAC);
	memcpy(to + FRAME_MAC, frame, FRAME_MAC);
	memcpy(to + PACKET_ETH_TYPE, frame + PACKET_ETH_TYPE, 2);
	if (refused->ip.v6) {
		memset(ip, 0, PACKET_IP6_HEADER);
		ip[0] = 0x60;
		packet_put16(ip + 4, (unsigned int)payload_len);
		ip[6] = protocol;
		ip[7] = TTL;
		memcpy(ip + 8, frame + refused->ip.destination, 16);
		memcpy(ip + 24, frame + refused->ip.source, 16);
		return PACKET_IP + PACKET_IP6_HEADER;
	}
	memset(ip, 0, PACKET_IP4_HEADER);
	ip[0] = 0x45;
	packet_put16(ip + 2, (unsigned int)(PACKET_IP4_HEADER + payload_len));
	ip[8] = TTL;
	ip[9] = protocol;
	memcpy(ip + 12, frame + refused->ip.destination, 4);
	memcpy(ip + 16, frame + refused->ip.source, 4);
	packet_put16(ip + 10, ~packet_sum(0, ip, PACKET_IP4_HEADER) & 0xffff);
	return PACKET_IP + PACKET_IP4_HEADER;
}

/* @at: where the checksum goes, in the payload, which is there otherwise */
static void put_checksum(const struct refused *refused, uint8_t *to, size_t payload,
			 size_t payload_len, uint8_t protocol, size_t at)
{
	size_t addresses = refused->ip.v6 ? 32 : 8;
	uint32_t sum = 0;

	if (protocol != IPPROTO_ICMP)
		sum = packet_sum((uint32_t)payload_len + protocol, to + payload - addresses,
				 addresses);
	packet_put16(to + payload + at, 0);
	sum = packet_sum(sum, to + payload, payload_len);
	packet_put16(to + payload + at, ~sum & 0xffff);
}

static size_t write_reset(const struct refused *refused, uint8_t *to)
{
	const uint8_t *tcp = refused->frame + refused->ip.at;
	size_t header = (size_t)(tcp[12] >> 4) * 4, at;
	uint8_t flags = tcp[13], *reset;
	uint32_t len;

	if (header < TCP_HEADER || header > refused->end - refused->ip.at || flags & TCP_RST)
		return 0;
	len = (uint32_t)(refused->end - refused->ip.at - header);
	len += !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
	at = put_headers(refused, to, IPPROTO_TCP, TCP_HEADER);
	reset = to + at;
	memset(reset, 0, TCP_HEADER);
	memcpy(reset, tcp + 2, 2);
	memcpy(reset + 2, tcp, 2);
	reset[12] = TCP_HEADER / 4 << 4;
	reset[13] = TCP_RST;
	if (flags & TCP_ACK) {
		memcpy(reset + 4, tcp + 8, 4);
	} else {
		reset[13] |= TCP_ACK;
		packet_put32(reset + 8, packet_get32(tcp + 4) + len);
	}
	put_checksum(refused, to, at, TCP_HEADER, IPPROTO_TCP, 16);
	return at + TCP_HEADER;
}

static size_t write_unreachable(const struct refused *refused, uint8_t *to)
{
	bool v6 = refused->ip.v6;
	uint8_t protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	size_t room =
		v6 ? REFUSAL_PACKET6 - PACKET_IP6_HEADER : REFUSAL_PACKET4 - PACKET_IP4_HEADER;
	size_t quoted = refused->end - PACKET_IP, at;

	if (quoted > room - ICMP_ERROR)
		quoted = room - ICMP_ERROR;
	at = put_headers(refused, to, protocol, ICMP_ERROR + quoted);
	memset(to + at, 0, ICMP_ERROR);
	to[at] = v6 ? ICMP6_DST_UNREACH : ICMP_UNREACH;
	to[at + 1] = v6 ? ICMP6_DST_UNREACH_NOPORT : ICMP_UNREACH_PORT;
	memcpy(to + at + ICMP_ERROR, refused->frame + PACKET_IP, quoted);
	put_checksum(refused, to, at, ICMP_ERROR + quoted, protocol, 2);
	return at + ICMP_ERROR + quoted;
}

size_t refusal_write(const uint8_t *frame, size_t len, uint8_t ret[REFUSAL_MAX])
{
	struct refused refused;

	if (!read_packet(frame, len, &refused))
		return 0;
	switch (refused.ip.protocol) {
	case IPPROTO_TCP:
		return refused.end - refused.ip.at < TCP_HEADER ? 0 : write_reset(&refused, ret);
	case IPPROTO_UDP:
		return write_unreachable(&refused, ret);
	default:
		return 0;
	}
}
