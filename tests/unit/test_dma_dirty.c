/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dma_dirty.c - what the device wrote, page by page
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fds.h"
#include "vfio_user/dma.h"
#include <outrigger/server.h>

#define RW   (RIG_DMA_READ | RIG_DMA_WRITE)
#define PAGE UINT64_C(4096)

static int set_up(void **state)
{
	struct dma_map *map;

	assert_int_equal(dma_map_new(64, &map), 0);
	*state = map;
	return 0;
}

static int tear_down(void **state)
{
	dma_map_free(*state);
	return 0;
}

static void add(struct dma_map *map, uint64_t address, uint64_t size)
{
	int fd = test_memfd(size);

	assert_int_equal(dma_map_add(map, address, size, RW, 0, fd), 0);
	close(fd);
}

/* Pins len bytes for writing, and writes used of them. */
static void write_some(struct dma_map *map, uint64_t address, size_t len, size_t used)
{
	struct rig_dma_seg seg;

	assert_int_equal(dma_map_pin(map, address, len, RW, &seg, 1), 1);
	seg.len = used;
	dma_map_unpin(map, &seg, 1);
}

/* One word, of up to 64 pages of this size. */
static uint64_t report(struct dma_map *map, uint64_t iova, uint64_t length, uint64_t pgsize)
{
	uint64_t word = UINT64_MAX;

	assert_int_equal(dma_dirty_report(map, iova, length, pgsize, &word, sizeof(word)), 0);
	return word;
}

static void a_report_without_start_is_refused(void **state)
{
	struct dma_map *map = *state;
	uint64_t word;

	assert_int_equal(dma_dirty_report(map, 0, PAGE, PAGE, &word, 8), -EINVAL);
	assert_int_equal(dma_dirty_stop(map), -EINVAL);
	assert_int_equal(dma_dirty_start(map, 0), -EINVAL);
	assert_int_equal(dma_dirty_start(map, 3000), -EINVAL);
	assert_int_equal(dma_dirty_report(map, 0, PAGE, PAGE, &word, 8), -EINVAL);
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	assert_int_equal(dma_dirty_start(map, 2 * PAGE), 0);
	assert_int_equal(dma_dirty_stop(map), 0);
	assert_int_equal(dma_dirty_report(map, 0, PAGE, PAGE, &word, 8), -EINVAL);
}

static void a_report_of_nonsense_is_refused(void **state)
{
	struct dma_map *map = *state;
	uint64_t words[2];

	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	assert_int_equal(dma_dirty_report(map, 0, PAGE, 0, words, 16), -EINVAL);
	assert_int_equal(dma_dirty_report(map, 0, PAGE, 3000, words, 16), -EINVAL);
	assert_int_equal(dma_dirty_report(map, 0, 0, PAGE, words, 16), -EINVAL);
	assert_int_equal(dma_dirty_report(map, 2 * PAGE, UINT64_MAX - PAGE, PAGE, words, 16),
			 -EINVAL);
	assert_int_equal(dma_dirty_report(map, 0, PAGE, PAGE, words, 7), -EINVAL);
	assert_int_equal(dma_dirty_report(map, 0, 65 * PAGE, PAGE, words, 15), -EINVAL);
	assert_int_equal(dma_dirty_report(map, 0, UINT64_MAX, 1, words, 16), -EINVAL);
	assert_int_equal(dma_dirty_report(map, 0, 65 * PAGE, PAGE, words, 16), 0);

	assert_int_equal(dma_dirty_bitmap_len(0, PAGE), 0);
	assert_int_equal(dma_dirty_bitmap_len(PAGE, 3000), 0);
	assert_int_equal(dma_dirty_bitmap_len(64 * PAGE, PAGE), 8);
	assert_int_equal(dma_dirty_bitmap_len(64 * PAGE + 1, PAGE), 16);
	assert_int_equal(dma_dirty_bitmap_len(UINT64_MAX, UINT64_C(1) << 63), 8);
	assert_true(dma_dirty_bitmap_len(UINT64_MAX, 1) == UINT64_C(1) << 61);
}

static void written_pages_are_told_of_once(void **state)
{
	struct dma_map *map = *state;

	add(map, 0, 16 * PAGE);
	write_some(map, 3 * PAGE, 8, 8); /* before: not logged */
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	write_some(map, PAGE, 1, 1);
	write_some(map, 5 * PAGE - 1, 2, 2);
	assert_int_equal(report(map, 0, 16 * PAGE, PAGE), 0x32);
	assert_int_equal(report(map, 0, 16 * PAGE, PAGE), 0);
}

static void only_what_was_written_counts(void **state)
{
	struct dma_map *map = *state;
	struct rig_dma_seg seg;

	add(map, 0, 16 * PAGE);
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	assert_int_equal(dma_map_pin(map, 0, 4 * PAGE, RIG_DMA_READ, &seg, 1), 1);
	dma_map_unpin(map, &seg, 1);
	assert_int_equal(report(map, 0, 16 * PAGE, PAGE), 0);
	write_some(map, 0, 4 * PAGE, 0);
	assert_int_equal(report(map, 0, 16 * PAGE, PAGE), 0);
	write_some(map, 2 * PAGE, 4 * PAGE, PAGE + 1);
	assert_int_equal(report(map, 0, 16 * PAGE, PAGE), 0xc);
	/* More than was pinned cannot have been written. */
	write_some(map, 14 * PAGE, 8, 4 * PAGE);
	assert_int_equal(report(map, 0, 16 * PAGE, PAGE), 0xc000);
}

static void bits_are_combined_and_repeated_for_other_page_sizes(void **state)
{
	struct dma_map *map = *state;

	add(map, 0, 16 * PAGE);
	assert_int_equal(dma_dirty_start(map, 65536), 0);
	write_some(map, 5 * PAGE, 1, 1);
	assert_int_equal(report(map, 0, 16 * PAGE, 4 * PAGE), 0x2);
	write_some(map, 5 * PAGE, 1, 1);
	assert_int_equal(report(map, 0, 16 * PAGE, 1024 * PAGE), 0x1);
	write_some(map, 5 * PAGE, 1, 1);
	assert_int_equal(report(map, 4 * PAGE, 3 * PAGE, 1024), 0xf0);
	assert_int_equal(report(map, 4 * PAGE, 3 * PAGE, 1024), 0);
	write_some(map, 0, 1, 1);
	assert_int_equal(report(map, 0, 16 * PAGE, UINT64_C(1) << 63), 0x1);
}

static void large_ranges_and_those_added_later_are_logged_too(void **state)
{
	const uint64_t large = 200 * PAGE;
	struct dma_map *map = *state;
	uint64_t words[4];

	add(map, 0, large);
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	add(map, large, large);
	add(map, 2 * large, PAGE);
	write_some(map, 63 * PAGE, 2 * PAGE, 2 * PAGE);
	write_some(map, large, large, large);
	write_some(map, 2 * large, 1, 1);
	assert_int_equal(dma_dirty_report(map, 0, large, PAGE, words, sizeof(words)), 0);
	assert_true(words[0] == UINT64_C(1) << 63 && words[1] == 1 && !words[2] && !words[3]);
	assert_int_equal(dma_dirty_report(map, large, large, PAGE, words, sizeof(words)), 0);
	assert_true(words[0] == UINT64_MAX && words[2] == UINT64_MAX && words[3] == 0xff);
	assert_int_equal(report(map, 2 * large, PAGE, PAGE), 1);
}

static void a_report_goes_across_ranges_and_holes(void **state)
{
	struct dma_map *map = *state;

	add(map, 2 * PAGE, 2 * PAGE);
	add(map, 4 * PAGE, PAGE);
	add(map, 8 * PAGE, 2 * PAGE);
	assert_int_equal(dma_map_add(map, 6 * PAGE, PAGE, RW, 0, -1), 0); /* messages only */
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	write_some(map, 3 * PAGE, 1, 1);
	write_some(map, 4 * PAGE, 1, 1);
	write_some(map, 9 * PAGE, 1, 1);
	dma_mark_dirty(map, 6 * PAGE, PAGE);
	assert_int_equal(report(map, 3 * PAGE, 6 * PAGE, PAGE), 0x3);
	assert_int_equal(report(map, 0, 64 * PAGE, PAGE), 1 << 9);
	write_some(map, 9 * PAGE, 1, 1);
	assert_int_equal(report(map, 5 * PAGE, 64 * PAGE, 2 * PAGE), 1 << 2);
}

/* What is asked for in part is told, but not forgotten: it may have been the other part. */
static void a_page_asked_for_in_part_is_told_of_again(void **state)
{
	struct dma_map *map = *state;

	add(map, 0, 100 * PAGE);
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	write_some(map, PAGE, 3 * PAGE, 3 * PAGE);
	assert_int_equal(report(map, PAGE + 512, 2 * PAGE, 512), 0xffff);
	assert_int_equal(report(map, PAGE + 512, 2 * PAGE, PAGE), 0x3);
	assert_int_equal(report(map, 0, 8 * PAGE, PAGE), 0xa);
	assert_int_equal(report(map, 0, 8 * PAGE, PAGE), 0);
	/* On both sides of a word's end. */
	write_some(map, 63 * PAGE, 2 * PAGE, 2 * PAGE);
	assert_int_equal(report(map, 63 * PAGE + 1, PAGE, PAGE), 0x1);
	assert_int_equal(report(map, 64 * PAGE - 1, 2, 1), 0x3);
	assert_int_equal(report(map, 60 * PAGE, 8 * PAGE, PAGE), 0x18);
}

static void marks_end_at_the_first_hole(void **state)
{
	const uint64_t last = UINT64_MAX - PAGE + 1;
	struct dma_map *map = *state;

	add(map, 0, PAGE);
	add(map, PAGE, PAGE);
	add(map, 3 * PAGE, PAGE);
	add(map, last, PAGE);
	dma_mark_dirty(map, 0, 4 * PAGE);
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	dma_mark_dirty(map, PAGE - 1, 8 * PAGE);
	assert_int_equal(report(map, 0, 4 * PAGE, PAGE), 0x3);
	dma_mark_dirty(map, last, 4 * PAGE);
	assert_int_equal(report(map, 0, 4 * PAGE, PAGE), 0);
	assert_int_equal(report(map, last, PAGE, PAGE), 1);
}

/* The segment of a large range is pinned all the time, so its bitmap cannot go. */
static void stopping_forgets_also_what_is_in_use(void **state)
{
	struct dma_map *map = *state;
	struct rig_dma_seg seg;

	add(map, 0, PAGE);
	add(map, PAGE, 200 * PAGE);
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	assert_int_equal(dma_map_pin(map, 2 * PAGE, 8, RW, &seg, 1), 1);
	write_some(map, 0, PAGE, PAGE);
	write_some(map, PAGE, 2 * PAGE, 2 * PAGE);
	assert_int_equal(dma_dirty_stop(map), 0);
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	assert_int_equal(report(map, 0, 64 * PAGE, PAGE), 0);
	dma_map_unpin(map, &seg, 1);
	assert_int_equal(report(map, 0, 64 * PAGE, PAGE), 0x4);
	assert_int_equal(dma_dirty_stop(map), 0);
}

/* A file without content, mapped once and announced many times: ThreadSanitizer leaves no more room. */
static void more_than_can_be_reported_in_time_is_not_logged(void **state)
{
	const uint64_t size = DMA_MAX_TRACKED / 32;
	struct dma_map *map = *state;
	int fd = test_memfd(size);

	for (uint64_t i = 0; i < 32; i++)
		assert_int_equal(dma_map_add(map, i * size, size, RW, 0, fd), 0);
	assert_int_equal(dma_map_add(map, DMA_MAX_TRACKED, 65 * PAGE, RW, 0, fd), 0);
	assert_int_equal(dma_dirty_start(map, PAGE), -ENOSPC);
	assert_int_equal(dma_map_remove_begin(map, DMA_MAX_TRACKED, 65 * PAGE), 0);
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	assert_int_equal(dma_map_add(map, DMA_MAX_TRACKED, 65 * PAGE, RW, 0, fd), -ENOSPC);
	assert_int_equal(dma_map_add(map, DMA_MAX_TRACKED, 64 * PAGE, RW, 0, fd), 0);
	assert_int_equal(dma_map_remove_begin(map, 0, size), 0);
	assert_int_equal(dma_map_add(map, DMA_MAX_TRACKED * 2, 65 * PAGE, RW, 0, fd), 0);
	close(fd);
}

/* The dumb list: a flag per page; three ranges with a hole before each. */
#define PAGES 300

static bool oracle_mapped(uint64_t page)
{
	return (page >= 4 && page < 20) || (page >= 21 && page < 220) ||
	       (page >= 230 && page < 294);
}

static bool oracle_told(bool dirty[PAGES], uint64_t from, uint64_t last)
{
	bool told = false;

	for (uint64_t page = from / PAGE; page <= last / PAGE; page++)
		told |= dirty[page];
	return told;
}

static void same_as_oracle(struct dma_map *map, bool dirty[PAGES])
{
	uint64_t iova = (uint64_t)rand() % (PAGES * PAGE / 2), pgsize = UINT64_C(512) << rand() % 8;
	uint64_t length = 1 + (uint64_t)rand() % (PAGES * PAGE / 2), last;
	static uint8_t bitmap[PAGES * 8];

	if (rand() % 2) {
		iova &= ~(PAGE - 1);
		length = (length + PAGE - 1) & ~(PAGE - 1);
	}
	last = iova + length - 1;
	assert_int_equal(dma_dirty_report(map, iova, length, pgsize, bitmap, sizeof(bitmap)), 0);
	for (uint64_t bit = 0; bit < sizeof(bitmap) * 8; bit++) {
		uint64_t from = iova + bit * pgsize, to = from + pgsize - 1;
		bool told = from <= last && oracle_told(dirty, from, to < last ? to : last);

		assert_int_equal(bitmap[bit / 8] >> bit % 8 & 1, told);
	}
	for (uint64_t page = (iova + PAGE - 1) / PAGE; (page + 1) * PAGE - 1 <= last; page++)
		dirty[page] = false;
}

static void random_reports_say_what_a_dumb_list_says(void **state)
{
	static bool dirty[PAGES];
	struct dma_map *map = *state;

	memset(dirty, 0, sizeof(dirty));
	add(map, 4 * PAGE, 16 * PAGE);
	add(map, 21 * PAGE, 199 * PAGE);
	add(map, 230 * PAGE, 64 * PAGE);
	assert_int_equal(dma_dirty_start(map, PAGE), 0);
	srand(5);
	for (int round = 0; round < 3000; round++) {
		uint64_t address = (uint64_t)rand() % (290 * PAGE);
		uint64_t len = 1 + (uint64_t)rand() % (5 * PAGE);

		dma_mark_dirty(map, address, len);
		for (uint64_t page = address / PAGE; page <= (address + len - 1) / PAGE; page++) {
			if (!oracle_mapped(page))
				break;
			dirty[page] = true;
		}
		if (round % 4 == 0)
			same_as_oracle(map, dirty);
	}
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(a_report_without_start_is_refused),
		test(a_report_of_nonsense_is_refused),
		test(written_pages_are_told_of_once),
		test(only_what_was_written_counts),
		test(bits_are_combined_and_repeated_for_other_page_sizes),
		test(large_ranges_and_those_added_later_are_logged_too),
		test(a_report_goes_across_ranges_and_holes),
		test(a_page_asked_for_in_part_is_told_of_again),
		test(marks_end_at_the_first_hole),
		test(stopping_forgets_also_what_is_in_use),
		test(more_than_can_be_reported_in_time_is_not_logged),
		test(random_reports_say_what_a_dumb_list_says),
	};
	int before = fds_open();
	int failed = cmocka_run_group_tests_name("dma_dirty", tests, NULL, NULL);

	return failed ? failed : fds_open() != before;
}
