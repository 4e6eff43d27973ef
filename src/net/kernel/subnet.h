/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * subnet.h - which addresses a network of ours has
 */
#ifndef NET_KERNEL_SUBNET_H
#define NET_KERNEL_SUBNET_H

#include "net/kernel/netlink.h"
#include "net/network_config.h"

/**
 * subnet_choose() - settle the addresses that the user left open
 * @config: with addresses given: they must be free on this host. Else the ones kept in its state
 *	    directory, if these are free, else the first free /24 from the default on; the IPv6
 *	    prefix that was kept, if none is given
 * @skip: pass over as many; 0: none
 * @ret_error: names who has the subnet; the caller frees
 * Return: 0, -EADDRINUSE, -errno
 */
int subnet_choose(struct netlink *netlink, struct network_config *config, unsigned int skip,
		  char **ret_error);

/** subnet_recheck() - does no interface but this one have it? Return: as above */
int subnet_recheck(struct netlink *netlink, const struct network_config *config,
		   unsigned int ifindex, char **ret_error);

/** subnet_keep() - in the state directory, if there is one */
void subnet_keep(const struct network_config *config);

#endif
