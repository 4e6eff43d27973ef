/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netlink.h - requests to the kernel's rtnetlink, answered before the call returns
 *
 * A thin layer: one socket, and the errno that the kernel really gave. What requests there are is
 * in host_link.h and host_scan.h. One thread.
 */
#ifndef NET_KERNEL_NETLINK_H
#define NET_KERNEL_NETLINK_H

#include <netlink/msg.h>
#include <netlink/netlink.h>

struct netlink;

int netlink_new(struct netlink **ret); /* 0 or -errno */
void netlink_free(struct netlink *netlink);

/**
 * netlink_request() - send, wait for the acknowledgement
 * @message: freed, however it ends; NULL is -ENOMEM
 * Return: 0 or the kernel's -errno
 */
int netlink_request(struct netlink *netlink, struct nl_msg *message);

/** netlink_get() - the same, and the one message that is the answer is handed to each() */
int netlink_get(struct netlink *netlink, struct nl_msg *message,
		void (*each)(void *opaque, struct nlmsghdr *header), void *opaque);

/**
 * netlink_dump() - send, and hand each message of the answer to each()
 * @message: as above
 * Return: 0, -EAGAIN what is listed changed meanwhile, so something may be missing or twice, -errno
 */
int netlink_dump(struct netlink *netlink, struct nl_msg *message,
		 void (*each)(void *opaque, struct nlmsghdr *header), void *opaque);

#endif
