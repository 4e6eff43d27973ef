/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_device.h - the virtio-net device, inside: what net.c, net_rx.c, net_tx.c and net_ctrl.c share
 *
 * Also the seam for tests: vnet_new_on_bus() makes a device that stands on anything that can
 * translate addresses and take interrupts.
 */
#ifndef VIRTIO_NET_DEVICE_H
#define VIRTIO_NET_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/net.h"
#include "virtio/net_filter.h"
#include "virtio/pci.h"
#include "virtio/spec.h"
#include "virtio/vq.h"

/*
 * As QEMU's own. 256 descriptors are a page, and both rings fit one together: behind a virtual
 * IOMMU, where guest memory is mapped page by page, a ring of Linux's lies in one mapping still.
 */
#define VNET_QUEUE_SIZE	     256u
#define VNET_CTRL_QUEUE_SIZE 64u

#define VNET_BATCH	     64u  /* frames per call to the backend */
#define VNET_RUN_FRAMES	     256u /* each way, per queue pair and vnet_run() */
#define VNET_RUN_COMMANDS    16u  /* of the control queue, likewise */

#define VNET_PAIRS_MAX	     1u /* VIRTIO_NET_F_MQ is not offered yet */
#define VNET_QUEUES_MAX	     (2 * VNET_PAIRS_MAX + 1)

/* Room for a batch of frames that are being sent; at least one of any size. */
#define VNET_TX_BYTES	     ((size_t)256 * 1024)
static_assert(VNET_TX_BYTES >= FRAME_MAX, "every frame fits once");

struct vnet_pair {
	bool tx_blocked; /* the backend was full: only room there helps, no kick */
	/* Frames of one transmit() live here, where the guest cannot change them any more. Pages
	 * not used stay untouched. */
	uint8_t *tx_bytes;
};

struct vnet {
	struct vpci pci;
	struct rig_server *server; /* NULL: on another bus */
	const struct vnet_backend_ops *ops;
	void *opaque;
	uint8_t mac[FRAME_MAC]; /* the device's own, to which a reset returns */
	uint16_t mtu;
	uint16_t n_pairs;
	bool link_up;
	bool announce; /* VIRTIO_NET_S_ANNOUNCE: until the driver acknowledges it */
	struct net_filter filter;
	struct vnet_pair pairs[VNET_PAIRS_MAX];
	struct vnet_stats stats;
};

/* "5.1.2 Virtqueues": receive, transmit, receive, transmit, ..., control. */
static inline uint16_t vnet_rx_queue(uint16_t pair)
{
	return (uint16_t)(2 * pair);
}

static inline uint16_t vnet_tx_queue(uint16_t pair)
{
	return (uint16_t)(2 * pair + 1);
}

static inline uint16_t vnet_ctrl_queue(const struct vnet *vnet)
{
	return (uint16_t)(2 * vnet->n_pairs);
}

/** vnet_new_on_bus() - vnet_new() without a server */
RIG_MUST_CHECK int vnet_new_on_bus(const struct vnet_config *config,
				   const struct vnet_backend_ops *ops, void *opaque,
				   const struct vpci_bus *bus, struct vnet **ret);

/** vnet_interrupt() - a batch was published on this queue */
void vnet_interrupt(struct vnet *vnet, uint16_t queue);

/** vnet_run_rx() - frames to the guest. Return: true if any moved */
bool vnet_run_rx(struct vnet *vnet, uint16_t pair);

/** vnet_discard_rx() - frames that nobody can receive. Return: true if there were any */
bool vnet_discard_rx(struct vnet *vnet);

/** vnet_run_tx() - frames from the guest. Return: true if any moved */
bool vnet_run_tx(struct vnet *vnet, uint16_t pair);

/** vnet_run_ctrl() - commands. Return: true if there were any */
bool vnet_run_ctrl(struct vnet *vnet);

#endif
