/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source_guard.h - may this guest send this frame, or is it somebody else's name on it?
 *
 * One guard for each port, in a table for each network, which knows what belongs to whom:
 *
 *   a MAC       the port's: given, or the first one that it sends from
 *   IPv4        what DHCP gave to, or keeps for, that MAC. A guest to which it gave nothing has what
 *               it is the first to use, up to SOURCE_GUARD_V4
 *   IPv6        what it is the first to use, up to SOURCE_GUARD_V6
 *   no guest's  MACs and addresses of the network itself; servers' part of DHCP and DHCPv6; router
 *               advertisements and redirects
 *
 * What cannot be judged does not pass. Pure: bytes and the time in, a verdict out. One thread.
 */
#ifndef NET_POLICY_SOURCE_GUARD_H
#define NET_POLICY_SOURCE_GUARD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/frame.h"

#define SOURCE_GUARD_V4	    4u
#define SOURCE_GUARD_V6	    16u
#define SOURCE_GUARD_AGE_MS 600000u /* an address that was not used for so long may make room */
#define SOURCE_GUARD_LEASES 8192u

/* Of a frame's beginning: what follows decides nothing. */
#define SOURCE_GUARD_HEAD   512u

enum source_guard_verdict {
	SOURCE_GUARD_PASS,
	SOURCE_GUARD_MAC,      /* from a MAC that is not the port's, or says so inside */
	SOURCE_GUARD_ADDRESS,  /* from an IP address that is not the port's */
	SOURCE_GUARD_DHCP,     /* what a server sends; a client under another's name */
	SOURCE_GUARD_ROUTER,   /* router advertisements, redirects */
	SOURCE_GUARD_UNJUDGED, /* headers cut off, too many, or of a kind that may hide others */
	SOURCE_GUARD_VERDICTS,
};

struct source_guard_table;

struct source_guard_v4 {
	in_addr_t address;
	uint64_t used_ms;
};

struct source_guard_v6 {
	struct in6_addr address;
	uint64_t used_ms;
};

/** struct source_guard - part of a port; source_guard*.c's but for reading @has_mac, @mac */
struct source_guard {
	struct source_guard_table *table;
	struct source_guard *next;
	bool given; /* the MAC is */
	bool has_mac;
	uint8_t mac[FRAME_MAC];
	unsigned int n_v4, n_v6;
	struct source_guard_v4 v4[SOURCE_GUARD_V4];
	struct source_guard_v6 v6[SOURCE_GUARD_V6];
};

/** source_guard_verdict_name() - "mac", "address", ...: for counters */
const char *source_guard_verdict_name(enum source_guard_verdict verdict);

int source_guard_table_new(struct source_guard_table **ret);	/* 0, -ENOMEM */
void source_guard_table_free(struct source_guard_table *table); /* guards are out; NULL is fine */

/**
 * source_guard_reserve_mac(), _v4(), _v6() - the network's own, no guest's
 * @len: bytes of @mac that count, 1 to 6
 * Return: 0, -ENOSPC: there is room for some only
 */
int source_guard_reserve_mac(struct source_guard_table *table, const uint8_t *mac, size_t len);
int source_guard_reserve_v4(struct source_guard_table *table, struct in_addr address);
int source_guard_reserve_v6(struct source_guard_table *table, const struct in6_addr *address);

/**
 * source_guard_lease() - DHCP gave this address to that MAC, or keeps it for it
 *
 * Whoever else has claimed it loses it; the MAC's port loses what it claimed by itself. With
 * SOURCE_GUARD_LEASES known, more are not: these are claimed as without DHCP.
 */
void source_guard_lease(struct source_guard_table *table, const uint8_t mac[FRAME_MAC],
			struct in_addr address);
void source_guard_lease_gone(struct source_guard_table *table, const uint8_t mac[FRAME_MAC],
			     struct in_addr address);

/** source_guard_leases_clear() - all are told again; nobody loses or gets anything by it */
void source_guard_leases_clear(struct source_guard_table *table);

/** source_guard_add() - @guard: zeroed; @mac: NULL: the first one that it sends from */
void source_guard_add(struct source_guard_table *table, struct source_guard *guard,
		      const uint8_t *mac);
void source_guard_remove(struct source_guard *guard);

/** source_guard_forget() - somebody else may be behind the port now */
void source_guard_forget(struct source_guard *guard);

/** source_guard_see() - a port that is not judged sends from there, if it has no MAC yet */
void source_guard_see(struct source_guard *guard, const uint8_t mac[FRAME_MAC]);

/**
 * source_guard_judge() - may it be sent? What it claims, if so, is the port's from now on
 * @head: the first @len bytes of a frame of @whole: all, or SOURCE_GUARD_HEAD
 */
enum source_guard_verdict source_guard_judge(struct source_guard *guard, const uint8_t *head,
					     size_t len, size_t whole, uint64_t now_ms);

#endif
