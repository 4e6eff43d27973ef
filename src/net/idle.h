/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * idle.h - a network that ends when nobody needs it any more (--exit-when-idle)
 *
 * Needed by whoever is connected to a port or to the control socket. One thread: the loop's.
 */
#ifndef NET_IDLE_H
#define NET_IDLE_H

#include "net/control/control.h"

struct idle;

/**
 * idle_new() - stop the loop when for @seconds nobody was there
 * @service, @control: outlive it; @control may be NULL
 * Until the first one has come it waits 10 seconds at least. Return: 0, -ENOMEM
 */
int idle_new(uv_loop_t *loop, struct net_service *service, struct control *control,
	     uint32_t seconds, struct idle **ret);

/** idle_free() - the loop must run once more. NULL is fine */
void idle_free(struct idle *idle);

#endif
