/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source_guard_claims.c - which MAC and which addresses belong to which port
 *
 * A port's own addresses are few and are looked at first, so a guest that behaves costs a comparison
 * or two. Everybody else's are looked through only for an address that is new to a port.
 *
 * When a port has claimed all that it may, the address that it has not used for longest makes room,
 * if that is SOURCE_GUARD_AGE_MS ago: temporary IPv6 addresses come and go.
 */
#include "net/policy/source_guard_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RESERVED 8u

struct lease {
	uint8_t mac[FRAME_MAC];
	in_addr_t address;
};

struct reserved_mac {
	uint8_t mac[FRAME_MAC];
	size_t len;
};

struct source_guard_table {
	struct source_guard *guards;
	struct reserved_mac macs[RESERVED];
	in_addr_t v4[RESERVED];
	struct in6_addr v6[RESERVED];
	unsigned int n_macs, n_v4, n_v6;
	struct lease *leases;
	size_t n_leases, room;
};

int source_guard_table_new(struct source_guard_table **ret)
{
	struct source_guard_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	*ret = table;
	return 0;
}

void source_guard_table_free(struct source_guard_table *table)
{
	if (!table)
		return;
	free(table->leases);
	free(table);
}

int source_guard_reserve_mac(struct source_guard_table *table, const uint8_t *mac, size_t len)
{
	struct reserved_mac *reserved = &table->macs[table->n_macs];

	if (table->n_macs == RESERVED)
		return -ENOSPC;
	memcpy(reserved->mac, mac, len);
	reserved->len = len;
	table->n_macs++;
	return 0;
}

int source_guard_reserve_v4(struct source_guard_table *table, struct in_addr address)
{
	if (table->n_v4 == RESERVED)
		return -ENOSPC;
	table->v4[table->n_v4++] = address.s_addr;
	return 0;
}

int source_guard_reserve_v6(struct source_guard_table *table, const struct in6_addr *address)
{
	if (table->n_v6 == RESERVED)
		return -ENOSPC;
	table->v6[table->n_v6++] = *address;
	return 0;
}

/* MACs */

bool guard_has_mac(const struct source_guard *guard, const uint8_t *mac)
{
	return guard->has_mac && memcmp(guard->mac, mac, FRAME_MAC) == 0;
}

static bool is_reserved_mac(const struct source_guard_table *table, const uint8_t *mac)
{
	for (unsigned int i = 0; i < table->n_macs; i++) {
		if (memcmp(table->macs[i].mac, mac, table->macs[i].len) == 0)
			return true;
	}
	return false;
}

static bool is_others_mac(const struct source_guard *guard, const uint8_t *mac)
{
	for (const struct source_guard *g = guard->table->guards; g; g = g->next) {
		if (g != guard && guard_has_mac(g, mac))
			return true;
	}
	return is_reserved_mac(guard->table, mac);
}

bool guard_claim_mac(struct source_guard *guard, const uint8_t mac[FRAME_MAC])
{
	static const uint8_t none[FRAME_MAC];

	if (guard->has_mac)
		return memcmp(guard->mac, mac, FRAME_MAC) == 0;
	if ((mac[0] & 1) || memcmp(mac, none, FRAME_MAC) == 0 || is_others_mac(guard, mac))
		return false;
	memcpy(guard->mac, mac, FRAME_MAC);
	guard->has_mac = true;
	return true;
}

void source_guard_see(struct source_guard *guard, const uint8_t mac[FRAME_MAC])
{
	(void)guard_claim_mac(guard, mac);
}

/* Leases */

static struct lease *lease_of(const struct source_guard_table *table, in_addr_t address)
{
	for (size_t i = 0; i < table->n_leases; i++) {
		if (table->leases[i].address == address)
			return &table->leases[i];
	}
	return NULL;
}

static bool mac_has_lease(const struct source_guard_table *table, const uint8_t *mac)
{
	for (size_t i = 0; i < table->n_leases; i++) {
		if (memcmp(table->leases[i].mac, mac, FRAME_MAC) == 0)
			return true;
	}
	return false;
}

static bool is_leased_to(const struct source_guard_table *table, in_addr_t address,
			 const uint8_t *mac)
{
	const struct lease *lease = lease_of(table, address);

	return lease && memcmp(lease->mac, mac, FRAME_MAC) == 0;
}

/* Return: NULL: no room, or no memory */
static struct lease *lease_add(struct source_guard_table *table)
{
	size_t room = table->room ? 2 * table->room : 16;
	struct lease *leases;

	if (table->n_leases < table->room)
		return &table->leases[table->n_leases++];
	if (room > SOURCE_GUARD_LEASES)
		return NULL;
	leases = realloc(table->leases, room * sizeof(*leases));
	if (!leases)
		return NULL;
	table->leases = leases;
	table->room = room;
	return &table->leases[table->n_leases++];
}

/* Of one guard, what DHCP did not give it if it gave it anything, and what it gave to others. */
static void drop_claims_v4(struct source_guard *guard)
{
	const struct source_guard_table *table = guard->table;
	bool leases = guard->has_mac && mac_has_lease(table, guard->mac);
	unsigned int kept = 0;

	for (unsigned int i = 0; i < guard->n_v4; i++) {
		bool keep = leases ? is_leased_to(table, guard->v4[i].address, guard->mac)
				   : !lease_of(table, guard->v4[i].address);

		if (keep)
			guard->v4[kept++] = guard->v4[i];
	}
	guard->n_v4 = kept;
}

static bool has_v4(const struct source_guard *guard, in_addr_t address)
{
	for (unsigned int i = 0; i < guard->n_v4; i++) {
		if (guard->v4[i].address == address)
			return true;
	}
	return false;
}

void source_guard_lease(struct source_guard_table *table, const uint8_t mac[FRAME_MAC],
			struct in_addr address)
{
	struct lease *lease = lease_of(table, address.s_addr);

	if (!lease)
		lease = lease_add(table);
	if (!lease)
		return;
	memcpy(lease->mac, mac, FRAME_MAC);
	lease->address = address.s_addr;
	for (struct source_guard *guard = table->guards; guard; guard = guard->next) {
		if (guard_has_mac(guard, mac) || has_v4(guard, address.s_addr))
			drop_claims_v4(guard);
	}
}

void source_guard_lease_gone(struct source_guard_table *table, const uint8_t mac[FRAME_MAC],
			     struct in_addr address)
{
	struct lease *lease = lease_of(table, address.s_addr);

	if (lease && memcmp(lease->mac, mac, FRAME_MAC) == 0)
		*lease = table->leases[--table->n_leases];
}

void source_guard_leases_clear(struct source_guard_table *table)
{
	table->n_leases = 0;
}

/* IPv4 */

static bool is_others_v4(const struct source_guard *guard, in_addr_t address)
{
	const struct source_guard_table *table = guard->table;
	const struct lease *lease = lease_of(table, address);

	if (lease)
		return !guard_has_mac(guard, lease->mac);
	for (unsigned int i = 0; i < table->n_v4; i++) {
		if (table->v4[i] == address)
			return true;
	}
	for (const struct source_guard *g = table->guards; g; g = g->next) {
		if (g != guard && has_v4(g, address))
			return true;
	}
	return false;
}

bool guard_may_ask_v4(const struct source_guard *guard, in_addr_t address)
{
	return has_v4(guard, address) || !is_others_v4(guard, address);
}

/* 0/8, 127/8, groups, broadcast. */
static bool is_nobodys_v4(in_addr_t address)
{
	uint32_t first = ntohl(address) >> 24;

	return first == 0 || first == IN_LOOPBACKNET || first >= 224;
}

static bool may_claim_v4(const struct source_guard *guard, in_addr_t address)
{
	if (is_nobodys_v4(address) || is_others_v4(guard, address))
		return false;
	return is_leased_to(guard->table, address, guard->mac) ||
	       !mac_has_lease(guard->table, guard->mac);
}

/* Return: where it may be put, NULL: nowhere */
static struct source_guard_v4 *room_v4(struct source_guard *guard, uint64_t now_ms)
{
	struct source_guard_v4 *oldest = &guard->v4[0];

	if (guard->n_v4 < SOURCE_GUARD_V4)
		return &guard->v4[guard->n_v4++];
	for (unsigned int i = 1; i < SOURCE_GUARD_V4; i++) {
		if (guard->v4[i].used_ms < oldest->used_ms)
			oldest = &guard->v4[i];
	}
	return now_ms - oldest->used_ms >= SOURCE_GUARD_AGE_MS ? oldest : NULL;
}

bool guard_claim_v4(struct source_guard *guard, in_addr_t address, uint64_t now_ms)
{
	struct source_guard_v4 *room;

	for (unsigned int i = 0; i < guard->n_v4; i++) {
		if (guard->v4[i].address == address) {
			guard->v4[i].used_ms = now_ms;
			return true;
		}
	}
	if (!may_claim_v4(guard, address))
		return false;
	room = room_v4(guard, now_ms);
	if (!room)
		return false;
	*room = (struct source_guard_v4) { address, now_ms };
	return true;
}

/* IPv6 */

static bool has_v6(const struct source_guard *guard, const struct in6_addr *address)
{
	for (unsigned int i = 0; i < guard->n_v6; i++) {
		if (IN6_ARE_ADDR_EQUAL(&guard->v6[i].address, address))
			return true;
	}
	return false;
}

/* Made of another's MAC (RFC 4291, appendix A): kept for it, even if it did not use it yet. */
static bool is_of_others_mac(const struct source_guard *guard, const struct in6_addr *address)
{
	const uint8_t *id = address->s6_addr + 8;
	const uint8_t mac[FRAME_MAC] = { id[0] ^ 2, id[1], id[2], id[5], id[6], id[7] };

	return id[3] == 0xff && id[4] == 0xfe && is_others_mac(guard, mac);
}

static bool may_claim_v6(const struct source_guard *guard, const struct in6_addr *address)
{
	const struct source_guard_table *table = guard->table;

	if (IN6_IS_ADDR_MULTICAST(address) || IN6_IS_ADDR_UNSPECIFIED(address) ||
	    IN6_IS_ADDR_LOOPBACK(address) || is_of_others_mac(guard, address))
		return false;
	for (unsigned int i = 0; i < table->n_v6; i++) {
		if (IN6_ARE_ADDR_EQUAL(&table->v6[i], address))
			return false;
	}
	for (const struct source_guard *g = table->guards; g; g = g->next) {
		if (g != guard && has_v6(g, address))
			return false;
	}
	return true;
}

static struct source_guard_v6 *room_v6(struct source_guard *guard, uint64_t now_ms)
{
	struct source_guard_v6 *oldest = &guard->v6[0];

	if (guard->n_v6 < SOURCE_GUARD_V6)
		return &guard->v6[guard->n_v6++];
	for (unsigned int i = 1; i < SOURCE_GUARD_V6; i++) {
		if (guard->v6[i].used_ms < oldest->used_ms)
			oldest = &guard->v6[i];
	}
	return now_ms - oldest->used_ms >= SOURCE_GUARD_AGE_MS ? oldest : NULL;
}

bool guard_claim_v6(struct source_guard *guard, const struct in6_addr *address, uint64_t now_ms)
{
	struct source_guard_v6 *room;

	for (unsigned int i = 0; i < guard->n_v6; i++) {
		if (IN6_ARE_ADDR_EQUAL(&guard->v6[i].address, address)) {
			guard->v6[i].used_ms = now_ms;
			return true;
		}
	}
	if (!may_claim_v6(guard, address))
		return false;
	room = room_v6(guard, now_ms);
	if (!room)
		return false;
	*room = (struct source_guard_v6) { *address, now_ms };
	return true;
}

/* Guards */

/* A MAC that is given was never another's: who was merely seen with it loses it. */
static void take_given(struct source_guard *guard)
{
	for (struct source_guard *g = guard->table->guards; g; g = g->next) {
		if (!g->given && guard_has_mac(g, guard->mac))
			source_guard_forget(g);
	}
}

void source_guard_add(struct source_guard_table *table, struct source_guard *guard,
		      const uint8_t *mac)
{
	guard->table = table;
	guard->given = guard->has_mac = mac;
	if (mac) {
		memcpy(guard->mac, mac, FRAME_MAC);
		take_given(guard);
	}
	guard->next = table->guards;
	table->guards = guard;
}

void source_guard_remove(struct source_guard *guard)
{
	struct source_guard **at = &guard->table->guards;

	while (*at != guard)
		at = &(*at)->next;
	*at = guard->next;
}

void source_guard_forget(struct source_guard *guard)
{
	guard->has_mac = guard->given;
	guard->n_v4 = guard->n_v6 = 0;
}
