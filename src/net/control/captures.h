/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * captures.h - the captures that were asked for on the control socket, by number
 *
 * A capture outlives the connection that asked for it; it ends with its reader, its port, its limit or
 * when it is stopped. Who asked, and is still there, is told. One thread: the loop's.
 */
#ifndef NET_CONTROL_CAPTURES_H
#define NET_CONTROL_CAPTURES_H

#include "net/port.h"
#include "sys/json_build.h"

struct captures;
struct control_client;

/** struct captures_request - @config: but for ended and opaque; @port: NULL: the whole network */
struct captures_request {
	struct port *port;
	struct capture_config config;
	struct control_client *client; /* NULL: nobody is told */
};

/**
 * captures_new()
 * @tell: an event for a client: it is not freed meanwhile, nor told of anything else
 */
int captures_new(struct port_table *ports,
		 void (*tell)(struct control_client *client, struct json_object *event),
		 struct captures **ret);
void captures_free(struct captures *captures); /* ends all, without a word; NULL is fine */

/** captures_start() - as port_table_capture_add(). @ret: its number, never used again */
int captures_start(struct captures *captures, const struct captures_request *request, uint64_t *ret,
		   char **ret_error);

/**
 * captures_stop() - take nothing in any more, send what there is, end; asked again: end now
 * Return: 0, -ENOENT
 */
int captures_stop(struct captures *captures, uint64_t number);

/** captures_forget() - this client is gone */
void captures_forget(struct captures *captures, const struct control_client *client);

/** captures_list() - an array of all. Return: NULL without memory */
struct json_object *captures_list(const struct captures *captures);

#endif
