/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * claim.h - a number that belongs to one network at a time, and what crashed ones have left behind
 *
 * Everything that a network makes on the host has its number in the name: its bridge "rig0", its
 * ports "rig0p1"... The claim is itself an interface, "rig0keep", that lives exactly as long as
 * its process: no file to go stale, one truth for each network namespace, whoever sees which files.
 * One thread.
 */
#ifndef NET_KERNEL_CLAIM_H
#define NET_KERNEL_CLAIM_H

#include "net/kernel/host_scan.h"

/** struct claim - zeroed with fd -1: none */
struct claim {
	int fd;
	unsigned int number;
	char bridge[IFNAMSIZ]; /* nothing of this name exists when it is claimed */
	char keeper[IFNAMSIZ];
};

/**
 * claim_take() - a free number; what dead networks have left behind is removed
 * @ret_error: a sentence; the caller frees
 * Return: 0 or -errno
 */
int claim_take(struct netlink *netlink, struct claim *ret, char **ret_error);
void claim_release(struct claim *claim);

/** claim_alias() - what is written to an interface of ours, so that people and we know whose it is */
void claim_alias(const char *what, char ret[HOST_ALIAS_MAX + 1]);

/** claim_marks() - was this interface made by an outrigger network? */
bool claim_marks(const struct host_link *link);

/** claim_names() - has it a name like those of ours? They have that before their mark */
bool claim_names(const struct host_link *link);

/** claim_owns() - claim_marks() for a bridge or port; the network's number then */
bool claim_owns(const struct host_link *link, unsigned int *ret_number);

#endif
