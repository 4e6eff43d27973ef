/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packet.c - where headers are
 */
#include "net/user/packet.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#define IP_MORE_OR_OFFSET 0x3fffu /* of the field with the fragment's flags */

static bool find_ipv4(const uint8_t *frame, size_t len, struct packet_transport *ret)
{
	const uint8_t *ip = frame + PACKET_IP;
	size_t header;

	if (len < PACKET_IP + PACKET_IP4_HEADER || ip[0] >> 4 != 4 ||
	    (packet_get16(ip + 6) & IP_MORE_OR_OFFSET))
		return false;
	header = (size_t)(ip[0] & 0xf) * 4;
	if (header < PACKET_IP4_HEADER)
		return false;
	*ret = (struct packet_transport) { .protocol = ip[9],
					   .source = PACKET_IP + 12,
					   .destination = PACKET_IP + 16,
					   .at = PACKET_IP + header };
	return true;
}

static bool find_ipv6(const uint8_t *frame, size_t len, struct packet_transport *ret)
{
	const uint8_t *ip = frame + PACKET_IP;

	if (len < PACKET_IP + PACKET_IP6_HEADER || ip[0] >> 4 != 6)
		return false;
	*ret = (struct packet_transport) { .v6 = true,
					   .protocol = ip[6],
					   .source = PACKET_IP + 8,
					   .destination = PACKET_IP + 24,
					   .at = PACKET_IP + PACKET_IP6_HEADER };
	return true;
}

bool packet_find_transport(const uint8_t *frame, size_t len, struct packet_transport *ret)
{
	struct packet_transport found;
	bool is_ip = false;

	if (len < FRAME_ETH_HEADER)
		return false;
	if (packet_get16(frame + PACKET_ETH_TYPE) == ETH_P_IP)
		is_ip = find_ipv4(frame, len, &found);
	else if (packet_get16(frame + PACKET_ETH_TYPE) == ETH_P_IPV6)
		is_ip = find_ipv6(frame, len, &found);
	if (!is_ip || found.at + PACKET_UDP_HEADER > len)
		return false;
	*ret = found;
	return true;
}
