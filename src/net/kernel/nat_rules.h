/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nat_rules.h - the text of nftables' rules; pure
 */
#ifndef NET_KERNEL_NAT_RULES_H
#define NET_KERNEL_NAT_RULES_H

#include <net/if.h>
#include <stdio.h>

#include "net/network.h"

#define NAT_TABLE "inet outrigger_"

/** nat_rules_table() - the whole table of a network, without forwards */
void nat_rules_table(FILE *out, const struct network_config *config, const char *bridge);

/** nat_rules_forwards() - replaces what its chains of forwards hold */
void nat_rules_forwards(FILE *out, const char *bridge, const struct network_forward *forwards,
			size_t n);

/** struct nat_opened - an interface that forwards one family's packets for our guests only */
struct nat_opened {
	int family; /* AF_INET, AF_INET6 */
	char name[IFNAMSIZ];
};

/** nat_rules_opened() - what comes in there goes to networks of ours and nowhere else */
void nat_rules_opened(FILE *out, const char *bridge, const struct nat_opened *opened, size_t n);

/**
 * nat_rules_dropping() - find chains that drop or refuse what is forwarded or comes in, by policy
 * or by a rule for all that has come so far
 * @listing: of `list ruleset`, stateless; no chain of ours does so
 * Return: "ip filter FORWARD, inet fw input", NULL: none (or no memory); the caller frees
 */
char *nat_rules_dropping(const char *listing);

#endif
