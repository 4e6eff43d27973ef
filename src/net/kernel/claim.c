/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * claim.c - numbers of networks, and the end of what dead ones left
 *
 * Most of what a network makes ends with its process by itself: TAPs, its nftables table (owned by
 * a socket), its dnsmasq (which the kernel ends). Bridges and macvtaps stay, and settings of
 * forwarding (forwarding_record.h). One is a leftover if
 * its alias says that it is ours and nobody has the claim to its number. It is removed while its
 * number is claimed for that, so nobody can be about to make it anew.
 */
#include "net/kernel/claim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/kernel/forwarding_record.h"
#include "net/kernel/host_link.h"
#include "net/kernel/tap_device.h"
#include "sys/explain.h"
#include "sys/log.h"

#define NUMBERS	     1000u
#define NAME	     "rig"
#define KEEPER	     NAME "%ukeep"
#define ALIAS_PREFIX "outrigger: "

void claim_alias(const char *what, char ret[HOST_ALIAS_MAX + 1])
{
	snprintf(ret, HOST_ALIAS_MAX + 1, ALIAS_PREFIX "%s, process %d", what, (int)getpid());
}

bool claim_marks(const struct host_link *link)
{
	return strncmp(link->alias, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) == 0;
}

bool claim_names(const struct host_link *link)
{
	return strncmp(link->name, NAME, strlen(NAME)) == 0;
}

/* "rig12" and "rig12p3" */
bool claim_owns(const struct host_link *link, unsigned int *ret_number)
{
	unsigned int number, port;
	int end = 0;

	if (!claim_marks(link))
		return false;
	if (sscanf(link->name, NAME "%3u%n", &number, &end) != 1)
		return false;
	if (link->name[end]) {
		int more = 0;

		if (sscanf(link->name + end, "p%5u%n", &port, &more) != 1 || link->name[end + more])
			return false;
	}
	*ret_number = number;
	return true;
}

/* Return: 0, -EBUSY somebody has it, -errno */
static int take_number(unsigned int number, struct claim *ret, char **ret_error)
{
	struct claim claim = { .number = number };
	int r;

	snprintf(claim.bridge, sizeof(claim.bridge), NAME "%u", number);
	snprintf(claim.keeper, sizeof(claim.keeper), KEEPER, number);
	r = tap_device_open(claim.keeper, &claim.fd, ret_error);
	if (r < 0)
		return r;
	*ret = claim;
	return 0;
}

/* A bridge with a UUID may have outlived its maker, for others: they have ports in it. */
static bool has_ports(const struct host_links *links, unsigned int ifindex)
{
	for (size_t i = 0; i < links->n; i++) {
		if (links->items[i].master == ifindex)
			return true;
	}
	return false;
}

static void remove_number(struct netlink *netlink, unsigned int number)
{
	struct host_links links;

	if (host_links_scan(netlink, &links) < 0)
		return;
	for (size_t i = 0; i < links.n; i++) {
		const struct host_link *link = &links.items[i];
		unsigned int owner;
		int r;

		if (!claim_owns(link, &owner) || owner != number ||
		    has_ports(&links, link->ifindex))
			continue;
		forwarding_record_undo(link);
		r = host_link_remove(netlink, link->ifindex);
		if (r < 0)
			log_warning("%s, left behind by a process that ended, stays: %s",
				    link->name, strerror(-r));
		else
			log_info("removed %s, left behind by a process that ended (%s)", link->name,
				 link->alias);
	}
	host_links_free(&links);
}

/* A second look at a number finds nothing more to do. */
static void remove_leftovers(struct netlink *netlink)
{
	struct host_links links;

	if (host_links_scan(netlink, &links) < 0)
		return;
	for (size_t i = 0; i < links.n; i++) {
		struct claim claim;
		unsigned int number;
		char *error = NULL;

		if (claim_owns(&links.items[i], &number) &&
		    take_number(number, &claim, &error) >= 0) {
			remove_number(netlink, number);
			claim_release(&claim);
		}
		free(error);
	}
	host_links_free(&links);
}

/* For people who wonder; nothing depends on it. */
static void mark_keeper(struct netlink *netlink, const struct claim *claim)
{
	char alias[HOST_ALIAS_MAX + 1];

	claim_alias("lives as long as its network", alias);
	(void)host_link_set_alias(netlink, if_nametoindex(claim->keeper), alias);
}

int claim_take(struct netlink *netlink, struct claim *ret, char **ret_error)
{
	remove_leftovers(netlink);
	for (unsigned int number = 0; number < NUMBERS; number++) {
		struct claim claim;
		int r = take_number(number, &claim, ret_error);

		if (r == -EBUSY)
			continue;
		if (r < 0)
			return *ret_error ? r
					  : explain(ret_error, r, "cannot make a TAP interface: %s",
						    strerror(-r));
		remove_number(netlink, number); /* of one that was dying a moment ago */
		if (!if_nametoindex(claim.bridge)) {
			mark_keeper(netlink, &claim);
			*ret = claim;
			return 0;
		}
		claim_release(&claim); /* the name is somebody else's */
	}
	return explain(ret_error, -ENOSPC, "the names " NAME "0 to " NAME "%u are all taken",
		       NUMBERS - 1);
}

void claim_release(struct claim *claim)
{
	if (claim->fd >= 0)
		close(claim->fd);
	claim->fd = -1;
}
