/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fragment.c - one fragment of an IP packet: which bytes of which packet it has
 *
 *   | Ethernet 14 | IPv4 20 to 60, offset and flags in it | payload           | padding
 *   | Ethernet 14 | IPv6 40 | fragment header 8           | payload           | padding
 *
 * IPv4: RFC 791 and 815. IPv6: RFC 8200, section 4.5; neighbour and router discovery never comes in
 * fragments (RFC 6980), and no fragment holds fragments.
 */
#include "net/user/fragment.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>

#include "net/user/packet.h"

#define IP4_RESERVED	0x8000u
#define IP4_MORE	0x2000u
#define IP4_OFFSET	0x1fffu
#define IP6_MORE	0x0001u
#define IP6_OFFSET	0xfff8u
#define FRAGMENT_HEADER 8u

bool fragment_is(const uint8_t *frame, size_t len)
{
	unsigned int type;

	if (len < PACKET_IP + PACKET_IP4_HEADER)
		return false;
	type = packet_get16(frame + PACKET_ETH_TYPE);
	if (type == ETH_P_IP)
		return packet_get16(frame + PACKET_IP + 6) & (IP4_MORE | IP4_OFFSET);
	return type == ETH_P_IPV6 && frame[PACKET_IP + 6] == IPPROTO_FRAGMENT;
}

/* Return: false: no part of any packet of at most @max bytes of payload. */
static bool is_part(const struct fragment *fragment, size_t max)
{
	if (fragment->len == 0 || (fragment->more && fragment->len % FRAGMENT_UNIT != 0))
		return false;
	return fragment->offset <= max && fragment->len <= max - fragment->offset;
}

static int read4(const uint8_t *frame, size_t len, struct fragment *ret)
{
	const uint8_t *ip = frame + PACKET_IP;
	size_t header = (size_t)(ip[0] & 0xf) * 4, packet_len = packet_get16(ip + 2);
	unsigned int field = packet_get16(ip + 6);

	if (ip[0] >> 4 != 4 || header < PACKET_IP4_HEADER || packet_len < header ||
	    packet_len > len - PACKET_IP || field & IP4_RESERVED ||
	    packet_sum(0, ip, header) != 0xffff)
		return -EBADMSG;
	memcpy(ret->key.source.s6_addr + 12, ip + 12, 4);
	memcpy(ret->key.destination.s6_addr + 12, ip + 16, 4);
	ret->key.id = packet_get16(ip + 4);
	ret->key.protocol = ret->protocol = ip[9];
	ret->head_len = PACKET_IP + header;
	ret->payload = ip + header;
	ret->len = packet_len - header;
	ret->offset = (size_t)(field & IP4_OFFSET) * FRAGMENT_UNIT;
	ret->more = field & IP4_MORE;
	return is_part(ret, FRAGMENT_PACKET4 - PACKET_IP4_HEADER) ? 0 : -EBADMSG;
}

/* A first fragment shows the type of an ICMPv6 message, others nothing. */
static bool may_be_fragmented(const struct fragment *fragment)
{
	uint8_t type = *fragment->payload;

	if (fragment->protocol == IPPROTO_FRAGMENT)
		return false;
	return fragment->offset || fragment->protocol != IPPROTO_ICMPV6 ||
	       type < ND_ROUTER_SOLICIT || type > ND_REDIRECT;
}

static int read6(const uint8_t *frame, size_t len, struct fragment *ret)
{
	const uint8_t *ip = frame + PACKET_IP, *header = ip + PACKET_IP6_HEADER;
	size_t rest;

	if (len < PACKET_IP + PACKET_IP6_HEADER + FRAGMENT_HEADER || ip[0] >> 4 != 6)
		return -EBADMSG;
	rest = packet_get16(ip + 4);
	if (rest < FRAGMENT_HEADER || rest > len - PACKET_IP - PACKET_IP6_HEADER)
		return -EBADMSG;
	memcpy(&ret->key.source, ip + 8, 16);
	memcpy(&ret->key.destination, ip + 24, 16);
	ret->key.id = packet_get32(header + 4);
	ret->key.v6 = true;
	ret->protocol = header[0];
	ret->head_len = PACKET_IP + PACKET_IP6_HEADER;
	ret->payload = header + FRAGMENT_HEADER;
	ret->len = rest - FRAGMENT_HEADER;
	ret->offset = packet_get16(header + 2) & IP6_OFFSET;
	ret->more = packet_get16(header + 2) & IP6_MORE;
	if (!is_part(ret, FRAGMENT_PACKET6 - PACKET_IP6_HEADER) || !may_be_fragmented(ret))
		return -EBADMSG;
	return 0;
}

int fragment_read(const uint8_t *frame, size_t len, uint64_t owner, struct fragment *ret)
{
	struct fragment found = { .key.owner = owner, .head = frame };
	bool v6 = packet_get16(frame + PACKET_ETH_TYPE) == ETH_P_IPV6;
	int r;

	if (frame[0] & 1)
		return -EBADMSG;
	r = v6 ? read6(frame, len, &found) : read4(frame, len, &found);
	if (r == 0)
		*ret = found;
	return r;
}

int fragment_write_head(uint8_t *head, size_t head_len, bool v6, uint8_t protocol,
			size_t payload_len)
{
	uint8_t *ip = head + PACKET_IP;
	size_t header = head_len - PACKET_IP;

	if (payload_len > (v6 ? FRAGMENT_PACKET6 : FRAGMENT_PACKET4) - header)
		return -EMSGSIZE;
	if (v6) {
		packet_put16(ip + 4, (unsigned int)payload_len);
		ip[6] = protocol;
		return 0;
	}
	packet_put16(ip + 2, (unsigned int)(header + payload_len));
	packet_put16(ip + 6, 0);
	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, ~packet_sum(0, ip, header) & 0xffff);
	return 0;
}
