/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * udp_frame.c - a UDP datagram in an Ethernet frame, taken apart and made
 *
 *   | Ethernet 14 | IPv4 20 and options, or IPv6 40 | UDP 8 | payload |
 */
#include "net/user/udp_frame.h"

#include <errno.h>
#include <linux/if_ether.h>

#define IP_MORE_OR_OFFSET 0x3fffu /* of the field with the fragment's flags */
#define TTL		  64u

/* RFC 768, RFC 8200 section 8.1. Addresses stand together in both headers. */
static uint32_t pseudo_sum(const uint8_t *addresses, size_t addresses_len, size_t udp_len)
{
	return packet_sum((uint32_t)(IPPROTO_UDP + udp_len), addresses, addresses_len);
}

static int read_udp(const uint8_t *udp, size_t room, uint32_t pseudo_addresses, bool needs_sum,
		    struct udp_frame *ret)
{
	size_t len;

	if (room < PACKET_UDP_HEADER)
		return -EBADMSG;
	len = packet_get16(udp + 4);
	if (len < PACKET_UDP_HEADER || len > room)
		return -EBADMSG;
	if (needs_sum || packet_get16(udp + 6)) {
		uint32_t sum = (uint32_t)(pseudo_addresses + IPPROTO_UDP + len);

		if (packet_sum(sum, udp, len) != 0xffff)
			return -EBADMSG;
	}
	ret->from.port = (uint16_t)packet_get16(udp);
	ret->to.port = (uint16_t)packet_get16(udp + 2);
	ret->payload = udp + PACKET_UDP_HEADER;
	ret->len = len - PACKET_UDP_HEADER;
	return 0;
}

static int read_ipv4(const uint8_t *ip, size_t room, struct udp_frame *ret)
{
	size_t header, total;

	if (room < PACKET_IP4_HEADER)
		return -EBADMSG;
	if (ip[0] >> 4 != 4 || ip[9] != IPPROTO_UDP || (packet_get16(ip + 6) & IP_MORE_OR_OFFSET))
		return -EPROTONOSUPPORT;
	header = (size_t)(ip[0] & 0xf) * 4;
	total = packet_get16(ip + 2);
	if (header < PACKET_IP4_HEADER || header > total || total > room ||
	    packet_sum(0, ip, header) != 0xffff)
		return -EBADMSG;
	memcpy(&ret->from.address, ip + 12, 4);
	memcpy(&ret->to.address, ip + 16, 4);
	return read_udp(ip + header, total - header, packet_sum(0, ip + 12, 8), false, ret);
}

static int read_ipv6(const uint8_t *ip, size_t room, struct udp_frame *ret)
{
	size_t len;

	if (room < PACKET_IP6_HEADER)
		return -EBADMSG;
	if (ip[0] >> 4 != 6 || ip[6] != IPPROTO_UDP)
		return -EPROTONOSUPPORT;
	len = packet_get16(ip + 4);
	if (len > room - PACKET_IP6_HEADER)
		return -EBADMSG;
	ret->from.v6 = ret->to.v6 = true;
	memcpy(&ret->from.address6, ip + 8, 16);
	memcpy(&ret->to.address6, ip + 24, 16);
	return read_udp(ip + PACKET_IP6_HEADER, len, packet_sum(0, ip + 8, 32), true, ret);
}

int udp_frame_read(const uint8_t *frame, size_t len, struct udp_frame *ret)
{
	struct udp_frame datagram = { 0 };
	int r;

	if (len < FRAME_ETH_HEADER)
		return -EBADMSG;
	memcpy(datagram.to.mac, frame, FRAME_MAC);
	memcpy(datagram.from.mac, frame + FRAME_MAC, FRAME_MAC);
	switch (packet_get16(frame + PACKET_ETH_TYPE)) {
	case ETH_P_IP:
		r = read_ipv4(frame + PACKET_IP, len - PACKET_IP, &datagram);
		break;
	case ETH_P_IPV6:
		r = read_ipv6(frame + PACKET_IP, len - PACKET_IP, &datagram);
		break;
	default:
		return -EPROTONOSUPPORT;
	}
	if (r == 0)
		*ret = datagram;
	return r;
}

static void write_ipv4(uint8_t *ip, const struct udp_station *from, const struct udp_station *to,
		       size_t udp_len)
{
	memset(ip, 0, PACKET_IP4_HEADER);
	ip[0] = 4 << 4 | PACKET_IP4_HEADER / 4;
	packet_put16(ip + 2, (unsigned int)(PACKET_IP4_HEADER + udp_len));
	ip[8] = TTL;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, &from->address, 4);
	memcpy(ip + 16, &to->address, 4);
	packet_put16(ip + 10, ~packet_sum(0, ip, PACKET_IP4_HEADER) & 0xffff);
}

static void write_ipv6(uint8_t *ip, const struct udp_station *from, const struct udp_station *to,
		       size_t udp_len)
{
	memset(ip, 0, PACKET_IP6_HEADER);
	ip[0] = 6 << 4;
	packet_put16(ip + 4, (unsigned int)udp_len);
	ip[6] = IPPROTO_UDP;
	ip[7] = TTL;
	memcpy(ip + 8, &from->address6, 16);
	memcpy(ip + 24, &to->address6, 16);
}

size_t udp_frame_write(uint8_t *frame, const struct udp_station *from, const struct udp_station *to,
		       size_t payload_len)
{
	size_t ip_header = to->v6 ? PACKET_IP6_HEADER : PACKET_IP4_HEADER;
	uint8_t *ip = frame + PACKET_IP, *udp = ip + ip_header;
	size_t udp_len = PACKET_UDP_HEADER + payload_len;
	uint32_t sum;

	memcpy(frame, to->mac, FRAME_MAC);
	memcpy(frame + FRAME_MAC, from->mac, FRAME_MAC);
	packet_put16(frame + PACKET_ETH_TYPE, to->v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (to->v6)
		write_ipv6(ip, from, to, udp_len);
	else
		write_ipv4(ip, from, to, udp_len);
	packet_put16(udp, from->port);
	packet_put16(udp + 2, to->port);
	packet_put16(udp + 4, (unsigned int)udp_len);
	packet_put16(udp + 6, 0);
	sum = to->v6 ? pseudo_sum(ip + 8, 32, udp_len) : pseudo_sum(ip + 12, 8, udp_len);
	sum = ~packet_sum(sum, udp, udp_len) & 0xffff;
	packet_put16(udp + 6, sum ? sum : 0xffff);
	return FRAME_ETH_HEADER + ip_header + udp_len;
}
