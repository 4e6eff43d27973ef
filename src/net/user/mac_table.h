/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mac_table.h - which Ethernet address is behind which port, bounded and fair
 */
#ifndef NET_USER_MAC_TABLE_H
#define NET_USER_MAC_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/frame.h"

struct mac_table;
struct mac_entry;

/**
 * struct mac_holder - what addresses belong to: part of a port, zeroed to begin with
 * @priority: no other holder takes an address over from it while it is fresh
 */
struct mac_holder {
	bool priority;
	struct mac_entry *newest, *oldest; /* the table's, as is the rest */
	unsigned int n;
	struct mac_holder *next;
	bool listed;
};

/**
 * mac_table_new()
 * @capacity: entries
 * @age_ms:   after which an address that was not heard of is forgotten
 * Return: NULL without memory
 */
struct mac_table *mac_table_new(unsigned int capacity, uint64_t age_ms);
void mac_table_free(struct mac_table *table);

/**
 * mac_table_learn() - heard of this address at this holder
 *
 * In a full table the holder of most addresses loses its oldest one: a guest that makes up sources
 * can push out its own.
 *
 * Return: false if a holder with priority keeps the address
 */
bool mac_table_learn(struct mac_table *table, const uint8_t mac[FRAME_MAC],
		     struct mac_holder *holder, uint64_t now_ms);

/** mac_table_find() - Return: NULL when it is not known or too old */
struct mac_holder *mac_table_find(struct mac_table *table, const uint8_t mac[FRAME_MAC],
				  uint64_t now_ms);

/**
 * mac_table_each() - those that are not too old, until the callback says false
 *
 * The table must not be changed meanwhile.
 */
void mac_table_each(const struct mac_table *table, uint64_t now_ms,
		    bool (*each)(void *opaque, const uint8_t mac[FRAME_MAC],
				 struct mac_holder *holder, uint64_t age_ms),
		    void *opaque);

/** mac_table_forget() - everything of this holder, which may go away then */
void mac_table_forget(struct mac_table *table, struct mac_holder *holder);

#endif
