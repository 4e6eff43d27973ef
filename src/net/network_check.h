/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_check.h - parts of network_config_check(), by topic
 *
 * One rule, one function; the first that is broken speaks, in the words of the command line's
 * options. @ret_error and what is returned: as for network_config_check().
 */
#ifndef NET_NETWORK_CHECK_H
#define NET_NETWORK_CHECK_H

#include "net/network_text.h"

/** network_check_mode() - which options a mode has, and needs */
int network_check_mode(const struct network_config *config, char **ret_error);

/** network_check_addresses() - subnet and range; not for bridged networks, which have none */
int network_check_addresses(const struct network_config *config, char **ret_error);

/** network_check_features() - what it is told not to do, or to do elsewhere */
int network_check_features(const struct network_config *config, char **ret_error);

/** network_check_dhcp() - reservations, and what DHCP says, if there is DHCP. After addresses */
int network_check_dhcp(const struct network_config *config, char **ret_error);

/**
 * network_check_reserved_address() - may a guest have this address reserved? Any of the subnet but its
 * first, its last and the gateway's, as vmnet has it. The sentence begins with the address
 */
int network_check_reserved_address(const struct network_config *config, struct in_addr address,
				   char **ret_error);

#endif
