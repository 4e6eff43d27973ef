/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net.h - a virtio-net PCI device, served by vfio-user
 *
 * The device between a vfio-user server (below) and a backend that has frames and wants some
 * (above). It has no thread, timer or fd: its owner calls vnet_run() after a kick, when frames
 * wait, or to poll.
 *
 * While there is no driver, or it broke the rules, or the link is down, frames for it are taken
 * from the backend and dropped, as a NIC does that nobody listens to.
 *
 * One thread.
 */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/frame.h"
#include <outrigger/server.h>

struct vnet;

struct vnet_config {
	uint8_t mac[FRAME_MAC];
	uint16_t mtu;	      /* announced with VIRTIO_NET_F_MTU */
	uint16_t queue_pairs; /* 1 for now */
};

struct vnet_backend_ops {
	/* Frames the guest sent. Return how many were taken (dropped ones count as taken); fewer
	 * than n: full, vnet_run() is called once there is room. Frames are gone when this returns.
	 */
	size_t (*transmit)(void *opaque, const struct frame *frames, size_t n);

	/* Show up to n frames that wait for the guest, without taking them; they stay until
	 * consume(). */
	size_t (*peek)(void *opaque, struct frame *frames, size_t n);
	void (*consume)(void *opaque, size_t n);

	/* The driver kicked (or a queue became usable): call vnet_run() soon, but not from here:
	 * the kick is acknowledged first. */
	void (*kicked)(void *opaque);

	/* For the operator: see rig_device_ops.log. May be NULL, as may the next two. A guest can
	 * cause lines at will: limit their rate. */
	void (*log)(void *opaque, enum rig_log_level level, const char *message);

	/* A client came or went; reason as in rig_device_ops.disconnected. */
	void (*connected)(void *opaque);
	void (*disconnected)(void *opaque, int error, const char *reason);
};

struct vnet_stats {
	uint64_t rx_frames, rx_bytes; /* towards the guest */
	uint64_t rx_filtered;	      /* not for this guest, by its own receive filter */
	uint64_t rx_dropped;	      /* no driver, link down, longer than its MTU or buffers */
	uint64_t tx_frames, tx_bytes; /* from the guest */
	uint64_t tx_dropped;	      /* runts, oversized, link down */
	uint64_t kicks;		      /* and the times that queues began to work */
	uint64_t interrupts;
};

/**
 * vnet_new() - Return: 0, -ENOMEM, -EINVAL a multicast MAC, an MTU out of range, queue_pairs other
 * than 1
 */
RIG_MUST_CHECK int vnet_new(const struct vnet_config *config, const struct vnet_backend_ops *ops,
			    void *opaque, struct vnet **ret);

/** vnet_free() - its client is disconnected. NULL is fine. Not from a callback */
void vnet_free(struct vnet *vnet);

/** vnet_server() - to connect clients to */
struct rig_server *vnet_server(struct vnet *vnet);

/**
 * vnet_run() - move frames both ways, up to a bounded number
 *
 * Kicks are off while it is called again and again; once a call moved nothing the owner either
 * keeps calling or sleeps after vnet_sleep(). Return: true if anything moved.
 */
bool vnet_run(struct vnet *vnet);

/**
 * vnet_sleep() - ask the driver to kick again, where that would help
 *
 * Not for frames to send while the backend is full (room wakes the owner), nor for receive buffers
 * while no frame waits for one. Return: false: work arrived meanwhile, call vnet_run() first
 */
bool vnet_sleep(struct vnet *vnet);

/** vnet_set_link() - the cable; tells the driver by a configuration interrupt. Up at first */
void vnet_set_link(struct vnet *vnet, bool up);

/** vnet_stats() - since vnet_new() */
const struct vnet_stats *vnet_stats(const struct vnet *vnet);

#endif
