/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * leases_internal.h - what the files of the lease table share
 *
 *   lease_index.c    leases found by MAC, address, name
 *   lease_list.c     in which list a lease is, and what counts against which port
 *   leases.c         what guests ask for
 *   lease_reserve.c  what the user and the file of a former run ask for
 *
 * A lease changes (state, port, reserved, was_bound) between lease_leave() and lease_enter() only:
 * these keep lists and counts true.
 */
#ifndef NET_USER_LEASES_INTERNAL_H
#define NET_USER_LEASES_INTERNAL_H

#include "net/user/lease_index.h"
#include "net/user/leases.h"

/* One list per state, and one for the reserved that nobody has. */
#define LEASE_LIST_PINNED (LEASE_ASIDE + 1)
#define LEASE_LISTS	  (LEASE_LIST_PINNED + 1)

/* FREE: those that never were a guest's first, then by age. The others by until_s. */
struct lease_list {
	struct lease *first, *last;
	size_t n;
};

/** struct lease_port - what a port has of the table; goes away with the last lease that names it */
struct lease_port {
	struct lease_port *next;
	uint64_t id;
	unsigned int refs;
	unsigned int offers, held, aside;
};

struct leases {
	struct leases_config config;
	void (*told)(void *opaque, const struct lease *lease, enum lease_event event);
	void *opaque;
	struct lease_index index;
	struct lease_list lists[LEASE_LISTS];
	struct lease_port *ports;
	int64_t now_s;
	uint64_t fresh; /* addresses before it have been in the table; host order */
	size_t n, n_reserved;
	struct leases_counters counters;
};

/* The list that this lease is in, or belongs to. */
struct lease_list *lease_list_of(struct leases *leases, const struct lease *lease);
void lease_leave(struct leases *leases, struct lease *lease);
void lease_enter(struct leases *leases, struct lease *lease);

/** lease_port_hold() - find or make it. Return: NULL without memory. Undone by _let_go() */
struct lease_port *lease_port_hold(struct leases *leases, uint64_t id);
void lease_port_let_go(struct leases *leases, struct lease_port *port); /* NULL is fine */
/* The lease is of this port now (NULL: of none known). Between leave and enter. */
void lease_set_port(struct leases *leases, struct lease *lease, struct lease_port *port);

/** lease_new() - FREE, of nobody, not in a list yet. Return: NULL without memory, or room */
struct lease *lease_new(struct leases *leases, struct in_addr address, bool reserved);
void lease_destroy(struct leases *leases, struct lease *lease); /* after lease_leave() */

void lease_set_mac(struct leases *leases, struct lease *lease, const uint8_t mac[FRAME_MAC]);
void lease_forget_mac(struct leases *leases, struct lease *lease);

/** lease_set_name() - unless it is fixed, or another guest's. Return: false then */
bool lease_set_name(struct leases *leases, struct lease *lease, const char *name);

/** lease_make_free() - any lease; in a list before and, unless it is gone, after */
void lease_make_free(struct leases *leases, struct lease *lease);

/** lease_set_aside() - as its guest's no more, until then */
void lease_set_aside(struct leases *leases, struct lease *lease, int64_t until_s);

bool lease_in_range(const struct leases *leases, struct in_addr address);

#endif
