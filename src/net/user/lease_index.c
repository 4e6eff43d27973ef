/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lease_index.c - leases found by MAC, by address and by name
 *
 * MACs and names are guests' to choose, so a guest can have all of its own in one chain; how many it
 * has is bounded by struct leases.
 */
#include "net/user/lease_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 5u

/* FNV-1a */
static uint32_t hash_bytes(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 16777619u;
	return hash ^ hash >> 15;
}

static uint32_t hash_of(const struct lease *lease, enum lease_key key)
{
	switch (key) {
	case LEASE_BY_MAC:
		return hash_bytes(lease->mac, sizeof(lease->mac));
	case LEASE_BY_ADDRESS:
		return hash_bytes(&lease->address, sizeof(lease->address));
	default:
		return hash_bytes(lease->name, strlen(lease->name));
	}
}

static size_t slot(const struct lease_index *index, uint32_t hash)
{
	return hash & ((1u << index->bits) - 1);
}

static void chain_in(struct lease **buckets, size_t at, struct lease *lease, enum lease_key key)
{
	lease->chain[key] = buckets[at];
	buckets[at] = lease;
}

static int buckets_new(unsigned int bits, struct lease **ret[LEASE_KEYS])
{
	for (unsigned int key = 0; key < LEASE_KEYS; key++) {
		ret[key] = calloc((size_t)1 << bits, sizeof(*ret[key]));
		if (!ret[key]) {
			while (key--)
				free(ret[key]);
			return -ENOMEM;
		}
	}
	return 0;
}

int lease_index_init(struct lease_index *index)
{
	*index = (struct lease_index) { .bits = FIRST_BITS };
	return buckets_new(index->bits, index->buckets);
}

void lease_index_clear(struct lease_index *index)
{
	for (unsigned int key = 0; key < LEASE_KEYS; key++)
		free(index->buckets[key]);
	memset(index, 0, sizeof(*index));
}

static void rehash(struct lease_index *index, const struct lease_index *old, enum lease_key key)
{
	for (size_t i = 0; i < (size_t)1 << old->bits; i++) {
		struct lease *lease = old->buckets[key][i];

		while (lease) {
			struct lease *next = lease->chain[key];

			chain_in(index->buckets[key], slot(index, hash_of(lease, key)), lease, key);
			lease = next;
		}
	}
}

static void grow(struct lease_index *index)
{
	struct lease_index old = *index;

	if (buckets_new(old.bits + 1, index->buckets) < 0) {
		*index = old;
		return;
	}
	index->bits++;
	for (unsigned int key = 0; key < LEASE_KEYS; key++) {
		rehash(index, &old, (enum lease_key)key);
		free(old.buckets[key]);
	}
}

void lease_index_add(struct lease_index *index, struct lease *lease, enum lease_key key)
{
	if (key == LEASE_BY_ADDRESS && ++index->n > (size_t)1 << index->bits)
		grow(index);
	chain_in(index->buckets[key], slot(index, hash_of(lease, key)), lease, key);
}

void lease_index_remove(struct lease_index *index, struct lease *lease, enum lease_key key)
{
	struct lease **at = &index->buckets[key][slot(index, hash_of(lease, key))];

	while (*at != lease)
		at = &(*at)->chain[key];
	*at = lease->chain[key];
	if (key == LEASE_BY_ADDRESS)
		index->n--;
}

struct lease *lease_index_mac(const struct lease_index *index, const uint8_t mac[FRAME_MAC])
{
	struct lease *lease = index->buckets[LEASE_BY_MAC][slot(index, hash_bytes(mac, FRAME_MAC))];

	while (lease && memcmp(lease->mac, mac, FRAME_MAC) != 0)
		lease = lease->chain[LEASE_BY_MAC];
	return lease;
}

struct lease *lease_index_address(const struct lease_index *index, struct in_addr address)
{
	struct lease *lease = index->buckets[LEASE_BY_ADDRESS]
					    [slot(index, hash_bytes(&address, sizeof(address)))];

	while (lease && lease->address.s_addr != address.s_addr)
		lease = lease->chain[LEASE_BY_ADDRESS];
	return lease;
}

struct lease *lease_index_name(const struct lease_index *index, const char *name)
{
	struct lease *lease =
		index->buckets[LEASE_BY_NAME][slot(index, hash_bytes(name, strlen(name)))];

	while (lease && strcmp(lease->name, name) != 0)
		lease = lease->chain[LEASE_BY_NAME];
	return lease;
}
