/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ovs.h - ports of an Open vSwitch bridge, by ovs-vsctl
 *
 * Each call waits for the answer, for at most a few seconds. One thread.
 */
#ifndef NET_KERNEL_OVS_H
#define NET_KERNEL_OVS_H

#include <stdbool.h>

/** ovs_has_bridge() - is this an Open vSwitch bridge? false, too, without Open vSwitch */
bool ovs_has_bridge(const char *name);

/** ovs_add_port() - an interface that exists. @ret_error: what ovs-vsctl says. Return: 0, -EIO, -errno */
int ovs_add_port(const char *bridge, const char *port, bool isolated, char **ret_error);
void ovs_remove_port(const char *port);

/** ovs_remove_leftovers() - ports that we have added whose interface is no more */
void ovs_remove_leftovers(void);

#endif
