/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * macvtap.h - ports on an interface that is no bridge
 *
 * The interface itself tells its guests apart, by their MAC addresses; the host is not among those
 * they reach. Unlike a TAP one outlives its descriptor and must be removed. One thread.
 */
#ifndef NET_KERNEL_MACVTAP_H
#define NET_KERNEL_MACVTAP_H

#include "net/kernel/host_link.h"

/**
 * macvtap_open() - make one, down
 * @lower: the interface that it is on
 * @mac: the guest's; NULL: not known yet
 * @isolated: it reaches no other one on the same interface
 * @ret_fd: as of tap_device_open()
 * @ret_error: a sentence, for what the user can do something about; the caller frees
 * Return: 0, -EEXIST the name is taken, -errno
 */
int macvtap_open(struct netlink *netlink, const char *name, unsigned int lower, const uint8_t *mac,
		 bool isolated, unsigned int *ret_ifindex, int *ret_fd, char **ret_error);

/** macvtap_set_mac() - as the guest turned out to have. 0 or -errno */
int macvtap_set_mac(struct netlink *netlink, unsigned int ifindex, const uint8_t mac[FRAME_MAC]);

#endif
