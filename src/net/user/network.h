/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network.h - the "user" kind of network: switch plus uplink, no privileges
 */
#ifndef NET_USER_NETWORK_H
#define NET_USER_NETWORK_H

#include "net/network.h"

/** user_network_new() - config has passed network_config_check(). As network_new() */
int user_network_new(uv_loop_t *loop, const struct network_config *config, struct network **ret,
		     char **ret_error);

#endif
