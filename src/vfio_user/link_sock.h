/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_sock.h - moves a link's bytes through a non-blocking UNIX socket
 *
 * Every fd that recvmsg hands out is close-on-exec and given to the link at once, on the truncated
 * path too. One recvmsg may bring many messages, one sendmsg carry many replies.
 */
#ifndef VFIO_USER_LINK_SOCK_H
#define VFIO_USER_LINK_SOCK_H

#include "vfio_user/link.h"

/**
 * link_sock_readable() - receive what there is, handle it, send what that answered
 *
 * Reads until there is no more or a bounded number of rounds passed, so that one connection cannot
 * starve others: for level-triggered loops. A short read is taken for the last one. While the link
 * does not want to read this only looks whether the peer hung up.
 *
 * Return: 0, or -errno once the link is dead.
 */
int link_sock_readable(struct link *link, int fd);

/**
 * link_sock_writable() - send until nothing waits or the socket is full
 *
 * A peer that closed may have said something before: that is still read and handled.
 * Return: as above
 */
int link_sock_writable(struct link *link, int fd);

/** link_sock_events() - what to poll for now: POLLIN, POLLOUT, both or 0 */
short link_sock_events(const struct link *link);

#endif
