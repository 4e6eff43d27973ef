/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_driver.h - a virtio-net driver in user space, on the client side of vfio-user
 *
 * What a guest's kernel does with a NIC, for a program without a guest: one queue pair, its rings
 * and buffers in memory of the program's own that the device maps. libvmnet plugs interfaces into
 * networks by it, the benches measure a network's NIC path with it.
 *
 * Threads: one at a time receives (peek, consume, arm), one at a time sends (send, flush, the waits),
 * one at a time handles events; these may be different threads and share no lock. new and free:
 * nobody else is inside.
 *
 * The device is not trusted: whatever it writes into the rings is checked before use; one that
 * breaks the rules is dead to us (-EPROTO from then on).
 */
#ifndef VIRTIO_DRIVER_NET_DRIVER_H
#define VIRTIO_DRIVER_NET_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/frame.h"
#include <outrigger/common.h>

struct net_driver;

/**
 * struct net_driver_config - zero for every default
 * @queue_size: entries of each ring, a power of 2; what the device has, if that is less; 0: 256
 * @max_frame:  bytes of the longest frame, up to FRAME_MAX; 0: the device's MTU and an Ethernet
 *              header with a tag
 */
struct net_driver_config {
	uint16_t queue_size;
	size_t max_frame;
};

/** struct net_driver_info - what was settled with the device */
struct net_driver_info {
	uint8_t mac[FRAME_MAC];
	uint16_t mtu;
	size_t max_frame;
	uint64_t features;
	uint16_t queue_size;
};

/**
 * net_driver_new() - negotiate, set up rings and buffers, DRIVER_OK
 * @fd: a connected vfio-user socket; the driver's, also on failure
 * @config: NULL: every default
 * @deadline: for all of it
 * @ret_error: a sentence; the caller frees; may be NULL
 * Blocks. The device's offloads are not asked for: frames go both ways complete, headers are zero.
 * Return: 0, -ENODEV not a modern virtio-net device, -EINVAL queue_size or max_frame, -EPROTO what
 * the device says contradicts itself, or what rig_client_new() and calls return
 */
RIG_MUST_CHECK int net_driver_new(int fd, const struct net_driver_config *config, rig_time deadline,
				  struct net_driver **ret, char **ret_error);

/** net_driver_free() - reset the device, disconnect. NULL is fine */
void net_driver_free(struct net_driver *driver);

void net_driver_info(const struct net_driver *driver, struct net_driver_info *ret);

/**
 * net_driver_error() - 0 while all is well, else for good: -ENOTCONN the device's process is gone,
 * -EPROTO it broke the rules, -ENODEV it asks for a reset, -ETIMEDOUT it does not answer
 *
 * That its process is gone is found by who handles events, kicks or waits for room. Any thread
 */
int net_driver_error(const struct net_driver *driver);

/**
 * net_driver_link() - is the cable plugged in at the device's end? As of the last event that was
 * handled. Any thread
 */
bool net_driver_link(const struct net_driver *driver);

/**
 * net_driver_peek() - up to n received frames, oldest first, without taking them
 * Their bytes are in the driver's memory, which the device can write: copy once, then look.
 * Return: how many; 0: none wait, or net_driver_error()
 */
size_t net_driver_peek(struct net_driver *driver, struct frame *frames, size_t n);

/** net_driver_consume() - the n oldest of the last peek are done with; gives the buffers back */
void net_driver_consume(struct net_driver *driver, size_t n);

/** net_driver_waiting() - frames that wait to be received, a lower bound. Any thread */
size_t net_driver_waiting(const struct net_driver *driver);

/**
 * net_driver_arm() - ask for one event when a frame comes
 * Return: true: armed; false: frames wait already, or there is an error: look again
 */
bool net_driver_arm(struct net_driver *driver);

/**
 * net_driver_event_fd() - to be polled for POLLIN, not read: an armed frame may have come, the link
 * may have changed, or the device is gone. The driver's
 */
int net_driver_event_fd(const struct net_driver *driver);

/**
 * net_driver_handle_event() - after net_driver_event_fd() was readable: makes it unreadable until
 * the next event
 *
 * Then look at net_driver_error(), net_driver_link() and what waits, in any order. After a change of
 * the configuration this asks the device about it and waits for the answer; otherwise it never
 * waits. With an error there are no further events, and the fd may stay readable.
 */
void net_driver_handle_event(struct net_driver *driver);

/**
 * net_driver_send() - copy frames into transmit buffers
 * Headers are not looked at. Return: how many, fewer than n: the ring is full, or the next one cannot
 * be sent; -EMSGSIZE the first is longer than max_frame, -EINVAL the first is a runt, or
 * net_driver_error()
 */
ssize_t net_driver_send(struct net_driver *driver, const struct frame *frames, size_t n);

/** net_driver_flush() - the device is told of what was sent, unless it looks by itself */
void net_driver_flush(struct net_driver *driver);

/**
 * net_driver_wait_room() - until a frame can be sent
 * Return: 0, -ETIMEDOUT, net_driver_error(). Sending side
 */
int net_driver_wait_room(struct net_driver *driver, rig_time deadline);

/**
 * net_driver_drain() - until the device has taken all that was sent, which net_driver_free() would
 * throw away
 * Return: 0, -ETIMEDOUT, net_driver_error(). Sending side
 */
int net_driver_drain(struct net_driver *driver, rig_time deadline);

#endif
