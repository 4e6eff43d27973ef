/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_desc.h - a network's options as vmnet's keys, and which of them vmnet has
 *
 * One thread: the loop's; nothing is started here.
 */
#ifndef NET_VMNET_VMN_DESC_H
#define NET_VMNET_VMN_DESC_H

#include "net/network.h"
#include "net/vmnet/vmn_cut.h"

#include <vmnet/vmnet.h>

/**
 * vmn_desc_check() - can vmnet make such a network? Before anything is started
 * Return: 0; -EOPNOTSUPP vmnet, or this release of it, has no such thing; -ENODEV --ifname is none of
 * its interfaces; with @ret_error
 */
int vmn_desc_check(const struct network_config *config, char **ret_error);

/** vmn_desc_needs_object() - is there something in it that only network objects have? */
bool vmn_desc_needs_object(const struct network_config *config);

/**
 * vmn_desc_anchor(), vmn_desc_port() - what an interface is started with
 * @ret: the caller's to release
 * Return: 0; -EOPNOTSUPP with @ret_error; -ENOMEM
 */
int vmn_desc_anchor(const struct network_config *config, xpc_object_t *ret, char **ret_error);
int vmn_desc_port(const struct network_config *config, const struct network_port *port,
		  xpc_object_t *ret, char **ret_error);

/** vmn_desc_offloads() - what a port's interface is asked for, as far as this system has it */
struct vmn_offloads vmn_desc_offloads(const struct network_config *config);

/**
 * vmn_desc_interface_id() - what vmnet derives a MAC address from: the same for the same port of the
 * same network, whenever it is started
 */
void vmn_desc_interface_id(const struct network_config *config, const struct network_port *port,
			   uint8_t ret[16]);

#endif
