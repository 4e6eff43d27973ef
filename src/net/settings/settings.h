/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * settings.h - what the user of `outrigger net` wants, complete and checked
 *
 * From the command line and from a configuration file alike: an option and its value, in either
 * place read by the same row of one table. A configuration file comes first; an option that is
 * given once replaces what the file says, one that may be repeated adds to it.
 */
#ifndef NET_SETTINGS_SETTINGS_H
#define NET_SETTINGS_SETTINGS_H

#include "net/forwards.h"
#include "net/ports/port_socket.h"
#include "sys/log.h"

struct settings_string;
struct settings_given;

/** struct net_settings - zeroed: nothing asked for yet. Owns all that it points to, fds excepted */
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
	bool end_when_idle;
	uint32_t idle_s; /* for how long nobody was there */

	/* For reading. */
	const struct net_settings *running; /* what they are to replace; NULL: nothing runs yet */
	struct settings_string *strings;
	struct settings_given *given;
	size_t n_given, given_room;
	size_t mac_socket; /* whose --mac may follow: its index and 1; 0: nobody's */
};

void net_settings_free(struct net_settings *settings);

/** struct settings_origin - where an option stands; @file NULL: on the command line */
struct settings_origin {
	const char *file; /* outlives the settings */
	unsigned int line;
	unsigned int column, value_column; /* of the option's name and its value, from 1 on */
};

/**
 * net_settings_set() - one option
 * @name:  without hyphens: "start-address"
 * @value: copied; NULL: none was given
 * @ret_error: a sentence that begins with "--NAME VALUE: " or, from a file, "FILE:LINE:COLUMN: ";
 *	       the caller frees. May be NULL if there is no memory for it
 * Return: 0, -EINVAL, -ENOMEM
 */
int net_settings_set(struct net_settings *settings, const struct settings_origin *origin,
		     const char *name, const char *value, char **ret_error);

/** net_settings_knows() - is there an option of this name? */
bool net_settings_knows(const char *name);

/** net_settings_takes_value() - must one be given? False also for names that there are not */
bool net_settings_takes_value(const char *name);

/**
 * net_settings_complete() - once all is set: defaults, and whether it goes together
 * Return and @ret_error: as for net_settings_set()
 */
int net_settings_complete(struct net_settings *settings, char **ret_error);

#endif
