/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * udp_relay.h - a port forward of datagrams that is carried by us
 *
 * Whoever sends to the bound socket gets a socket of its own to the other side, by which answers
 * find back; of 256 that are remembered the one that was silent for longest makes room, and each is forgotten
 * after two minutes of silence. One thread: the loop's.
 */
#ifndef NET_RELAY_UDP_RELAY_H
#define NET_RELAY_UDP_RELAY_H

#include <uv.h>

struct udp_relay;

/**
 * udp_relay_new()
 * @fd: bound, non-blocking; the caller's, open until udp_relay_free()
 * @dial: Return: a connected, non-blocking, close-on-exec fd, -errno
 * Return: 0 or -errno
 */
int udp_relay_new(uv_loop_t *loop, int fd, int (*dial)(void *opaque), void *opaque,
		  struct udp_relay **ret);

/** udp_relay_free() - the loop must run once more. NULL is fine */
void udp_relay_free(struct udp_relay *relay);

#endif
