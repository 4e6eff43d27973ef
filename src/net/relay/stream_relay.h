/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_relay.h - port forwards that are carried by us: who connects to a listening socket is
 * connected to what somebody dials
 *
 * One thread: the loop's.
 */
#ifndef NET_RELAY_STREAM_RELAY_H
#define NET_RELAY_STREAM_RELAY_H

#include <uv.h>

struct stream_relays; /* of one network: with their connections, of which there may be 1024 */
struct stream_relay;  /* one listening socket */

/** stream_relays_new() - none yet. Return: 0, -ENOMEM */
int stream_relays_new(uv_loop_t *loop, struct stream_relays **ret);

/** stream_relays_free() - connections too; no relay is left. The loop must run once more. NULL is fine */
void stream_relays_free(struct stream_relays *relays);

/**
 * stream_relay_new() - accept from now on
 * @fd: listening, non-blocking; the caller's, open until stream_relay_free()
 * @name: for log lines, "tcp:/run/web"; copied
 * @dial: connect to the other side, at least begin to. Return: a non-blocking, close-on-exec fd,
 *	-errno
 * Return: 0 or -errno
 */
int stream_relay_new(struct stream_relays *relays, int fd, const char *name,
		     int (*dial)(void *opaque), void *opaque, struct stream_relay **ret);

/** stream_relay_free() - accept no more; connections stay. NULL is fine */
void stream_relay_free(struct stream_relay *relay);

#endif
