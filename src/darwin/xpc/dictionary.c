/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dictionary.c - dictionaries: their own only while they change; many threads may read
 *
 * Pairs in the order in which their keys came, searched from the first: vmnet knows two dozen keys.
 */
#include "darwin/xpc/value.h"

#include "darwin/block.h"

struct pair {
	char *key;
	xpc_object_t value; /* a reference */
};

struct xpc_dictionary {
	struct darwin_object object;
	struct pair *pairs;
	size_t count, room;
};

static void pair_clear(struct pair *pair)
{
	free(pair->key);
	xpc_release(pair->value);
}

static void dictionary_free(struct darwin_object *object)
{
	struct xpc_dictionary *dictionary = (struct xpc_dictionary *)object;

	for (size_t i = 0; i < dictionary->count; i++)
		pair_clear(&dictionary->pairs[i]);
	free(dictionary->pairs);
	free(dictionary);
}

static void describe_dictionary(xpc_object_t object, FILE *out, unsigned depth)
{
	struct xpc_dictionary *dictionary = object;

	fputc('{', out);
	for (size_t i = 0; i < dictionary->count; i++) {
		xpc_describe_line(out, depth + 1);
		xpc_describe_text(dictionary->pairs[i].key, out);
		fputs(" => ", out);
		xpc_describe(dictionary->pairs[i].value, out, depth + 1);
	}
	if (dictionary->count)
		xpc_describe_line(out, depth);
	fputc('}', out);
}

const struct _xpc_type_s _xpc_type_dictionary = { { dictionary_free },
						  "dictionary",
						  describe_dictionary };

/* The pair of this key, or NULL: none, or no dictionary, or no key. */
static struct pair *find(xpc_object_t object, const char *key)
{
	struct xpc_dictionary *dictionary = object;

	if (!xpc_is(object, XPC_TYPE_DICTIONARY) || !key)
		return NULL;
	for (size_t i = 0; i < dictionary->count; i++) {
		if (strcmp(dictionary->pairs[i].key, key) == 0)
			return &dictionary->pairs[i];
	}
	return NULL;
}

static void add(struct xpc_dictionary *dictionary, const char *key, xpc_object_t value)
{
	struct pair *pairs;
	char *copy = strdup(key);
	size_t room;

	if (dictionary->count == dictionary->room) {
		room = dictionary->room ? 2 * dictionary->room : 8;
		pairs = reallocarray(dictionary->pairs, room, sizeof(*pairs));
		if (!pairs)
			darwin_die("out of memory (a dictionary of %zu)", room);
		dictionary->pairs = pairs;
		dictionary->room = room;
	}
	if (!copy)
		darwin_die("out of memory (a dictionary's key)");
	dictionary->pairs[dictionary->count++] = (struct pair) { copy, xpc_retain(value) };
}

static void remove_pair(struct xpc_dictionary *dictionary, struct pair *pair)
{
	struct pair gone = *pair;

	dictionary->count--;
	memmove(pair, pair + 1,
		(size_t)(dictionary->pairs + dictionary->count - pair) * sizeof(*pair));
	pair_clear(&gone);
}

xpc_object_t xpc_dictionary_create_empty(void)
{
	return xpc_new(XPC_TYPE_DICTIONARY, sizeof(struct xpc_dictionary));
}

xpc_object_t xpc_dictionary_create(const char *const *keys, const xpc_object_t *values,
				   size_t count)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty();

	for (size_t i = 0; keys && values && i < count; i++)
		xpc_dictionary_set_value(dictionary, keys[i], values[i]);
	return dictionary;
}

size_t xpc_dictionary_get_count(xpc_object_t object)
{
	return xpc_is(object, XPC_TYPE_DICTIONARY) ? ((struct xpc_dictionary *)object)->count : 0;
}

bool xpc_dictionary_apply(xpc_object_t object, xpc_dictionary_applier_t applier)
{
	const void *block = (const void *)applier;
	bool (*call)(const void *, const char *, xpc_object_t) =
		(bool (*)(const void *, const char *, xpc_object_t))block_function(block);
	struct pair *pair;

	for (size_t i = 0; i < xpc_dictionary_get_count(object); i++) {
		pair = &((struct xpc_dictionary *)object)->pairs[i];
		if (!call(block, pair->key, pair->value))
			return false;
	}
	return true;
}

void xpc_dictionary_set_value(xpc_object_t object, const char *key, xpc_object_t value)
{
	struct pair *pair = find(object, key);
	xpc_object_t old;

	if (pair && value) {
		old = pair->value;
		pair->value = xpc_retain(value);
		xpc_release(old);
	} else if (pair) {
		remove_pair(object, pair);
	} else if (value && key && xpc_is(object, XPC_TYPE_DICTIONARY)) {
		add(object, key, value);
	}
}

xpc_object_t xpc_dictionary_get_value(xpc_object_t object, const char *key)
{
	struct pair *pair = find(object, key);

	return pair ? pair->value : NULL;
}
