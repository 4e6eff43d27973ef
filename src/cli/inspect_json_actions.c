/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_json_actions.c - what actions did, as JSON; inspect.h lists the keys
 */
#include <stdlib.h>
#include <string.h>

#include "cli/inspect_json.h"
#include "sys/json_build.h"
#include "vfio_user/migration.h"

static void put_data(struct json_object *o, const struct inspect_action *action)
{
	static const char digits[] = "0123456789abcdef";
	char *text;

	if (action->file) {
		json_put_text(o, "output", action->file);
		return;
	}
	text = malloc(2 * action->len + 1);
	for (size_t i = 0; text && i < action->len; i++) {
		text[2 * i] = digits[action->bytes[i] >> 4];
		text[2 * i + 1] = digits[action->bytes[i] & 0xf];
	}
	if (text)
		text[2 * action->len] = '\0';
	json_put(o, "data", text ? json_object_new_string(text) : NULL);
	free(text);
}

static void put_range(struct json_object *o, const struct inspect_action *action)
{
	json_put_number(o, "region", action->region);
	json_put_number(o, "offset", action->offset);
	json_put_number(o, "length", action->len);
	if (action->kind == INSPECT_WRITE || !action->failed)
		put_data(o, action);
}

static void put_config(struct json_object *o, const struct inspect_action *action)
{
	json_put_number(o, "length", action->len);
	if (action->failed)
		return;
	put_data(o, action);
	json_put(o, "config", inspect_json_config(action->config));
}

static void put_interrupts(struct json_object *o, const struct inspect_action *action)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < action->n_tallies; i++) {
		const struct inspect_tally *tally = &action->tallies[i];
		struct json_object *one = json_object_new_object();

		json_put_number(one, "index", tally->index);
		json_put_text(one, "name", inspect_irq_name(tally->index));
		json_put_number(one, "vector", tally->vector);
		json_put_number(one, "count", tally->count);
		json_append(array, one);
	}
	json_put(o, "interrupts", array);
}

static void put_state(struct json_object *o, const struct inspect_action *action)
{
	json_put_text(o, "file", action->file);
	json_put_number(o, "bytes", action->state_len);
	if (action->has_state)
		json_put_text(o, "device_state", migration_state_name(action->state));
}

static struct json_object *one_action(const struct inspect_action *action)
{
	struct json_object *o = json_object_new_object();

	json_put_text(o, "action", inspect_action_name(action->kind));
	switch (action->kind) {
	case INSPECT_READ:
	case INSPECT_WRITE:
		put_range(o, action);
		break;
	case INSPECT_DUMP_CONFIG:
		put_config(o, action);
		break;
	case INSPECT_WATCH_IRQS:
		put_interrupts(o, action);
		break;
	case INSPECT_SAVE_STATE:
	case INSPECT_LOAD_STATE:
		put_state(o, action);
		break;
	default:
		break;
	}
	if (action->failed)
		json_put_text(o, "error", action->error ? action->error : "no memory");
	return o;
}

struct json_object *inspect_json_actions(const struct inspect_action *actions, size_t n)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_append(array, one_action(&actions[i]));
	return array;
}
