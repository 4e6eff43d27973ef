/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tap_channel.c - frames of one port, to and from a descriptor of the kernel's
 *
 * Reading ahead: peek() fills slots from the descriptor, consume() empties them, in a ring that is
 * taken from the network's memory while frames wait and given back when none do. An idle port costs
 * nothing but its struct.
 *
 * Readiness: the descriptor is watched from the moment when peek() found nothing (or the link came
 * up) on. When it gets readable the port is told once; should it get readable again before the port
 * has looked until nothing was left, watching stops: a guest without buffers must not make the loop
 * spin. A port that always drains costs no system call for the watching.
 *
 * Sending: a TAP takes what it is given, so there is no back-pressure to pass on. It could be asked
 * for (TUNSETSNDBUF), but then frames that wait for one guest that never reads would stop everyone
 * who sends to it. A device that does refuse (EAGAIN) is waited for.
 */
#include "net/kernel/tap_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/kernel/tap_device.h"
#include "virtio/spec.h"

#define SLOTS	      64u
#define IOV_MAX_FRAME 64u   /* pieces of one frame that is sent; no sender of ours uses as many */
#define DRAIN_MAX     4096u /* longer than the kernel's queue of a TAP */

struct tap_channel {
	struct channel channel; /* first: what is given out */
	struct channel_stats stats;
	struct tap_memory *memory;
	const struct tap_channel_owner *owner;
	size_t max_frame, slot_size;
	uv_poll_t poll;
	int fd;
	int watching; /* events that the poll handle has now */
	bool asked;   /* peek() found nothing since ready() was told */
	bool full;    /* send() took fewer than offered */
	bool up;
	bool source_told; /* since the link came up */
	char *slots;	  /* NULL while no frame waits */
	unsigned int head, n;
	uint32_t lens[SLOTS]; /* of the frames, without header */
	struct iovec iov[SLOTS];
};

/* Memory */

static bool slots_take(struct tap_channel *tap)
{
	size_t size = SLOTS * tap->slot_size;

	if (tap->slots)
		return true;
	if (tap->memory->spare && tap->memory->spare_size >= size) {
		tap->slots = tap->memory->spare;
		tap->memory->spare = NULL;
	} else {
		tap->slots = malloc(size);
	}
	tap->head = 0;
	return tap->slots;
}

static void slots_give(struct tap_channel *tap)
{
	tap->n = 0;
	if (!tap->slots)
		return;
	if (tap->memory->spare) {
		free(tap->slots);
	} else {
		tap->memory->spare = tap->slots;
		tap->memory->spare_size = SLOTS * tap->slot_size;
	}
	tap->slots = NULL;
}

void tap_memory_clear(struct tap_memory *memory)
{
	free(memory->spare);
	*memory = (struct tap_memory) { 0 };
}

/* Watching */

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct tap_channel *tap, int events)
{
	if (events == tap->watching)
		return;
	tap->watching = events;
	if (events)
		uv_poll_start(&tap->poll, events, on_poll);
	else
		uv_poll_stop(&tap->poll);
}

/* An error (the interface was removed) shows itself to the next read or write. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct tap_channel *tap = poll->data;
	bool readable = status < 0 || events & UV_READABLE;
	bool writable = status < 0 || events & UV_WRITABLE;

	if (writable && tap->full) {
		tap->full = false;
		watch(tap, tap->watching & ~UV_WRITABLE);
		channel_tell_writable(&tap->channel);
	}
	if (!readable || !(tap->watching & UV_READABLE))
		return;
	if (!tap->asked) {
		watch(tap, tap->watching & ~UV_READABLE);
		return;
	}
	tap->asked = false;
	channel_tell_ready(&tap->channel);
}

/* From the port */

static bool frame_fits(const struct tap_channel *tap, const struct frame *frame)
{
	size_t limit = frame->header.gso_type ? FRAME_MAX : tap->max_frame;

	return frame->len >= FRAME_ETH_HEADER && frame->len <= limit &&
	       frame->n_iov < IOV_MAX_FRAME;
}

static void tell_source(struct tap_channel *tap, const struct frame *frame)
{
	uint8_t addresses[2 * FRAME_MAC];
	size_t have = 0;

	tap->source_told = true;
	for (size_t i = 0; i < frame->n_iov && have < sizeof(addresses); i++) {
		size_t n = sizeof(addresses) - have;

		if (n > frame->iov[i].iov_len)
			n = frame->iov[i].iov_len;
		memcpy(addresses + have, frame->iov[i].iov_base, n);
		have += n;
	}
	tap->owner->source(tap->owner->opaque, &tap->channel, addresses + FRAME_MAC);
}

/* Return: false if the descriptor has no room now */
static bool send_frame(struct tap_channel *tap, const struct frame *frame)
{
	struct iovec iov[IOV_MAX_FRAME];
	ssize_t done;

	if (!tap->up || !frame_fits(tap, frame)) {
		tap->stats.sent_dropped++;
		return true;
	}
	if (tap->owner->source && !tap->source_told)
		tell_source(tap, frame);
	iov[0] = (struct iovec) { (void *)&frame->header, sizeof(frame->header) };
	memcpy(iov + 1, frame->iov, frame->n_iov * sizeof(*iov));
	do {
		done = writev(tap->fd, iov, (int)frame->n_iov + 1);
	} while (done < 0 && errno == EINTR);
	if (done < 0 && errno == EAGAIN)
		return false;
	if (done < 0)
		tap->stats.sent_dropped++;
	return true;
}

static size_t tap_send(struct channel *channel, const struct frame *frames, size_t n)
{
	struct tap_channel *tap = (struct tap_channel *)channel;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!send_frame(tap, &frames[i])) {
			tap->full = true;
			watch(tap, tap->watching | UV_WRITABLE);
			break;
		}
		tap->stats.sent_frames++;
		tap->stats.sent_bytes += frames[i].len;
	}
	return i;
}

/* To the port */

static char *slot(const struct tap_channel *tap, unsigned int i)
{
	return tap->slots + (tap->head + i) % SLOTS * tap->slot_size;
}

/* What is no frame is not shown. Return: false when nothing more is to be had now */
static bool read_slot(struct tap_channel *tap)
{
	ssize_t len = read(tap->fd, slot(tap, tap->n), tap->slot_size);

	if (len < 0)
		return errno == EINTR;
	if ((size_t)len < sizeof(struct frame_header) + FRAME_ETH_HEADER)
		return len > 0;
	tap->lens[(tap->head + tap->n) % SLOTS] =
		(uint32_t)((size_t)len - sizeof(struct frame_header));
	tap->n++;
	return true;
}

/* The kernel leaves the last two bytes as they were; that it has checked a checksum is no offload. */
static void read_header(struct frame_header *ret, const char *bytes)
{
	memcpy(ret, bytes, sizeof(*ret));
	ret->num_buffers = 0;
	ret->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (!ret->flags && !ret->gso_type)
		*ret = (struct frame_header) { 0 };
}

static size_t tap_peek(struct channel *channel, struct frame *frames, size_t n)
{
	struct tap_channel *tap = (struct tap_channel *)channel;
	size_t shown = n < SLOTS ? n : SLOTS;

	if (!tap->up || !slots_take(tap))
		return 0;
	while (tap->n < shown && read_slot(tap))
		;
	if (tap->n == 0) {
		slots_give(tap);
		tap->asked = true;
		watch(tap, tap->watching | UV_READABLE);
		return 0;
	}
	if (tap->n < shown)
		shown = tap->n;
	for (unsigned int i = 0; i < shown; i++) {
		char *bytes = slot(tap, i);
		struct iovec *iov = &tap->iov[i];

		*iov = (struct iovec) { bytes + sizeof(frames[i].header),
					tap->lens[(tap->head + i) % SLOTS] };
		frames[i] = (struct frame) { .iov = iov, .n_iov = 1, .len = iov->iov_len };
		read_header(&frames[i].header, bytes);
	}
	return shown;
}

static void tap_consume(struct channel *channel, size_t n)
{
	struct tap_channel *tap = (struct tap_channel *)channel;

	for (size_t i = 0; i < n; i++) {
		tap->stats.received_frames++;
		tap->stats.received_bytes += tap->lens[tap->head];
		tap->head = (tap->head + 1) % SLOTS;
		tap->n--;
	}
	if (tap->n == 0)
		slots_give(tap);
}

/* What waits when the cable is pulled is not for whoever plugs it in again. */
static void drain(struct tap_channel *tap)
{
	for (unsigned int i = 0; i < DRAIN_MAX && slots_take(tap); i++) {
		tap->n = 0;
		if (!read_slot(tap))
			break;
	}
	slots_give(tap);
}

static void tap_set_link(struct channel *channel, bool up)
{
	struct tap_channel *tap = (struct tap_channel *)channel;

	if (tap->up == up)
		return;
	tap->up = up;
	tap->full = false;
	tap->source_told = false;
	tap->asked = up;
	if (tap->owner->set_carrier)
		tap->owner->set_carrier(tap->owner->opaque, channel, up);
	else
		(void)tap_device_set_carrier(tap->fd, up); /* fails when the interface is gone */
	drain(tap);
	watch(tap, up ? UV_READABLE : 0);
}

static const struct channel_stats *tap_stats(const struct channel *channel)
{
	struct tap_channel *tap = (struct tap_channel *)channel;

	tap->stats.received_dropped = tap->owner->dropped(tap->owner->opaque, channel);
	return &tap->stats;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void tap_close(struct channel *channel)
{
	struct tap_channel *tap = (struct tap_channel *)channel;

	tap->owner->closing(tap->owner->opaque, channel);
	slots_give(tap);
	uv_close((uv_handle_t *)&tap->poll, on_closed);
	close(tap->fd); /* the interface goes now, not when the loop runs next */
}

static const struct channel_ops tap_ops = {
	.send = tap_send,
	.peek = tap_peek,
	.consume = tap_consume,
	.set_link = tap_set_link,
	.stats = tap_stats,
	.close = tap_close,
};

int tap_channel_new(uv_loop_t *loop, int fd, size_t max_frame, struct tap_memory *memory,
		    const struct tap_channel_owner *owner, const struct channel_events *events,
		    void *opaque, struct channel **ret)
{
	struct tap_channel *tap = calloc(1, sizeof(*tap));
	int r;

	if (!tap)
		return -ENOMEM;
	*tap = (struct tap_channel) {
		.channel = { .ops = &tap_ops, .events = events, .opaque = opaque },
		.memory = memory,
		.owner = owner,
		.max_frame = max_frame,
		.slot_size = sizeof(struct frame_header) + max_frame,
		.fd = fd,
	};
	r = uv_poll_init(loop, &tap->poll, fd);
	if (r < 0) {
		free(tap);
		return r;
	}
	tap->poll.data = tap;
	if (!owner->set_carrier)
		(void)tap_device_set_carrier(fd, false);
	*ret = &tap->channel;
	return 0;
}
