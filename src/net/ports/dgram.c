/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dgram.c - a datagram socket (QEMU's -netdev dgram, vfkit, krunkit): one port, one frame a datagram
 *
 * Its life, and what happens when. Receiving stops while the network takes no more, pulling while
 * the guest or our socket does not.
 */
#include "net/ports/dgram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/ports/dgram_internal.h"
#include "sys/explain.h"

#define SOCKET_BYTES (1 << 20) /* any frame fits */

static void on_event(uv_poll_t *poll, int status, int events);
static void on_scout_event(uv_poll_t *poll, int status, int events);

/* Only when it changes: libuv asks the kernel each time. */
static void arm_scout(struct dgram *d)
{
	bool wanted = d->waits == WAIT_PEER;

	if (d->scout < 0 || wanted == d->scout_armed)
		return;
	d->scout_armed = wanted;
	if (wanted)
		uv_poll_start(&d->scout_poll, UV_WRITABLE, on_scout_event);
	else
		uv_poll_stop(&d->scout_poll);
}

static void arm(struct dgram *d)
{
	int events = (d->network_full ? 0 : UV_READABLE) | (d->waits == WAIT_OWN ? UV_WRITABLE : 0);

	if (d->bound.connected && !d->up)
		events = 0; /* nobody can come any more */
	if (events != d->armed) {
		d->armed = events;
		if (events)
			uv_poll_start(&d->poll, events, on_event);
		else
			uv_poll_stop(&d->poll);
	}
	arm_scout(d);
}

/* Events */

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct dgram *d = poll->data;

	if (status < 0) { /* libuv has stopped the handle */
		d->armed = 0;
		events = UV_READABLE;
	}
	if ((events & UV_WRITABLE) && d->waits == WAIT_OWN)
		dgram_pull(d);
	if ((events & UV_READABLE) && !d->network_full)
		dgram_receive(d);
	arm(d);
}

static void on_scout_event(uv_poll_t *poll, int status, int events)
{
	struct dgram *d = poll->data;

	if (status < 0) /* libuv has stopped the handle */
		d->scout_armed = false;
	dgram_pull(d);
	arm(d);
}

static void on_ready(void *opaque)
{
	struct dgram *d = opaque;

	if (d->waits == WAIT_NONE) {
		dgram_pull(d);
		arm(d);
	}
}

static void on_writable(void *opaque)
{
	struct dgram *d = opaque;

	dgram_hand_on(d);
	arm(d);
}

static const struct channel_events channel_events = {
	.ready = on_ready,
	.writable = on_writable,
};

static void dgram_each_counter(const struct port_socket *socket,
			       void (*each)(void *opaque, const char *name, uint64_t value),
			       void *opaque)
{
	const struct dgram *d = (const struct dgram *)socket;

	each(opaque, "not_frames_total", d->no_frames);
	each(opaque, "from_others_total", d->foreign);
	each(opaque, "unanswerable_total", d->unanswerable);
	each(opaque, "unsent_total", d->unsent);
}

/* Making and ending */

static void dgram_release(struct dgram *d)
{
	dgram_rx_free(d->rx);
	free(d->name);
	free(d);
}

static void handle_closed(uv_handle_t *handle)
{
	struct dgram *d = handle->data;

	if (--d->open_handles == 0)
		dgram_release(d);
}

static void dgram_free(struct port_socket *socket)
{
	struct dgram *d = (struct dgram *)socket;
	unsigned int n = d->open_handles;

	channel_close(d->channel);
	if (n > 0)
		uv_close((uv_handle_t *)&d->poll, handle_closed);
	if (n > 1)
		uv_close((uv_handle_t *)&d->scout_poll, handle_closed);
	sock_listener_close(&d->bound.listener);
	if (d->scout >= 0)
		close(d->scout);
	if (n == 0)
		dgram_release(d);
}

static int plug(struct dgram *d, const struct port_socket_config *config, struct port_table *table)
{
	struct port_config port = { .name = config->name,
				    .kind = port_socket_kind_name(PORT_SOCKET_DGRAM),
				    .mac_known = config->mac_given,
				    .isolated = config->isolated,
				    .no_guard = config->no_guard,
				    .mtu = config->mtu,
				    .limits = config->limits };

	memcpy(port.mac, config->mac, FRAME_MAC);
	d->name = strdup(config->name);
	d->rx = dgram_rx_new();
	if (!d->name || !d->rx)
		return -ENOMEM;
	return port_open(table, &port, &channel_events, d, &d->channel);
}

static int init_handles(struct dgram *d, uv_loop_t *loop)
{
	const int bytes = SOCKET_BYTES;
	int r = uv_poll_init(loop, &d->poll, d->bound.listener.fd);

	if (r < 0)
		return r;
	d->poll.data = d;
	d->open_handles = 1;
	/* Best effort: with what the kernel gives by itself it is slower. */
	(void)setsockopt(d->bound.listener.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (d->bound.connected)
		return 0;
	d->scout = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->scout < 0)
		return -errno;
	r = uv_poll_init(loop, &d->scout_poll, d->scout);
	if (r < 0)
		return r;
	d->scout_poll.data = d;
	d->open_handles = 2;
	return 0;
}

static int fill(struct dgram *d, uv_loop_t *loop, const struct port_socket_config *config,
		struct port_table *table, char **ret_error)
{
	int r = port_bind(config, &d->bound, ret_error);

	if (r < 0)
		return r;
	r = plug(d, config, table);
	if (r >= 0)
		r = init_handles(d, loop);
	if (r < 0)
		return explain(ret_error, r, "--dgram %s: %s", config->name, strerror(-r));
	d->up = d->bound.connected;
	if (d->up) {
		channel_set_link(d->channel, true);
		d->waits = WAIT_OWN; /* looks for frames in the first turn */
	}
	arm(d);
	return 0;
}

static int dgram_set_limits(struct port_socket *socket, const struct port_limits *limits)
{
	const struct dgram *d = (const struct dgram *)socket;

	return port_set_limits(port_of_channel(d->channel), limits);
}

static const struct port_socket_ops dgram_ops = {
	.free = dgram_free,
	.set_limits = dgram_set_limits,
	.each_counter = dgram_each_counter,
};

int dgram_new(uv_loop_t *loop, const struct port_socket_config *config, struct port_table *table,
	      struct port_socket **ret, char **ret_error)
{
	struct dgram *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return explain(ret_error, -ENOMEM, "--dgram: no memory for another");
	d->socket.ops = &dgram_ops;
	d->bound.listener.fd = d->scout = -1;
	r = fill(d, loop, config, table, ret_error);
	if (r < 0) {
		dgram_free(&d->socket);
		return r;
	}
	*ret = &d->socket;
	return 0;
}
