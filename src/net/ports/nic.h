/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic.h - a port that is a virtio-net device on a vfio-user socket
 *
 * Listens at a path, serves one VMM at a time (the next one after it is gone), and moves frames
 * between the device and its channel. After a kick it polls the rings for a while before it sleeps:
 * kicks are expensive with QEMU. One thread: the loop's.
 */
#ifndef NET_PORTS_NIC_H
#define NET_PORTS_NIC_H

#include "net/network.h"
#include "virtio/net.h"

struct nic;

struct nic_config {
	const char *path;
	struct vnet_config vnet;
};

/**
 * nic_new() - listen and plug into the network
 * @ret_error: a sentence on failure: what is wrong with the path and what to do; the caller frees
 */
int nic_new(uv_loop_t *loop, const struct nic_config *config, struct network *network,
	    struct nic **ret, char **ret_error);

/**
 * nic_free() - disconnects the VMM, removes the socket. The loop must run once more before it is
 * closed. NULL is fine
 */
void nic_free(struct nic *nic);

#endif
