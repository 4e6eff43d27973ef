/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_network.h - the "kernel" kind of network: a bridge, a TAP per port, nftables, dnsmasq
 */
#ifndef NET_KERNEL_KERNEL_NETWORK_H
#define NET_KERNEL_KERNEL_NETWORK_H

#include "net/network.h"

/** kernel_network_new() - config has passed network_config_check(). As network_new() */
int kernel_network_new(uv_loop_t *loop, const struct network_config *config, struct network **ret,
		       char **ret_error);

#endif
