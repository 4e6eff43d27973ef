/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * object.h - what everything begins with that a program can retain and release
 *
 * xpc_release(), dispatch_release() and CFRelease() get any such object and find here how to free it; so
 * do libvmnet's network objects begin with one. Not installed: for the libraries of this tree, of which
 * libvmnet counts by CFRetain() and CFRelease().
 *
 * Any thread: the count is atomic, and who lets go of the last reference sees all that others did
 * with the object before they let go of theirs.
 */
#ifndef DARWIN_OBJECT_H
#define DARWIN_OBJECT_H

#include <stdatomic.h>
#include <stddef.h>

struct darwin_object;

/**
 * struct darwin_class - what objects of a kind have in common
 * @free: the last reference is gone; on the thread that let go of it
 */
struct darwin_class {
	void (*free)(struct darwin_object *object);
};

struct darwin_object {
	const struct darwin_class *cls;
	_Atomic(size_t) refs;
};

/** darwin_object_init() - with one reference. */
static inline void darwin_object_init(struct darwin_object *object, const struct darwin_class *cls)
{
	object->cls = cls;
	atomic_init(&object->refs, 1);
}

/** darwin_object_get(), darwin_object_put() - one reference more, one less; NULL is ignored. */
void darwin_object_get(struct darwin_object *object);
void darwin_object_put(struct darwin_object *object);

/** darwin_alloc() - @size bytes, all 0. Ends the program with a sentence if there are none: for calls
 * that have no way to report it. The caller frees. */
void *darwin_alloc(size_t size) __attribute__((malloc, returns_nonnull));

/** darwin_die() - end the program with a sentence on what it did wrong, or lacked: abort(). */
void darwin_die(const char *fmt, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

#endif
