/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_region_caps.c - capability chains that a server may send, and those that it may not
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vfio_user/region_caps.h"
#include "vfio_user/wire.h"
#include <outrigger/vfio_user.h>

#define SIZE 0x10000u

/* A reply under construction: a region of SIZE bytes, capabilities behind it. */
struct builder {
	uint8_t bytes[512];
	size_t len;
};

static struct builder reply(uint32_t cap_offset)
{
	const struct wire_region_info info = { .argsz = 512,
					       .flags = RIG_REGION_MMAP | RIG_REGION_CAPS,
					       .cap_offset = cap_offset,
					       .size = SIZE };
	struct builder b = { .len = sizeof(info) };

	memcpy(b.bytes, &info, sizeof(info));
	return b;
}

static void add(struct builder *b, const void *bytes, size_t len)
{
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

static void add_list(struct builder *b, uint16_t id, uint32_t next, uint32_t nr_areas)
{
	const struct wire_cap_sparse_mmap list = { { id, 1, next }, nr_areas, 0 };

	add(b, &list, sizeof(list));
}

static void add_area(struct builder *b, uint64_t offset, uint64_t size)
{
	const struct wire_sparse_area area = { offset, size };

	add(b, &area, sizeof(area));
}

static void add_fd_area(struct builder *b, uint64_t offset, uint64_t size, uint32_t fd_index)
{
	const struct wire_sparse_fd_area area = { offset, 0, size, fd_index, 0 };

	add(b, &area, sizeof(area));
}

/* A copy of exactly the reply's length, so that a sanitizer sees each byte read behind it. */
static int parse_fds(const struct builder *b, size_t n_fds, bool agreed,
		     struct rig_region_info *ret)
{
	uint8_t *exact = malloc(b->len);
	const char *why = NULL;
	int r;

	memcpy(exact, b->bytes, b->len);
	r = region_caps_parse(exact, b->len, n_fds, agreed, ret, &why);
	free(exact);
	if (r < 0)
		assert_non_null(why);
	return r;
}

static int parse(const struct builder *b, struct rig_region_info *ret)
{
	return parse_fds(b, 1, false, ret);
}

static void s116_a_sparse_list_and_a_type_are_read(void **state)
{
	const struct wire_cap_type type = { { RIG_REGION_CAP_TYPE, 1, 0 }, 7, 9 };
	struct builder b = reply(32);
	struct rig_region_info region;

	add_list(&b, RIG_REGION_CAP_SPARSE_MMAP, 32 + 16 + 32, 2);
	add_area(&b, 0, 4096);
	add_area(&b, 8192, 4096);
	add(&b, &type, sizeof(type));
	assert_int_equal(parse(&b, &region), 0);
	assert_int_equal(region.n_areas, 2);
	assert_int_equal(region.areas[1].offset, 8192);
	assert_true(region.has_type);
	assert_int_equal(region.subtype, 9);
	region_caps_clear(&region);
}

static void s116_unknown_ids_and_versions_are_skipped(void **state)
{
	const struct wire_cap_header unknown = { 77, 1, 40 };
	const struct wire_cap_header newer = { RIG_REGION_CAP_SPARSE_MMAP, 2, 0 };
	struct builder b = reply(32);
	struct rig_region_info region;

	add(&b, &unknown, sizeof(unknown));
	add(&b, &newer, sizeof(newer));
	assert_int_equal(parse(&b, &region), 0);
	/* No list that we understand: all of it. */
	assert_int_equal(region.n_areas, 1);
	assert_int_equal(region.areas[0].size, SIZE);
	region_caps_clear(&region);
}

static void s116_a_chain_that_loops_or_leaves_the_reply_is_refused(void **state)
{
	static const uint32_t next[] = { 32, 40, 31, 1, 41, 48, 4096, UINT32_MAX };
	struct rig_region_info region;

	for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
		const struct wire_cap_header first = { 77, 1, 40 };
		const struct wire_cap_header second = { 77, 1, next[i] };
		struct builder b = reply(32), c = reply(next[i]);

		add(&b, &first, sizeof(first));
		add(&b, &second, sizeof(second));
		assert_int_equal(parse(&b, &region), -EPROTO);
		assert_int_equal(parse(&c, &region), -EPROTO);
	}
}

static void s117_a_list_longer_than_the_reply_is_refused(void **state)
{
	static const uint32_t counts[] = { 3, 4, 0x10000000, UINT32_MAX };
	struct rig_region_info region;

	for (size_t i = 0; i < 4; i++) {
		struct builder b = reply(32);

		add_list(&b, RIG_REGION_CAP_SPARSE_MMAP, 0, counts[i]);
		add_area(&b, 0, 4096);
		add_area(&b, 8192, 4096);
		assert_int_equal(parse(&b, &region), -EPROTO);
	}
}

static void s116_a_reply_cut_anywhere_in_its_capabilities_is_refused(void **state)
{
	struct builder whole = reply(32);
	struct rig_region_info region;

	add_list(&whole, RIG_REGION_CAP_SPARSE_MMAP, 0, 1);
	add_area(&whole, 0, 4096);
	for (size_t len = 32; len < whole.len; len++) {
		struct builder b = whole;

		b.len = len;
		assert_int_equal(parse(&b, &region), -EPROTO);
	}
}

static void s117_areas_outside_empty_overlapping_or_unaligned_are_refused(void **state)
{
	static const uint64_t bad[][4] = {
		{ SIZE, 4096, 0, 4096 },
		{ 0, SIZE + 4096, 0, 4096 },
		{ UINT64_MAX - 4095, 8192, 0, 4096 },
		{ 4096, UINT64_MAX - 4095, 0, 4096 },
		{ 0, 0, 8192, 4096 },
		{ 0, 8192, 4096, 4096 },
		{ 4096, 4096, 0, 8192 },
		{ 4096, 4096, 4096, 4096 },
		{ 0, 1, 4096, 4096 },
		{ 1, 4096, 8192, 4096 },
		{ 0, 4096, 8192, 4097 },
	};
	struct rig_region_info region;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct builder b = reply(32);

		add_list(&b, RIG_REGION_CAP_SPARSE_MMAP, 0, 2);
		add_area(&b, bad[i][0], bad[i][1]);
		add_area(&b, bad[i][2], bad[i][3]);
		assert_int_equal(parse(&b, &region), -EPROTO);
	}
}

static void s117_two_lists_are_refused(void **state)
{
	struct builder b = reply(32);
	struct rig_region_info region;

	add_list(&b, RIG_REGION_CAP_SPARSE_MMAP, 48, 0);
	add_list(&b, RIG_REGION_CAP_SPARSE_MMAP, 0, 0);
	assert_int_equal(parse(&b, &region), -EPROTO);
}

static void s117_an_fd_for_each_area_must_be_agreed_on_and_have_come(void **state)
{
	struct builder b = reply(32);
	struct rig_region_info region;

	add_list(&b, RIG_REGION_CAP_SPARSE_MMAP_FDS, 0, 2);
	add_fd_area(&b, 0, 4096, 0);
	add_fd_area(&b, 8192, 4096, 1);
	assert_int_equal(parse_fds(&b, 2, true, &region), 0);
	assert_int_equal(region.n_areas, 2);
	region_caps_clear(&region);
	assert_int_equal(parse_fds(&b, 2, false, &region), -EPROTO);
	assert_int_equal(parse_fds(&b, 1, true, &region), -EPROTO);
}

static void s117_areas_in_any_order_are_compared_with_all_others(void **state)
{
	struct builder b = reply(32), c = reply(32);
	struct rig_region_info region;

	add_list(&b, RIG_REGION_CAP_SPARSE_MMAP, 0, 3);
	add_area(&b, 8192, 4096);
	add_area(&b, 0, 4096);
	add_area(&b, 4096, 8192);
	assert_int_equal(parse(&b, &region), -EPROTO);

	add_list(&c, RIG_REGION_CAP_SPARSE_MMAP, 0, 3);
	add_area(&c, 8192, 4096);
	add_area(&c, 0, 4096);
	add_area(&c, 4096, 4096);
	assert_int_equal(parse(&c, &region), 0);
	assert_int_equal(region.n_areas, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(region.areas[i].fd_offset, 4096 * i);
	region_caps_clear(&region);
}

static void s117_areas_beyond_the_end_of_any_file_are_refused(void **state)
{
	static const uint64_t offsets[] = { INT64_MAX, INT64_MAX - 4095, UINT64_MAX,
					    UINT64_MAX - 8191 };
	struct rig_region_info region;

	for (size_t i = 0; i < 4; i++) {
		struct builder b = reply(32), whole = reply(0);
		const size_t at = offsetof(struct wire_region_info, offset);

		add_list(&b, RIG_REGION_CAP_SPARSE_MMAP, 0, 1);
		add_area(&b, 8192, 4096);
		memcpy(b.bytes + at, &offsets[i], 8);
		assert_int_equal(parse(&b, &region), -EPROTO);
		memcpy(whole.bytes + at, &offsets[i], 8);
		assert_int_equal(parse(&whole, &region), -EPROTO);
	}
}

static void a_region_without_an_fd_or_the_flag_has_no_areas(void **state)
{
	const uint32_t flags = RIG_REGION_CAPS;
	struct builder b = reply(32);
	struct rig_region_info region;

	add_list(&b, RIG_REGION_CAP_SPARSE_MMAP, 0, 1);
	add_area(&b, 0, 4096);
	assert_int_equal(parse_fds(&b, 0, false, &region), 0);
	assert_int_equal(region.n_areas, 0);
	region_caps_clear(&region);
	memcpy(b.bytes + offsetof(struct wire_region_info, flags), &flags, 4);
	assert_int_equal(parse_fds(&b, 3, false, &region), 0);
	assert_int_equal(region.n_areas, 0);
	assert_int_equal(region.n_fds, 0);
	region_caps_clear(&region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s116_a_sparse_list_and_a_type_are_read),
		cmocka_unit_test(s116_unknown_ids_and_versions_are_skipped),
		cmocka_unit_test(s116_a_chain_that_loops_or_leaves_the_reply_is_refused),
		cmocka_unit_test(s117_a_list_longer_than_the_reply_is_refused),
		cmocka_unit_test(s116_a_reply_cut_anywhere_in_its_capabilities_is_refused),
		cmocka_unit_test(s117_areas_outside_empty_overlapping_or_unaligned_are_refused),
		cmocka_unit_test(s117_two_lists_are_refused),
		cmocka_unit_test(s117_an_fd_for_each_area_must_be_agreed_on_and_have_come),
		cmocka_unit_test(s117_areas_in_any_order_are_compared_with_all_others),
		cmocka_unit_test(s117_areas_beyond_the_end_of_any_file_are_refused),
		cmocka_unit_test(a_region_without_an_fd_or_the_flag_has_no_areas),
	};

	return cmocka_run_group_tests_name("region_caps", tests, NULL, NULL);
}
