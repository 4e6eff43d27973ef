/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_network.h - the "vmnet" kind of network: through Apple's API, on macOS and, by libvmnet, here
 */
#ifndef NET_VMNET_VMN_NETWORK_H
#define NET_VMNET_VMN_NETWORK_H

#include "net/network.h"

/** vmn_network_new() - as network_new(); -EOPNOTSUPP where outrigger was built without it */
int vmn_network_new(uv_loop_t *loop, const struct network_config *config, struct network **ret,
		    char **ret_error);

#endif
