/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forward_rules.h - port forwards of a kernel network: rules, and the ports of the host they take
 *
 * One thread.
 */
#ifndef NET_KERNEL_FORWARD_RULES_H
#define NET_KERNEL_FORWARD_RULES_H

#include "net/kernel/nat.h"

#define FORWARD_RULES_MAX 1024u

struct forward_rules;

/** forward_rules_new() - @nat, @bridge outlive it. Return: 0 or -ENOMEM */
int forward_rules_new(struct nat *nat, const char *bridge, struct forward_rules **ret);
void forward_rules_free(
	struct forward_rules *rules); /* the rules go with the table. NULL is fine */

/** forward_rules_add(), forward_rules_remove() - as in struct network_ops */
int forward_rules_add(struct forward_rules *rules, const struct network_forward *forward,
		      char **ret_error);
void forward_rules_remove(struct forward_rules *rules, const struct network_forward *forward);

/** forward_rules_socket() - the one that has taken a forward's port; -1: there is none */
int forward_rules_socket(struct forward_rules *rules, const struct network_forward *forward);

#endif
