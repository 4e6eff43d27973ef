/* SPDX-License-Identifier: BSD-3-Clause */
/* object.c - counting references, and the ends of a program that cannot go on; any thread */
#include "darwin/object.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <CoreFoundation/CFBase.h>

void darwin_object_get(struct darwin_object *object)
{
	if (object)
		atomic_fetch_add_explicit(&object->refs, 1, memory_order_relaxed);
}

void darwin_object_put(struct darwin_object *object)
{
	/* Release: what this thread did with the object comes before its end; acquire: so does
	 * what others did, for the thread that ends it. */
	if (object && atomic_fetch_sub_explicit(&object->refs, 1, memory_order_acq_rel) == 1)
		object->cls->free(object);
}

CFTypeRef CFRetain(CFTypeRef object)
{
	darwin_object_get((struct darwin_object *)object);
	return object;
}

void CFRelease(CFTypeRef object)
{
	darwin_object_put((struct darwin_object *)object);
}

void *darwin_alloc(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		darwin_die("out of memory (%zu bytes)", size);
	return memory;
}

void darwin_die(const char *fmt, ...)
{
	char reason[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	fprintf(stderr, "liboutrigger-darwin: %s\n", reason);
	abort();
}
