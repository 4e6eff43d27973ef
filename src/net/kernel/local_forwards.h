/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * local_forwards.h - forwards of a kernel network that nftables cannot do: they begin at a UNIX
 * socket, or at [::1], from which the kernel routes nothing. One from all IPv6 addresses is done by
 * both: what comes to its socket is what was sent to [::1]
 *
 * Only the host itself can reach these. We accept, and go on to the guest through the host's own
 * stack: the guest sees the gateway, as with all connections of the host's. One thread: the loop's.
 */
#ifndef NET_KERNEL_LOCAL_FORWARDS_H
#define NET_KERNEL_LOCAL_FORWARDS_H

#include <uv.h>

#include "net/network.h"

struct local_forwards;

/** enum local_part - how much of a forward is to be done here */
enum local_part {
	LOCAL_NONE,
	LOCAL_LOOPBACK, /* from all IPv6 addresses: what nftables leaves */
	LOCAL_WHOLE,
};

enum local_part local_forwards_part(const struct network_forward *forward);

int local_forwards_new(uv_loop_t *loop, struct local_forwards **ret); /* 0, -ENOMEM */

/** local_forwards_free() - connections too. The loop must run once more. NULL is fine */
void local_forwards_free(struct local_forwards *forwards);

/**
 * local_forwards_add()
 * @fd: for LOCAL_LOOPBACK the socket that has the port; duplicated
 * @ret_error: a sentence that goes on after the forward's text; the caller frees
 * Return: 0 or -errno
 */
int local_forwards_add(struct local_forwards *forwards, const struct network_forward *forward,
		       int fd, char **ret_error);

/** local_forwards_remove() - the one with this host's side; connections of a stream stay */
void local_forwards_remove(struct local_forwards *forwards, const struct network_forward *forward);

#endif
