/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_internal.h - what the files of a stream socket's guest share: stream_guest.c, stream_send.c
 */
#ifndef NET_PORTS_STREAM_INTERNAL_H
#define NET_PORTS_STREAM_INTERNAL_H

#include "net/ports/stream_frames.h"
#include "net/ports/stream_guest.h"

struct stream_guest {
	uv_poll_t poll;
	int armed; /* UV_ events that the handle waits for */
	int fd;
	struct channel *channel;
	struct stream_rx rx;
	struct stream_tx tx;
	bool network_full; /* until writable() */
	bool socket_full;  /* until UV_WRITABLE */
	bool over;	   /* gone() was called */
	const struct stream_guest_events *events;
	void *opaque;
	uint8_t *memory; /* both buffers; what is never touched costs nothing */
};

/* Wait for what is not full; not once it is over. */
void stream_guest_arm(struct stream_guest *guest);

/* Once: tell who holds it, who may free it at once. */
void stream_guest_end(struct stream_guest *guest, enum stream_end how, const char *why);

/* What waits in the network, as far as the socket takes it. Return: false: over */
bool stream_guest_pull(struct stream_guest *guest);

/* channel_events.take */
size_t stream_guest_take(void *opaque, const struct frame *frames, size_t n);

#endif
