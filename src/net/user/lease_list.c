/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lease_list.c - in which list a lease is, and what counts against which port
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/leases_internal.h"

static bool pinned(const struct lease *lease)
{
	return lease->state == LEASE_FREE && lease->reserved;
}

struct lease_list *lease_list_of(struct leases *leases, const struct lease *lease)
{
	return &leases->lists[pinned(lease) ? LEASE_LIST_PINNED : (unsigned int)lease->state];
}

/* What of a port's quota a lease takes; NULL: nothing. */
static unsigned int *quota(const struct lease *lease)
{
	struct lease_port *port = lease->port;

	if (!port || lease->reserved)
		return NULL;
	switch (lease->state) {
	case LEASE_OFFERED:
		return lease->was_bound ? &port->held : &port->offers;
	case LEASE_ASIDE:
		return &port->aside;
	default:
		return lease->was_bound ? &port->held : NULL;
	}
}

/* Behind which one does it belong? NULL: it is the first. */
static struct lease *place(const struct lease_list *list, const struct lease *lease)
{
	struct lease *at = list->last;

	if (lease->state == LEASE_FREE)
		return lease->was_bound || lease->reserved ? at : NULL;
	while (at && at->until_s > lease->until_s)
		at = at->prev;
	return at;
}

void lease_enter(struct leases *leases, struct lease *lease)
{
	struct lease_list *list = lease_list_of(leases, lease);
	unsigned int *count = quota(lease);

	lease->prev = place(list, lease);
	lease->next = lease->prev ? lease->prev->next : list->first;
	*(lease->prev ? &lease->prev->next : &list->first) = lease;
	*(lease->next ? &lease->next->prev : &list->last) = lease;
	list->n++;
	if (count)
		(*count)++;
}

void lease_leave(struct leases *leases, struct lease *lease)
{
	struct lease_list *list = lease_list_of(leases, lease);
	unsigned int *count = quota(lease);

	*(lease->prev ? &lease->prev->next : &list->first) = lease->next;
	*(lease->next ? &lease->next->prev : &list->last) = lease->prev;
	lease->prev = lease->next = NULL;
	list->n--;
	if (count)
		(*count)--;
}

/* Ports */

struct lease_port *lease_port_hold(struct leases *leases, uint64_t id)
{
	struct lease_port *port = leases->ports;

	while (port && port->id != id)
		port = port->next;
	if (!port) {
		port = calloc(1, sizeof(*port));
		if (!port)
			return NULL;
		port->id = id;
		port->next = leases->ports;
		leases->ports = port;
	}
	port->refs++;
	return port;
}

void lease_port_let_go(struct leases *leases, struct lease_port *port)
{
	struct lease_port **at = &leases->ports;

	if (!port || --port->refs)
		return;
	while (*at != port)
		at = &(*at)->next;
	*at = port->next;
	free(port);
}

void lease_set_port(struct leases *leases, struct lease *lease, struct lease_port *port)
{
	if (port)
		port->refs++;
	lease_port_let_go(leases, lease->port);
	lease->port = port;
}

/* Leases */

bool lease_in_range(const struct leases *leases, struct in_addr address)
{
	uint32_t value = ntohl(address.s_addr);

	return value >= ntohl(leases->config.first.s_addr) &&
	       value <= ntohl(leases->config.last.s_addr);
}

struct lease *lease_new(struct leases *leases, struct in_addr address, bool reserved)
{
	size_t have = reserved ? leases->n_reserved : leases->n - leases->n_reserved;
	struct lease *lease = have < LEASES_MAX ? calloc(1, sizeof(*lease)) : NULL;

	if (!lease)
		return NULL;
	lease->address = address;
	lease->reserved = reserved;
	lease_index_add(&leases->index, lease, LEASE_BY_ADDRESS);
	leases->n++;
	leases->n_reserved += reserved;
	return lease;
}

static void forget_name(struct leases *leases, struct lease *lease)
{
	if (!*lease->name)
		return;
	lease_index_remove(&leases->index, lease, LEASE_BY_NAME);
	*lease->name = '\0';
	lease->name_fixed = false;
}

void lease_destroy(struct leases *leases, struct lease *lease)
{
	lease_set_port(leases, lease, NULL);
	forget_name(leases, lease);
	lease_forget_mac(leases, lease);
	lease_index_remove(&leases->index, lease, LEASE_BY_ADDRESS);
	leases->n--;
	leases->n_reserved -= lease->reserved;
	free(lease);
}

void lease_forget_mac(struct leases *leases, struct lease *lease)
{
	if (!lease->has_mac)
		return;
	lease_index_remove(&leases->index, lease, LEASE_BY_MAC);
	lease->has_mac = false;
	lease->has_slaac = false;
	if (!lease->name_fixed)
		forget_name(leases, lease);
}

void lease_set_mac(struct leases *leases, struct lease *lease, const uint8_t mac[FRAME_MAC])
{
	lease_forget_mac(leases, lease);
	memcpy(lease->mac, mac, FRAME_MAC);
	lease->has_mac = true;
	lease_index_add(&leases->index, lease, LEASE_BY_MAC);
}

bool lease_set_name(struct leases *leases, struct lease *lease, const char *name)
{
	struct lease *other;

	if (strcmp(lease->name, name) == 0)
		return true;
	if (lease->name_fixed)
		return false;
	other = *name ? lease_index_name(&leases->index, name) : NULL;
	if (other && (other->state == LEASE_BOUND || other->name_fixed))
		return false;
	if (other)
		forget_name(leases, other);
	forget_name(leases, lease);
	if (!*name)
		return true;
	assert(strlen(name) < sizeof(lease->name));
	strcpy(lease->name, name);
	lease_index_add(&leases->index, lease, LEASE_BY_NAME);
	return true;
}

void lease_make_free(struct leases *leases, struct lease *lease)
{
	lease_leave(leases, lease);
	if (!lease->reserved && !lease_in_range(leases, lease->address)) {
		lease_destroy(leases, lease);
		return;
	}
	if (!lease->has_mac)
		lease->was_bound = false;
	lease->state = LEASE_FREE;
	lease_enter(leases, lease);
}

void lease_set_aside(struct leases *leases, struct lease *lease, int64_t until_s)
{
	lease_leave(leases, lease);
	lease_forget_mac(leases, lease);
	lease->was_bound = false;
	lease->state = LEASE_ASIDE;
	lease->until_s = until_s;
	lease_enter(leases, lease);
}
