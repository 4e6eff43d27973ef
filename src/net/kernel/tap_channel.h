/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tap_channel.h - a port's channel to the kernel: one TAP (or macvtap) descriptor
 *
 * Towards the guest the kernel's own queue of the interface is where frames wait, and where they
 * are dropped when the guest does not take them; a few are read ahead. One thread: the loop's.
 */
#ifndef NET_KERNEL_TAP_CHANNEL_H
#define NET_KERNEL_TAP_CHANNEL_H

#include <uv.h>

#include "net/channel.h"

/** struct tap_memory - buffers kept for the next channel that has frames; shared by one network's */
struct tap_memory {
	void *spare;
	size_t spare_size;
};
void tap_memory_clear(struct tap_memory *memory);

struct tap_channel_owner {
	/* The descriptor is about to be closed. */
	void (*closing)(void *opaque, struct channel *channel);
	/* Frames that the kernel dropped because nobody read them. */
	uint64_t (*dropped)(void *opaque, const struct channel *channel);
	/* The first source address of a frame since the link came up; NULL: of no interest. */
	void (*source)(void *opaque, const struct channel *channel, const uint8_t mac[FRAME_MAC]);
	/* The port's end of the cable; NULL: as tap_device_set_carrier() does it. */
	void (*set_carrier)(void *opaque, const struct channel *channel, bool up);
	void *opaque;
};

/**
 * tap_channel_new()
 * @fd: from tap_device_open(); the channel's if this succeeds
 * @max_frame: bytes of the longest frame, without FCS
 * @memory, @owner: outlive the channel
 * Return: 0 or -errno
 */
int tap_channel_new(uv_loop_t *loop, int fd, size_t max_frame, struct tap_memory *memory,
		    const struct tap_channel_owner *owner, const struct channel_events *events,
		    void *opaque, struct channel **ret);

#endif
