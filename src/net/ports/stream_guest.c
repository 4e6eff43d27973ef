/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_guest.c - one guest that is connected to a stream socket, and its port; what it sends
 *
 *   socket --- recv() ---> rx buffer --- channel_send() ---> network
 *   socket <-- stream_send.c ------------------------------- network
 *
 * Each direction stops by itself, and what it stops for is what it waits for:
 *
 *   receiving  the network takes no more: no read until its writable()
 *   sending    the socket takes no more: no pull from the network until it does. Frames wait in the
 *              network's bounded queue for this port, and are dropped there
 *
 * A turn of the loop reads once and sends a few batches at most, then it is somebody else's turn.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ports/stream_internal.h"

/* The kernel doubles what it may give of this. Any frame fits. */
#define SOCKET_BYTES (1 << 20)
#define WHY_MAX	     160u

static void on_event(uv_poll_t *poll, int status, int events);

void stream_guest_arm(struct stream_guest *guest)
{
	int events =
		(guest->network_full ? 0 : UV_READABLE) | (guest->socket_full ? UV_WRITABLE : 0);

	if (guest->over || events == guest->armed)
		return;
	guest->armed = events;
	if (events)
		uv_poll_start(&guest->poll, events, on_event);
	else
		uv_poll_stop(&guest->poll);
}

void stream_guest_end(struct stream_guest *guest, enum stream_end how, const char *why)
{
	guest->over = true;
	uv_poll_stop(&guest->poll);
	guest->events->gone(guest->opaque, guest, how, why);
}

static void end_by_length(struct stream_guest *guest)
{
	char why[WHY_MAX];

	snprintf(why, sizeof(why),
		 "it sent %u as the length of a frame, which is %u to %u bytes: it does not speak "
		 "this protocol",
		 stream_rx_next_len(&guest->rx), STREAM_FRAME_MIN, STREAM_FRAME_MAX);
	stream_guest_end(guest, STREAM_END_BAD_LENGTH, why);
}

static void end_by_eof(struct stream_guest *guest)
{
	size_t left = stream_rx_left(&guest->rx);
	char why[WHY_MAX];

	snprintf(why, sizeof(why), "it hung up inside of a frame, %zu bytes of which came", left);
	if (left)
		stream_guest_end(guest, STREAM_END_CUT, why);
	else
		stream_guest_end(guest, STREAM_END_CLOSED, "it hung up");
}

/* From the guest. Return: false: over */

static bool hand_on(struct stream_guest *guest)
{
	struct frame frames[STREAM_RX_BATCH];
	struct iovec iov[STREAM_RX_BATCH];
	int n;

	while ((n = stream_rx_peek(&guest->rx, frames, iov, STREAM_RX_BATCH)) > 0) {
		size_t taken = channel_send(guest->channel, frames, (size_t)n);

		stream_rx_consume(&guest->rx, taken);
		if (taken < (size_t)n) {
			guest->network_full = true;
			return true;
		}
	}
	if (n == 0)
		return true;
	end_by_length(guest);
	return false;
}

static bool receive(struct stream_guest *guest)
{
	size_t len;
	void *space = stream_rx_space(&guest->rx, &len);
	ssize_t r = recv(guest->fd, space, len, MSG_DONTWAIT);

	if (r > 0) {
		stream_rx_add(&guest->rx, (size_t)r);
		return hand_on(guest);
	}
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (r == 0 || errno == ECONNRESET)
		end_by_eof(guest);
	else
		stream_guest_end(guest, STREAM_END_ERROR, strerror(errno));
	return false;
}

/* Events */

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct stream_guest *guest = poll->data;

	/* libuv has stopped the handle; what is wrong is said behind what still can be read. */
	if (status < 0) {
		guest->armed = 0;
		guest->network_full = false;
		events = UV_READABLE;
	}
	if ((events & UV_WRITABLE) && !stream_guest_pull(guest))
		return;
	if ((events & UV_READABLE) && !guest->network_full && !receive(guest))
		return;
	stream_guest_arm(guest);
}

static void on_ready(void *opaque)
{
	struct stream_guest *guest = opaque;

	if (!guest->over && !guest->socket_full && stream_guest_pull(guest))
		stream_guest_arm(guest);
}

static void on_writable(void *opaque)
{
	struct stream_guest *guest = opaque;

	if (guest->over)
		return;
	guest->network_full = false;
	if (hand_on(guest))
		stream_guest_arm(guest);
}

static const struct channel_events channel_events = {
	.ready = on_ready,
	.writable = on_writable,
	.take = stream_guest_take,
};

/* Making and ending */

static void guest_release(struct stream_guest *guest)
{
	free(guest->memory);
	free(guest);
}

static void poll_closed(uv_handle_t *handle)
{
	guest_release(handle->data);
}

/* Best effort: with what the kernel gives by itself it is slower. */
static void widen(int fd)
{
	const int bytes = SOCKET_BYTES;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

int stream_guest_new(uv_loop_t *loop, int fd, struct port_table *table,
		     const struct port_config *port, const struct stream_guest_events *events,
		     void *opaque, struct stream_guest **ret)
{
	struct stream_guest *guest = calloc(1, sizeof(*guest));
	uint8_t *memory = malloc(STREAM_RX_BYTES + STREAM_TX_BYTES);
	int r = -ENOMEM;

	if (!guest || !memory) {
		free(memory);
		goto fail;
	}
	*guest = (struct stream_guest) { .fd = fd,
					 .rx = { .buf = memory },
					 .tx = { .buf = memory + STREAM_RX_BYTES },
					 .events = events,
					 .opaque = opaque,
					 .memory = memory };
	r = port_open(table, port, &channel_events, guest, &guest->channel);
	if (r < 0)
		goto fail;
	r = uv_poll_init(loop, &guest->poll, fd);
	if (r < 0)
		goto fail;
	guest->poll.data = guest;
	widen(fd);
	channel_set_link(guest->channel, true);
	guest->socket_full = true; /* looks for frames in the first turn */
	stream_guest_arm(guest);
	*ret = guest;
	return 0;
fail:
	if (guest) {
		channel_close(guest->channel);
		guest_release(guest);
	}
	if (r != -EEXIST)
		close(fd);
	return r;
}

/* The handle lets go of the fd before the fd is closed. */
void stream_guest_free(struct stream_guest *guest)
{
	guest->over = true;
	channel_close(guest->channel);
	uv_close((uv_handle_t *)&guest->poll, poll_closed);
	close(guest->fd);
}

const char *stream_guest_port_name(const struct stream_guest *guest)
{
	return port_config(port_of_channel(guest->channel))->name;
}
