/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guest_name.h - what a guest may be called
 */
#ifndef NET_USER_GUEST_NAME_H
#define NET_USER_GUEST_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "net/network_config.h"

/**
 * guest_name_from() - one label of a host name (RFC 1123, section 2.1) from what a guest calls
 * itself
 * @text, @len: any bytes; of a name with dots the first label counts
 * @ret: in lower case
 *
 * Return: false: no letters, digits and inner hyphens; or a name that no guest may have
 * (network_name_is_nobodys())
 */
bool guest_name_from(const char *text, size_t len, char ret[NETWORK_NAME_MAX + 1]);

#endif
