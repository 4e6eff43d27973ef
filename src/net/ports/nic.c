/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic.c - a port that is a virtio-net device on a vfio-user socket
 *
 *   acceptor ---> nic_conn (uv_poll) --- rig_conn_dispatch() ---> vnet
 *                                                                  |  vnet_run()
 *   network <--- channel_send() -----------------------------------+
 *           ---- channel_peek(), _consume() ---------------------->+
 *
 * Connections. The server serves one VMM and refuses others politely, which takes a message: so
 * there may be several nic_conn, of which at most one is the VMM's. Each lives until
 * rig_conn_dispatch() says that it is over.
 *
 * Polling. A message of the VMM, or a frame for the guest, wakes the NIC: it runs the rings and goes on
 * in each turn of the loop (an idle handle) while frames or messages come and for a window of time
 * after the last one. Then it asks for kicks and sleeps. The window adapts as KVM's halt polling
 * does: woken soon after it fell asleep, the NIC would have done better to wait a bit longer, and
 * the window grows; woken late, the time was wasted and it shrinks, down to nothing.
 * With QEMU a kick costs a round trip through its main loop, and an access to a register stops a
 * guest's CPU until it is answered, so up to POLL_MAX_NS of a core is well spent in a dialogue; it
 * must not be more, as on a small host it is the guest's core. For the same reason each turn in
 * vain offers the processor to others.
 *
 * A kick is acknowledged first: the rings are run when rig_conn_dispatch() has returned.
 */
#include "net/ports/nic.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "net/ports/acceptor.h"
#include "sys/explain.h"
#include "sys/log.h"
#include "virtio/net.h"

#define POLL_START_NS 50000u
#define POLL_MAX_NS   200000u
#define POLL_MIN_NS \
	10000u /* a turn of the loop takes some microseconds: less than this is nothing */

struct nic_conn {
	uv_poll_t poll;
	struct nic *nic;
	struct nic_conn *next;
	struct rig_conn *conn; /* NULL: over, the handle is closing */
	int armed;	       /* UV_ events that the handle waits for */
};

struct nic {
	struct port_socket socket; /* first: what is given out */
	char *name;
	uv_loop_t *loop;
	struct acceptor *acceptor;
	struct vnet *vnet;
	struct channel *channel;
	struct nic_conn *conns;
	bool closing;

	uv_idle_t work; /* active: the rings are polled */
	uv_timer_t due; /* active: a connection has a deadline */

	uint64_t window_ns;
	uint64_t worked_ns; /* when frames last moved, or it was woken */
	uint64_t slept_ns;  /* when it last fell asleep */

	struct log_limit peers, messages;
};

/* Running the rings */

static uint64_t window_after_sleep(uint64_t window_ns, uint64_t asleep_ns)
{
	if (asleep_ns >= POLL_MAX_NS)
		return window_ns / 2 < POLL_MIN_NS ? 0 : window_ns / 2;
	if (window_ns < POLL_START_NS)
		return POLL_START_NS;
	return window_ns * 2 > POLL_MAX_NS ? POLL_MAX_NS : window_ns * 2;
}

static void on_work(uv_idle_t *work)
{
	struct nic *nic = work->data;
	uint64_t now_ns;

	if (vnet_run(nic->vnet)) {
		nic->worked_ns = uv_hrtime();
		return;
	}
	now_ns = uv_hrtime();
	if (now_ns - nic->worked_ns < nic->window_ns) {
		sched_yield();
		return;
	}
	if (!vnet_sleep(nic->vnet))
		return; /* work arrived meanwhile: the next turn finds it */
	nic->slept_ns = now_ns;
	uv_idle_stop(work);
}

static void nic_wake(struct nic *nic)
{
	nic->worked_ns = uv_hrtime();
	if (!uv_is_active((uv_handle_t *)&nic->work)) {
		nic->window_ns = window_after_sleep(nic->window_ns, nic->worked_ns - nic->slept_ns);
		uv_idle_start(&nic->work, on_work);
	}
	on_work(&nic->work);
}

static void on_channel_ready(void *opaque)
{
	nic_wake(opaque);
}

static void on_channel_link(void *opaque, bool up)
{
	struct nic *nic = opaque;

	vnet_set_link(nic->vnet, up);
}

static const struct channel_events channel_events = {
	.ready = on_channel_ready,
	.writable = on_channel_ready,
	.link = on_channel_link,
};

/* What the device asks of its backend */

static size_t backend_transmit(void *opaque, const struct frame *frames, size_t n)
{
	struct nic *nic = opaque;

	return channel_send(nic->channel, frames, n);
}

static size_t backend_peek(void *opaque, struct frame *frames, size_t n)
{
	struct nic *nic = opaque;

	return channel_peek(nic->channel, frames, n);
}

static void backend_consume(void *opaque, size_t n)
{
	struct nic *nic = opaque;

	channel_consume(nic->channel, n);
}

/* Only rig_conn_dispatch() leads here, and whatever it did wakes the NIC. */
static void backend_kicked(void *opaque)
{
}

static enum log_level log_level_of(enum rig_log_level level)
{
	switch (level) {
	case RIG_LOG_ERROR:
		return LOG_LEVEL_ERROR;
	case RIG_LOG_WARNING:
		return LOG_LEVEL_WARNING;
	case RIG_LOG_INFO:
		return LOG_LEVEL_INFO;
	case RIG_LOG_DEBUG:
		break;
	}
	return LOG_LEVEL_DEBUG;
}

static void backend_log(void *opaque, enum rig_log_level level, const char *message)
{
	struct nic *nic = opaque;

	log_limited(&nic->messages, log_level_of(level), "nic %s: %s", nic->name, message);
}

static void backend_connected(void *opaque)
{
	struct nic *nic = opaque;

	log_limited(&nic->peers, LOG_LEVEL_INFO, "nic %s: VMM connected", nic->name);
	channel_set_link(nic->channel, true);
}

static void backend_disconnected(void *opaque, int error, const char *reason)
{
	struct nic *nic = opaque;

	channel_set_link(nic->channel, false);
	if (!nic->closing)
		log_limited(&nic->peers, LOG_LEVEL_INFO, "nic %s: VMM gone: %s", nic->name,
			    reason ? reason : strerror(-error));
}

static const struct vnet_backend_ops backend_ops = {
	.transmit = backend_transmit,
	.peek = backend_peek,
	.consume = backend_consume,
	.kicked = backend_kicked,
	.log = backend_log,
	.connected = backend_connected,
	.disconnected = backend_disconnected,
};

/* Connections */

static void conn_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* The handle lets go of the fd before the fd is closed. */
static void conn_end(struct nic_conn *c)
{
	struct nic_conn **at = &c->nic->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	uv_close((uv_handle_t *)&c->poll, conn_closed);
	rig_conn_free(c->conn);
	c->conn = NULL;
}

static void on_conn_event(uv_poll_t *poll, int status, int events);

static void on_due(uv_timer_t *timer);

static rig_time earliest_deadline(const struct nic *nic)
{
	rig_time earliest = RIG_FOREVER;

	for (const struct nic_conn *c = nic->conns; c; c = c->next) {
		rig_time deadline = rig_conn_deadline(c->conn);

		earliest = deadline < earliest ? deadline : earliest;
	}
	return earliest;
}

static void due_arm(struct nic *nic)
{
	rig_time due = earliest_deadline(nic), now;

	if (due == RIG_FOREVER) {
		uv_timer_stop(&nic->due);
		return;
	}
	now = rig_now();
	uv_update_time(nic->loop);
	uv_timer_start(&nic->due, on_due, due > now ? (due - now + 999) / 1000 : 0, 0);
}

static void conn_arm(struct nic_conn *c)
{
	short wants = rig_conn_events(c->conn);
	int events = (wants & POLLIN ? UV_READABLE : 0) | (wants & POLLOUT ? UV_WRITABLE : 0);

	due_arm(c->nic);
	if (events == c->armed)
		return;
	c->armed = events;
	if (events)
		uv_poll_start(&c->poll, events, on_conn_event);
	else
		uv_poll_stop(&c->poll);
}

/* Each event ends with this, and must not touch the NIC after it. */
static void go_on(struct nic *nic)
{
	if (!nic->conns && !acceptor_is_open(nic->acceptor))
		port_socket_tell_over(&nic->socket);
	else
		nic_wake(nic);
}

static void conn_wants_changed(void *opaque)
{
	conn_arm(opaque);
}

static void conn_dispatch(struct nic_conn *c, short revents)
{
	if (rig_conn_dispatch(c->conn, revents) < 0)
		conn_end(c);
	else
		conn_arm(c);
}

/* libuv reports an error on the fd as a status, and stops the handle. */
static void on_conn_event(uv_poll_t *poll, int status, int events)
{
	struct nic_conn *c = poll->data;
	struct nic *nic = c->nic;
	short revents =
		(short)((events & UV_READABLE ? POLLIN : 0) | (events & UV_WRITABLE ? POLLOUT : 0));

	if (status < 0) {
		c->armed = 0;
		revents = POLLERR;
	}
	conn_dispatch(c, revents);
	go_on(nic);
}

static void on_due(uv_timer_t *timer)
{
	struct nic *nic = timer->data;
	struct nic_conn *next;

	for (struct nic_conn *c = nic->conns; c; c = next) {
		next = c->next;
		if (rig_conn_deadline(c->conn) <= rig_now())
			conn_dispatch(c, 0);
	}
	due_arm(nic);
	go_on(nic);
}

/* Return: 0, -errno: this one is lost, the fd closed */
static int on_accepted(void *opaque, int fd)
{
	struct nic *nic = opaque;
	struct rig_conn *conn;
	struct nic_conn *c;
	int r = rig_server_connect(vnet_server(nic->vnet), fd, &conn);

	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c) {
		rig_conn_free(conn);
		return -ENOMEM;
	}
	r = uv_poll_init(nic->loop, &c->poll, rig_conn_fd(conn));
	if (r < 0) {
		rig_conn_free(conn);
		free(c);
		return r;
	}
	c->poll.data = c;
	c->nic = nic;
	c->conn = conn;
	c->next = nic->conns;
	nic->conns = c;
	rig_conn_set_wants_changed(conn, conn_wants_changed, c);
	conn_arm(c);
	return 0;
}

/* Making and ending */

static int say(const struct nic *nic, char **ret_error, int error)
{
	return explain(ret_error, error, "--nic %s: %s", nic->name, strerror(-error));
}

static void due_closed(uv_handle_t *handle)
{
	struct nic *nic = handle->data;

	free(nic->name);
	free(nic);
}

static void work_closed(uv_handle_t *handle)
{
	struct nic *nic = handle->data;

	uv_close((uv_handle_t *)&nic->due, due_closed);
}

static int plug(struct nic *nic, const struct port_socket_config *config, struct port_table *table)
{
	struct port_config port = { .name = config->name,
				    .kind = port_socket_kind_name(PORT_SOCKET_NIC),
				    .mac_known = true,
				    .isolated = config->isolated,
				    .no_guard = config->no_guard,
				    .mtu = config->mtu,
				    .limits = config->limits };

	memcpy(port.mac, config->mac, FRAME_MAC);
	return port_open(table, &port, &channel_events, nic, &nic->channel);
}

/* The socket comes last: whoever connects finds the rest. */
static int fill(struct nic *nic, const struct port_socket_config *config, struct port_table *table,
		char **ret_error)
{
	struct vnet_config vnet = { .mtu = config->mtu, .queue_pairs = 1 };
	int r;

	memcpy(vnet.mac, config->mac, FRAME_MAC);
	r = vnet_new(&vnet, &backend_ops, nic, &nic->vnet);
	if (r < 0)
		return say(nic, ret_error, r);
	r = plug(nic, config, table);
	if (r < 0)
		return say(nic, ret_error, r);
	return acceptor_new(nic->loop, config, on_accepted, nic, &nic->acceptor, ret_error);
}

static int nic_set_limits(struct port_socket *socket, const struct port_limits *limits)
{
	const struct nic *nic = (const struct nic *)socket;

	return port_set_limits(port_of_channel(nic->channel), limits);
}

static void nic_free(struct port_socket *socket);

static const struct port_socket_ops nic_ops = { .free = nic_free, .set_limits = nic_set_limits };

int nic_new(uv_loop_t *loop, const struct port_socket_config *config, struct port_table *table,
	    struct port_socket **ret, char **ret_error)
{
	struct nic *nic = calloc(1, sizeof(*nic));
	int r;

	if (!nic)
		return explain(ret_error, -ENOMEM, "--nic: no memory for another");
	nic->socket.ops = &nic_ops;
	nic->loop = loop;
	nic->window_ns = POLL_START_NS;
	uv_idle_init(loop, &nic->work);
	uv_timer_init(loop, &nic->due);
	nic->work.data = nic->due.data = nic;
	nic->name = strdup(config->name);
	r = nic->name ? fill(nic, config, table, ret_error) : -ENOMEM;
	if (r < 0) {
		nic_free(&nic->socket);
		return r;
	}
	*ret = &nic->socket;
	return 0;
}

/* Connections first: their end is an event of the device, which is an event of the channel. */
static void nic_free(struct port_socket *socket)
{
	struct nic *nic = (struct nic *)socket;

	nic->closing = true;
	while (nic->conns)
		conn_end(nic->conns);
	vnet_free(nic->vnet);
	channel_close(nic->channel);
	acceptor_free(nic->acceptor);
	uv_close((uv_handle_t *)&nic->work, work_closed);
}
