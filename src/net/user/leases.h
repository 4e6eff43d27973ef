/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * leases.h - which guest has which address, for how long, under which name
 *
 * A pure table: no packets, no files, no clock of its own. It is told the time (seconds of
 * CLOCK_REALTIME, since leases outlive the process) by leases_tick() before anything else is asked
 * of it. One thread.
 *
 * Guests are told apart by their MAC, as vmnet's DHCP server does: a client identifier changes with
 * the guest's operating system, or with each clone of a disk, its card's address does not.
 *
 *   FREE     nobody's, but remembered: its last guest gets it again until another one needs it
 *   OFFERED  for LEASES_OFFER_S
 *   BOUND    leased
 *   ASIDE    a guest found it in use (DECLINE), or it was taken from its guest before its time
 *
 * Bounds: LEASES_MAX leases besides the reserved ones; of these one port (whoever makes up MACs on
 * it) has at most LEASES_PORT_OFFERS offered, LEASES_PORT_HELD leased or remembered, and
 * LEASES_PORT_ASIDE set aside.
 */
#ifndef NET_USER_LEASES_H
#define NET_USER_LEASES_H

#include "net/network.h"

#define LEASES_MAX	   4096u
#define LEASES_PORT_OFFERS 16u
#define LEASES_PORT_HELD   64u
#define LEASES_PORT_ASIDE  16u
#define LEASES_OFFER_S	   10
#define LEASES_ASIDE_S	   600
#define LEASES_FOREVER_S   UINT32_MAX /* a lease without end (RFC 2132, section 9.2) */

struct leases;
struct lease_port;

enum lease_state { LEASE_FREE, LEASE_OFFERED, LEASE_BOUND, LEASE_ASIDE };
enum lease_key { LEASE_BY_MAC, LEASE_BY_ADDRESS, LEASE_BY_NAME, LEASE_KEYS };

/** struct lease - one address; read-only but for leases.c */
struct lease {
	struct in_addr address;
	bool has_mac;
	uint8_t mac[FRAME_MAC];
	char name[NETWORK_NAME_MAX + 1]; /* "": none */
	enum lease_state state;
	bool reserved;
	bool name_fixed; /* by the reservation */
	bool was_bound;
	bool has_slaac;	 /* the guest was heard from the IPv6 address made of its MAC */
	int64_t until_s; /* of all states but FREE; INT64_MAX: no end */
	struct lease_port *port;
	struct lease *prev, *next; /* in the list of its state */
	struct lease *chain[LEASE_KEYS];
};

struct leases_config {
	struct in_addr network, mask, gateway;
	struct in_addr first, last; /* inclusive */
	uint32_t lease_s;
};

enum lease_event { LEASE_GOT, LEASE_RENEWED, LEASE_GONE };

/** struct leases_counters - since the start */
struct leases_counters {
	uint64_t exhausted;    /* a guest got nothing: every address is taken */
	uint64_t port_limited; /* a guest got nothing: its port has too many */
	uint64_t declined;
	uint64_t name_taken; /* a guest goes without the name that it wanted */
};

/**
 * leases_new()
 * @told: of guests' leases, inside leases_tick(), _bind(), _release() and _decline(); may be NULL
 * Return: 0, -ENOMEM
 */
int leases_new(const struct leases_config *config,
	       void (*told)(void *opaque, const struct lease *lease, enum lease_event event),
	       void *opaque, struct leases **ret);
void leases_free(struct leases *leases); /* NULL is fine */

/** leases_tick() - it is now. A clock that was set back takes what is to come back with it */
void leases_tick(struct leases *leases, int64_t now_s);

/** leases_deadline() - when leases_tick() has the next thing to do; INT64_MAX: nothing */
int64_t leases_deadline(const struct leases *leases);

/**
 * leases_offer() - an address for this guest: its own, else the one it wants, else a free one
 * @port: which port of the switch it is behind, 0: not known
 * @wanted: 0.0.0.0 for none
 * Return: 0, -ENOSPC all are taken, -EDQUOT the port has too many, -ENOMEM
 */
int leases_offer(struct leases *leases, const uint8_t mac[FRAME_MAC], uint64_t port,
		 struct in_addr wanted, struct in_addr *ret);

/**
 * leases_bind() - lease this address to this guest, or renew it
 * @name: it wants to go by, a valid one; "" for none. Ignored if another guest has it
 *
 * A guest that is not known may have an address that nobody has: it got it before a restart.
 *
 * Return: 0; -EADDRNOTAVAIL not this address; -EDQUOT, -ENOMEM
 */
int leases_bind(struct leases *leases, const uint8_t mac[FRAME_MAC], uint64_t port,
		struct in_addr address, const char *name);

/** leases_withdraw() - the guest chose another server's offer */
void leases_withdraw(struct leases *leases, const uint8_t mac[FRAME_MAC]);

/**
 * leases_release(), leases_decline() - gave it back; found that somebody else uses it
 *
 * A guest can do so for leases of its own port only. Return: 0, -ENOENT, -EPERM
 */
int leases_release(struct leases *leases, const uint8_t mac[FRAME_MAC], uint64_t port,
		   struct in_addr address);
int leases_decline(struct leases *leases, const uint8_t mac[FRAME_MAC], uint64_t port,
		   struct in_addr address);

/**
 * leases_reserve() - any address of the subnet that is not the gateway's
 * @ret_error: a sentence, which the caller frees
 * Return: 0; -EINVAL; -EEXIST MAC, address or name has a reservation; -EBUSY leased to another;
 * -ENOSPC, -ENOMEM
 */
int leases_reserve(struct leases *leases, const struct network_reservation *reservation,
		   char **ret_error);
int leases_unreserve(struct leases *leases, const uint8_t mac[FRAME_MAC]); /* 0, -ENOENT */

/**
 * leases_restore() - from before a restart; what contradicts range, reservations or an earlier one
 * is dropped
 *
 * Return: 0, -EEXIST, -EADDRNOTAVAIL, -ENOSPC, -ENOMEM
 */
int leases_restore(struct leases *leases, const struct network_lease *lease);

/** leases_heard_slaac() - a guest sent from the IPv6 address made of its MAC; of others nothing is kept */
void leases_heard_slaac(struct leases *leases, const uint8_t mac[FRAME_MAC]);

/* NULL: there is none. By MAC and address in any state, by name only those that are leased or
 * reserved. */
const struct lease *leases_find_mac(const struct leases *leases, const uint8_t mac[FRAME_MAC]);
const struct lease *leases_find_address(const struct leases *leases, struct in_addr address);
const struct lease *leases_find_name(const struct leases *leases, const char *name);

/** leases_each() - reserved, remembered and leased ones, oldest first; until each() says false */
void leases_each(const struct leases *leases, bool (*each)(void *opaque, const struct lease *lease),
		 void *opaque);

/** leases_describe() - for those outside of the network */
void leases_describe(const struct lease *lease, struct network_lease *ret);

/** struct leases_usage - right now */
struct leases_usage {
	uint64_t bound, offered, aside, remembered, reserved;
	uint64_t pool; /* addresses from first to last */
};
void leases_usage(const struct leases *leases, struct leases_usage *ret);
const struct leases_counters *leases_counters(const struct leases *leases);

#endif
