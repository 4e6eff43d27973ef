/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * value.h - XPC objects within: each begins with a darwin_object whose class is its type
 */
#ifndef DARWIN_XPC_VALUE_H
#define DARWIN_XPC_VALUE_H

#include <xpc/xpc.h>

#include "darwin/object.h"

/**
 * struct _xpc_type_s - a type
 * @describe: write the object in words; @depth containers are around it
 */
struct _xpc_type_s {
	struct darwin_class cls;
	const char *name;
	void (*describe)(xpc_object_t object, FILE *out, unsigned depth);
};

/** xpc_new() - @size bytes that begin with a darwin_object, of this type, else 0; one reference. */
xpc_object_t xpc_new(xpc_type_t type, size_t size);

/** xpc_is() - whether the object, which may be NULL, is of this type */
static inline bool xpc_is(xpc_object_t object, xpc_type_t type)
{
	return xpc_get_type(object) == type;
}

/** xpc_describe() - the object with what is in it, a few levels deep. */
void xpc_describe(xpc_object_t object, FILE *out, unsigned depth);

/** xpc_describe_text() - in quotation marks, on one line. */
void xpc_describe_text(const char *text, FILE *out);

/** xpc_describe_line() - begin a line @depth containers deep. */
void xpc_describe_line(FILE *out, unsigned depth);

#endif
