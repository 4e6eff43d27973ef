/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_end.h - our virtio-net device in a thread of its own, with an echo for a network
 *
 *   driver under test <--socketpair--> [ thread: rig_server - vnet - echo ]
 *
 * What the driver sends comes back, in order; while echoes are held they wait, and when NIC_END_HELD
 * wait the network is full.
 */
#ifndef TESTS_NIC_END_H
#define TESTS_NIC_END_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio/net.h"

#define NIC_END_HELD 64u

struct nic_end {
	struct vnet *vnet;
	struct rig_conn *conn; /* the thread's; NULL: over */
	pthread_t thread;
	bool running;
	int control; /* eventfd: look at what is asked for */
	int kick;    /* eventfd: of an ioeventfd for the transmit queue; nobody need have it */
	_Atomic(bool) stop, hang_up, hold;
	_Atomic(bool) link;
	_Atomic(unsigned int) frames_sent; /* by the driver */

	/* the thread's */
	struct {
		struct iovec iov;
		uint8_t bytes[FRAME_MAX];
	} * echoes;
	size_t first, n;
};

/**
 * nic_end_start() - Return: the driver's end of the connection
 * @spoil: make it another device than ours, before anybody is connected; may be NULL
 */
int nic_end_start(struct nic_end *end, const struct vnet_config *config,
		  void (*spoil)(struct nic_end *end));

/** nic_end_offer_io_fd() - the transmit queue can be kicked by an eventfd: for @spoil */
void nic_end_offer_io_fd(struct nic_end *end);

/** nic_end_tell() - hold, link or hang_up was changed */
void nic_end_tell(struct nic_end *end);

/** nic_end_pause() - the thread ends: the device is the caller's to look at, or to play */
void nic_end_pause(struct nic_end *end);

/** nic_end_stop() - the device ends, and the thread if it is not paused */
void nic_end_stop(struct nic_end *end);

#endif
