/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ovs.h - ports of an Open vSwitch bridge, by ovs-vsctl
 *
 * While guests are served nothing waits for it: what is to be done is done one after the other, by
 * a child. At the network's start and end it is waited for, for at most a few seconds. One thread.
 */
#ifndef NET_KERNEL_OVS_H
#define NET_KERNEL_OVS_H

#include <stdbool.h>
#include <uv.h>

struct ovs;

/**
 * ovs_find_bridge() - is this an Open vSwitch bridge? Waits
 * @ret_error: if nobody knows, what ovs-vsctl says; the caller frees
 * Return: 1 it is, 0 it is not, -ENOENT there is no ovs-vsctl, -EIO it says something else, -errno
 */
int ovs_find_bridge(uv_loop_t *loop, const char *name, char **ret_error);

/** ovs_remove_leftovers() - ports that we have added whose interface is no more. Waits */
void ovs_remove_leftovers(uv_loop_t *loop);

/**
 * ovs_new()
 * @bridge: copied
 * @plugged: a port is in, or the attempt to plug it in has failed, which is logged and tried again
 *	until it is removed; not inside of a call of ovs_...()
 * Return: 0, -ENOMEM
 */
int ovs_new(uv_loop_t *loop, const char *bridge,
	    void (*plugged)(void *opaque, const char *port, bool ok), void *opaque,
	    struct ovs **ret);

/** ovs_free() - what is still to be removed is; waits for that. The loop must run once more. NULL is fine */
void ovs_free(struct ovs *ovs);

/** ovs_add_port() - begin to; the interface exists. Return: 0, -ENOMEM */
int ovs_add_port(struct ovs *ovs, const char *port, bool isolated);

/** ovs_remove_port() - begin to; it need not have come in yet */
void ovs_remove_port(struct ovs *ovs, const char *port);

/** ovs_has_port() - it was added, and is not removed yet: another of this name would be taken for it */
bool ovs_has_port(const struct ovs *ovs, const char *port);

#endif
