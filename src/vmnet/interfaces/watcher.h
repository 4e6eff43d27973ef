/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watcher.h - the thread that waits for all interfaces of a process
 *
 * It sleeps on the descriptors of their drivers. It is made with the first interface and stays. All
 * signals are blocked in it. Any thread may call these.
 */
#ifndef VMNET_INTERFACES_WATCHER_H
#define VMNET_INTERFACES_WATCHER_H

struct interface;
struct net_driver;

/** watcher_add() - from now on event_noticed() is called. Return: 0, -errno */
int watcher_add(const struct interface *interface);

/** watcher_remove() - before its driver is freed, after the interface has none */
void watcher_remove(const struct net_driver *driver);

/** watcher_pace() - event_again() will be called for all in a moment */
void watcher_pace(void);

#endif
