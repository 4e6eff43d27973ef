/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packet.h - numbers in packets, and where headers are
 */
#ifndef NET_USER_PACKET_H
#define NET_USER_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "virtio/frame.h"

#define PACKET_ETH_TYPE	   12u
#define PACKET_IP	   FRAME_ETH_HEADER
#define PACKET_IP4_HEADER  20u
#define PACKET_IP6_HEADER  40u
#define PACKET_UDP_HEADER  8u
#define PACKET_DNS_PORT	   53u

/* libslirp's stations: 52:55 and an IPv4 address, 52:56 and the end of an IPv6 address. */
#define PACKET_SLIRP_MAC0  0x52u
#define PACKET_SLIRP_MAC1  0x55u
#define PACKET_SLIRP_MAC16 0x56u

/** struct packet_transport - offsets in a frame; 8 bytes are there from @at on */
struct packet_transport {
	bool v6;
	uint8_t protocol;
	size_t source, destination; /* of the addresses */
	size_t at;		    /* of the header behind IP's */
};

/**
 * packet_find_transport() - in a frame of any bytes
 * Return: false for what is no IP, a fragment, or too short; behind IPv6 extension headers it sees
 * nothing but them
 */
bool packet_find_transport(const uint8_t *frame, size_t len, struct packet_transport *ret);

/* Sent to one of libslirp's stations? @mac: a frame's destination. */
static inline bool packet_is_for_uplink(const uint8_t *mac)
{
	return mac[0] == PACKET_SLIRP_MAC0 &&
	       (mac[1] == PACKET_SLIRP_MAC1 || mac[1] == PACKET_SLIRP_MAC16);
}

static inline unsigned int packet_get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static inline uint32_t packet_get32(const uint8_t *at)
{
	return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

static inline void packet_put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void packet_put32(uint8_t *at, uint32_t value)
{
	packet_put16(at, value >> 16);
	packet_put16(at + 2, value & 0xffff);
}

/* One's complement sum (RFC 1071), to go on with; an odd byte only at the very end. */
static inline uint32_t packet_sum(uint32_t sum, const uint8_t *at, size_t len)
{
	uint64_t wide = sum;

	for (; len >= 2; len -= 2, at += 2)
		wide += packet_get16(at);
	if (len)
		wide += (uint32_t)at[0] << 8;
	while (wide >> 16)
		wide = (wide & 0xffff) + (wide >> 16);
	return (uint32_t)wide;
}

#endif
