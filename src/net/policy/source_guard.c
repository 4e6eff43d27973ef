/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source_guard.c - may this guest send this frame? Ethernet, ARP and IPv4
 *
 * VLAN tags do not hide what is behind them, up to two; it is judged like any other frame, so an
 * address counts once for all VLANs. Frames with a length instead of a type (LLC) could hide ARP and
 * IP in a SNAP header and carry a bridge's own protocols, guests have no need of them: they do not
 * pass. Other types pass when the MAC is right.
 *
 * Fragments. Only the first one of a packet holds what decides about it, and it must hold that.
 * Others are judged by their address alone: without the first they are nothing.
 */
#include "net/policy/source_guard_internal.h"

#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define TYPE_RARP     0x8035u
#define TYPE_QINQ     0x88a8u
#define TYPE_QINQ_OLD 0x9100u
#define TYPE_MIN      0x0600u /* below: a length */
#define TAGS_MAX      2u
#define ARP_LEN	      28u /* of IPv4 on Ethernet (RFC 826) */
#define UDP_HEADER    8u
#define DHCP_SERVER   67u
#define DHCP_CLIENT   68u
#define CHADDR_AT     28u /* RFC 2131, section 2 */

const char *source_guard_verdict_name(enum source_guard_verdict verdict)
{
	static const char *const names[] = { "passed", "mac",	 "address",
					     "dhcp",   "router", "unjudged" };

	static_assert(sizeof(names) / sizeof(names[0]) == SOURCE_GUARD_VERDICTS, "all have one");
	return names[verdict];
}

static in_addr_t address_at(const uint8_t *at)
{
	in_addr_t address;

	memcpy(&address, at, sizeof(address));
	return address;
}

/*
 * The sender is who it says. Address 0 asks whether somebody has one: answering for another, or
 * asking for another's just when that does, would make it give the address up (RFC 5227).
 */
static enum source_guard_verdict judge_arp(struct source_guard *guard, struct packet packet,
					   uint64_t now_ms)
{
	static const uint8_t ethernet_ipv4[] = { 0, 1, 8, 0, FRAME_MAC, 4 };
	in_addr_t sender, target;

	if (packet.len < ARP_LEN || memcmp(packet.at, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0)
		return SOURCE_GUARD_UNJUDGED;
	if (!guard_has_mac(guard, packet.at + 8))
		return SOURCE_GUARD_MAC;
	sender = address_at(packet.at + 14);
	target = address_at(packet.at + 24);
	if (sender == INADDR_ANY ? guard_may_ask_v4(guard, target)
				 : guard_claim_v4(guard, sender, now_ms))
		return SOURCE_GUARD_PASS;
	return SOURCE_GUARD_ADDRESS;
}

/* A client asks for itself: else a guest could take all addresses that there are. */
static enum source_guard_verdict judge_dhcp_request(struct source_guard *guard,
						    struct packet packet)
{
	static const uint8_t request_ethernet[] = { 1, 1, FRAME_MAC };

	if (packet.len < CHADDR_AT + FRAME_MAC)
		return SOURCE_GUARD_UNJUDGED;
	if (memcmp(packet.at, request_ethernet, sizeof(request_ethernet)) != 0 ||
	    !guard_has_mac(guard, packet.at + CHADDR_AT))
		return SOURCE_GUARD_DHCP;
	return SOURCE_GUARD_PASS;
}

static enum source_guard_verdict judge_udp(struct source_guard *guard, struct packet packet,
					   bool *ret_request)
{
	uint16_t from, to;

	if (packet.len < UDP_HEADER)
		return SOURCE_GUARD_UNJUDGED;
	from = guard_be16(packet.at);
	to = guard_be16(packet.at + 2);
	if (from == DHCP_SERVER || to == DHCP_CLIENT)
		return SOURCE_GUARD_DHCP;
	*ret_request = to == DHCP_SERVER;
	return *ret_request ? judge_dhcp_request(guard, packet_behind(packet, UDP_HEADER))
			    : SOURCE_GUARD_PASS;
}

/* @ret_addressless: a guest that has no address yet may say this */
static enum source_guard_verdict judge_v4_payload(struct source_guard *guard, uint8_t protocol,
						  struct packet packet, bool *ret_addressless)
{
	*ret_addressless = protocol == IPPROTO_IGMP;
	switch (protocol) {
	case IPPROTO_UDP:
		return judge_udp(guard, packet, ret_addressless);
	case IPPROTO_ICMP:
		if (packet.len < 1)
			return SOURCE_GUARD_UNJUDGED;
		return packet.at[0] == ICMP_REDIRECT ? SOURCE_GUARD_ROUTER : SOURCE_GUARD_PASS;
	default:
		return SOURCE_GUARD_PASS;
	}
}

/*
 * What stands behind the packet pads the frame, and is not what its receiver goes by. One that ends
 * before its header does is no packet to anybody.
 */
static void cut_padding(struct packet *packet, size_t header, size_t total)
{
	if (total >= header && total < packet->len)
		packet->len = total;
}

static enum source_guard_verdict judge_v4(struct source_guard *guard, struct packet packet,
					  uint64_t now_ms)
{
	enum source_guard_verdict verdict = SOURCE_GUARD_PASS;
	bool addressless = false;
	struct iphdr header;
	size_t len;

	if (packet.len < sizeof(header))
		return SOURCE_GUARD_UNJUDGED;
	memcpy(&header, packet.at, sizeof(header));
	len = (size_t)header.ihl * 4;
	if (header.version != 4 || len < sizeof(header) || packet.len < len)
		return SOURCE_GUARD_UNJUDGED;
	cut_padding(&packet, len, ntohs(header.tot_len));
	if (!(ntohs(header.frag_off) & IP_OFFMASK))
		verdict = judge_v4_payload(guard, header.protocol, packet_behind(packet, len),
					   &addressless);
	if (verdict != SOURCE_GUARD_PASS || (header.saddr == INADDR_ANY && addressless))
		return verdict;
	return guard_claim_v4(guard, header.saddr, now_ms) ? SOURCE_GUARD_PASS
							   : SOURCE_GUARD_ADDRESS;
}

/* Return: the type behind all tags, 0: too many, or cut off */
static uint16_t strip_tags(struct packet *packet, uint16_t type)
{
	for (unsigned int i = 0; type == ETH_P_8021Q || type == TYPE_QINQ || type == TYPE_QINQ_OLD;
	     i++) {
		if (i == TAGS_MAX || packet->len < FRAME_VLAN_TAG)
			return 0;
		type = guard_be16(packet->at + 2);
		*packet = packet_behind(*packet, FRAME_VLAN_TAG);
	}
	return type;
}

enum source_guard_verdict source_guard_judge(struct source_guard *guard, const uint8_t *head,
					     size_t len, size_t whole, uint64_t now_ms)
{
	struct packet packet = { head, len, whole };
	uint16_t type;

	if (len < FRAME_ETH_HEADER)
		return SOURCE_GUARD_UNJUDGED;
	if (!guard_claim_mac(guard, head + FRAME_MAC))
		return SOURCE_GUARD_MAC;
	packet = packet_behind(packet, FRAME_ETH_HEADER);
	type = strip_tags(&packet, guard_be16(head + FRAME_ETH_HEADER - 2));
	switch (type) {
	case ETH_P_ARP:
	case TYPE_RARP:
		return judge_arp(guard, packet, now_ms);
	case ETH_P_IP:
		return judge_v4(guard, packet, now_ms);
	case ETH_P_IPV6:
		return guard_judge_v6(guard, packet, now_ms);
	default:
		return type < TYPE_MIN ? SOURCE_GUARD_UNJUDGED : SOURCE_GUARD_PASS;
	}
}
