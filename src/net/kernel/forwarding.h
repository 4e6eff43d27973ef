/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forwarding.h - make the host a router for our guests, and for nobody else
 *
 * One thread.
 */
#ifndef NET_KERNEL_FORWARDING_H
#define NET_KERNEL_FORWARDING_H

#include "net/kernel/host_scan.h"
#include "net/kernel/nat.h"

struct forwarding;

/** forwarding_new() - @nat, @bridge and @dir, the network's runtime directory, outlive it */
int forwarding_new(struct netlink *netlink, struct nat *nat, const char *bridge, const char *dir,
		   bool ipv6, struct forwarding **ret);

/**
 * forwarding_refresh() - at start, and whenever interfaces or their settings may have changed
 * @ret_error: a sentence; the caller frees. Return: 0 or -errno
 */
int forwarding_refresh(struct forwarding *forwarding, char **ret_error);

/** forwarding_free() - what only we had opened is closed. NULL is fine */
void forwarding_free(struct forwarding *forwarding);

#endif
