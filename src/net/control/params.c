/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * params.c - a method's parameters: are they those of its row of the table, and what are they?
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/control/methods.h"
#include "sys/explain.h"

bool control_is_text(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) &&
	       strlen(json_object_get_string(value)) == (size_t)json_object_get_string_len(value);
}

static const char *const kind_names[] = {
	[CONTROL_TEXT] = "a string",
	[CONTROL_BOOL] = "true or false",
	[CONTROL_NUMBER] = "a number from 0 to 9223372036854775807",
	[CONTROL_VALUE] = "a string, a number, true or false",
};

/* Of larger numbers json-c makes an int64_t of its greatest value, of less than the least, too. */
static bool is_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0 &&
	       json_object_get_uint64(value) <= INT64_MAX;
}

static bool is_of_kind(struct json_object *value, enum control_kind kind)
{
	switch (kind) {
	case CONTROL_TEXT:
		return control_is_text(value);
	case CONTROL_BOOL:
		return json_object_is_type(value, json_type_boolean);
	case CONTROL_NUMBER:
		return is_number(value);
	case CONTROL_VALUE:
		break;
	}
	return control_is_text(value) || is_number(value) ||
	       json_object_is_type(value, json_type_boolean);
}

static const struct control_param *find_param(const struct control_method *method, const char *name)
{
	const struct control_param *param = method->params;

	while (param && param->name && strcmp(param->name, name) != 0)
		param++;
	return param && param->name ? param : NULL;
}

int control_params_check(const struct control_method *method, struct json_object *params,
			 char **ret_error)
{
	if (params) {
		json_object_object_foreach (params, name, value) {
			const struct control_param *param = find_param(method, name);

			if (!param)
				return explain(ret_error, -EINVAL, "%s: unknown parameter \"%s\"",
					       method->name, name);
			if (!is_of_kind(value, param->kind))
				return explain(ret_error, -EINVAL, "%s: %s: not %s", method->name,
					       name, kind_names[param->kind]);
		}
	}
	for (const struct control_param *param = method->params; param && param->name; param++) {
		if (param->required && !json_object_object_get_ex(params, param->name, NULL))
			return explain(ret_error, -EINVAL, "%s: parameter \"%s\" is missing",
				       method->name, param->name);
	}
	return 0;
}

const char *control_text(const struct control_call *call, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(call->params, name, &value) ? json_object_get_string(value)
								     : NULL;
}

bool control_bool(const struct control_call *call, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(call->params, name, &value) &&
	       json_object_get_boolean(value);
}

uint64_t control_number(const struct control_call *call, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(call->params, name, &value) ? json_object_get_uint64(value)
								     : 0;
}

const char *control_value(const struct control_call *call, const char *name,
			  char buf[CONTROL_VALUE_MAX])
{
	struct json_object *value;

	if (!json_object_object_get_ex(call->params, name, &value))
		return NULL;
	if (json_object_is_type(value, json_type_boolean))
		return json_object_get_boolean(value) ? "on" : "off";
	if (json_object_is_type(value, json_type_string))
		return json_object_get_string(value);
	snprintf(buf, CONTROL_VALUE_MAX, "%llu", (unsigned long long)json_object_get_uint64(value));
	return buf;
}
