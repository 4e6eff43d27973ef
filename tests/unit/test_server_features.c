/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server_features.c - which features there are, and the log of dirty pages
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mover.h"

#define GUEST	    UINT64_C(0x100000) /* where the guest's memory starts */
#define GUEST_PAGES 200u

/* --- features --- */

static const struct {
	uint32_t index;
	uint32_t ops;
} known[] = {
	{ RIG_FEATURE_MIGRATION, GET },		 { RIG_FEATURE_MIG_DEVICE_STATE, GET | SET },
	{ RIG_FEATURE_DMA_LOGGING_START, SET },	 { RIG_FEATURE_DMA_LOGGING_STOP, SET },
	{ RIG_FEATURE_DMA_LOGGING_REPORT, GET },
};

static uint32_t ops_of(uint32_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].index == index)
			return known[i].ops;
	return 0;
}

/* Every index there may be one day, with every use; a reply is the request. */
static void check_probe(struct mover *f, uint32_t index, uint32_t ops, bool exists)
{
	static const uint8_t data[] = { 1, 2, 3 };
	int expected = exists && (ops & ~ops_of(index)) == 0 ? 0 : -EINVAL;

	assert_int_equal(ask_feature(f, index | ops | PROBE, FIXED, NULL, 0), expected);
	assert_true(expected < 0 || echoed(f));
	assert_int_equal(ask_feature(f, index | ops | PROBE, FIXED + 3, data, 3), expected);
	assert_true(expected < 0 || echoed(f));
}

static void s086_probe_succeeds_if_every_named_use_is_there(void **state)
{
	static const uint32_t uses[] = { 0, GET, SET, GET | SET };
	struct mover *f = *state;

	for (uint32_t index = 0; index < 32; index++)
		for (size_t i = 0; i < ARRAY_SIZE(uses); i++)
			check_probe(f, index, uses[i], ops_of(index) != 0);
	assert_string_equal(f->m->path, "");
}

static void s086_a_device_that_cannot_be_moved_still_logs(void **state)
{
	struct mover *f = *state;

	for (uint32_t index = 0; index < 32; index++)
		check_probe(f, index, 0,
			    index >= RIG_FEATURE_DMA_LOGGING_START &&
				    index <= RIG_FEATURE_DMA_LOGGING_REPORT);
	assert_usable(f->c);
}

static void s087_a_use_that_is_not_there_is_refused(void **state)
{
	static const uint32_t bad[] = {
		0,
		RIG_FEATURE_MIGRATION | SET,
		RIG_FEATURE_MIGRATION,
		RIG_FEATURE_DMA_LOGGING_START | GET,
		3 | GET,
		RIG_FEATURE_DMA_LOGGING_STOP | GET,
		5 | SET,
		RIG_FEATURE_DMA_LOGGING_REPORT | SET,
		9 | GET,
		RIG_FEATURE_MIG_DEVICE_STATE | GET | SET,
		11 | GET,
		RIG_FEATURE_MIG_DEVICE_STATE | GET | (1u << 19),
		0xffff | GET,
		UINT32_MAX,
	};
	static const uint8_t data[64];
	struct mover *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(ask_feature(f, bad[i], 1024, data, sizeof(data)), -EINVAL);
		assert_usable(f->c);
	}
	assert_string_equal(f->m->path, "");
}

static void s088_the_reply_fits_argsz_or_nothing_happens(void **state)
{
	const struct wire_device_state stop = { STOP, -1 };
	struct mover *f = *state;

	for (uint32_t argsz = 0; argsz < 16; argsz++) {
		assert_int_equal(ask_feature(f, RIG_FEATURE_MIGRATION | GET, argsz, NULL, 0),
				 -EINVAL);
		assert_int_equal(ask_feature(f, RIG_FEATURE_MIG_DEVICE_STATE | GET, argsz, NULL, 0),
				 -EINVAL);
		assert_int_equal(ask_feature(f, RIG_FEATURE_MIG_DEVICE_STATE | SET, argsz, &stop,
					     sizeof(stop)),
				 -EINVAL);
		assert_int_equal(ask_feature(f, RIG_FEATURE_MIG_DEVICE_STATE | SET | PROBE, argsz,
					     &stop, sizeof(stop)),
				 -EINVAL);
	}
	assert_int_equal(get_state(f), RUNNING);
	assert_string_equal(f->m->path, "");
}

static void s088_set_has_all_of_its_data(void **state)
{
	const struct wire_device_state stop = { STOP, -1 };
	const struct wire_logging_start start = { PAGE };
	struct mover *f = *state;

	for (size_t len = 0; len < sizeof(stop); len++)
		assert_int_equal(
			ask_feature(f, RIG_FEATURE_MIG_DEVICE_STATE | SET, 1024, &stop, len),
			-EINVAL);
	for (size_t len = 0; len < sizeof(start); len++)
		assert_int_equal(
			ask_feature(f, RIG_FEATURE_DMA_LOGGING_START | SET, 1024, &start, len),
			-EINVAL);
	assert_string_equal(f->m->path, "");
	/* Padded to argsz, as QEMU does it. */
	assert_int_equal(ask_feature(f, RIG_FEATURE_MIG_DEVICE_STATE | SET, 64,
				     (const uint8_t[56]) { STOP }, 56),
			 0);
	assert_true(echoed(f));
	assert_int_equal(get_state(f), STOP);
}

/* --- the log of dirty pages --- */

static void map_guest(struct mover *f, uint64_t address, uint64_t size)
{
	int fd = test_memfd(size);

	assert_int_equal(map(f->c, address, size, RIG_DMA_READ | RIG_DMA_WRITE, fd), 0);
	close(fd);
}

static int start_log(struct mover *f, uint64_t page_size)
{
	const struct wire_logging_start start = { page_size };

	return ask_feature(f, RIG_FEATURE_DMA_LOGGING_START | SET, FIXED + sizeof(start), &start,
			   sizeof(start));
}

static int stop_log(struct mover *f)
{
	return ask_feature(f, RIG_FEATURE_DMA_LOGGING_STOP | SET, FIXED, NULL, 0);
}

static int report_with(struct mover *f, uint64_t iova, uint64_t length, uint64_t page_size,
		       uint32_t argsz)
{
	const struct wire_logging_report report = { iova, length, page_size };

	return ask_feature(f, RIG_FEATURE_DMA_LOGGING_REPORT | GET, argsz, &report, sizeof(report));
}

/* The bitmap is at f->got.payload + 32; its length is what the formula says. */
static void report(struct mover *f, uint64_t iova, uint64_t length, uint64_t page_size)
{
	uint64_t pages = (length + page_size - 1) / page_size;
	size_t bytes = (size_t)((pages + 63) / 64 * 8);
	struct wire_feature_head head;

	assert_int_equal(report_with(f, iova, length, page_size, (uint32_t)(32 + bytes)), 0);
	assert_int_equal(f->got.len, 32 + bytes);
	memcpy(&head, f->got.payload, sizeof(head));
	assert_int_equal(head.argsz, 32 + bytes);
	assert_memory_equal(f->got.payload + 4, f->said.payload + 4, 28);
}

static bool reported(const struct mover *f, size_t page)
{
	uint64_t word;

	memcpy(&word, f->got.payload + 32 + page / 64 * 8, sizeof(word));
	return word >> (page % 64) & 1;
}

/* Exactly these pages, and no bit beyond. */
static void assert_reported(const struct mover *f, const size_t *pages, size_t n)
{
	for (size_t page = 0; page < (f->got.len - 32) * 8; page++) {
		bool expected = false;

		for (size_t i = 0; i < n; i++)
			expected = expected || pages[i] == page;
		assert_int_equal(reported(f, page), expected);
	}
}

#define assert_pages(f, ...)                                 \
	assert_reported(f, (const size_t[]) { __VA_ARGS__ }, \
			sizeof((const size_t[]) { __VA_ARGS__ }) / sizeof(size_t))
#define assert_no_pages(f) assert_reported(f, NULL, 0)

static void touch(struct mover *f, uint64_t page, uint64_t n)
{
	rig_dma_mark_dirty(f->m->server, GUEST + page * PAGE, n * PAGE);
}

static void s098_written_pages_are_reported_once(void **state)
{
	struct mover *f = *state;

	map_guest(f, GUEST, GUEST_PAGES * PAGE);
	touch(f, 5, 1);
	assert_int_equal(start_log(f, PAGE), 0);
	report(f, GUEST, GUEST_PAGES * PAGE, PAGE);
	assert_no_pages(f);
	touch(f, 0, 1);
	touch(f, 63, 2);
	touch(f, 199, 1);
	report(f, GUEST, GUEST_PAGES * PAGE, PAGE);
	assert_pages(f, 0, 63, 64, 199);
	report(f, GUEST, GUEST_PAGES * PAGE, PAGE);
	assert_no_pages(f);
	assert_int_equal(stop_log(f), 0);
	assert_int_equal(report_with(f, GUEST, PAGE, PAGE, 1024), -EINVAL);
}

static void s098_other_page_sizes_combine_or_repeat_bits(void **state)
{
	struct mover *f = *state;

	map_guest(f, GUEST, 128 * PAGE);
	assert_int_equal(start_log(f, PAGE), 0);
	touch(f, 17, 1);
	report(f, GUEST, 128 * PAGE, 16 * PAGE);
	assert_pages(f, 1);
	touch(f, 1, 1);
	report(f, GUEST, 4 * PAGE, PAGE / 2);
	assert_pages(f, 2, 3);
}

static void s098_start_says_which_page_size_it_took(void **state)
{
	const struct {
		struct wire_logging_start start;
		struct wire_dma_range range;
	} WIRE_PACKED data = { { 65536, 1, 0 }, { GUEST, PAGE } };
	struct mover *f = *state;
	uint64_t chosen;

	assert_int_equal(ask_feature(f, RIG_FEATURE_DMA_LOGGING_START | SET, FIXED + sizeof(data),
				     &data, sizeof(data)),
			 0);
	assert_int_equal(f->got.len, FIXED + sizeof(data));
	memcpy(&chosen, f->got.payload + FIXED, sizeof(chosen));
	assert_int_equal(chosen, PAGE);
	assert_memory_equal(f->got.payload + FIXED + 8, f->said.payload + FIXED + 8,
			    sizeof(data) - 8);
}

static void s098_starting_again_keeps_the_log(void **state)
{
	struct mover *f = *state;

	map_guest(f, GUEST, 64 * PAGE);
	assert_int_equal(start_log(f, PAGE), 0);
	touch(f, 3, 1);
	assert_int_equal(start_log(f, PAGE), 0);
	report(f, GUEST, 64 * PAGE, PAGE);
	assert_pages(f, 3);
}

/* Wider than asked for, as a device may be. */
static void s098_what_is_outside_the_ranges_is_logged_too(void **state)
{
	const struct {
		struct wire_logging_start start;
		struct wire_dma_range range;
	} WIRE_PACKED data = { { PAGE, 1, 0 }, { GUEST, PAGE } };
	struct mover *f = *state;

	map_guest(f, GUEST, 64 * PAGE);
	assert_int_equal(ask_feature(f, RIG_FEATURE_DMA_LOGGING_START | SET, FIXED + sizeof(data),
				     &data, sizeof(data)),
			 0);
	touch(f, 0, 1);
	touch(f, 9, 1);
	report(f, GUEST, 64 * PAGE, PAGE);
	assert_pages(f, 0, 9);
}

static void s099_parts_and_several_maps_are_reported(void **state)
{
	struct mover *f = *state;

	map_guest(f, GUEST, 10 * PAGE);
	assert_int_equal(start_log(f, PAGE), 0);
	/* later, with a hole before it */
	map_guest(f, GUEST + 20 * PAGE, 10 * PAGE);
	touch(f, 9, 1);
	touch(f, 20, 1);
	touch(f, 25, 1);
	report(f, GUEST + 5 * PAGE, 18 * PAGE, PAGE);
	assert_pages(f, 4, 15);
	report(f, GUEST, 30 * PAGE, PAGE);
	assert_pages(f, 25);
}

static void s099_a_last_page_that_is_not_whole_is_one(void **state)
{
	struct mover *f = *state;

	map_guest(f, GUEST, 70 * PAGE);
	assert_int_equal(start_log(f, PAGE), 0);
	touch(f, 64, 1);
	report(f, GUEST, 64 * PAGE + 1, PAGE);
	assert_pages(f, 64);
}

static void s099_nothing_mapped_is_nothing_written(void **state)
{
	struct mover *f = *state;

	assert_int_equal(start_log(f, PAGE), 0);
	report(f, GUEST, 70 * PAGE, PAGE);
	assert_no_pages(f);
}

static void s100_a_report_without_a_log_is_refused(void **state)
{
	struct mover *f = *state;

	map_guest(f, GUEST, PAGE);
	assert_int_equal(report_with(f, GUEST, PAGE, PAGE, 1024), -EINVAL);
	assert_int_equal(stop_log(f), -EINVAL);
	assert_usable(f->c);
}

static void s100_reports_that_make_no_sense_are_refused(void **state)
{
	static const struct wire_logging_report bad[] = {
		{ GUEST, PAGE, 0 }, /* page sizes */
		{ GUEST, PAGE, 3000 },
		{ GUEST, PAGE, UINT64_MAX },
		{ GUEST, 0, PAGE },		       /* length */
		{ UINT64_MAX - PAGE, 3 * PAGE, PAGE }, /* wraps */
		{ PAGE, UINT64_MAX, UINT64_C(1) << 63 },
	};
	struct mover *f = *state;

	map_guest(f, GUEST, PAGE);
	assert_int_equal(start_log(f, PAGE), 0);
	touch(f, 0, 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ask_feature(f, RIG_FEATURE_DMA_LOGGING_REPORT | GET, 1024, &bad[i],
					     sizeof(bad[i])),
				 -EINVAL);
	for (size_t len = 0; len < sizeof(bad[0]); len++)
		assert_int_equal(
			ask_feature(f, RIG_FEATURE_DMA_LOGGING_REPORT | GET, 1024, &bad[0], len),
			-EINVAL);
	/* They took nothing from the log. */
	report(f, GUEST, PAGE, PAGE);
	assert_pages(f, 0);
}

static void s100_a_bitmap_that_argsz_has_no_room_for_is_refused(void **state)
{
	struct mover *f = *state;

	map_guest(f, GUEST, 128 * PAGE);
	assert_int_equal(start_log(f, PAGE), 0);
	touch(f, 1, 1);
	for (uint32_t argsz = 0; argsz < 32 + 16; argsz++)
		assert_int_equal(report_with(f, GUEST, 128 * PAGE, PAGE, argsz), -EINVAL);
	report(f, GUEST, 128 * PAGE, PAGE);
	assert_pages(f, 1);
}

/* The client accepts 8 KiB of data in a message, but 16 KiB of anything, as everybody has to. */
static void s100_no_bitmap_is_longer_than_a_message(void **state)
{
	const uint64_t most = UINT64_C(16384) * 8 * PAGE;
	struct mover *f = *state;

	assert_int_equal(start_log(f, PAGE), 0);
	assert_int_equal(report_with(f, 0, most + 1, PAGE, UINT32_MAX), -E2BIG);
	assert_int_equal(report_with(f, 0, UINT64_C(1) << 60, PAGE, UINT32_MAX), -E2BIG);
	assert_int_equal(report_with(f, 0, UINT64_MAX, 1, UINT32_MAX), -E2BIG);
	/* Not the bitmap is too long, but argsz too short. */
	assert_int_equal(report_with(f, 0, most, PAGE, 32 + 16383), -EINVAL);
	report(f, 0, most - 512 * PAGE, PAGE);
	assert_no_pages(f);
}

/* What a client says that it accepts is not what we are willing to hold for it. */
static void s100_no_bitmap_is_longer_than_what_we_accept_ourselves(void **state)
{
	const uint64_t most = UINT64_C(1048576) * 8 * PAGE;
	struct mover *f = *state;

	client_hang_up(f->c);
	client_open(f->base, f->c);
	assert_int_equal(ask_version(f->c, 0, 0,
				     "{\"capabilities\":{\"max_data_xfer_size\":67108864}}",
				     &f->got),
			 0);
	assert_int_equal(start_log(f, PAGE), 0);
	assert_int_equal(report_with(f, 0, most + 1, PAGE, UINT32_MAX), -E2BIG);
	assert_int_equal(report_with(f, 0, most, PAGE, 32 + 1048575), -EINVAL);
}

static void s100_starts_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		size_t ranges; /* that are there */
		struct wire_logging_start start;
		struct wire_dma_range range[2];
	} bad[] = {
		{ 0, { 0 }, { { 0 } } },
		{ 0, { 3000 }, { { 0 } } },
		{ 0, { PAGE, 1 }, { { 0 } } },
		{ 1, { PAGE, 0 }, { { 0, PAGE } } },
		{ 1, { PAGE, 2 }, { { 0, PAGE } } },
		{ 2, { PAGE, 1 }, { { 0, PAGE }, { PAGE, PAGE } } },
		{ 2, { PAGE, UINT32_MAX }, { { 0, PAGE }, { PAGE, PAGE } } },
		{ 1, { PAGE, 0x10000001 }, { { 0, PAGE } } },
		{ 1, { PAGE, 1 }, { { PAGE, 0 } } },
		{ 1, { PAGE, 1 }, { { 0, 0 } } },
		{ 1, { PAGE, 1 }, { { UINT64_MAX, 2 } } },
	};
	static const struct {
		struct wire_logging_start start;
		struct wire_dma_range range[2];
	} WIRE_PACKED one = { { PAGE, 1 }, { { 0, PAGE } } };
	struct mover *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(ask_feature(f, RIG_FEATURE_DMA_LOGGING_START | SET, 1024,
					     &bad[i].start, 16 + 16 * bad[i].ranges),
				 -EINVAL);
		assert_int_equal(stop_log(f), -EINVAL);
	}
	/* A range that is cut, or has something behind it */
	for (size_t len = 16 + 1; len < 16 + 32; len++)
		assert_int_equal(
			ask_feature(f, RIG_FEATURE_DMA_LOGGING_START | SET, 1024, &one, len),
			len == 16 + 16 ? 0 : -EINVAL);
}

static void the_log_is_the_clients_and_ends_with_it(void **state)
{
	struct mover *f = *state;

	assert_int_equal(start_log(f, PAGE), 0);
	client_hang_up(f->c);
	mover_connect(f);
	assert_int_equal(report_with(f, GUEST, PAGE, PAGE, 1024), -EINVAL);
	assert_int_equal(stop_log(f), -EINVAL);
}

static void a_reset_keeps_the_log(void **state)
{
	struct mover *f = *state;

	map_guest(f, GUEST, 64 * PAGE);
	assert_int_equal(start_log(f, PAGE), 0);
	touch(f, 2, 1);
	restart(f);
	report(f, GUEST, 64 * PAGE, PAGE);
	assert_pages(f, 2);
}

#define TEST(t)	   cmocka_unit_test_setup_teardown(t, setup_mover, teardown_mover)
#define NO_MOVE(t) cmocka_unit_test_setup_teardown(t, setup_unmovable, teardown_mover)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(s086_probe_succeeds_if_every_named_use_is_there),
		NO_MOVE(s086_a_device_that_cannot_be_moved_still_logs),
		TEST(s087_a_use_that_is_not_there_is_refused),
		TEST(s088_the_reply_fits_argsz_or_nothing_happens),
		TEST(s088_set_has_all_of_its_data),
		TEST(s098_written_pages_are_reported_once),
		TEST(s098_other_page_sizes_combine_or_repeat_bits),
		TEST(s098_start_says_which_page_size_it_took),
		TEST(s098_starting_again_keeps_the_log),
		TEST(s098_what_is_outside_the_ranges_is_logged_too),
		TEST(s099_parts_and_several_maps_are_reported),
		TEST(s099_a_last_page_that_is_not_whole_is_one),
		TEST(s099_nothing_mapped_is_nothing_written),
		TEST(s100_a_report_without_a_log_is_refused),
		TEST(s100_reports_that_make_no_sense_are_refused),
		TEST(s100_a_bitmap_that_argsz_has_no_room_for_is_refused),
		TEST(s100_no_bitmap_is_longer_than_a_message),
		TEST(s100_no_bitmap_is_longer_than_what_we_accept_ourselves),
		TEST(s100_starts_that_make_no_sense_are_refused),
		TEST(the_log_is_the_clients_and_ends_with_it),
		TEST(a_reset_keeps_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
