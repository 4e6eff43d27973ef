/* SPDX-License-Identifier: BSD-3-Clause */
/* dictionary_typed.c - getting and setting values of a dictionary by their type; see dictionary.c */
#include "darwin/xpc/value.h"

/* Takes over the reference of @value. */
static void set(xpc_object_t dictionary, const char *key, xpc_object_t value)
{
	xpc_dictionary_set_value(dictionary, key, value);
	xpc_release(value);
}

void xpc_dictionary_set_bool(xpc_object_t dictionary, const char *key, bool value)
{
	set(dictionary, key, xpc_bool_create(value));
}

void xpc_dictionary_set_int64(xpc_object_t dictionary, const char *key, int64_t value)
{
	set(dictionary, key, xpc_int64_create(value));
}

void xpc_dictionary_set_uint64(xpc_object_t dictionary, const char *key, uint64_t value)
{
	set(dictionary, key, xpc_uint64_create(value));
}

void xpc_dictionary_set_string(xpc_object_t dictionary, const char *key, const char *string)
{
	set(dictionary, key, xpc_string_create(string));
}

void xpc_dictionary_set_uuid(xpc_object_t dictionary, const char *key, const uuid_t uuid)
{
	set(dictionary, key, xpc_uuid_create(uuid));
}

bool xpc_dictionary_get_bool(xpc_object_t dictionary, const char *key)
{
	return xpc_bool_get_value(xpc_dictionary_get_value(dictionary, key));
}

int64_t xpc_dictionary_get_int64(xpc_object_t dictionary, const char *key)
{
	return xpc_int64_get_value(xpc_dictionary_get_value(dictionary, key));
}

uint64_t xpc_dictionary_get_uint64(xpc_object_t dictionary, const char *key)
{
	return xpc_uint64_get_value(xpc_dictionary_get_value(dictionary, key));
}

const char *xpc_dictionary_get_string(xpc_object_t dictionary, const char *key)
{
	return xpc_string_get_string_ptr(xpc_dictionary_get_value(dictionary, key));
}

const uint8_t *xpc_dictionary_get_uuid(xpc_object_t dictionary, const char *key)
{
	return xpc_uuid_get_bytes(xpc_dictionary_get_value(dictionary, key));
}
