/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_timer.c - libslirp's one periodic job, the router advertisement every few minutes
 */
#include "net/user/uplink_timer.h"

#include <errno.h>
#include <stdlib.h>

struct uplink_timer {
	uv_timer_t handle;
	Slirp *const *slirp;
	SlirpTimerId id;
	void *cb_opaque;
	uint64_t expires_ms; /* on the loop's clock */
	bool set, runs;
};

static void on_timer(uv_timer_t *handle)
{
	struct uplink_timer *timer = handle->data;

	timer->set = false;
	slirp_handle_timer(*timer->slirp, timer->id, timer->cb_opaque);
}

static void arm(struct uplink_timer *timer)
{
	uint64_t now_ms = uv_now(timer->handle.loop);

	if (timer->set && timer->runs)
		uv_timer_start(&timer->handle, on_timer,
			       timer->expires_ms > now_ms ? timer->expires_ms - now_ms : 0, 0);
	else
		uv_timer_stop(&timer->handle);
}

int uplink_timer_new(uv_loop_t *loop, Slirp *const *slirp, struct uplink_timer **ret)
{
	struct uplink_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return -ENOMEM;
	timer->slirp = slirp;
	uv_timer_init(loop, &timer->handle);
	timer->handle.data = timer;
	*ret = timer;
	return 0;
}

void uplink_timer_take(struct uplink_timer *timer, SlirpTimerId id, void *cb_opaque)
{
	timer->id = id;
	timer->cb_opaque = cb_opaque;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void uplink_timer_free(struct uplink_timer *timer)
{
	if (timer)
		uv_close((uv_handle_t *)&timer->handle, on_closed);
}

void uplink_timer_run(struct uplink_timer *timer, bool run)
{
	timer->runs = run;
	arm(timer);
}

void uplink_timer_unset(struct uplink_timer *timer)
{
	timer->set = false;
	arm(timer);
}

void uplink_timer_set(struct uplink_timer *timer, uint64_t expires_ms)
{
	timer->set = true;
	timer->expires_ms = expires_ms;
	arm(timer);
}
