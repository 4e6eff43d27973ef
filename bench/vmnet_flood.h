/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_flood.h - the least that serving several guests through vmnet can be: one interface for all of
 * them, and what comes in goes to everybody
 *
 * Up to 32 packets a read, which one writev() hands to each guest, behind their lengths. What a guest
 * sends goes to the interface and to all the others. Nothing is learned of who is where.
 */
#ifndef VMNET_FLOOD_H
#define VMNET_FLOOD_H

#include <sys/types.h>

#define FLOOD_GUESTS 16u

/**
 * flood_start() - in a process of its own, which ends by flood_end(), or with us
 * @network: UUID of a host network
 * @ret_guests: n stream sockets, which are the caller's
 * Waits until it is plugged in. Nothing of libvmnet may have been used here before.
 */
pid_t flood_start(const char *network, int *ret_guests, unsigned int n);
void flood_end(pid_t pid);

#endif
