/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packet_split.c - a packet that is longer than the MTU, as fragments
 *
 * IPv4 (RFC 791): each has the header again, with its own length, offset and checksum; options that
 * are for the first one only are no options of libslirp's, so all are copied. A fragment can be split
 * once more. IPv6 (RFC 8200, 4.5): a fragment header goes between header and payload.
 */
#include "net/user/packet_split.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include "net/user/packet.h"

#define HEAD_MAX	(PACKET_IP + 60u)
#define IP4_DONT	0x4000u
#define IP4_MORE	0x2000u
#define IP4_OFFSET	0x1fffu
#define IP6_MORE	0x0001u
#define FRAGMENT_HEADER 8u
#define UNIT		8u

struct splitting {
	const uint8_t *frame;
	size_t head_len;    /* Ethernet and IP, in the frame */
	size_t payload_len; /* behind it */
	uint32_t id;
	bool v6;
	unsigned int offset; /* IPv4: where the packet itself begins, in units */
	bool more;	     /* IPv4: it is not the last one itself */
};

static bool read4(const uint8_t *frame, size_t len, struct splitting *ret)
{
	const uint8_t *ip = frame + PACKET_IP;
	size_t header = (size_t)(ip[0] & 0xf) * 4, packet_len = packet_get16(ip + 2);
	unsigned int field = packet_get16(ip + 6);

	if (ip[0] >> 4 != 4 || header < PACKET_IP4_HEADER || packet_len < header ||
	    packet_len > len - PACKET_IP || field & IP4_DONT)
		return false;
	ret->head_len = PACKET_IP + header;
	ret->payload_len = packet_len - header;
	ret->offset = field & IP4_OFFSET;
	ret->more = field & IP4_MORE;
	return true;
}

static bool read6(const uint8_t *frame, size_t len, struct splitting *ret)
{
	const uint8_t *ip = frame + PACKET_IP;
	uint8_t next = ip[6];

	if (len < PACKET_IP + PACKET_IP6_HEADER || ip[0] >> 4 != 6 ||
	    (next != IPPROTO_TCP && next != IPPROTO_UDP && next != IPPROTO_ICMPV6))
		return false;
	ret->v6 = true;
	ret->head_len = PACKET_IP + PACKET_IP6_HEADER;
	ret->payload_len = packet_get16(ip + 4);
	return ret->payload_len <= len - ret->head_len;
}

static size_t write_head4(const struct splitting *splitting, uint8_t *head, size_t at, size_t n)
{
	uint8_t *ip = head + PACKET_IP;
	size_t header = splitting->head_len - PACKET_IP;
	bool more = splitting->more || at + n < splitting->payload_len;

	packet_put16(ip + 2, (unsigned int)(header + n));
	packet_put16(ip + 6, ((splitting->offset + (unsigned int)(at / UNIT)) & IP4_OFFSET) |
				     (more ? IP4_MORE : 0));
	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, ~packet_sum(0, ip, header) & 0xffff);
	return splitting->head_len;
}

static size_t write_head6(const struct splitting *splitting, uint8_t *head, size_t at, size_t n)
{
	uint8_t *ip = head + PACKET_IP, *header = head + splitting->head_len;
	bool more = at + n < splitting->payload_len;

	header[0] = ip[6];
	header[1] = 0;
	packet_put16(header + 2, (unsigned int)at | (more ? IP6_MORE : 0));
	packet_put32(header + 4, splitting->id);
	ip[6] = IPPROTO_FRAGMENT;
	packet_put16(ip + 4, (unsigned int)(FRAGMENT_HEADER + n));
	return splitting->head_len + FRAGMENT_HEADER;
}

static void tell(const struct splitting *splitting, size_t at, size_t n,
		 void (*each)(void *opaque, const struct packet_part *part), void *opaque)
{
	uint8_t head[HEAD_MAX];
	struct packet_part part = { .head = head,
				    .payload = splitting->frame + splitting->head_len + at,
				    .len = n };

	memcpy(head, splitting->frame, splitting->head_len);
	part.head_len = splitting->v6 ? write_head6(splitting, head, at, n)
				      : write_head4(splitting, head, at, n);
	each(opaque, &part);
}

bool packet_split(const uint8_t *frame, size_t len, size_t mtu, uint32_t id,
		  void (*each)(void *opaque, const struct packet_part *part), void *opaque)
{
	struct splitting splitting = { .frame = frame, .id = id };
	unsigned int type = len < PACKET_IP ? 0 : packet_get16(frame + PACKET_ETH_TYPE);
	size_t room;

	if (len <= PACKET_IP + mtu || (type != ETH_P_IP && type != ETH_P_IPV6)) {
		each(opaque, &(struct packet_part) { .payload = frame, .len = len });
		return true;
	}
	if (!(type == ETH_P_IP ? read4(frame, len, &splitting) : read6(frame, len, &splitting)))
		return false;
	room = mtu - (splitting.head_len - PACKET_IP) - (splitting.v6 ? FRAGMENT_HEADER : 0);
	room -= room % UNIT;
	for (size_t at = 0; at < splitting.payload_len; at += room) {
		size_t rest = splitting.payload_len - at;

		tell(&splitting, at, rest < room ? rest : room, each, opaque);
	}
	return true;
}
