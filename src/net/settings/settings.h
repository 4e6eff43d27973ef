/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * settings.h - what the user of `outrigger net` wants, complete and checked
 *
 * From the command line and from a configuration file alike: an option and its value, in either
 * place read by the same row of one table.
 */
#ifndef NET_SETTINGS_SETTINGS_H
#define NET_SETTINGS_SETTINGS_H

#include "net/forwards.h"
#include "net/ports/port_socket.h"
#include "sys/log.h"

/** struct net_settings - zeroed: nothing asked for yet */
struct net_settings {
	struct network_config network;
	struct port_socket_config *sockets;
	size_t n_sockets;
	struct forward_config *forwards;
	size_t n_forwards;
	const char *control_path; /* of the control socket; NULL: none */
	mode_t control_mode;
	gid_t control_group; /* (gid_t)-1: the process's */
	enum log_level log_level;
};

void net_settings_free(struct net_settings *settings);

#endif
