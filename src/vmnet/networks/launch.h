/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launch.h - start `outrigger net` for a network of the registry
 *
 * The program is $OUTRIGGER_PROGRAM, else the one that this library was installed with. Any thread.
 */
#ifndef VMNET_NETWORKS_LAUNCH_H
#define VMNET_NETWORKS_LAUNCH_H

#include "vmnet/networks/registry.h"

/**
 * launch_network() - returns when it is ready
 * @name:   of its directory in the registry, where its socket and its log will be
 * @alive:  of registry_add(), for the network to have; stays the caller's
 * @range:  its addresses; none: the host is not in it, or it is bridged
 * @ret_error: what the network itself said, if it did; the caller frees
 * Return: 0; -EINVAL the network would not have the request; -EPERM a privilege is missing;
 * -ENOENT no program; -ETIMEDOUT not ready within 30 s; -EIO it failed; -errno
 */
int launch_network(const struct registry *registry, const char *name, int alive,
		   const struct backend_request *request, const struct backend_range *range,
		   char **ret_error);

#endif
