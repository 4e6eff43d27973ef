/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.h - one connection to the control socket
 *
 * One thread: the loop's.
 */
#ifndef NET_CONTROL_CLIENT_H
#define NET_CONTROL_CLIENT_H

#include "net/control/control.h"
#include "sys/json_build.h"

/**
 * struct control_client_events
 * @gone: the connection is over; the callee frees the client, at once or later. Never inside of
 *	  control_client_new() or control_client_tell()
 */
struct control_client_events {
	void (*gone)(void *opaque, struct control_client *client);
};

/**
 * control_client_new() - greet, and answer from then on
 * @fd: non-blocking; the client's, closed on failure, too
 */
int control_client_new(uv_loop_t *loop, int fd, const struct control_host *host,
		       const struct control_client_events *events, void *opaque,
		       struct control_client **ret);

/**
 * control_client_tell() - what it did not ask for, behind the answers that are due
 * @event: an object, which is freed. Without memory it is lost
 */
void control_client_tell(struct control_client *client, struct json_object *event);

/** control_client_free() - hang up. The loop must run once more. NULL is fine */
void control_client_free(struct control_client *client);

#endif
