/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel.h - the seam between a port and the network it is plugged into
 *
 * A port (a NIC, a stream or datagram socket) holds one channel of one network. Neither knows which
 * kind the other is. Frames cross in batches; nobody blocks; each side says when it can go on:
 *
 *   port --- channel_send() ---------------> network
 *   port <-- channel_peek(), _consume() ---- network     after events->ready()
 *
 * A channel starts unplugged: the port says by channel_set_link() when there is somebody behind it.
 * Until then, and whenever the link is down, nothing is queued for it and nothing it sends is taken
 * in.
 *
 * One thread: the loop that runs the network and its ports. Events never run inside a call of the
 * same channel, so a port needs no guard against its own echo. They run inside of no other channel's
 * either, but for take(), which calls nobody.
 */
#ifndef NET_CHANNEL_H
#define NET_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/frame.h"

struct channel;

/** struct channel_stats - as the port sees it: sent into the network, received from it */
struct channel_stats {
	uint64_t sent_frames, sent_bytes; /* what the port offered and was taken */
	uint64_t sent_dropped;		  /* of these: no valid frame, nowhere to go */
	uint64_t received_frames, received_bytes;
	uint64_t
		received_dropped; /* the port did not take them in time, or before its link went down */
};

/** struct channel_events - what a network tells a port; a member may be NULL */
struct channel_events {
	void (*ready)(void *opaque);	     /* frames wait, after peek gave none */
	void (*writable)(void *opaque);	     /* room again, after send took fewer than offered */
	void (*link)(void *opaque, bool up); /* the network's end of the cable; up to begin with */

	/*
	 * Many frames at once for this port, which has none waiting: those it can pass on at once it
	 * may take, the oldest first, and say how many; the others wait for peek(). Runs inside another
	 * port's send: calls no channel, closes none, keeps no pointer.
	 */
	size_t (*take)(void *opaque, const struct frame *frames, size_t n);
};

struct channel_ops {
	/* Take up to n frames, return how many; fewer means full, and writable() follows. Frames
	 * that the network drops count as taken. Keeps no pointer into them. Never blocks. */
	size_t (*send)(struct channel *channel, const struct frame *frames, size_t n);

	/* Show up to n waiting frames, oldest first, without taking them. They stay as they are
	 * until consume(), set_link(false) or close(). After 0, ready() announces the next. */
	size_t (*peek)(struct channel *channel, struct frame *frames, size_t n);

	/* The n oldest frames are done with. n is at most what the last peek gave. */
	void (*consume)(struct channel *channel, size_t n);

	/* The port's end of the cable. Down: waiting frames are dropped. */
	void (*set_link)(struct channel *channel, bool up);

	const struct channel_stats *(*stats)(const struct channel *channel);

	/* Once this returns no event runs any more. Waiting frames are dropped. */
	void (*close)(struct channel *channel);
};

/* What every kind of channel starts with. */
struct channel {
	const struct channel_ops *ops;
	const struct channel_events *events;
	void *opaque; /* the port's, for events */
	size_t shown; /* by the last peek and not consumed: what consume may name */
};

/* The seam checks both sides; implementations stay short. */
size_t channel_send(struct channel *channel, const struct frame *frames, size_t n);
size_t channel_peek(struct channel *channel, struct frame *frames, size_t n);
void channel_consume(struct channel *channel, size_t n);
void channel_set_link(struct channel *channel, bool up);
const struct channel_stats *channel_stats(const struct channel *channel);
void channel_close(struct channel *channel); /* NULL is fine */

/* For implementations: tell the port, if it wants to know. */
void channel_tell_ready(struct channel *channel);
void channel_tell_writable(struct channel *channel);
void channel_tell_link(struct channel *channel, bool up);

/** channel_offer() - events->take(). Return: how many frames were taken */
size_t channel_offer(struct channel *channel, const struct frame *frames, size_t n);

#endif
