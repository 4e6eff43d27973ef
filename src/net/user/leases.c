/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * leases.c - which guest has which address: what guests ask for
 *
 * Where an address for a new guest comes from, in this order: the one that it wants, if nobody ever
 * had it; one that was offered in vain; the lowest that nobody ever had; the one whose guest has
 * been without it for longest. So a guest finds its address again, until the range is used up.
 *
 * A port that makes up guests gets in its own way first: its oldest offer, or its oldest remembered
 * lease, makes room for its next one, and what it has leased is bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/leases_internal.h"

int leases_new(const struct leases_config *config,
	       void (*told)(void *opaque, const struct lease *lease, enum lease_event event),
	       void *opaque, struct leases **ret)
{
	struct leases *leases = calloc(1, sizeof(*leases));

	if (!leases)
		return -ENOMEM;
	leases->config = *config;
	leases->told = told;
	leases->opaque = opaque;
	leases->fresh = ntohl(config->first.s_addr);
	if (lease_index_init(&leases->index) < 0) {
		free(leases);
		return -ENOMEM;
	}
	*ret = leases;
	return 0;
}

void leases_free(struct leases *leases)
{
	if (!leases)
		return;
	for (unsigned int i = 0; i < LEASE_LISTS; i++) {
		while (leases->lists[i].first) {
			struct lease *lease = leases->lists[i].first;

			lease_leave(leases, lease);
			lease_destroy(leases, lease);
		}
	}
	lease_index_clear(&leases->index);
	free(leases);
}

static void tell(struct leases *leases, const struct lease *lease, enum lease_event event)
{
	if (leases->told)
		leases->told(leases->opaque, lease, event);
}

/* Time */

static const enum lease_state timed[] = { LEASE_OFFERED, LEASE_BOUND, LEASE_ASIDE };
#define N_TIMED (sizeof(timed) / sizeof(timed[0]))

static void set_back(struct leases *leases, int64_t by_s)
{
	for (size_t i = 0; i < N_TIMED; i++) {
		struct lease *lease = leases->lists[timed[i]].first;

		for (; lease; lease = lease->next) {
			if (lease->until_s != INT64_MAX)
				lease->until_s -= by_s;
		}
	}
}

void leases_tick(struct leases *leases, int64_t now_s)
{
	if (leases->now_s > now_s)
		set_back(leases, leases->now_s - now_s);
	leases->now_s = now_s;
	for (size_t i = 0; i < N_TIMED; i++) {
		struct lease_list *list = &leases->lists[timed[i]];

		while (list->first && list->first->until_s <= now_s) {
			if (timed[i] == LEASE_BOUND)
				tell(leases, list->first, LEASE_GONE);
			lease_make_free(leases, list->first);
		}
	}
}

int64_t leases_deadline(const struct leases *leases)
{
	int64_t deadline = INT64_MAX;

	for (size_t i = 0; i < N_TIMED; i++) {
		const struct lease *lease = leases->lists[timed[i]].first;

		if (lease && lease->until_s < deadline)
			deadline = lease->until_s;
	}
	return deadline;
}

/* Addresses for new guests */

static bool never_used(const struct lease *lease)
{
	return lease->state == LEASE_FREE && !lease->reserved && !lease->was_bound;
}

static struct lease *fresh(struct leases *leases)
{
	for (; leases->fresh <= ntohl(leases->config.last.s_addr); leases->fresh++) {
		struct in_addr address = { htonl((uint32_t)leases->fresh) };
		struct lease *lease;

		if (lease_index_address(&leases->index, address))
			continue;
		lease = lease_new(leases, address, false);
		if (lease)
			lease_enter(leases, lease);
		return lease;
	}
	return NULL;
}

/* Return: a lease of nobody's at this address; NULL: it is somebody's, or not ours to give */
static struct lease *exactly(struct leases *leases, struct in_addr address)
{
	struct lease *lease;

	if (!lease_in_range(leases, address))
		return NULL;
	lease = lease_index_address(&leases->index, address);
	if (lease)
		return never_used(lease) ? lease : NULL;
	lease = lease_new(leases, address, false);
	if (lease)
		lease_enter(leases, lease);
	return lease;
}

static struct lease *any(struct leases *leases)
{
	struct lease *oldest = leases->lists[LEASE_FREE].first;
	struct lease *lease;

	if (oldest && never_used(oldest))
		return oldest;
	lease = fresh(leases);
	return lease ? lease : oldest;
}

static struct lease *oldest_of(struct leases *leases, enum lease_state state,
			       const struct lease_port *port)
{
	struct lease *lease = leases->lists[state].first;

	while (lease && lease->port != port)
		lease = lease->next;
	return lease;
}

/* Room for one more that this port's guests hold. What is forgotten for it may be what they get. */
static int make_room(struct leases *leases, struct lease_port *port)
{
	struct lease *lease = leases->lists[LEASE_FREE].first;

	if (port->held < LEASES_PORT_HELD)
		return 0;
	while (lease && !(lease->port == port && lease->was_bound))
		lease = lease->next;
	if (!lease) {
		leases->counters.port_limited++;
		return -EDQUOT;
	}
	lease_leave(leases, lease);
	lease_forget_mac(leases, lease);
	lease->was_bound = false;
	lease_enter(leases, lease);
	return 0;
}

/* It is this guest's now; between leave and enter. */
static void take_over(struct leases *leases, struct lease *lease, const uint8_t mac[FRAME_MAC])
{
	lease_set_mac(leases, lease, mac);
	lease->was_bound = false;
}

/* Offers */

static void offer(struct leases *leases, struct lease *lease, const uint8_t mac[FRAME_MAC],
		  struct lease_port *port)
{
	struct lease *oldest;

	if (lease->state == LEASE_BOUND)
		return;
	if (lease->state == LEASE_FREE && port->offers >= LEASES_PORT_OFFERS) {
		oldest = oldest_of(leases, LEASE_OFFERED, port);
		if (oldest)
			lease_make_free(leases, oldest);
	}
	lease_leave(leases, lease);
	if (!lease->has_mac || memcmp(lease->mac, mac, FRAME_MAC) != 0)
		take_over(leases, lease, mac);
	lease->state = LEASE_OFFERED;
	lease->until_s = leases->now_s + LEASES_OFFER_S;
	lease_set_port(leases, lease, port);
	lease_enter(leases, lease);
}

static bool usable(const struct leases *leases, const struct lease *lease)
{
	return lease->reserved || lease_in_range(leases, lease->address);
}

/* A guest that we know has its address, or none: it lost its reservation out of the range. */
static struct lease *known(struct leases *leases, const uint8_t mac[FRAME_MAC])
{
	struct lease *lease = lease_index_mac(&leases->index, mac);

	if (!lease || usable(leases, lease))
		return lease;
	if (lease->state == LEASE_BOUND)
		tell(leases, lease, LEASE_GONE);
	lease_set_aside(leases, lease, lease->until_s);
	return NULL;
}

static int find_room(struct leases *leases, struct lease_port *port, struct in_addr wanted,
		     struct lease **ret)
{
	int r = make_room(leases, port);

	if (r < 0)
		return r;
	*ret = exactly(leases, wanted);
	if (!*ret && port->offers >= LEASES_PORT_OFFERS) {
		*ret = oldest_of(leases, LEASE_OFFERED, port);
		if (*ret && !(*ret)->was_bound && !(*ret)->reserved)
			lease_make_free(leases, *ret);
		else
			*ret = NULL;
	}
	if (!*ret)
		*ret = any(leases);
	if (*ret)
		return 0;
	leases->counters.exhausted++;
	return -ENOSPC;
}

int leases_offer(struct leases *leases, const uint8_t mac[FRAME_MAC], uint64_t port_id,
		 struct in_addr wanted, struct in_addr *ret)
{
	struct lease_port *port = lease_port_hold(leases, port_id);
	struct lease *lease;
	int r = 0;

	if (!port)
		return -ENOMEM;
	lease = known(leases, mac);
	if (!lease)
		r = find_room(leases, port, wanted, &lease);
	if (r == 0) {
		offer(leases, lease, mac, port);
		*ret = lease->address;
	}
	lease_port_let_go(leases, port);
	return r;
}

void leases_withdraw(struct leases *leases, const uint8_t mac[FRAME_MAC])
{
	struct lease *lease = lease_index_mac(&leases->index, mac);

	if (lease && lease->state == LEASE_OFFERED)
		lease_make_free(leases, lease);
}

/* Leases */

static int64_t end_of_lease(const struct leases *leases)
{
	if (leases->config.lease_s == LEASES_FOREVER_S)
		return INT64_MAX;
	return leases->now_s + leases->config.lease_s;
}

static void bind_to(struct leases *leases, struct lease *lease, const uint8_t mac[FRAME_MAC],
		    struct lease_port *port, const char *name)
{
	char old_name[sizeof(lease->name)];
	bool news = lease->state != LEASE_BOUND;

	memcpy(old_name, lease->name, sizeof(old_name));
	lease_leave(leases, lease);
	if (!lease->has_mac || memcmp(lease->mac, mac, FRAME_MAC) != 0)
		take_over(leases, lease, mac);
	lease->state = LEASE_BOUND;
	lease->was_bound = true;
	lease->until_s = end_of_lease(leases);
	lease_set_port(leases, lease, port);
	lease_enter(leases, lease);
	if (!lease_set_name(leases, lease, name) && !lease->name_fixed)
		leases->counters.name_taken += news;
	news = news || strcmp(lease->name, old_name) != 0;
	tell(leases, lease, news ? LEASE_GOT : LEASE_RENEWED);
}

static int may_bind(struct leases *leases, const uint8_t mac[FRAME_MAC], struct lease_port *port,
		    struct in_addr address, struct lease **ret)
{
	struct lease *lease = known(leases, mac);

	if (lease && lease->address.s_addr != address.s_addr)
		return -EADDRNOTAVAIL;
	if (!lease || (!lease->was_bound && !lease->reserved)) {
		int r = make_room(leases, port);

		if (r < 0)
			return r;
	}
	if (!lease)
		lease = exactly(leases, address);
	if (!lease)
		return -EADDRNOTAVAIL;
	*ret = lease;
	return 0;
}

int leases_bind(struct leases *leases, const uint8_t mac[FRAME_MAC], uint64_t port_id,
		struct in_addr address, const char *name)
{
	struct lease_port *port = lease_port_hold(leases, port_id);
	struct lease *lease;
	int r;

	if (!port)
		return -ENOMEM;
	r = may_bind(leases, mac, port, address, &lease);
	if (r == 0)
		bind_to(leases, lease, mac, port, name);
	lease_port_let_go(leases, port);
	return r;
}

/* The lease that this guest talks of, if it may. */
static int own(struct leases *leases, const uint8_t mac[FRAME_MAC], uint64_t port,
	       struct in_addr address, struct lease **ret)
{
	struct lease *lease = lease_index_mac(&leases->index, mac);

	if (!lease || lease->address.s_addr != address.s_addr || lease->state == LEASE_FREE)
		return -ENOENT;
	if (lease->port && lease->port->id != port)
		return -EPERM;
	*ret = lease;
	return 0;
}

int leases_release(struct leases *leases, const uint8_t mac[FRAME_MAC], uint64_t port,
		   struct in_addr address)
{
	struct lease *lease;
	int r = own(leases, mac, port, address, &lease);

	if (r < 0)
		return r;
	if (lease->state == LEASE_BOUND)
		tell(leases, lease, LEASE_GONE);
	lease_make_free(leases, lease);
	return 0;
}

int leases_decline(struct leases *leases, const uint8_t mac[FRAME_MAC], uint64_t port,
		   struct in_addr address)
{
	struct lease *lease;
	int r = own(leases, mac, port, address, &lease);

	if (r < 0)
		return r;
	leases->counters.declined++;
	if (lease->state == LEASE_BOUND)
		tell(leases, lease, LEASE_GONE);
	if (lease->reserved || !lease_in_range(leases, lease->address)) {
		lease_make_free(leases, lease);
		return 0;
	}
	if (lease->port && lease->port->aside >= LEASES_PORT_ASIDE)
		lease_make_free(leases, oldest_of(leases, LEASE_ASIDE, lease->port));
	lease_set_aside(leases, lease, leases->now_s + LEASES_ASIDE_S);
	return 0;
}
