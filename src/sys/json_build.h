/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * json_build.h - put a JSON document together
 *
 * json-c tells of missing memory at each step. A whole document or none is wanted, so a failed
 * step is remembered in one place and asked for once, at the end. Any argument may be NULL, which is
 * a step that failed before. One document at a time in each thread.
 */
#ifndef SYS_JSON_BUILD_H
#define SYS_JSON_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

/** json_put(), json_append() - value is the parent's from here on */
void json_put(struct json_object *parent, const char *key, struct json_object *value);
void json_append(struct json_object *array, struct json_object *value);

void json_put_number(struct json_object *parent, const char *key, uint64_t number);
void json_put_bool(struct json_object *parent, const char *key, bool value);
void json_put_text(struct json_object *parent, const char *key, const char *text);

/** json_incomplete() - did a step fail since this was last asked? */
bool json_incomplete(void);

#endif
