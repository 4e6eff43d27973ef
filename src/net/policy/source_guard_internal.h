/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source_guard_internal.h - what the files of the source guard share
 *
 *   source_guard_claims.c  what belongs to whom
 *   source_guard.c         Ethernet, ARP, IPv4
 *   source_guard_ip6.c     IPv6
 */
#ifndef NET_POLICY_SOURCE_GUARD_INTERNAL_H
#define NET_POLICY_SOURCE_GUARD_INTERNAL_H

#include "net/policy/source_guard.h"

/* struct packet - what is left behind the headers that were dealt with */
struct packet {
	const uint8_t *at;
	size_t len;   /* bytes at hand */
	size_t whole; /* bytes that the frame has there */
};

static inline struct packet packet_behind(struct packet packet, size_t header)
{
	return (struct packet) { packet.at + header, packet.len - header, packet.whole - header };
}

static inline uint16_t guard_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

bool guard_has_mac(const struct source_guard *guard, const uint8_t *mac);

/* Learns the first. Return: is it the port's? */
bool guard_claim_mac(struct source_guard *guard, const uint8_t mac[FRAME_MAC]);

/* Return: is it the port's, from now on? */
bool guard_claim_v4(struct source_guard *guard, in_addr_t address, uint64_t now_ms);
bool guard_claim_v6(struct source_guard *guard, const struct in6_addr *address, uint64_t now_ms);

/* Nobody else's, whether or not it is the port's: it may ask who has it. */
bool guard_may_ask_v4(const struct source_guard *guard, in_addr_t address);

enum source_guard_verdict guard_judge_v6(struct source_guard *guard, struct packet packet,
					 uint64_t now_ms);

#endif
