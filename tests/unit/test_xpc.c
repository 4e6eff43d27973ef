/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_xpc.c - XPC's containers and values in liboutrigger-darwin
 *
 * Without blocks, so that each compiler runs it.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <CoreFoundation/CoreFoundation.h>
#include <xpc/xpc.h>

#include "darwin/block.h"

static const uuid_t sample_uuid = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
				    0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };

/* One of each type. */
struct samples {
	xpc_object_t objects[7];
};

static const xpc_type_t sample_types[7] = {
	XPC_TYPE_ARRAY,	 XPC_TYPE_BOOL,	  XPC_TYPE_DICTIONARY, XPC_TYPE_INT64,
	XPC_TYPE_STRING, XPC_TYPE_UINT64, XPC_TYPE_UUID,
};

static struct samples samples_new(void)
{
	return (struct samples) { { xpc_array_create_empty(), xpc_bool_create(true),
				    xpc_dictionary_create_empty(), xpc_int64_create(-7),
				    xpc_string_create("seven"), xpc_uint64_create(7),
				    xpc_uuid_create(sample_uuid) } };
}

static void samples_free(struct samples *samples)
{
	for (int i = 0; i < 7; i++)
		xpc_release(samples->objects[i]);
}

/* ---- types ------------------------------------------------------------------------- */

static void each_type_has_one_identity_and_a_name(void **state)
{
	const char *names[] = {
		"array", "bool", "dictionary", "int64", "string", "uint64", "uuid"
	};
	struct samples samples = samples_new();

	for (int i = 0; i < 7; i++) {
		for (int j = 0; j < 7; j++)
			assert_int_equal(xpc_get_type(samples.objects[i]) == sample_types[j],
					 i == j);
		assert_string_equal(xpc_type_get_name(sample_types[i]), names[i]);
	}
	assert_null(xpc_get_type(NULL));
	assert_null(xpc_type_get_name(NULL));
	samples_free(&samples);
}

static void values_come_back_as_they_were(void **state)
{
	xpc_object_t object;
	char text[] = "bridge0";

	for (int i = 0; i < 2; i++) {
		object = xpc_bool_create(i == 1);
		assert_int_equal(xpc_bool_get_value(object), i == 1);
		xpc_release(object);
		object = xpc_int64_create(i ? INT64_MAX : INT64_MIN);
		assert_int_equal(xpc_int64_get_value(object), i ? INT64_MAX : INT64_MIN);
		xpc_release(object);
	}
	object = xpc_uint64_create(UINT64_MAX);
	assert_int_equal(xpc_uint64_get_value(object), UINT64_MAX);
	xpc_release(object);
	object = xpc_string_create(text);
	text[0] = 'x';
	assert_string_equal(xpc_string_get_string_ptr(object), "bridge0");
	assert_int_equal(xpc_string_get_length(object), 7);
	xpc_release(object);
	object = xpc_uuid_create(sample_uuid);
	assert_memory_equal(xpc_uuid_get_bytes(object), sample_uuid, 16);
	xpc_release(object);
}

static void assert_answers_nothing(xpc_object_t object, xpc_type_t but)
{
	if (but != XPC_TYPE_BOOL)
		assert_false(xpc_bool_get_value(object));
	if (but != XPC_TYPE_INT64)
		assert_int_equal(xpc_int64_get_value(object), 0);
	if (but != XPC_TYPE_UINT64)
		assert_int_equal(xpc_uint64_get_value(object), 0);
	if (but != XPC_TYPE_UUID)
		assert_null(xpc_uuid_get_bytes(object));
	if (but != XPC_TYPE_STRING) {
		assert_null(xpc_string_get_string_ptr(object));
		assert_int_equal(xpc_string_get_length(object), 0);
	}
	if (but != XPC_TYPE_ARRAY) {
		assert_int_equal(xpc_array_get_count(object), 0);
		assert_null(xpc_array_get_value(object, 0));
		assert_null(xpc_array_get_string(object, 0));
	}
	if (but != XPC_TYPE_DICTIONARY) {
		assert_int_equal(xpc_dictionary_get_count(object), 0);
		assert_null(xpc_dictionary_get_value(object, "key"));
		assert_int_equal(xpc_dictionary_get_uint64(object, "key"), 0);
	}
}

static void a_getter_of_another_type_answers_nothing(void **state)
{
	struct samples samples = samples_new();

	for (int i = 0; i < 7; i++)
		assert_answers_nothing(samples.objects[i], sample_types[i]);
	assert_answers_nothing(NULL, NULL);
	samples_free(&samples);
}

static void a_setter_without_its_container_or_key_does_nothing(void **state)
{
	struct samples samples = samples_new();
	xpc_object_t value = samples.objects[5];

	for (int i = 0; i < 7; i++) {
		if (sample_types[i] != XPC_TYPE_DICTIONARY)
			xpc_dictionary_set_uint64(samples.objects[i], "key", 1);
		if (sample_types[i] != XPC_TYPE_ARRAY)
			xpc_array_append_value(samples.objects[i], value);
		assert_int_equal(xpc_dictionary_get_count(samples.objects[i]), 0);
		assert_int_equal(xpc_array_get_count(samples.objects[i]), 0);
	}
	xpc_dictionary_set_value(NULL, "key", value);
	xpc_dictionary_set_value(samples.objects[2], NULL, value);
	xpc_dictionary_set_string(samples.objects[2], "key", NULL);
	xpc_dictionary_set_uuid(samples.objects[2], "key", NULL);
	assert_int_equal(xpc_dictionary_get_count(samples.objects[2]), 0);
	xpc_array_append_value(NULL, value);
	xpc_array_append_value(samples.objects[0], NULL);
	assert_int_equal(xpc_array_get_count(samples.objects[0]), 0);
	assert_null(xpc_string_create(NULL));
	assert_null(xpc_uuid_create(NULL));
	xpc_release(NULL);
	assert_null(xpc_retain(NULL));
	samples_free(&samples);
}

/* ---- dictionaries ------------------------------------------------------------------ */

static void a_dictionary_keeps_typed_values_by_key(void **state)
{
	xpc_object_t dictionary = xpc_dictionary_create(NULL, NULL, 0);

	xpc_dictionary_set_bool(dictionary, "b", true);
	xpc_dictionary_set_int64(dictionary, "i", -1);
	xpc_dictionary_set_uint64(dictionary, "u", 1500);
	xpc_dictionary_set_string(dictionary, "s", "en0");
	xpc_dictionary_set_uuid(dictionary, "id", sample_uuid);
	assert_int_equal(xpc_dictionary_get_count(dictionary), 5);
	assert_true(xpc_dictionary_get_bool(dictionary, "b"));
	assert_int_equal(xpc_dictionary_get_int64(dictionary, "i"), -1);
	assert_int_equal(xpc_dictionary_get_uint64(dictionary, "u"), 1500);
	assert_string_equal(xpc_dictionary_get_string(dictionary, "s"), "en0");
	assert_memory_equal(xpc_dictionary_get_uuid(dictionary, "id"), sample_uuid, 16);
	assert_ptr_equal(xpc_get_type(xpc_dictionary_get_value(dictionary, "u")), XPC_TYPE_UINT64);
	/* Of another type, of no key. */
	assert_int_equal(xpc_dictionary_get_int64(dictionary, "u"), 0);
	assert_int_equal(xpc_dictionary_get_uint64(dictionary, "i"), 0);
	assert_null(xpc_dictionary_get_string(dictionary, "id"));
	assert_null(xpc_dictionary_get_uuid(dictionary, "s"));
	assert_false(xpc_dictionary_get_bool(dictionary, "u"));
	assert_null(xpc_dictionary_get_value(dictionary, "x"));
	assert_null(xpc_dictionary_get_value(dictionary, NULL));
	xpc_release(dictionary);
}

static void a_later_value_of_a_key_replaces_and_none_removes(void **state)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty(), value;
	char key[8];

	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		xpc_dictionary_set_uint64(dictionary, key, (uint64_t)i);
	}
	assert_int_equal(xpc_dictionary_get_count(dictionary), 100);
	xpc_dictionary_set_string(dictionary, "k50", "other");
	assert_int_equal(xpc_dictionary_get_count(dictionary), 100);
	assert_string_equal(xpc_dictionary_get_string(dictionary, "k50"), "other");
	/* By itself: it must not be freed in between. */
	value = xpc_dictionary_get_value(dictionary, "k50");
	xpc_dictionary_set_value(dictionary, "k50", value);
	assert_string_equal(xpc_dictionary_get_string(dictionary, "k50"), "other");
	for (int i = 0; i < 100; i += 3) {
		snprintf(key, sizeof(key), "k%d", i);
		xpc_dictionary_set_value(dictionary, key, NULL);
		assert_null(xpc_dictionary_get_value(dictionary, key));
	}
	assert_int_equal(xpc_dictionary_get_count(dictionary), 66);
	assert_int_equal(xpc_dictionary_get_uint64(dictionary, "k98"), 98);
	xpc_dictionary_set_value(dictionary, "k0", NULL);
	assert_int_equal(xpc_dictionary_get_count(dictionary), 66);
	xpc_release(dictionary);
}

static void a_dictionary_is_made_of_pairs_without_the_incomplete(void **state)
{
	struct samples samples = samples_new();
	const char *const keys[] = { "a", NULL, "c", "a" };
	const xpc_object_t values[] = { samples.objects[3], samples.objects[4], NULL,
					samples.objects[5] };
	xpc_object_t dictionary = xpc_dictionary_create(keys, values, 4);

	assert_int_equal(xpc_dictionary_get_count(dictionary), 1);
	assert_ptr_equal(xpc_dictionary_get_value(dictionary, "a"), samples.objects[5]);
	samples_free(&samples);
	assert_int_equal(xpc_dictionary_get_uint64(dictionary, "a"), 7);
	xpc_release(dictionary);
}

static void a_value_outlives_its_container_if_it_is_retained(void **state)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty(), list = xpc_array_create_empty(),
		     name = xpc_string_create("eth0"), kept;

	xpc_array_append_value(list, name);
	xpc_release(name);
	xpc_dictionary_set_value(dictionary, "list", list);
	xpc_release(list);
	kept = xpc_retain(xpc_dictionary_get_value(dictionary, "list"));
	xpc_release(dictionary);
	assert_string_equal(xpc_array_get_string(kept, 0), "eth0");
	xpc_release(kept);
}

static void references_are_the_same_by_every_name(void **state)
{
	xpc_object_t name = xpc_string_create("eth0");

	assert_ptr_equal(CFRetain(name), name);
	xpc_release(name);
	assert_string_equal(xpc_string_get_string_ptr(name), "eth0");
	CFRelease(name);
	assert_null(CFRetain(NULL));
	CFRelease(NULL);
}

/* ---- arrays ------------------------------------------------------------------------ */

static void an_array_keeps_its_order_and_answers_nothing_past_its_end(void **state)
{
	xpc_object_t values[] = { xpc_string_create("en0"), NULL, xpc_uint64_create(1) };
	xpc_object_t array = xpc_array_create(values, 3);

	assert_int_equal(xpc_array_get_count(array), 2);
	assert_string_equal(xpc_array_get_string(array, 0), "en0");
	assert_ptr_equal(xpc_array_get_value(array, 1), values[2]);
	assert_null(xpc_array_get_string(array, 1));
	assert_null(xpc_array_get_value(array, 2));
	assert_null(xpc_array_get_string(array, SIZE_MAX));
	for (int i = 0; i < 1000; i++)
		xpc_array_append_value(array, values[2]);
	assert_int_equal(xpc_array_get_count(array), 1002);
	assert_ptr_equal(xpc_array_get_value(array, 1001), values[2]);
	xpc_release(values[0]);
	xpc_release(values[2]);
	xpc_release(array);
}

/* ---- walking them ------------------------------------------------------------------ */

/* A block as clang makes one; what it captured follows the head. */
struct walker {
	struct block_head head;
	int calls, stop_at;
	char seen[32];
};

static bool see_pair(struct walker *walker, const char *key, xpc_object_t value)
{
	strcat(walker->seen, key);
	return ++walker->calls != walker->stop_at;
}

static bool see_element(struct walker *walker, size_t index, xpc_object_t value)
{
	strcat(walker->seen, xpc_string_get_string_ptr(value));
	return ++walker->calls != walker->stop_at && index < 100;
}

static void walkers_see_all_in_order_until_they_decline(void **state)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty(), array = xpc_array_create_empty(),
		     value;

	for (const char *key = "zebra"; *key; key++) {
		const char text[2] = { *key, 0 };

		value = xpc_string_create(text);
		xpc_dictionary_set_value(dictionary, text, value);
		xpc_array_append_value(array, value);
		xpc_release(value);
	}
	for (int stop = 0; stop < 6; stop++) {
		struct walker pairs = { .head.invoke = (void (*)(void))see_pair, .stop_at = stop };
		struct walker elements = { .head.invoke = (void (*)(void))see_element,
					   .stop_at = stop };

		assert_int_equal(xpc_dictionary_apply(dictionary, (xpc_dictionary_applier_t)&pairs),
				 stop == 0);
		assert_int_equal(xpc_array_apply(array, (xpc_array_applier_t)&elements), stop == 0);
		assert_int_equal(pairs.calls, stop ? stop : 5);
		assert_memory_equal(pairs.seen, "zebra", pairs.calls);
		assert_string_equal(elements.seen, pairs.seen);
	}
	xpc_release(dictionary);
	xpc_release(array);
}

static void nothing_is_walked_in_what_is_no_container(void **state)
{
	struct walker walker = { .head.invoke = (void (*)(void))see_pair };
	xpc_object_t number = xpc_uint64_create(1);

	assert_true(xpc_dictionary_apply(number, (xpc_dictionary_applier_t)&walker));
	assert_true(xpc_dictionary_apply(NULL, (xpc_dictionary_applier_t)&walker));
	assert_true(xpc_array_apply(number, (xpc_array_applier_t)&walker));
	assert_int_equal(walker.calls, 0);
	xpc_release(number);
}

/* ---- text -------------------------------------------------------------------------- */

static void assert_described(xpc_object_t object, const char *expected)
{
	char *text = xpc_copy_description(object);

	assert_string_equal(text, expected);
	free(text);
}

static void a_description_names_types_and_contents(void **state)
{
	struct samples samples = samples_new();
	xpc_object_t dictionary = xpc_dictionary_create_empty();

	assert_described(samples.objects[0], "<array: []>");
	assert_described(samples.objects[1], "<bool: true>");
	assert_described(samples.objects[2], "<dictionary: {}>");
	assert_described(samples.objects[3], "<int64: -7>");
	assert_described(samples.objects[4], "<string: \"seven\">");
	assert_described(samples.objects[5], "<uint64: 7>");
	assert_described(samples.objects[6], "<uuid: 01234567-89ab-cdef-fedc-ba9876543210>");
	assert_described(NULL, "<null>");
	xpc_array_append_value(samples.objects[0], samples.objects[5]);
	xpc_dictionary_set_value(dictionary, "list", samples.objects[0]);
	xpc_dictionary_set_string(dictionary, "a\"b", "line\n\\");
	assert_described(dictionary, "<dictionary: {\n"
				     "\t\"list\" => <array: [\n"
				     "\t\t<uint64: 7>\n"
				     "\t]>\n"
				     "\t\"a\\\"b\" => <string: \"line\\x0a\\\\\">\n"
				     "}>");
	xpc_release(dictionary);
	samples_free(&samples);
}

static void the_description_of_what_holds_itself_ends(void **state)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty();
	char *text;

	xpc_dictionary_set_value(dictionary, "self", dictionary);
	text = xpc_copy_description(dictionary);
	assert_non_null(strstr(text, "..."));
	free(text);
	xpc_dictionary_set_value(dictionary, "self", NULL);
	xpc_release(dictionary);
}

/* ---- threads ----------------------------------------------------------------------- */

static void *read_and_count(void *dictionary)
{
	for (int i = 0; i < 5000; i++) {
		xpc_object_t list = xpc_retain(xpc_dictionary_get_value(dictionary, "list"));

		if (strcmp(xpc_array_get_string(list, 0), "en0") != 0)
			abort();
		xpc_retain(dictionary);
		xpc_release(list);
		xpc_release(dictionary);
	}
	xpc_release(dictionary);
	return NULL;
}

static void many_threads_read_and_the_last_one_frees(void **state)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty(), list = xpc_array_create_empty(),
		     name = xpc_string_create("en0");
	pthread_t threads[4];

	xpc_array_append_value(list, name);
	xpc_dictionary_set_value(dictionary, "list", list);
	xpc_release(name);
	xpc_release(list);
	for (int i = 0; i < 4; i++) {
		xpc_retain(dictionary);
		assert_int_equal(pthread_create(&threads[i], NULL, read_and_count, dictionary), 0);
	}
	xpc_release(dictionary);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_has_one_identity_and_a_name),
		cmocka_unit_test(values_come_back_as_they_were),
		cmocka_unit_test(a_getter_of_another_type_answers_nothing),
		cmocka_unit_test(a_setter_without_its_container_or_key_does_nothing),
		cmocka_unit_test(a_dictionary_keeps_typed_values_by_key),
		cmocka_unit_test(a_later_value_of_a_key_replaces_and_none_removes),
		cmocka_unit_test(a_dictionary_is_made_of_pairs_without_the_incomplete),
		cmocka_unit_test(a_value_outlives_its_container_if_it_is_retained),
		cmocka_unit_test(references_are_the_same_by_every_name),
		cmocka_unit_test(an_array_keeps_its_order_and_answers_nothing_past_its_end),
		cmocka_unit_test(walkers_see_all_in_order_until_they_decline),
		cmocka_unit_test(nothing_is_walked_in_what_is_no_container),
		cmocka_unit_test(a_description_names_types_and_contents),
		cmocka_unit_test(the_description_of_what_holds_itself_ends),
		cmocka_unit_test(many_threads_read_and_the_last_one_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
