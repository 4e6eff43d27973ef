/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xpc/xpc.h - the values that vmnet's API takes and hands out: dictionaries, arrays, what is in them
 *
 * The containers and values of macOS's XPC that programs written for vmnet use, with their names,
 * types and rules. Nothing is sent anywhere: no connections, services, endpoints or descriptors.
 *
 * References: who creates or copies holds one. A container keeps a reference of each value in it;
 * what a getter returns belongs to the container, for as long as it holds that value.
 * A value of another type than a getter is for, a missing key, an index past the end, NULL: the
 * answer is 0, false or NULL, never a crash. A setter without a container or key does nothing.
 * Memory that cannot be had ends the program with a sentence, as on macOS: a key that silently is
 * not there could be one that keeps guests apart.
 *
 * Any thread. Values never change. A container may be read by many threads at a time; while one
 * changes it, no other may use it. References are counted atomically.
 */
#ifndef OUTRIGGER_XPC_H
#define OUTRIGGER_XPC_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uuid/uuid.h>

#include <dispatch/dispatch.h>

DISPATCH_BEGIN_DECLS

typedef void *xpc_object_t;

/* ---- types ------------------------------------------------------------------------- */

/* Compared by address. */
typedef const struct _xpc_type_s *xpc_type_t;

#define XPC_TYPE_ARRAY	    (&_xpc_type_array)
#define XPC_TYPE_BOOL	    (&_xpc_type_bool)
#define XPC_TYPE_DICTIONARY (&_xpc_type_dictionary)
#define XPC_TYPE_INT64	    (&_xpc_type_int64)
#define XPC_TYPE_STRING	    (&_xpc_type_string)
#define XPC_TYPE_UINT64	    (&_xpc_type_uint64)
#define XPC_TYPE_UUID	    (&_xpc_type_uuid)
DISPATCH_API extern const struct _xpc_type_s _xpc_type_array;
DISPATCH_API extern const struct _xpc_type_s _xpc_type_bool;
DISPATCH_API extern const struct _xpc_type_s _xpc_type_dictionary;
DISPATCH_API extern const struct _xpc_type_s _xpc_type_int64;
DISPATCH_API extern const struct _xpc_type_s _xpc_type_string;
DISPATCH_API extern const struct _xpc_type_s _xpc_type_uint64;
DISPATCH_API extern const struct _xpc_type_s _xpc_type_uuid;

/** xpc_get_type() - NULL of NULL. */
DISPATCH_API xpc_type_t xpc_get_type(xpc_object_t object);

/** xpc_type_get_name() - "dictionary", "uint64", ...; static. */
DISPATCH_API const char *xpc_type_get_name(xpc_type_t type);

/* ---- references, text -------------------------------------------------------------- */

/** xpc_retain(), xpc_release() - one reference more or less; the last one frees, and lets go of what
 * a container holds. NULL is ignored. xpc_retain() returns the object. */
DISPATCH_API xpc_object_t xpc_retain(xpc_object_t object);
DISPATCH_API void xpc_release(xpc_object_t object);

/** xpc_copy_description() - the object in words, for people; the caller's to free(). */
DISPATCH_API char *xpc_copy_description(xpc_object_t object);

/* ---- values ------------------------------------------------------------------------ */

/** xpc_..._create() - a value of that type, the caller's. A string is copied; NULL gives NULL. */
DISPATCH_API xpc_object_t xpc_bool_create(bool value);
DISPATCH_API xpc_object_t xpc_int64_create(int64_t value);
DISPATCH_API xpc_object_t xpc_uint64_create(uint64_t value);
DISPATCH_API xpc_object_t xpc_string_create(const char *string);
DISPATCH_API xpc_object_t xpc_uuid_create(const uuid_t uuid);

/** xpc_..._get_value() - 0 or false if the object is of another type. */
DISPATCH_API bool xpc_bool_get_value(xpc_object_t object);
DISPATCH_API int64_t xpc_int64_get_value(xpc_object_t object);
DISPATCH_API uint64_t xpc_uint64_get_value(xpc_object_t object);

/** xpc_string_get_string_ptr(), xpc_string_get_length() - the value's, and its bytes without the 0;
 * NULL and 0 if the object is of another type. */
DISPATCH_API const char *xpc_string_get_string_ptr(xpc_object_t object);
DISPATCH_API size_t xpc_string_get_length(xpc_object_t object);

/** xpc_uuid_get_bytes() - the value's 16; NULL if the object is of another type. */
DISPATCH_API const uint8_t *xpc_uuid_get_bytes(xpc_object_t object);

/* ---- dictionaries ------------------------------------------------------------------ */

#ifdef __BLOCKS__
typedef bool (^xpc_dictionary_applier_t)(const char *key, xpc_object_t value);
typedef bool (^xpc_array_applier_t)(size_t index, xpc_object_t value);
#else
typedef void *xpc_dictionary_applier_t;
typedef void *xpc_array_applier_t;
#endif

/** xpc_dictionary_create() - of @count pairs, the caller's; both arrays may be NULL with count 0.
 * A NULL key or value makes no pair. */
DISPATCH_API xpc_object_t xpc_dictionary_create(const char *const *keys, const xpc_object_t *values,
						size_t count);
DISPATCH_API xpc_object_t xpc_dictionary_create_empty(void);

DISPATCH_API size_t xpc_dictionary_get_count(xpc_object_t dictionary);

/** xpc_dictionary_apply() - call @applier for each pair, in the order in which the keys came, until
 * it returns false. Returns whether it never did. The applier must not change the dictionary. */
DISPATCH_API bool xpc_dictionary_apply(xpc_object_t dictionary, xpc_dictionary_applier_t applier);

/** xpc_dictionary_set_value() - @key is copied, @value retained; NULL removes the key. A key that is
 * there gets the new value. */
DISPATCH_API void xpc_dictionary_set_value(xpc_object_t dictionary, const char *key,
					   xpc_object_t value);
DISPATCH_API void xpc_dictionary_set_bool(xpc_object_t dictionary, const char *key, bool value);
DISPATCH_API void xpc_dictionary_set_int64(xpc_object_t dictionary, const char *key, int64_t value);
DISPATCH_API void xpc_dictionary_set_uint64(xpc_object_t dictionary, const char *key,
					    uint64_t value);
DISPATCH_API void xpc_dictionary_set_string(xpc_object_t dictionary, const char *key,
					    const char *string);
DISPATCH_API void xpc_dictionary_set_uuid(xpc_object_t dictionary, const char *key,
					  const uuid_t uuid);

/** xpc_dictionary_get_value() - the dictionary's, or NULL; the others as the values' own getters. */
DISPATCH_API xpc_object_t xpc_dictionary_get_value(xpc_object_t dictionary, const char *key);
DISPATCH_API bool xpc_dictionary_get_bool(xpc_object_t dictionary, const char *key);
DISPATCH_API int64_t xpc_dictionary_get_int64(xpc_object_t dictionary, const char *key);
DISPATCH_API uint64_t xpc_dictionary_get_uint64(xpc_object_t dictionary, const char *key);
DISPATCH_API const char *xpc_dictionary_get_string(xpc_object_t dictionary, const char *key);
DISPATCH_API const uint8_t *xpc_dictionary_get_uuid(xpc_object_t dictionary, const char *key);

/* ---- arrays ------------------------------------------------------------------------ */

/** xpc_array_create() - of @count values, each retained, the caller's; NULLs are left out. */
DISPATCH_API xpc_object_t xpc_array_create(const xpc_object_t *values, size_t count);
DISPATCH_API xpc_object_t xpc_array_create_empty(void);

DISPATCH_API size_t xpc_array_get_count(xpc_object_t array);

/** xpc_array_append_value() - at the end, retained. NULL does nothing. */
DISPATCH_API void xpc_array_append_value(xpc_object_t array, xpc_object_t value);

/** xpc_array_get_value(), xpc_array_get_string() - the array's, or NULL. */
DISPATCH_API xpc_object_t xpc_array_get_value(xpc_object_t array, size_t index);
DISPATCH_API const char *xpc_array_get_string(xpc_object_t array, size_t index);

/** xpc_array_apply() - as xpc_dictionary_apply(), by index. */
DISPATCH_API bool xpc_array_apply(xpc_object_t array, xpc_array_applier_t applier);

DISPATCH_END_DECLS

#endif
