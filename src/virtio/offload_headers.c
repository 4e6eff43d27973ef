/* SPDX-License-Identifier: BSD-3-Clause */
#include "virtio/offload_headers.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "virtio/frame.h"

#define ETH_TYPE      12u
#define TYPE_IP4      0x0800u
#define TYPE_IP6      0x86ddu
#define TYPE_QINQ     0x88a8u
#define TAGS_MAX      2u
#define IP4_HEADER    20u
#define IP6_HEADER    40u
#define EXTENSION_MIN 8u
#define EXTENSIONS    8u /* more than anybody sends */
#define TCP_HEADER    20u
#define UDP_HEADER    8u

static int find_ip4(const uint8_t *frame, size_t len, struct offload_headers *headers,
		    uint8_t *ret_protocol)
{
	const uint8_t *ip = frame + headers->ip;
	size_t room = len - headers->ip;
	size_t header, total;

	if (room < IP4_HEADER || ip[0] >> 4 != 4)
		return -EINVAL;
	header = (ip[0] & 15u) * 4;
	total = offload_get16(ip + 2);
	if (header < IP4_HEADER || total < header || total > room)
		return -EINVAL;
	headers->v4 = true;
	headers->opaque = (offload_get16(ip + 6) & 0x3fff) != 0; /* more fragments, or an offset */
	headers->transport = headers->ip + header;
	headers->end = headers->ip + total;
	*ret_protocol = ip[9];
	return 0;
}

/* Over the extension headers that a sender may put before TCP or UDP. */
static int skip_extensions(const uint8_t *frame, struct offload_headers *headers, uint8_t *protocol)
{
	size_t at = headers->transport;
	size_t left;

	for (unsigned int i = 0; i < EXTENSIONS; i++) {
		if (*protocol == IPPROTO_FRAGMENT)
			headers->opaque = true;
		if (headers->opaque ||
		    (*protocol != IPPROTO_HOPOPTS && *protocol != IPPROTO_ROUTING &&
		     *protocol != IPPROTO_DSTOPTS))
			break;
		left = headers->end - at;
		if (left < EXTENSION_MIN || left < (frame[at + 1] + 1u) * 8)
			return -EINVAL;
		/* On its way somewhere else first: the sum is of the last destination. */
		if (*protocol == IPPROTO_ROUTING && frame[at + 3] != 0)
			headers->opaque = true;
		*protocol = frame[at];
		at += (frame[at + 1] + 1u) * 8;
	}
	headers->transport = at;
	return 0;
}

static int find_ip6(const uint8_t *frame, size_t len, struct offload_headers *headers,
		    uint8_t *ret_protocol)
{
	const uint8_t *ip = frame + headers->ip;
	size_t room = len - headers->ip;

	if (room < IP6_HEADER || ip[0] >> 4 != 6 || offload_get16(ip + 4) > room - IP6_HEADER)
		return -EINVAL;
	headers->v6 = true;
	headers->transport = headers->ip + IP6_HEADER;
	headers->end = headers->transport + offload_get16(ip + 4);
	*ret_protocol = ip[6];
	return skip_extensions(frame, headers, ret_protocol);
}

static int find_transport(const uint8_t *frame, struct offload_headers *headers, uint8_t protocol)
{
	const uint8_t *at = frame + headers->transport;
	size_t room = headers->end - headers->transport;
	size_t header = 0;

	if (protocol == IPPROTO_TCP) {
		if (room < TCP_HEADER)
			return -EINVAL;
		header = (at[12] >> 4) * 4u;
		if (header < TCP_HEADER || header > room)
			return -EINVAL;
		headers->tcp = true;
	} else if (protocol == IPPROTO_UDP) {
		if (room < UDP_HEADER || offload_get16(at + 4) != room)
			return -EINVAL;
		header = UDP_HEADER;
		headers->udp = true;
	}
	headers->payload = headers->transport + header;
	return 0;
}

int offload_headers_find(const uint8_t *frame, size_t len, struct offload_headers *ret)
{
	struct offload_headers headers = { .end = len };
	unsigned int type;
	uint8_t protocol = 0;
	size_t at = ETH_TYPE;
	int r = 0;

	if (len < FRAME_ETH_HEADER)
		return -EINVAL;
	type = offload_get16(frame + at);
	for (unsigned int i = 0; i < TAGS_MAX && (type == FRAME_TYPE_VLAN || type == TYPE_QINQ);
	     i++) {
		if (len - at < 2 + FRAME_VLAN_TAG)
			return -EINVAL;
		at += FRAME_VLAN_TAG;
		type = offload_get16(frame + at);
	}
	headers.ip = at + 2;
	if (type == TYPE_IP4)
		r = find_ip4(frame, len, &headers, &protocol);
	else if (type == TYPE_IP6)
		r = find_ip6(frame, len, &headers, &protocol);
	if (r == 0 && (headers.v4 || headers.v6) && !headers.opaque)
		r = find_transport(frame, &headers, protocol);
	if (r == 0)
		*ret = headers;
	return r;
}

uint64_t offload_sum(uint64_t sum, const uint8_t *bytes, size_t len)
{
	uint16_t half = 0;
	uint32_t word;

	for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		sum += word;
	}
	if (len >= sizeof(half)) {
		memcpy(&half, bytes, sizeof(half));
		sum += half;
		bytes += sizeof(half);
		len -= sizeof(half);
	}
	if (len > 0) {
		half = 0;
		memcpy(&half, bytes, 1);
		sum += half;
	}
	return sum;
}

uint16_t offload_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
