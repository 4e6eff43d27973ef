/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_guest.h - one guest that is connected to a stream socket, and its port
 *
 * One thread: the loop's.
 */
#ifndef NET_PORTS_STREAM_GUEST_H
#define NET_PORTS_STREAM_GUEST_H

#include "net/port.h"

struct stream_guest;

/** enum stream_end - why a guest is gone */
enum stream_end {
	STREAM_END_CLOSED,     /* it hung up between two frames */
	STREAM_END_CUT,	       /* it hung up inside of one */
	STREAM_END_BAD_LENGTH, /* it sent what is no frame's length */
	STREAM_END_ERROR,      /* of the socket */
};

/**
 * struct stream_guest_events
 * @gone: the connection is over; the callee frees the guest, now or later. Not inside of
 *	  stream_guest_new()
 */
struct stream_guest_events {
	void (*gone)(void *opaque, struct stream_guest *guest, enum stream_end end,
		     const char *why);
};

/**
 * stream_guest_new() - plug in whoever is connected
 * @fd: a stream socket; the guest's, closed on failure, too
 * @port: as port_open()
 * Return: 0; -EEXIST there is a port of this name; -errno. The fd is closed on failure, but for
 * -EEXIST
 */
int stream_guest_new(uv_loop_t *loop, int fd, struct port_table *table,
		     const struct port_config *port, const struct stream_guest_events *events,
		     void *opaque, struct stream_guest **ret);

/** stream_guest_free() - hang up and unplug. The loop must run once more */
void stream_guest_free(struct stream_guest *guest);

/** stream_guest_port_name() - of its port, as long as the guest lives */
const char *stream_guest_port_name(const struct stream_guest *guest);

#endif
