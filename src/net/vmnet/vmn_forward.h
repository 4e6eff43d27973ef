/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_forward.h - port forwards, as rules that an interface adds to its network
 */
#ifndef NET_VMNET_VMN_FORWARD_H
#define NET_VMNET_VMN_FORWARD_H

#include "net/network.h"

#include <vmnet/vmnet.h>

/**
 * vmn_forward_add(), vmn_forward_remove() - @interface: that lives as long as the rule
 *
 * vmnet answers by a handler, which is waited for up to @answer_ms: the caller's user wants to know.
 * Return: 0, -EOPNOTSUPP, -ETIMEDOUT, what vmnet's status is; with @ret_error
 */
int vmn_forward_add(interface_ref interface, const struct network_forward *forward,
		    uint64_t answer_ms, char **ret_error);
int vmn_forward_remove(interface_ref interface, const struct network_forward *forward,
		       uint64_t answer_ms, char **ret_error);

#endif
