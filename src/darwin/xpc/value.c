/* SPDX-License-Identifier: BSD-3-Clause */
/* value.c - values that contain no others: they never change, so any thread may read them */
#include "darwin/xpc/value.h"

#include <inttypes.h>

struct xpc_number {
	struct darwin_object object;
	union {
		bool boolean;
		int64_t int64;
		uint64_t uint64;
	};
};

struct xpc_string {
	struct darwin_object object;
	size_t length;
	char text[];
};

struct xpc_uuid {
	struct darwin_object object;
	uuid_t bytes;
};

xpc_object_t xpc_new(xpc_type_t type, size_t size)
{
	struct darwin_object *object = darwin_alloc(size);

	darwin_object_init(object, &type->cls);
	return object;
}

xpc_type_t xpc_get_type(xpc_object_t object)
{
	/* A type begins with its class. */
	return object ? (xpc_type_t)((struct darwin_object *)object)->cls : NULL;
}

const char *xpc_type_get_name(xpc_type_t type)
{
	return type ? type->name : NULL;
}

xpc_object_t xpc_retain(xpc_object_t object)
{
	darwin_object_get(object);
	return object;
}

void xpc_release(xpc_object_t object)
{
	darwin_object_put(object);
}

static void value_free(struct darwin_object *object)
{
	free(object);
}

/* ---- numbers ----------------------------------------------------------------------- */

static void describe_bool(xpc_object_t object, FILE *out, unsigned depth)
{
	fputs(xpc_bool_get_value(object) ? "true" : "false", out);
}

static void describe_int64(xpc_object_t object, FILE *out, unsigned depth)
{
	fprintf(out, "%" PRId64, xpc_int64_get_value(object));
}

static void describe_uint64(xpc_object_t object, FILE *out, unsigned depth)
{
	fprintf(out, "%" PRIu64, xpc_uint64_get_value(object));
}

const struct _xpc_type_s _xpc_type_bool = { { value_free }, "bool", describe_bool };
const struct _xpc_type_s _xpc_type_int64 = { { value_free }, "int64", describe_int64 };
const struct _xpc_type_s _xpc_type_uint64 = { { value_free }, "uint64", describe_uint64 };

xpc_object_t xpc_bool_create(bool value)
{
	struct xpc_number *number = xpc_new(XPC_TYPE_BOOL, sizeof(*number));

	number->boolean = value;
	return number;
}

xpc_object_t xpc_int64_create(int64_t value)
{
	struct xpc_number *number = xpc_new(XPC_TYPE_INT64, sizeof(*number));

	number->int64 = value;
	return number;
}

xpc_object_t xpc_uint64_create(uint64_t value)
{
	struct xpc_number *number = xpc_new(XPC_TYPE_UINT64, sizeof(*number));

	number->uint64 = value;
	return number;
}

bool xpc_bool_get_value(xpc_object_t object)
{
	return xpc_is(object, XPC_TYPE_BOOL) && ((struct xpc_number *)object)->boolean;
}

int64_t xpc_int64_get_value(xpc_object_t object)
{
	return xpc_is(object, XPC_TYPE_INT64) ? ((struct xpc_number *)object)->int64 : 0;
}

uint64_t xpc_uint64_get_value(xpc_object_t object)
{
	return xpc_is(object, XPC_TYPE_UINT64) ? ((struct xpc_number *)object)->uint64 : 0;
}

/* ---- strings, uuids ---------------------------------------------------------------- */

static void describe_string(xpc_object_t object, FILE *out, unsigned depth)
{
	xpc_describe_text(xpc_string_get_string_ptr(object), out);
}

static void describe_uuid(xpc_object_t object, FILE *out, unsigned depth)
{
	char text[37];

	uuid_unparse(xpc_uuid_get_bytes(object), text);
	fputs(text, out);
}

const struct _xpc_type_s _xpc_type_string = { { value_free }, "string", describe_string };
const struct _xpc_type_s _xpc_type_uuid = { { value_free }, "uuid", describe_uuid };

xpc_object_t xpc_string_create(const char *text)
{
	struct xpc_string *string;
	size_t length;

	if (!text)
		return NULL;
	length = strlen(text);
	string = xpc_new(XPC_TYPE_STRING, sizeof(*string) + length + 1);
	string->length = length;
	memcpy(string->text, text, length + 1);
	return string;
}

xpc_object_t xpc_uuid_create(const uuid_t bytes)
{
	struct xpc_uuid *uuid;

	if (!bytes)
		return NULL;
	uuid = xpc_new(XPC_TYPE_UUID, sizeof(*uuid));
	uuid_copy(uuid->bytes, bytes);
	return uuid;
}

const char *xpc_string_get_string_ptr(xpc_object_t object)
{
	return xpc_is(object, XPC_TYPE_STRING) ? ((struct xpc_string *)object)->text : NULL;
}

size_t xpc_string_get_length(xpc_object_t object)
{
	return xpc_is(object, XPC_TYPE_STRING) ? ((struct xpc_string *)object)->length : 0;
}

const uint8_t *xpc_uuid_get_bytes(xpc_object_t object)
{
	return xpc_is(object, XPC_TYPE_UUID) ? ((struct xpc_uuid *)object)->bytes : NULL;
}
