/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_spec.h - a socket for guests as text: PATH, or path=PATH|fd=N|fd=NAME, and what follows
 *
 *   name= mac= mtu= rate= rate-to-guest= rate-from-guest= isolated=on|off mode= group=
 *
 * The same keys on the command line, in the configuration file and on the control socket. One setter
 * a key; what needs several of them is for port_config_complete().
 *
 * @ret_error, everywhere: a sentence, or the rest of one that begins with the whole text.
 */
#ifndef NET_SETTINGS_PORT_SPEC_H
#define NET_SETTINGS_PORT_SPEC_H

#include "net/ports/port_socket.h"

#define PORT_NAME_MAX 63u

/** port_config_init() - nothing given yet: neither path nor fd nor name */
void port_config_init(struct port_socket_config *ret, enum port_socket_kind kind);

/**
 * port_socket_option_set() - one key
 * @value: is kept, not copied, where the configuration holds a string
 * Return: 0; -EINVAL also for a key that there is not
 */
int port_socket_option_set(struct port_socket_config *config, const char *key, const char *value,
			   char **ret_error);

/**
 * port_fd_parse() - of a socket that is inherited: its number, or its name if it comes from the
 * service manager. Return: 0, -EINVAL
 */
int port_fd_parse(const char *value, int *ret, char **ret_error);

/** port_spec_parse() - all of it. @text: is written to, and kept */
int port_spec_parse(char *text, struct port_socket_config *ret, char **ret_error);

/** port_config_check() - is there one socket, to be made or inherited? Return: 0, -EINVAL */
int port_config_check(const struct port_socket_config *config, char **ret_error);

/**
 * port_config_complete() - what was left out; port_config_check() has passed
 * @network: that it will be plugged into
 * @name:    room for the name if none was given: the path's last component without its extension,
 *           "fd3" for an fd; kept. Characters that a name cannot have become "_"
 *
 * The MAC is still missing then: which are taken is known to the caller, see port_mac_derive().
 */
int port_config_complete(struct port_socket_config *config, const struct network_config *network,
			 char name[PORT_NAME_MAX + 1], char **ret_error);

/** port_mac_derive() - for a NIC without one: as nic_mac_derive(). Return: 0, -ENOMEM */
int port_mac_derive(const struct port_socket_config *config, unsigned int attempt,
		    uint8_t ret[FRAME_MAC]);

/**
 * port_path_absolute() - the directory as the kernel knows it, and the name in it; the path as it
 * is where there is no such directory. Return: 0, -ENOMEM
 */
int port_path_absolute(const char *path, char **ret);

#endif
