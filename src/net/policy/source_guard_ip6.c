/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source_guard_ip6.c - may this guest send this frame? IPv6
 *
 * Extension headers are walked, up to a bound, so that nothing hides behind them. A fragment that is
 * the first of its packet must hold all headers (RFC 7112), and right behind its own header the one
 * that decides: so no other fragment can change it. Neighbour discovery does not come in fragments
 * (RFC 6980).
 *
 * A guest that asks whether an address is free (RFC 4862, 5.4) claims it thereby. Who asks next,
 * or says that it has it, would keep the first one from using it.
 */
#include "net/policy/source_guard_internal.h"

#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>

#define HEADERS_MAX	8u
#define HEADER_HOP	0u
#define HEADER_ROUTING	43u
#define HEADER_FRAGMENT 44u
#define HEADER_AUTH	51u
#define HEADER_OPTIONS	60u
#define FRAGMENT_OFFSET 0xfff8u
#define FRAGMENT_MORE	1u
#define HEADER_PIECE	8u /* extension headers are made of these */
#define AUTH_PIECE	4u
#define DHCP6_CLIENT	546u
#define DHCP6_SERVER	547u
#define UDP_HEADER	8u
#define ND_SOLICIT_LEN	24u
#define RS_LEN		8u
#define MLD_REPORT2	143u

/* struct upper - what the packet carries. @first: of its fragments, or it has none */
struct upper {
	uint8_t protocol;
	struct packet packet;
	bool fragment, first;
};

static bool is_extension(uint8_t header)
{
	return header == HEADER_HOP || header == HEADER_ROUTING || header == HEADER_FRAGMENT ||
	       header == HEADER_AUTH || header == HEADER_OPTIONS;
}

/* Return: false: cut off, or what must not be behind a fragment's header */
static bool step(struct upper *upper)
{
	struct packet *packet = &upper->packet;
	uint8_t header = upper->protocol;
	size_t len;

	if (packet->len < HEADER_PIECE)
		return false;
	len = HEADER_PIECE * (1u + packet->at[1]);
	if (header == HEADER_AUTH)
		len = AUTH_PIECE * (2u + packet->at[1]);
	if (header == HEADER_FRAGMENT) {
		len = HEADER_PIECE;
		upper->fragment = guard_be16(packet->at + 2) & (FRAGMENT_OFFSET | FRAGMENT_MORE);
		upper->first = !(guard_be16(packet->at + 2) & FRAGMENT_OFFSET);
	}
	if (packet->len < len)
		return false;
	upper->protocol = packet->at[0];
	*packet = packet_behind(*packet, len);
	return header != HEADER_FRAGMENT || !is_extension(upper->protocol);
}

static bool walk(struct upper *upper)
{
	for (unsigned int i = 0; is_extension(upper->protocol); i++) {
		if (i == HEADERS_MAX || !step(upper))
			return false;
	}
	return true;
}

/* Link-layer addresses in the options of neighbour discovery (RFC 4861, 4.6.1) are the sender's. */
static enum source_guard_verdict judge_options(const struct source_guard *guard,
					       struct packet packet)
{
	while (packet.len > 0) {
		size_t len;

		if (packet.len < HEADER_PIECE || !packet.at[1])
			return SOURCE_GUARD_UNJUDGED;
		len = HEADER_PIECE * packet.at[1];
		if (packet.len < len)
			return SOURCE_GUARD_UNJUDGED;
		if ((packet.at[0] == ND_OPT_SOURCE_LINKADDR ||
		     packet.at[0] == ND_OPT_TARGET_LINKADDR) &&
		    !guard_has_mac(guard, packet.at + 2))
			return SOURCE_GUARD_MAC;
		packet = packet_behind(packet, len);
	}
	return SOURCE_GUARD_PASS;
}

/* @fixed: bytes before the options; @target: in these, is to be the sender's */
static enum source_guard_verdict judge_discovery(struct source_guard *guard,
						 const struct upper *upper, size_t fixed,
						 bool target, uint64_t now_ms)
{
	struct in6_addr address;

	if (upper->fragment || upper->packet.len < upper->packet.whole || upper->packet.len < fixed)
		return SOURCE_GUARD_UNJUDGED;
	if (target) {
		memcpy(&address, upper->packet.at + 8, sizeof(address));
		if (!guard_claim_v6(guard, &address, now_ms))
			return SOURCE_GUARD_ADDRESS;
	}
	return judge_options(guard, packet_behind(upper->packet, fixed));
}

static enum source_guard_verdict judge_icmp(struct source_guard *guard, const struct upper *upper,
					    bool addressless, uint64_t now_ms)
{
	if (upper->packet.len < 1)
		return SOURCE_GUARD_UNJUDGED;
	switch (upper->packet.at[0]) {
	case ND_ROUTER_ADVERT:
	case ND_REDIRECT:
		return SOURCE_GUARD_ROUTER;
	case ND_ROUTER_SOLICIT:
		return judge_discovery(guard, upper, RS_LEN, false, now_ms);
	case ND_NEIGHBOR_SOLICIT:
		return judge_discovery(guard, upper, ND_SOLICIT_LEN, addressless, now_ms);
	case ND_NEIGHBOR_ADVERT:
		return judge_discovery(guard, upper, ND_SOLICIT_LEN, true, now_ms);
	default:
		return SOURCE_GUARD_PASS;
	}
}

static enum source_guard_verdict judge_upper(struct source_guard *guard, const struct upper *upper,
					     bool addressless, uint64_t now_ms)
{
	const uint8_t *at = upper->packet.at;

	if (!upper->first)
		return SOURCE_GUARD_PASS;
	if (upper->protocol == IPPROTO_ICMPV6)
		return judge_icmp(guard, upper, addressless, now_ms);
	if (upper->protocol != IPPROTO_UDP)
		return SOURCE_GUARD_PASS;
	if (upper->packet.len < UDP_HEADER)
		return SOURCE_GUARD_UNJUDGED;
	if (guard_be16(at) == DHCP6_SERVER || guard_be16(at + 2) == DHCP6_CLIENT)
		return SOURCE_GUARD_DHCP;
	return SOURCE_GUARD_PASS;
}

/* Without an address there are neighbour and router discovery, and reports of groups (MLD). */
static bool needs_no_address(const struct upper *upper)
{
	if (!upper->first || upper->protocol != IPPROTO_ICMPV6 || upper->packet.len < 1)
		return false;
	switch (upper->packet.at[0]) {
	case ND_NEIGHBOR_SOLICIT:
	case ND_ROUTER_SOLICIT:
	case MLD_LISTENER_REPORT:
	case MLD_LISTENER_REDUCTION:
	case MLD_REPORT2:
		return true;
	default:
		return false;
	}
}

/* What stands behind the packet pads the frame. Return: false: the packet is longer than that */
static bool cut_to(struct packet *packet, size_t len)
{
	if (packet->whole < len)
		return false;
	packet->whole = len;
	if (packet->len > len)
		packet->len = len;
	return true;
}

enum source_guard_verdict guard_judge_v6(struct source_guard *guard, struct packet packet,
					 uint64_t now_ms)
{
	struct upper upper = { .first = true };
	enum source_guard_verdict verdict;
	struct ip6_hdr header;
	bool addressless;

	if (packet.len < sizeof(header))
		return SOURCE_GUARD_UNJUDGED;
	memcpy(&header, packet.at, sizeof(header));
	upper.protocol = header.ip6_nxt;
	upper.packet = packet_behind(packet, sizeof(header));
	if (header.ip6_vfc >> 4 != 6 || !cut_to(&upper.packet, ntohs(header.ip6_plen)) ||
	    !walk(&upper))
		return SOURCE_GUARD_UNJUDGED;
	addressless = IN6_IS_ADDR_UNSPECIFIED(&header.ip6_src);
	if (addressless && !needs_no_address(&upper))
		return SOURCE_GUARD_ADDRESS;
	verdict = judge_upper(guard, &upper, addressless, now_ms);
	if (verdict != SOURCE_GUARD_PASS || addressless)
		return verdict;
	return guard_claim_v6(guard, &header.ip6_src, now_ms) ? SOURCE_GUARD_PASS
							      : SOURCE_GUARD_ADDRESS;
}
