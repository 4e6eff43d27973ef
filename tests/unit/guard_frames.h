/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard_frames.h - frames as guests send them, made header by header
 */
#ifndef TESTS_GUARD_FRAMES_H
#define TESTS_GUARD_FRAMES_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct made {
	uint8_t at[1600];
	size_t len;
};

static inline void put_bytes(struct made *m, const void *bytes, size_t len)
{
	memcpy(m->at + m->len, bytes, len);
	m->len += len;
}

static inline void put8(struct made *m, unsigned int value)
{
	m->at[m->len++] = (uint8_t)value;
}

static inline void put16(struct made *m, unsigned int value)
{
	put8(m, value >> 8);
	put8(m, value);
}

static inline void put_zeros(struct made *m, size_t len)
{
	memset(m->at + m->len, 0, len);
	m->len += len;
}

/* 02:00:00:00:00:n */
static inline void put_mac(struct made *m, uint8_t n)
{
	const uint8_t mac[] = { 2, 0, 0, 0, 0, n };

	put_bytes(m, mac, sizeof(mac));
}

/* 10.0.0.n; 0: no address */
static inline void put_v4(struct made *m, uint8_t n)
{
	const uint8_t address[] = { n ? 10 : 0, 0, 0, n };

	put_bytes(m, address, sizeof(address));
}

/* fd00::n; 0: no address */
static inline void put_v6(struct made *m, uint8_t n)
{
	const uint8_t address[16] = { n ? 0xfd : 0, [15] = n };

	put_bytes(m, address, sizeof(address));
}

static inline void made_ethernet(struct made *m, uint8_t mac, unsigned int type)
{
	m->len = 0;
	memset(m->at, 0xff, 6);
	m->len = 6;
	put_mac(m, mac);
	put16(m, type);
}

static inline void made_arp(struct made *m, uint8_t mac, uint8_t said_mac, uint8_t sender,
			    uint8_t target)
{
	static const uint8_t fixed[] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	made_ethernet(m, mac, 0x0806);
	put_bytes(m, fixed, sizeof(fixed));
	put_mac(m, said_mac);
	put_v4(m, sender);
	put_zeros(m, 6);
	put_v4(m, target);
}

/* @fragment: the field with flags and offset */
static inline void made_ipv4(struct made *m, uint8_t mac, uint8_t source, unsigned int protocol,
			     unsigned int fragment)
{
	made_ethernet(m, mac, 0x0800);
	put16(m, 0x4500);
	put16(m, 200);
	put16(m, 1);
	put16(m, fragment);
	put8(m, 64);
	put8(m, protocol);
	put16(m, 0);
	put_v4(m, source);
	put_v4(m, 200);
}

static inline void put_udp(struct made *m, unsigned int from, unsigned int to)
{
	put16(m, from);
	put16(m, to);
	put16(m, 100);
	put16(m, 0);
}

static inline void put_dhcp(struct made *m, uint8_t op, uint8_t mac)
{
	static const uint8_t ethernet[] = { 1, 6 };

	put8(m, op);
	put_bytes(m, ethernet, sizeof(ethernet));
	put_zeros(m, 25);
	put_mac(m, mac);
	put_zeros(m, 206);
}

/* Ends with made_ipv6_end(), which sets the length. */
static inline void made_ipv6(struct made *m, uint8_t mac, uint8_t source, unsigned int next)
{
	made_ethernet(m, mac, 0x86dd);
	put16(m, 0x6000);
	put16(m, 0);
	put16(m, 0);
	put8(m, next);
	put8(m, 255);
	put_v6(m, source);
	put_v6(m, 200);
}

static inline void made_ipv6_end(struct made *m)
{
	size_t len = m->len - 54;

	m->at[18] = (uint8_t)(len >> 8);
	m->at[19] = (uint8_t)len;
}

/* Neighbour solicitation, advertisement; with a link-layer address if @mac is not 0. */
static inline void put_neighbour(struct made *m, uint8_t type, uint8_t target, uint8_t mac)
{
	put16(m, (unsigned int)type << 8);
	put_zeros(m, 6);
	put_v6(m, target);
	if (mac) {
		put16(m, type == 135 ? 0x0101 : 0x0201);
		put_mac(m, mac);
	}
}

#endif
