/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_timer.h - libslirp's one periodic job, the router advertisement every few minutes
 *
 * Done only while a guest is there to hear it: a process without guests sleeps. The loop's thread.
 */
#ifndef NET_USER_UPLINK_TIMER_H
#define NET_USER_UPLINK_TIMER_H

#include <libslirp.h>
#include <stdbool.h>
#include <uv.h>

struct uplink_timer;

/**
 * uplink_timer_new() - nobody's, stopped, and not set
 * @slirp: read when the time is up
 * Return: 0, -ENOMEM
 */
int uplink_timer_new(uv_loop_t *loop, Slirp *const *slirp, struct uplink_timer **ret);

/** uplink_timer_free() - the loop must run once more. NULL is fine */
void uplink_timer_free(struct uplink_timer *timer);

/** uplink_timer_take() - it is libslirp's, for this job */
void uplink_timer_take(struct uplink_timer *timer, SlirpTimerId id, void *cb_opaque);

/** uplink_timer_run() - or stop; what was due meanwhile is done when it runs again */
void uplink_timer_run(struct uplink_timer *timer, bool run);

/**
 * uplink_timer_set() - once, at that time
 * @expires_ms: monotonic; libslirp's clock may be a little ahead of the loop's
 */
void uplink_timer_set(struct uplink_timer *timer, uint64_t expires_ms);
void uplink_timer_unset(struct uplink_timer *timer);

#endif
