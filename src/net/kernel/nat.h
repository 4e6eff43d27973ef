/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nat.h - who may talk to whom through the host: one nftables table of our own per network
 *
 * The table belongs to our socket (flags owner): it goes when the process ends, however that
 * happens, and nobody's "flush ruleset" takes it away meanwhile. Needs Linux 5.12. One thread.
 */
#ifndef NET_KERNEL_NAT_H
#define NET_KERNEL_NAT_H

#include "net/kernel/nat_rules.h"

struct nat;

/**
 * nat_new() - the rules of a shared or host network
 * @config: with every address settled; outlives the result
 * @bridge: name of its bridge
 * @ret_error: a sentence; the caller frees
 * Return: 0 or -errno
 */
int nat_new(const struct network_config *config, const char *bridge, struct nat **ret,
	    char **ret_error);
void nat_free(struct nat *nat); /* NULL is fine */

/** nat_set_forwards() - these and no others, at once; all or nothing. Return: 0 or -errno */
int nat_set_forwards(struct nat *nat, const struct network_forward *forwards, size_t n,
		     char **ret_error);

/** nat_set_opened() - these interfaces and no others, see nat_rules_opened(). Return: 0 or -errno */
int nat_set_opened(struct nat *nat, const struct nat_opened *opened, size_t n);

/** nat_others() - tables of others whose chains drop what they do not know, "ip filter, ..." or NULL */
char *nat_others(struct nat *nat);

#endif
