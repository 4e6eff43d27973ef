/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * json_build.c - put a JSON document together
 */
#include "sys/json_build.h"

static _Thread_local bool out_of_memory;

void json_put(struct json_object *parent, const char *key, struct json_object *value)
{
	if (!parent || !value || json_object_object_add(parent, key, value) < 0) {
		out_of_memory = true;
		json_object_put(value);
	}
}

void json_append(struct json_object *array, struct json_object *value)
{
	if (!array || !value || json_object_array_add(array, value) < 0) {
		out_of_memory = true;
		json_object_put(value);
	}
}

void json_put_number(struct json_object *parent, const char *key, uint64_t number)
{
	json_put(parent, key, json_object_new_uint64(number));
}

void json_put_bool(struct json_object *parent, const char *key, bool value)
{
	json_put(parent, key, json_object_new_boolean(value));
}

void json_put_text(struct json_object *parent, const char *key, const char *text)
{
	json_put(parent, key, json_object_new_string(text));
}

bool json_incomplete(void)
{
	bool incomplete = out_of_memory;

	out_of_memory = false;
	return incomplete;
}
