/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ovs_vsctl.h - one run of ovs-vsctl
 *
 * It runs with the user's rights to files and no other capability, and with the variable
 * OVS_RUNDIR of our environment (where its sockets are), but not of who runs us with setcap's capabilities.
 */
#ifndef NET_KERNEL_OVS_VSCTL_H
#define NET_KERNEL_OVS_VSCTL_H

#include "net/kernel/child.h"

/* What we add to the database has this mark: a column, and what is in it. */
#define OVS_MARK	  "external_ids:outrigger=yes"

#define OVS_VSCTL_WAIT_MS 7000u /* longer than it waits itself */

/** ovs_vsctl_start() - @words: its arguments, ended by NULL. Return: 0, -ENOENT there is none, -errno */
int ovs_vsctl_start(uv_loop_t *loop, const char *const *words, const struct child_events *events,
		    void *opaque, struct child **ret);

/**
 * ovs_vsctl_wait() - run it until it ends
 * @ret_output: lines, or what kept it from them; the caller frees. NULL: no memory
 * Return: 0, -EIO it failed or took too long, -ENOENT there is none, -errno
 */
int ovs_vsctl_wait(uv_loop_t *loop, const char *const *words, char **ret_output);

#endif
