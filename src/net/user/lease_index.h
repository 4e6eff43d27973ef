/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lease_index.h - leases found by MAC, by address and by name
 *
 * Three hash tables of chains that go through the leases themselves. Owned by struct leases.
 */
#ifndef NET_USER_LEASE_INDEX_H
#define NET_USER_LEASE_INDEX_H

#include <netinet/in.h>
#include <stddef.h>

#include "net/user/leases.h"

/** struct lease_index - filled by lease_index_init() */
struct lease_index {
	struct lease **buckets[LEASE_KEYS]; /* each 1 << bits of them */
	unsigned int bits;
	size_t n; /* leases in it by address, which each has */
};

int lease_index_init(struct lease_index *index);   /* 0, -ENOMEM */
void lease_index_clear(struct lease_index *index); /* the leases are their owner's */

/**
 * lease_index_add(), lease_index_remove() - by one key, which must not change in between
 *
 * Without memory to grow the chains get longer.
 */
void lease_index_add(struct lease_index *index, struct lease *lease, enum lease_key key);
void lease_index_remove(struct lease_index *index, struct lease *lease, enum lease_key key);

/* NULL: there is none */
struct lease *lease_index_mac(const struct lease_index *index, const uint8_t mac[FRAME_MAC]);
struct lease *lease_index_address(const struct lease_index *index, struct in_addr address);
struct lease *lease_index_name(const struct lease_index *index, const char *name);

#endif
