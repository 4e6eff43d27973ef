/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write_offload.h - packets that ask for checksums or segments, which the network's NIC does not do
 */
#ifndef VMNET_INTERFACES_WRITE_OFFLOAD_H
#define VMNET_INTERFACES_WRITE_OFFLOAD_H

#include "vmnet/interfaces/interface.h"

/**
 * write_offload() - finish and send packets. With the lock of senders
 * @packets: of lengths that were checked
 * @ret_sent: how many, those included that were dropped because their headers make no sense
 * Return: 0, -EINVAL or -EMSGSIZE nothing was sent, or what interface_send() returns
 */
int write_offload(struct interface *interface, const struct vmpktdesc *packets, int n,
		  size_t *ret_sent);

/**
 * interface_send() - frames as they are, waiting for room. With the lock of senders
 * Return: 0, -ETIMEDOUT the network takes no more, or net_driver_send()'s errors; @ret_sent always
 */
int interface_send(struct interface *interface, const struct frame *frames, size_t n,
		   size_t *ret_sent);

#endif
