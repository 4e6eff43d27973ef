/* SPDX-License-Identifier: BSD-3-Clause */
/* array.c - arrays: their own only while they change; many threads may read */
#include "darwin/xpc/value.h"

#include "darwin/block.h"

struct xpc_array {
	struct darwin_object object;
	xpc_object_t *values; /* a reference each */
	size_t count, room;
};

static void array_free(struct darwin_object *object)
{
	struct xpc_array *array = (struct xpc_array *)object;

	for (size_t i = 0; i < array->count; i++)
		xpc_release(array->values[i]);
	free(array->values);
	free(array);
}

static void describe_array(xpc_object_t object, FILE *out, unsigned depth)
{
	struct xpc_array *array = object;

	fputc('[', out);
	for (size_t i = 0; i < array->count; i++) {
		xpc_describe_line(out, depth + 1);
		xpc_describe(array->values[i], out, depth + 1);
	}
	if (array->count)
		xpc_describe_line(out, depth);
	fputc(']', out);
}

const struct _xpc_type_s _xpc_type_array = { { array_free }, "array", describe_array };

xpc_object_t xpc_array_create_empty(void)
{
	return xpc_new(XPC_TYPE_ARRAY, sizeof(struct xpc_array));
}

xpc_object_t xpc_array_create(const xpc_object_t *values, size_t count)
{
	xpc_object_t array = xpc_array_create_empty();

	for (size_t i = 0; values && i < count; i++)
		xpc_array_append_value(array, values[i]);
	return array;
}

size_t xpc_array_get_count(xpc_object_t object)
{
	return xpc_is(object, XPC_TYPE_ARRAY) ? ((struct xpc_array *)object)->count : 0;
}

void xpc_array_append_value(xpc_object_t object, xpc_object_t value)
{
	struct xpc_array *array = object;
	xpc_object_t *values;
	size_t room;

	if (!xpc_is(object, XPC_TYPE_ARRAY) || !value)
		return;
	if (array->count == array->room) {
		room = array->room ? 2 * array->room : 8;
		values = reallocarray(array->values, room, sizeof(*values));
		if (!values)
			darwin_die("out of memory (an array of %zu)", room);
		array->values = values;
		array->room = room;
	}
	array->values[array->count++] = xpc_retain(value);
}

xpc_object_t xpc_array_get_value(xpc_object_t object, size_t index)
{
	return index < xpc_array_get_count(object) ? ((struct xpc_array *)object)->values[index]
						   : NULL;
}

const char *xpc_array_get_string(xpc_object_t object, size_t index)
{
	return xpc_string_get_string_ptr(xpc_array_get_value(object, index));
}

bool xpc_array_apply(xpc_object_t object, xpc_array_applier_t applier)
{
	const void *block = (const void *)applier;
	bool (*call)(const void *, size_t, xpc_object_t) =
		(bool (*)(const void *, size_t, xpc_object_t))block_function(block);

	for (size_t i = 0; i < xpc_array_get_count(object); i++) {
		if (!call(block, i, xpc_array_get_value(object, i)))
			return false;
	}
	return true;
}
