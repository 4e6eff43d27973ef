/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mac_table.c - which Ethernet address is behind which port
 *
 * A fixed pool of entries, each in one hash chain (to be found) and in its holder's list (newest
 * first, to age and to give way). Nothing is allocated per address, so that a guest which makes up
 * addresses costs no memory. A pool that was not used yet is not touched either: its pages cost
 * nothing.
 *
 * The hash is keyed with random bits: a guest that knew it could send addresses that all end in one
 * chain and make every lookup walk it.
 *
 * Ageing needs no timer: an entry that is too old is not found, and goes when it is come across.
 */
#include "net/user/mac_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct mac_entry {
	uint64_t mac; /* in the low 48 bits */
	uint64_t seen_ms;
	struct mac_holder *holder;
	struct mac_entry *chain;	 /* next with this hash, or next free */
	struct mac_entry *newer, *older; /* of the same holder */
};

struct mac_table {
	uint64_t age_ms;
	uint64_t key;
	struct mac_holder *holders; /* those with entries */
	struct mac_entry *free;
	unsigned int capacity, used_once; /* entries from used_once on were never used */
	unsigned int n_buckets;		  /* a power of 2 */
	struct mac_entry **buckets;
	struct mac_entry entries[];
};

static unsigned int power_of_two_from(unsigned int n)
{
	unsigned int power = 1;

	while (power < n)
		power *= 2;
	return power;
}

struct mac_table *mac_table_new(unsigned int capacity, uint64_t age_ms)
{
	struct mac_table *table = calloc(1, sizeof(*table) + capacity * sizeof(table->entries[0]));

	if (!table)
		return NULL;
	table->age_ms = age_ms;
	table->capacity = capacity;
	table->n_buckets = power_of_two_from(capacity);
	table->buckets = calloc(table->n_buckets, sizeof(table->buckets[0]));
	if (!table->buckets ||
	    getrandom(&table->key, sizeof(table->key), 0) != sizeof(table->key)) {
		mac_table_free(table);
		return NULL;
	}
	return table;
}

void mac_table_free(struct mac_table *table)
{
	if (!table)
		return;
	free(table->buckets);
	free(table);
}

static uint64_t mac_number(const uint8_t mac[FRAME_MAC])
{
	uint64_t number = 0;

	memcpy(&number, mac, FRAME_MAC);
	return number;
}

/* The finalizer of MurmurHash3, over address and key. */
static struct mac_entry **bucket_of(struct mac_table *table, uint64_t mac)
{
	uint64_t hash = mac ^ table->key;

	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
	hash ^= hash >> 33;
	return &table->buckets[hash & (table->n_buckets - 1)];
}

static void holder_list(struct mac_table *table, struct mac_holder *holder)
{
	holder->next = table->holders;
	holder->listed = true;
	table->holders = holder;
}

static void holder_unlist(struct mac_table *table, struct mac_holder *holder)
{
	struct mac_holder **at = &table->holders;

	while (*at != holder)
		at = &(*at)->next;
	*at = holder->next;
	holder->listed = false;
}

/* As its holder's newest. */
static void entry_give(struct mac_table *table, struct mac_entry *entry, struct mac_holder *holder)
{
	entry->holder = holder;
	entry->newer = NULL;
	entry->older = holder->newest;
	if (holder->newest)
		holder->newest->newer = entry;
	else
		holder->oldest = entry;
	holder->newest = entry;
	holder->n++;
	if (!holder->listed)
		holder_list(table, holder);
}

static void entry_take(struct mac_table *table, struct mac_entry *entry)
{
	struct mac_holder *holder = entry->holder;

	if (entry->newer)
		entry->newer->older = entry->older;
	else
		holder->newest = entry->older;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		holder->oldest = entry->newer;
	if (--holder->n == 0)
		holder_unlist(table, holder);
}

static void entry_remove(struct mac_table *table, struct mac_entry *entry)
{
	struct mac_entry **at = bucket_of(table, entry->mac);

	while (*at != entry)
		at = &(*at)->chain;
	*at = entry->chain;
	entry_take(table, entry);
	entry->chain = table->free;
	table->free = entry;
}

static void evict(struct mac_table *table)
{
	struct mac_holder *most = table->holders;

	assert(most);
	for (struct mac_holder *holder = most->next; holder; holder = holder->next) {
		if (holder->n > most->n)
			most = holder;
	}
	entry_remove(table, most->oldest);
}

static struct mac_entry *entry_alloc(struct mac_table *table)
{
	struct mac_entry *entry;

	if (!table->free && table->used_once < table->capacity)
		return &table->entries[table->used_once++];
	if (!table->free)
		evict(table);
	entry = table->free;
	table->free = entry->chain;
	return entry;
}

static struct mac_entry *entry_find(struct mac_table *table, uint64_t mac, uint64_t now_ms)
{
	struct mac_entry *entry = *bucket_of(table, mac);

	while (entry && entry->mac != mac)
		entry = entry->chain;
	if (entry && now_ms - entry->seen_ms > table->age_ms) {
		entry_remove(table, entry);
		return NULL;
	}
	return entry;
}

static void entry_add(struct mac_table *table, uint64_t mac, struct mac_holder *holder,
		      uint64_t now_ms)
{
	struct mac_entry *entry = entry_alloc(table);
	struct mac_entry **bucket = bucket_of(table, mac);

	entry->mac = mac;
	entry->seen_ms = now_ms;
	entry->chain = *bucket;
	*bucket = entry;
	entry_give(table, entry, holder);
}

bool mac_table_learn(struct mac_table *table, const uint8_t mac[FRAME_MAC],
		     struct mac_holder *holder, uint64_t now_ms)
{
	uint64_t number = mac_number(mac);
	struct mac_entry *entry = entry_find(table, number, now_ms);

	if (!entry) {
		entry_add(table, number, holder, now_ms);
		return true;
	}
	if (entry->holder != holder && entry->holder->priority)
		return false;
	entry->seen_ms = now_ms;
	if (holder->newest != entry) {
		entry_take(table, entry);
		entry_give(table, entry, holder);
	}
	return true;
}

struct mac_holder *mac_table_find(struct mac_table *table, const uint8_t mac[FRAME_MAC],
				  uint64_t now_ms)
{
	struct mac_entry *entry = entry_find(table, mac_number(mac), now_ms);

	return entry ? entry->holder : NULL;
}

/* Newest first. Return: go on? */
static bool holder_each(const struct mac_table *table, struct mac_holder *holder, uint64_t now_ms,
			bool (*each)(void *opaque, const uint8_t mac[FRAME_MAC],
				     struct mac_holder *holder, uint64_t age_ms),
			void *opaque)
{
	for (const struct mac_entry *entry = holder->newest; entry; entry = entry->older) {
		uint64_t age_ms = now_ms - entry->seen_ms;
		uint8_t mac[FRAME_MAC];

		memcpy(mac, &entry->mac, FRAME_MAC);
		if (age_ms <= table->age_ms && !each(opaque, mac, holder, age_ms))
			return false;
	}
	return true;
}

void mac_table_each(const struct mac_table *table, uint64_t now_ms,
		    bool (*each)(void *opaque, const uint8_t mac[FRAME_MAC],
				 struct mac_holder *holder, uint64_t age_ms),
		    void *opaque)
{
	struct mac_holder *holder = table->holders;

	while (holder && holder_each(table, holder, now_ms, each, opaque))
		holder = holder->next;
}

void mac_table_forget(struct mac_table *table, struct mac_holder *holder)
{
	while (holder->oldest)
		entry_remove(table, holder->oldest);
}
