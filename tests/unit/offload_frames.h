/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * offload_frames.h - frames for offloads, and another way to judge what became of them
 *
 * The checksum here is the slow and obvious one: 16 bits at a time, in network order.
 */
#ifndef OFFLOAD_FRAMES_H
#define OFFLOAD_FRAMES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "virtio/offload.h"

#define ETH	     14u
#define MADE_MAX     70000u
#define TCP_SEQUENCE 0x80fffff0u /* wraps in no 64 KiB, changes sign in many */

struct made {
	uint8_t bytes[MADE_MAX];
	size_t len, ip, transport, payload;
	uint8_t protocol;
	bool v6;
};

static inline void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline unsigned int get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static inline void made_ip4(struct made *made, size_t options, size_t inside)
{
	uint8_t *ip = made->bytes + made->ip;

	ip[0] = (uint8_t)(0x40 | (20 + options) / 4);
	put16(ip + 2, (unsigned int)(20 + options + inside));
	put16(ip + 4, 0xfffe);
	ip[6] = 0x40; /* do not fragment */
	ip[8] = 64;
	ip[9] = made->protocol;
	memcpy(ip + 12, "\x0a\x00\x00\x02\xff\xfe\xfd\xfc", 8);
	memset(ip + 20, 1, options); /* no operation */
	made->transport = made->ip + 20 + options;
}

static inline void made_ip6(struct made *made, size_t extension, size_t inside)
{
	uint8_t *ip = made->bytes + made->ip;

	ip[0] = 0x60;
	put16(ip + 4, (unsigned int)(extension + inside));
	ip[6] = extension ? IPPROTO_HOPOPTS : made->protocol;
	ip[7] = 64;
	memcpy(ip + 8, "\xfd\x12\x34\x56\x78\x9a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02", 16);
	memcpy(ip + 24, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 16);
	if (extension) {
		ip[40] = made->protocol;
		ip[41] = (uint8_t)(extension / 8 - 1);
	}
	made->transport = made->ip + 40 + extension;
}

/* made() - @tag: with a VLAN tag; @more: IPv4 options, or an extension header of IPv6, in bytes */
static inline void make_frame(struct made *made, bool v6, uint8_t protocol, bool tag, size_t more,
			      size_t payload)
{
	size_t header = protocol == IPPROTO_TCP ? 32 : 8;
	uint8_t *at;

	memset(made, 0, sizeof(*made));
	made->v6 = v6;
	made->protocol = protocol;
	made->ip = ETH + (tag ? 4 : 0);
	memcpy(made->bytes, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	if (tag)
		put16(made->bytes + 12, 0x8100);
	put16(made->bytes + made->ip - 2, v6 ? 0x86dd : 0x0800);
	if (v6)
		made_ip6(made, more, header + payload);
	else
		made_ip4(made, more, header + payload);
	at = made->bytes + made->transport;
	put16(at, 40000);
	put16(at + 2, 80);
	if (protocol == IPPROTO_TCP) {
		put16(at + 4, TCP_SEQUENCE >> 16);
		put16(at + 6, TCP_SEQUENCE & 0xffff);
		at[12] = 8 << 4;
		at[13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR, ACK, PSH, FIN */
		memset(at + 20, 1, 12);
	} else {
		put16(at + 4, (unsigned int)(header + payload));
	}
	made->payload = made->transport + header;
	made->len = made->payload + payload;
	for (size_t i = 0; i < payload; i++)
		made->bytes[made->payload + i] = (uint8_t)(i * 7 + i / 256);
}

static inline uint32_t slow_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* slow_pseudo() - the addresses, protocol and length that TCP's and UDP's sums begin with */
static inline uint32_t slow_pseudo(const struct made *like, const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + like->ip;
	uint32_t sum = (uint32_t)like->protocol + (uint32_t)len;

	return like->v6 ? slow_sum(sum, ip + 8, 32) : slow_sum(sum, ip + 12, 8);
}

/* sums_are_right() - as a receiver checks them: everything sums up to all ones */
static inline bool sums_are_right(const struct made *like, const uint8_t *frame, size_t end)
{
	size_t inside = end - like->transport;
	uint32_t sum = slow_pseudo(like, frame, inside);

	if (!like->v6 && slow_sum(0, frame + like->ip, like->transport - like->ip) != 0xffff)
		return false;
	return slow_sum(sum, frame + like->transport, inside) == 0xffff;
}

/* take_piece() - the piece as one run of bytes. Return: its length */
static inline size_t take_piece(const struct offload_plan *plan, size_t i, uint8_t *out)
{
	uint8_t own[OFFLOAD_HEADERS_MAX];
	struct iovec iov[2];
	size_t len = offload_piece(plan, i, own, iov);

	memcpy(out, iov[0].iov_base, iov[0].iov_len);
	memcpy(out + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	return len == iov[0].iov_len + iov[1].iov_len ? len : 0;
}

#endif
