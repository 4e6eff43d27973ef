/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lease_reserve.c - the lease table: what the user and the file of a former run ask for; looking at
 * it
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/user/leases_internal.h"
#include "sys/explain.h"

#define ADDRESS_FORMAT "%u.%u.%u.%u"
#define ADDRESS_ARGS(a)                                                                         \
	ntohl((a).s_addr) >> 24, ntohl((a).s_addr) >> 16 & 0xff, ntohl((a).s_addr) >> 8 & 0xff, \
		ntohl((a).s_addr) & 0xff
#define MAC_FORMAT  "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_ARGS(m) (m)[0], (m)[1], (m)[2], (m)[3], (m)[4], (m)[5]

static int check_address(const struct leases *leases, struct in_addr address, char **ret_error)
{
	const struct leases_config *config = &leases->config;
	uint32_t host_bits = address.s_addr & ~config->mask.s_addr;

	if ((address.s_addr & config->mask.s_addr) != config->network.s_addr || host_bits == 0 ||
	    host_bits == ~config->mask.s_addr)
		return explain(ret_error, -EINVAL,
			       "--reserve: " ADDRESS_FORMAT
			       " is no address for a guest of the subnet of " ADDRESS_FORMAT,
			       ADDRESS_ARGS(address), ADDRESS_ARGS(config->gateway));
	if (address.s_addr == config->gateway.s_addr)
		return explain(ret_error, -EINVAL,
			       "--reserve: " ADDRESS_FORMAT " is the gateway's address",
			       ADDRESS_ARGS(address));
	return 0;
}

static int check_new(const struct leases *leases, const struct network_reservation *wanted,
		     char **ret_error)
{
	const struct lease *at = lease_index_address(&leases->index, wanted->address);
	const struct lease *of = lease_index_mac(&leases->index, wanted->mac);
	const struct lease *named =
		*wanted->name ? lease_index_name(&leases->index, wanted->name) : NULL;

	if (wanted->mac[0] & 1)
		return explain(ret_error, -EINVAL,
			       "--reserve: " MAC_FORMAT " is a group's address, no guest's",
			       MAC_ARGS(wanted->mac));
	if (of && of->reserved)
		return explain(ret_error, -EEXIST,
			       "--reserve: " MAC_FORMAT " has " ADDRESS_FORMAT " reserved already",
			       MAC_ARGS(wanted->mac), ADDRESS_ARGS(of->address));
	if (at && at->reserved)
		return explain(ret_error, -EEXIST,
			       "--reserve: " ADDRESS_FORMAT " is reserved for " MAC_FORMAT
			       " already",
			       ADDRESS_ARGS(wanted->address), MAC_ARGS(at->mac));
	if (named && named->name_fixed)
		return explain(ret_error, -EEXIST,
			       "--reserve: the name %s is reserved for " MAC_FORMAT " already",
			       wanted->name, MAC_ARGS(named->mac));
	if (at && at != of && (at->state == LEASE_BOUND || at->state == LEASE_OFFERED))
		return explain(ret_error, -EBUSY,
			       "--reserve: " ADDRESS_FORMAT " is leased to " MAC_FORMAT
			       "; try again when it has given it back",
			       ADDRESS_ARGS(wanted->address), MAC_ARGS(at->mac));
	return 0;
}

/* The guest has another address so far: nobody gets that while the guest may think it has it. */
static void part_with(struct leases *leases, struct lease *lease)
{
	if (lease->state == LEASE_BOUND) {
		lease_set_aside(leases, lease, lease->until_s);
		return;
	}
	lease_leave(leases, lease);
	lease_forget_mac(leases, lease);
	lease_enter(leases, lease);
	lease_make_free(leases, lease);
}

/* Whoever goes by this name loses it. */
static void fix_name(struct leases *leases, struct lease *lease, const char *name)
{
	struct lease *other = *name ? lease_index_name(&leases->index, name) : NULL;

	if (other && other != lease)
		lease_set_name(leases, other, "");
	if (!*name)
		return;
	lease_set_name(leases, lease, name);
	lease->name_fixed = true;
}

int leases_reserve(struct leases *leases, const struct network_reservation *wanted,
		   char **ret_error)
{
	struct lease *lease, *of;
	int r = check_address(leases, wanted->address, ret_error);

	if (r == 0)
		r = check_new(leases, wanted, ret_error);
	if (r < 0)
		return r;
	if (leases->n_reserved >= LEASES_MAX)
		return explain(ret_error, -ENOSPC, "--reserve: more than %u", LEASES_MAX);
	of = lease_index_mac(&leases->index, wanted->mac);
	lease = lease_index_address(&leases->index, wanted->address);
	if (lease) {
		lease_leave(leases, lease);
		leases->n_reserved++;
		lease->reserved = true;
	} else {
		lease = lease_new(leases, wanted->address, true);
		if (!lease)
			return explain(ret_error, -ENOMEM, "--reserve: no memory");
	}
	if (of && of != lease)
		part_with(leases, of);
	if (of != lease) {
		lease->state = LEASE_FREE;
		lease->was_bound = false;
		lease_set_port(leases, lease, NULL);
		lease_set_mac(leases, lease, wanted->mac);
	}
	lease_enter(leases, lease);
	fix_name(leases, lease, wanted->name);
	return 0;
}

int leases_unreserve(struct leases *leases, const uint8_t mac[FRAME_MAC])
{
	struct lease *lease = lease_index_mac(&leases->index, mac);

	if (!lease || !lease->reserved)
		return -ENOENT;
	lease_leave(leases, lease);
	lease->reserved = false;
	lease->name_fixed = false;
	leases->n_reserved--;
	lease_enter(leases, lease);
	if (lease->state != LEASE_BOUND)
		lease_make_free(leases, lease);
	return 0;
}

/* From a former run */

static int restorable(struct leases *leases, const struct network_lease *old, struct lease **ret)
{
	struct lease *lease = lease_index_mac(&leases->index, old->mac);

	if (lease) {
		if (!lease->reserved || lease->state != LEASE_FREE ||
		    lease->address.s_addr != old->address.s_addr)
			return -EEXIST;
		*ret = lease;
		return 0;
	}
	if (!lease_in_range(leases, old->address))
		return -EADDRNOTAVAIL;
	if (lease_index_address(&leases->index, old->address))
		return -EEXIST;
	if (leases->n - leases->n_reserved >= LEASES_MAX)
		return -ENOSPC;
	lease = lease_new(leases, old->address, false);
	if (!lease)
		return -ENOMEM;
	lease_set_mac(leases, lease, old->mac);
	lease_enter(leases, lease);
	*ret = lease;
	return 0;
}

int leases_restore(struct leases *leases, const struct network_lease *old)
{
	struct lease *lease;
	int r = restorable(leases, old, &lease);

	if (r < 0)
		return r;
	lease_leave(leases, lease);
	lease->was_bound = true;
	lease->until_s = old->expires_s ? old->expires_s : INT64_MAX;
	lease->state = lease->until_s > leases->now_s ? LEASE_BOUND : LEASE_FREE;
	lease_enter(leases, lease);
	lease_set_name(leases, lease, old->name);
	return 0;
}

/* Looking */

void leases_heard_slaac(struct leases *leases, const uint8_t mac[FRAME_MAC])
{
	struct lease *lease = lease_index_mac(&leases->index, mac);

	if (lease)
		lease->has_slaac = true;
}

const struct lease *leases_find_mac(const struct leases *leases, const uint8_t mac[FRAME_MAC])
{
	return lease_index_mac(&leases->index, mac);
}

const struct lease *leases_find_address(const struct leases *leases, struct in_addr address)
{
	return lease_index_address(&leases->index, address);
}

const struct lease *leases_find_name(const struct leases *leases, const char *name)
{
	const struct lease *lease = lease_index_name(&leases->index, name);

	return lease && (lease->state == LEASE_BOUND || lease->reserved) ? lease : NULL;
}

void leases_each(const struct leases *leases, bool (*each)(void *opaque, const struct lease *lease),
		 void *opaque)
{
	static const unsigned int lists[] = { LEASE_LIST_PINNED, LEASE_FREE, LEASE_BOUND };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct lease *lease = leases->lists[lists[i]].first;

		for (; lease; lease = lease->next) {
			if (lease->has_mac && (lease->was_bound || lease->reserved) &&
			    !each(opaque, lease))
				return;
		}
	}
}

void leases_describe(const struct lease *lease, struct network_lease *ret)
{
	*ret = (struct network_lease) { .address = lease->address, .reserved = lease->reserved };
	memcpy(ret->mac, lease->mac, FRAME_MAC);
	memcpy(ret->name, lease->name, sizeof(ret->name));
	ret->expires_s = lease->until_s == INT64_MAX ? 0 : lease->until_s;
}

void leases_usage(const struct leases *leases, struct leases_usage *ret)
{
	*ret = (struct leases_usage) {
		.bound = leases->lists[LEASE_BOUND].n,
		.offered = leases->lists[LEASE_OFFERED].n,
		.aside = leases->lists[LEASE_ASIDE].n,
		.remembered = leases->lists[LEASE_FREE].n,
		.reserved = leases->n_reserved,
		.pool = (uint64_t)ntohl(leases->config.last.s_addr) -
			ntohl(leases->config.first.s_addr) + 1,
	};
}

const struct leases_counters *leases_counters(const struct leases *leases)
{
	return &leases->counters;
}
