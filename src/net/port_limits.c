/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_limits.c - a port's rates: who waits, and for how long
 *
 *   from the guest  what may not pass yet is not taken: the socket stops reading, so the guest, or
 *                   the kernel's socket between, holds it back. writable() when it may go on
 *   to the guest    what may not pass yet is not shown: it waits in the network's queue for this
 *                   port, and is dropped there when that is full. ready() when it may go on
 *
 * A port that never had a limit has no limiter. The timer is armed while somebody waits only.
 */
#include "net/port_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "net/policy/token_bucket.h"

#define US_IN_MS 1000u

/* One direction. @wants: bytes of the frame that waits, 0: none does */
struct lane {
	struct token_bucket bucket;
	uint64_t wants;
};

struct port_limiter {
	uv_timer_t timer;
	struct port *port; /* NULL: gone */
	struct lane from_guest, to_guest;
	bool held; /* to_guest's waits since then, dropped_before had been dropped at the time */
	uint64_t dropped_before, dropped;
};

static uint64_t now_us(void)
{
	return uv_hrtime() / US_IN_MS;
}

static uint64_t lane_wait_us(const struct lane *lane)
{
	return lane->wants ? token_bucket_wait_us(&lane->bucket, lane->wants) : UINT64_MAX;
}

static void on_timer(uv_timer_t *timer);

static void arm(struct port_limiter *limiter)
{
	uint64_t from_us = lane_wait_us(&limiter->from_guest);
	uint64_t to_us = lane_wait_us(&limiter->to_guest);
	uint64_t wait_us = from_us < to_us ? from_us : to_us;

	if (wait_us == UINT64_MAX)
		uv_timer_stop(&limiter->timer);
	else
		uv_timer_start(&limiter->timer, on_timer,
			       wait_us / US_IN_MS + (wait_us % US_IN_MS > 0), 0);
}

/* Return: it waited, and may try again */
static bool lane_release(struct lane *lane, uint64_t now)
{
	if (!lane->wants || token_bucket_level(&lane->bucket, now) < lane->wants)
		return false;
	lane->wants = 0;
	return true;
}

/* What is told may close the port. */
static void on_timer(uv_timer_t *timer)
{
	struct port_limiter *limiter = timer->data;
	uint64_t now = now_us();

	if (lane_release(&limiter->from_guest, now))
		channel_tell_writable(&limiter->port->channel);
	if (limiter->port && lane_release(&limiter->to_guest, now))
		channel_tell_ready(&limiter->port->channel);
	if (limiter->port)
		arm(limiter);
}

/*
 * Until lane_release(), even if something else passes meanwhile: another queue of the same NIC may
 * have less to send.
 */
static void lane_waits(struct port_limiter *limiter, struct lane *lane, const struct frame *frame)
{
	lane->wants = frame->len;
	arm(limiter);
}

/* Return: how many of them may pass now */
static size_t lane_admits(struct lane *lane, const struct frame *frames, size_t n, uint64_t *ret)
{
	uint64_t level = token_bucket_level(&lane->bucket, now_us()), bytes = 0;
	size_t i = 0;

	while (i < n && frames[i].len <= level - bytes)
		bytes += frames[i++].len;
	*ret = bytes;
	return i;
}

size_t port_limits_send(struct port *port, const struct frame *frames, size_t n)
{
	struct port_limiter *limiter = port->limiter;
	uint64_t bytes;
	size_t admitted = lane_admits(&limiter->from_guest, frames, n, &bytes);

	token_bucket_spend(&limiter->from_guest.bucket, bytes);
	if (admitted < n)
		lane_waits(limiter, &limiter->from_guest, &frames[admitted]);
	return admitted;
}

void port_limits_not_sent(struct port *port, const struct frame *frames, size_t n)
{
	struct token_bucket *bucket = &port->limiter->from_guest.bucket;

	for (size_t i = 0; i < n; i++)
		token_bucket_give_back(bucket, frames[i].len);
}

/* Asked only when it matters: a kernel network asks the kernel. */
static uint64_t network_dropped(const struct port *port)
{
	return channel_stats(port->network)->received_dropped;
}

static void hold(struct port_limiter *limiter, bool held)
{
	if (held == limiter->held)
		return;
	if (held)
		limiter->dropped_before = network_dropped(limiter->port);
	else
		limiter->dropped += network_dropped(limiter->port) - limiter->dropped_before;
	limiter->held = held;
}

size_t port_limits_show(struct port *port, const struct frame *frames, size_t n)
{
	struct port_limiter *limiter = port->limiter;
	uint64_t bytes;
	size_t admitted = lane_admits(&limiter->to_guest, frames, n, &bytes);

	hold(limiter, admitted < n);
	if (admitted == 0 && n > 0)
		lane_waits(limiter, &limiter->to_guest, frames); /* else it comes again */
	return admitted;
}

void port_limits_took(struct port *port, const struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++)
		token_bucket_spend(&port->limiter->to_guest.bucket, frames[i].len);
}

uint64_t port_limits_dropped(const struct port *port)
{
	const struct port_limiter *limiter = port->limiter;

	if (!limiter)
		return 0;
	if (!limiter->held)
		return limiter->dropped;
	return limiter->dropped + network_dropped(port) - limiter->dropped_before;
}

static int limiter_new(struct port *port)
{
	struct port_limiter *limiter = calloc(1, sizeof(*limiter));

	if (!limiter)
		return -ENOMEM;
	uv_timer_init(port->table->loop, &limiter->timer);
	limiter->timer.data = limiter;
	limiter->port = port;
	token_bucket_init(&limiter->from_guest.bucket, 0, now_us());
	token_bucket_init(&limiter->to_guest.bucket, 0, now_us());
	port->limiter = limiter;
	return 0;
}

int port_set_limits(struct port *port, const struct port_limits *limits)
{
	struct port_limiter *limiter;
	int r;

	if (!port->limiter && (limits->from_guest || limits->to_guest)) {
		r = limiter_new(port);
		if (r < 0)
			return r;
	}
	port->config.limits = *limits;
	limiter = port->limiter;
	if (!limiter)
		return 0;
	token_bucket_set_rate(&limiter->from_guest.bucket, limits->from_guest, now_us());
	token_bucket_set_rate(&limiter->to_guest.bucket, limits->to_guest, now_us());
	arm(limiter);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void port_limits_close(struct port *port)
{
	if (!port->limiter)
		return;
	port->limiter->port = NULL;
	uv_close((uv_handle_t *)&port->limiter->timer, on_closed);
	port->limiter = NULL;
}
