/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netctl.h - a client of a network's control socket (docs/control.md) that waits for its answers
 *
 * The other side is a process of the same user, but no call waits for it beyond its deadline, and
 * nothing is believed that does not have its form. One thread at a time.
 */
#ifndef VMNET_NETWORKS_NETCTL_H
#define VMNET_NETWORKS_NETCTL_H

#include <stdbool.h>

#include <json-c/json.h>

struct netctl;

/**
 * netctl_open() - connect, and hear the greeting
 * Return: 0; -ENOTCONN nobody serves there (any more); -ETIMEDOUT; -EBUSY all connections are
 * taken; -EPROTO it is something else; -errno
 */
int netctl_open(const char *path, struct netctl **ret, char **ret_error);
void netctl_close(struct netctl *ctl); /* NULL is fine */

/** netctl_is_gone() - has the other side hung up? Any thread, also inside of a call of another */
bool netctl_is_gone(const struct netctl *ctl);

/**
 * netctl_call() - a request and its answer
 * @params: an object, which is freed; NULL for none
 * @fd:     goes along; stays the caller's; -1: none
 * @ret:    the result, an object, the caller's; may be NULL
 * @ret_error: a sentence, of the network if it refused; the caller frees. May be NULL
 * Return: 0; what the network's code says (-EINVAL, -ENOENT, -EEXIST, -ENOSPC, -EOPNOTSUPP, -EPERM,
 * -ENOMEM, -EIO); -ENOTCONN, -ETIMEDOUT, -EPROTO: every later call fails, too
 */
int netctl_call(struct netctl *ctl, const char *method, struct json_object *params, int fd,
		struct json_object **ret, char **ret_error);

#endif
