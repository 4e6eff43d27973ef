/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_address.h - which address of its own does the host answer at?
 */
#ifndef NET_USER_HOST_ADDRESS_H
#define NET_USER_HOST_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>

/**
 * host_address_find() - an address of this host that is neither loopback nor link-local
 * @v6:	 which family
 * @ret: IPv4 as ::ffff:0:0/96; what the host uses towards its default route, if it has one
 * Return: false: it has none
 */
bool host_address_find(bool v6, struct in6_addr *ret);

#endif
