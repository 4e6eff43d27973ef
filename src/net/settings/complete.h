/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * complete.h - parts of net_settings_complete(), each after the one before
 *
 * Return: 0, -EINVAL, -ENOMEM. @ret_error: a sentence that begins with the option it is about
 */
#ifndef NET_SETTINGS_COMPLETE_H
#define NET_SETTINGS_COMPLETE_H

#include "net/settings/settings.h"

/** complete_sockets() - names, MAC addresses; no two alike, nor any path, the control socket's
 * included */
int complete_sockets(struct net_settings *settings, char **ret_error);

/** complete_forwards() - no two alike; what the mode permits */
int complete_forwards(struct net_settings *settings, char **ret_error);

/** complete_forward() - what the mode permits, of one */
int complete_forward(const struct network_config *network, const struct forward_config *forward,
		     char **ret_error);

#endif
