/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_interface.h - an interface on one of vmnet's host networks, for programs that measure
 *
 * Networks are named by a UUID, as text: who gives the same one is on the same network, where there
 * is nobody else, neither the host nor DHCP. The registry is the environment's.
 */
#ifndef VMNET_INTERFACE_H
#define VMNET_INTERFACE_H

#include <stddef.h>

#include <vmnet/vmnet.h>

/** struct interface - what has been started, and the serial queue of its callbacks */
struct interface {
	interface_ref ref;
	dispatch_queue_t queue;
	size_t max_packet; /* bytes */
};

/** interface_start() - waits until it has started; die() if it does not */
void interface_start(struct interface *interface, const char *network);

/** interface_stop() - waits until it has stopped. Not from its queue */
void interface_stop(struct interface *interface);

#endif
