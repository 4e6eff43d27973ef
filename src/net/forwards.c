/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forwards.c - port forwards: what was asked for, and what the network was told of it
 *
 * An entry is active while the network has its concrete forward. A guest that moves to another
 * address takes its forwards along; when its lease ends they wait for the next one.
 */
#include "net/forwards.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "sys/explain.h"
#include "sys/log.h"

struct entry {
	struct entry *next;
	struct forward_config config;
	struct network_forward concrete; /* guest: AF_UNSPEC while the address is unknown */
};

struct forwards {
	struct network *network;
	struct entry *entries;
};

static bool same_unix(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return strcmp(((const struct sockaddr_un *)a)->sun_path,
		      ((const struct sockaddr_un *)b)->sun_path) == 0;
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_UNIX)
		return same_unix(a, b);
	if (a->ss_family == AF_INET)
		return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port && IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
}

static struct entry **entry_find(struct forwards *forwards, const struct forward_config *config)
{
	struct entry **at = &forwards->entries;

	while (*at && ((*at)->config.protocol != config->protocol ||
		       !same_host(&(*at)->config.host, &config->host)))
		at = &(*at)->next;
	return at;
}

static bool is_active(const struct entry *entry)
{
	return entry->concrete.guest.ss_family != AF_UNSPEC;
}

static void deactivate(struct forwards *forwards, struct entry *entry)
{
	if (!is_active(entry))
		return;
	network_forward_remove(forwards->network, &entry->concrete);
	entry->concrete.guest.ss_family = AF_UNSPEC;
}

static int activate(struct forwards *forwards, struct entry *entry,
		    const struct sockaddr_storage *guest, char **ret_error)
{
	struct network_forward concrete = { .protocol = entry->config.protocol,
					    .host = entry->config.host,
					    .guest = *guest };
	int r = network_forward_add(forwards->network, &concrete, ret_error);

	if (r >= 0)
		entry->concrete = concrete;
	return r;
}

/* Leases */

static bool is_for(const struct forward_config *config, const struct network_lease *lease)
{
	switch (config->to) {
	case FORWARD_TO_ADDRESS:
		return false;
	case FORWARD_TO_NAME:
		return strcasecmp(config->guest_name, lease->name) == 0;
	case FORWARD_TO_MAC:
		break;
	}
	return memcmp(config->guest_mac, lease->mac, FRAME_MAC) == 0;
}

static struct sockaddr_storage target_of(const struct entry *entry,
					 const struct network_lease *lease)
{
	struct sockaddr_storage target = { .ss_family = AF_INET };
	struct sockaddr_in *target4 = (void *)&target;

	target4->sin_addr = lease->address;
	target4->sin_port = htons(entry->config.guest_port);
	return target;
}

static bool leads_to(const struct entry *entry, struct in_addr address)
{
	const struct sockaddr_in *guest4 = (const void *)&entry->concrete.guest;

	return is_active(entry) && guest4->sin_addr.s_addr == address.s_addr;
}

static bool led_by_lease(const struct entry *entry)
{
	return entry->config.to != FORWARD_TO_ADDRESS;
}

/* A new lease of a guest that has none yet, or that moved. */
static int follow(struct forwards *forwards, struct entry *entry, const struct network_lease *lease,
		  char **ret_error)
{
	struct sockaddr_storage target = target_of(entry, lease);

	if (leads_to(entry, lease->address))
		return 0;
	deactivate(forwards, entry);
	return activate(forwards, entry, &target, ret_error);
}

static void follow_or_warn(struct forwards *forwards, struct entry *entry,
			   const struct network_lease *lease)
{
	char text[FORWARD_TEXT_MAX], *error = NULL;
	int r = follow(forwards, entry, lease, &error);

	if (r < 0) {
		forward_print(&entry->config, text);
		log_warning("--forward %s: %s", text, error ? error : strerror(-r));
	}
	free(error);
}

void forwards_lease(struct forwards *forwards, const struct network_lease *lease, bool gone)
{
	for (struct entry *entry = forwards->entries; entry; entry = entry->next) {
		bool mine = is_for(&entry->config, lease);

		if (mine && !gone)
			follow_or_warn(forwards, entry, lease);
		else if (led_by_lease(entry) && leads_to(entry, lease->address))
			deactivate(forwards, entry); /* gone, or goes by another name now */
	}
}

/* Adding */

struct search {
	const struct forward_config *config;
	struct network_lease lease;
	bool found;
};

static bool search_lease(void *opaque, const struct network_lease *lease)
{
	struct search *search = opaque;

	if (!is_for(search->config, lease))
		return true;
	search->lease = *lease;
	search->found = true;
	return false;
}

static int activate_if_known(struct forwards *forwards, struct entry *entry, char **ret_error)
{
	struct search search = { .config = &entry->config };

	if (entry->config.to == FORWARD_TO_ADDRESS)
		return activate(forwards, entry, &entry->config.guest, ret_error);
	network_each_lease(forwards->network, search_lease, &search);
	return search.found ? follow(forwards, entry, &search.lease, ret_error) : 0;
}

int forwards_add(struct forwards *forwards, const struct forward_config *config, char **ret_error)
{
	struct entry **at = entry_find(forwards, config), *entry;
	char text[FORWARD_TEXT_MAX];
	int r;

	if (*at) {
		forward_print(&(*at)->config, text);
		return explain(ret_error, -EEXIST, "%s has this side of the host already", text);
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->config = *config;
	r = activate_if_known(forwards, entry, ret_error);
	if (r < 0) {
		free(entry);
		return r;
	}
	*at = entry;
	return 0;
}

int forwards_remove(struct forwards *forwards, const struct forward_config *config)
{
	struct entry **at = entry_find(forwards, config), *entry = *at;

	if (!entry)
		return -ENOENT;
	*at = entry->next;
	deactivate(forwards, entry);
	free(entry);
	return 0;
}

void forwards_each(const struct forwards *forwards,
		   void (*each)(void *opaque, const struct forward_config *config,
				const struct sockaddr_storage *target),
		   void *opaque)
{
	for (const struct entry *entry = forwards->entries; entry; entry = entry->next)
		each(opaque, &entry->config, &entry->concrete.guest);
}

int forwards_new(struct network *network, struct forwards **ret)
{
	struct forwards *forwards = calloc(1, sizeof(*forwards));

	if (!forwards)
		return -ENOMEM;
	forwards->network = network;
	*ret = forwards;
	return 0;
}

void forwards_free(struct forwards *forwards)
{
	if (!forwards)
		return;
	while (forwards->entries)
		forwards_remove(forwards, &forwards->entries->config);
	free(forwards);
}
