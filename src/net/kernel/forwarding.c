/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forwarding.c - which interfaces forward
 *
 * A packet is forwarded if the interface by which it comes in forwards: our bridge's for what guests
 * send, every other one's for the answers, since any may become the uplink tomorrow. Where the host
 * is a router already there is nothing to do. Else each interface is opened by itself and remembered
 * as opened by us: the rules then let through what goes to a network of ours and nothing else
 * (nat_rules_opened()). As soon as somebody makes the host a router as a whole, that ends.
 *
 * IPv6 has a switch per interface since Linux 6.17 (force_forwarding). Before, there is one for all,
 * and turning it on makes interfaces ignore router advertisements, by which the host may have got
 * its own addresses, unless accept_ra is 2: so it is made 2 where it was 1.
 *
 * What is opened by us is closed at the end; after a kill by the next network that starts
 * (forwarding_record.h). Another network of ours, which may have relied on it,
 * hears of that (RTNLGRP_IPV4_NETCONF) and opens it again.
 */
#include "net/kernel/forwarding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/kernel/claim.h"
#include "net/kernel/forwarding_record.h"
#include "net/kernel/sysctl.h"
#include "sys/explain.h"

#define OPENED_MAX 512u

struct forwarding {
	struct netlink *netlink;
	struct nat *nat;
	const char *bridge, *dir;
	bool ipv6;
	bool changed; /* what is opened, since the rules were set */
	struct nat_opened opened[OPENED_MAX];
	size_t n_opened;
};

static const char *family_name(int family)
{
	return family == AF_INET ? "ipv4" : "ipv6";
}

int forwarding_new(struct netlink *netlink, struct nat *nat, const char *bridge, const char *dir,
		   bool ipv6, struct forwarding **ret)
{
	struct forwarding *forwarding = calloc(1, sizeof(*forwarding));

	if (!forwarding)
		return -ENOMEM;
	forwarding->netlink = netlink;
	forwarding->nat = nat;
	forwarding->bridge = bridge;
	forwarding->dir = dir;
	forwarding->ipv6 = ipv6;
	*ret = forwarding;
	return 0;
}

static void forget(struct forwarding *forwarding, int family)
{
	size_t kept = 0;

	for (size_t i = 0; i < forwarding->n_opened; i++) {
		if (forwarding->opened[i].family != family)
			forwarding->opened[kept++] = forwarding->opened[i];
	}
	forwarding->changed |= kept != forwarding->n_opened;
	forwarding->n_opened = kept;
}

static bool knows(const struct forwarding *forwarding, int family, const char *name)
{
	for (size_t i = 0; i < forwarding->n_opened; i++) {
		if (forwarding->opened[i].family == family &&
		    strcmp(forwarding->opened[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Names that cannot stand in a rule are nobody's uplink. */
static bool can_be_named(const char *name)
{
	return !strpbrk(name, "\"*\\");
}

static int remember(struct forwarding *forwarding, int family, const char *setting,
		    const char *name)
{
	struct nat_opened *opened = &forwarding->opened[forwarding->n_opened];

	if (sysctl_get(family_name(family), name, setting) != 0 ||
	    knows(forwarding, family, name) || !can_be_named(name))
		return 0;
	if (forwarding->n_opened == OPENED_MAX)
		return -ENOSPC;
	opened->family = family;
	memcpy(opened->name, name, sizeof(opened->name));
	forwarding->n_opened++;
	forwarding->changed = true;
	return 0;
}

/* Before IPv6 forwards everywhere. Settings that a kernel does not have need no change. */
static int keep_advertisements(const struct host_links *links)
{
	static const char *const whole[] = { "all", "default" };
	int r = 0;

	for (size_t i = 0; i < 2 && r >= 0; i++) {
		if (sysctl_get("ipv6", whole[i], "accept_ra") == 1)
			r = sysctl_set("ipv6", whole[i], "accept_ra", 2);
	}
	for (size_t i = 0; i < links->n && r >= 0; i++) {
		if (sysctl_get("ipv6", links->items[i].name, "accept_ra") == 1)
			r = sysctl_set("ipv6", links->items[i].name, "accept_ra", 2);
	}
	return r;
}

/* Which ones are to be opened by us. */
static int choose(struct forwarding *forwarding, int family, const struct host_links *links)
{
	const char *setting = forwarding_setting(family);
	int r = 0;

	if (sysctl_get(family_name(family), "all", "forwarding") == 1) {
		forget(forwarding, family);
		return 0;
	}
	if (!setting) {
		r = keep_advertisements(links);
		return r < 0 ? r : sysctl_set("ipv6", "all", "forwarding", 1);
	}
	for (size_t i = 0; i < links->n && r >= 0; i++) {
		const struct host_link *link = &links->items[i];

		/*
		 * By name, as in the rules: another network's bridge that is not marked yet would
		 * be opened by us, which is to say closed to all but its own kind.
		 */
		if (!link->loopback && !claim_names(link))
			r = remember(forwarding, family, setting, link->name);
	}
	return r;
}

/* Before there is anything to be undone after a kill. */
static int record(const struct forwarding *forwarding, const struct host_links *links)
{
	const struct host_link *bridge = host_links_by_name(links, forwarding->bridge);

	if (!bridge)
		return -ENODEV;
	return forwarding_record_write(forwarding->dir, bridge, forwarding->opened,
				       forwarding->n_opened);
}

/* The rules first. An interface that is gone by now is no failure. */
static int open_chosen(struct forwarding *forwarding, const struct host_links *links)
{
	int r = 0;

	if (forwarding->changed)
		r = record(forwarding, links);
	if (r >= 0 && forwarding->changed)
		r = nat_set_opened(forwarding->nat, forwarding->opened, forwarding->n_opened);
	if (r < 0)
		return r;
	forwarding->changed = false;
	for (size_t i = 0; i < forwarding->n_opened; i++) {
		const struct nat_opened *opened = &forwarding->opened[i];

		r = sysctl_set(family_name(opened->family), opened->name,
			       forwarding_setting(opened->family), 1);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

static int open_bridge(const struct forwarding *forwarding)
{
	int r = sysctl_set("ipv4", forwarding->bridge, "forwarding", 1);

	/* IPv6: to guests it says that we are a router. */
	if (r >= 0 && forwarding->ipv6)
		r = sysctl_set("ipv6", forwarding->bridge, "forwarding", 1);
	if (r >= 0 && forwarding->ipv6 && forwarding_setting(AF_INET6))
		r = sysctl_set("ipv6", forwarding->bridge, "force_forwarding", 1);
	return r;
}

int forwarding_refresh(struct forwarding *forwarding, char **ret_error)
{
	struct host_links links = { 0 };
	int r = host_links_scan(forwarding->netlink, &links);

	if (r >= 0)
		r = open_bridge(forwarding);
	if (r >= 0)
		r = choose(forwarding, AF_INET, &links);
	if (r >= 0 && forwarding->ipv6)
		r = choose(forwarding, AF_INET6, &links);
	if (r >= 0)
		r = open_chosen(forwarding, &links);
	host_links_free(&links);
	if (r < 0)
		return explain(ret_error, r,
			       "cannot make the host forward packets of guests "
			       "(/proc/sys/net/ipv4/conf/*/forwarding): %s; is /proc/sys writable?",
			       strerror(-r));
	return 0;
}

void forwarding_free(struct forwarding *forwarding)
{
	if (!forwarding)
		return;
	for (size_t i = 0; i < forwarding->n_opened; i++) {
		const struct nat_opened *opened = &forwarding->opened[i];
		const char *family = family_name(opened->family);

		if (sysctl_get(family, "all", "forwarding") == 0)
			(void)sysctl_set(family, opened->name, forwarding_setting(opened->family),
					 0);
	}
	free(forwarding);
}
