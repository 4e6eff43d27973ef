/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slirp_poll.h - libslirp's sockets and timeouts on a libuv loop
 */
#ifndef NET_USER_SLIRP_POLL_H
#define NET_USER_SLIRP_POLL_H

#include <libslirp.h>
#include <stdbool.h>
#include <uv.h>

struct slirp_poll;

/** slirp_poll_new() - nothing is done until slirp_poll_start(). Return: 0, -ENOMEM */
int slirp_poll_new(uv_loop_t *loop, struct slirp_poll **ret);

/** slirp_poll_start() - from now on the loop works for this libslirp */
void slirp_poll_start(struct slirp_poll *poll, Slirp *slirp);

/** slirp_poll_changed() - libslirp was called or asks for it: it may want other events now */
void slirp_poll_changed(struct slirp_poll *poll);

/** slirp_poll_hold() - while held, no connection from outside is accepted: it waits in its backlog */
void slirp_poll_hold(struct slirp_poll *poll, bool held);

/**
 * slirp_poll_refresh() - before a packet goes in after a pause: libslirp's idea of the time is
 * that of its last poll
 */
void slirp_poll_refresh(struct slirp_poll *poll);

/**
 * slirp_poll_flush() - a guest has said what its Ethernet address is: packets may have waited for
 * that, and libslirp looks after them in its next turn only
 */
void slirp_poll_flush(struct slirp_poll *poll);

/** slirp_poll_forget() - the fd is about to be closed, its number will be used again */
void slirp_poll_forget(struct slirp_poll *poll, int fd);

/**
 * slirp_poll_free() - let go of every handle
 *
 * After slirp_cleanup(). The memory goes when the loop has closed the handles: it must run once
 * more. NULL is fine
 */
void slirp_poll_free(struct slirp_poll *poll);

#endif
