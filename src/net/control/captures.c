/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * captures.c - the captures that were asked for on the control socket, by number
 */
#include "net/control/captures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/control/json_net.h"

struct entry {
	struct entry *next;
	struct captures *captures;
	struct capture *capture;
	uint64_t number;
	char *port, *filter; /* NULL: whole network, no filter */
	uint64_t max_bytes;
	bool stopped;
	struct control_client *client;
};

struct captures {
	struct port_table *ports;
	void (*tell)(struct control_client *client, struct json_object *event);
	uint64_t last_number;
	struct entry *first;
};

int captures_new(struct port_table *ports,
		 void (*tell)(struct control_client *client, struct json_object *event),
		 struct captures **ret)
{
	struct captures *captures = calloc(1, sizeof(*captures));

	if (!captures)
		return -ENOMEM;
	captures->ports = ports;
	captures->tell = tell;
	*ret = captures;
	return 0;
}

static void entry_free(struct entry *entry)
{
	free(entry->port);
	free(entry->filter);
	free(entry);
}

static void entry_end(struct entry *entry)
{
	struct entry **at = &entry->captures->first;

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	port_table_capture_remove(entry->captures->ports, entry->capture);
	entry_free(entry);
}

void captures_free(struct captures *captures)
{
	if (!captures)
		return;
	while (captures->first)
		entry_end(captures->first);
	free(captures);
}

static void put_counters(struct json_object *o, const struct entry *entry)
{
	struct capture_counters counters;

	capture_counters(entry->capture, &counters);
	json_put_number(o, "frames", counters.frames);
	json_put_number(o, "dropped", counters.dropped);
	json_put_number(o, "bytes", counters.bytes);
}

static void on_ended(void *opaque, const char *why)
{
	struct entry *entry = opaque;
	struct json_object *event, *params;

	if (entry->client) {
		event = json_object_new_object();
		params = json_object_new_object();
		json_put_text(event, "event", "capture-ended");
		json_put_number(params, "capture", entry->number);
		json_put_text(params, "why", why);
		put_counters(params, entry);
		json_put(event, "params", params);
		entry->captures->tell(entry->client, event);
	}
	entry_end(entry);
}

static char *copy(const char *text)
{
	return text && *text ? strdup(text) : NULL;
}

int captures_start(struct captures *captures, const struct captures_request *request, uint64_t *ret,
		   char **ret_error)
{
	struct capture_config config = request->config;
	struct entry *entry = calloc(1, sizeof(*entry)), **end = &captures->first;
	int r;

	if (!entry) {
		close(config.fd);
		return -ENOMEM;
	}
	config.ended = on_ended;
	config.opaque = entry;
	r = port_table_capture_add(captures->ports, request->port, &config, &entry->capture,
				   ret_error);
	if (r < 0) {
		free(entry);
		return r;
	}
	entry->captures = captures;
	entry->number = ++captures->last_number;
	entry->port = request->port ? copy(port_config(request->port)->name) : NULL;
	entry->filter = copy(config.filter);
	entry->max_bytes = config.max_bytes;
	entry->client = request->client;
	while (*end)
		end = &(*end)->next;
	*end = entry;
	*ret = entry->number;
	return 0;
}

int captures_stop(struct captures *captures, uint64_t number)
{
	struct entry *entry = captures->first;

	while (entry && entry->number != number)
		entry = entry->next;
	if (!entry)
		return -ENOENT;
	if (entry->stopped) {
		entry_end(entry);
		return 0;
	}
	entry->stopped = true;
	capture_end(entry->capture, "it was stopped");
	return 0;
}

void captures_forget(struct captures *captures, const struct control_client *client)
{
	for (struct entry *entry = captures->first; entry; entry = entry->next) {
		if (entry->client == client)
			entry->client = NULL;
	}
}

static void put_text_or_null(struct json_object *o, const char *key, const char *text)
{
	if (text)
		json_put_text(o, key, text);
	else
		json_put_null(o, key);
}

struct json_object *captures_list(const struct captures *captures)
{
	struct json_object *array = json_object_new_array();

	for (const struct entry *entry = captures->first; entry; entry = entry->next) {
		struct json_object *o = json_object_new_object();

		json_put_number(o, "capture", entry->number);
		put_text_or_null(o, "port", entry->port);
		put_text_or_null(o, "filter", entry->filter);
		json_put_number(o, "limit", entry->max_bytes);
		put_counters(o, entry);
		json_append(array, o);
	}
	return array;
}
