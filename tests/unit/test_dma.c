/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dma.c - guest memory: each rule, and random traffic against a dumb list
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fds.h"
#include "sigbus.h"
#include "vfio_user/dma.h"
#include <outrigger/server.h>

#define RW   (RIG_DMA_READ | RIG_DMA_WRITE)
#define PAGE UINT64_C(4096)

static int new_map(void **state)
{
	struct dma_map *map;

	assert_int_equal(dma_map_new(64, &map), 0);
	*state = map;
	return 0;
}

static int free_map(void **state)
{
	dma_map_free(*state);
	return 0;
}

static void size_zero_wraps_and_odd_pages_are_refused(void **state)
{
	struct dma_map *map = *state;

	assert_int_equal(dma_map_add(map, 0, 0, RW, 0, -1), -EINVAL);
	assert_int_equal(dma_map_add(map, UINT64_MAX - PAGE + 1, 2 * PAGE, RW, 0, -1), -EINVAL);
	assert_int_equal(dma_map_add(map, 1, PAGE, RW, 0, -1), -EINVAL);
	assert_int_equal(dma_map_add(map, PAGE, PAGE + 1, RW, 0, -1), -EINVAL);
	assert_int_equal(dma_map_add(map, 0, DMA_MAX_SIZE + PAGE, RW, 0, -1), -ENOSPC);
	assert_null(dma_map_first(map));
}

static void the_last_page_of_the_address_space_can_be_mapped(void **state)
{
	struct dma_map *map = *state;
	const uint64_t last = UINT64_MAX - PAGE + 1;
	struct iovec iov[2];
	int fd = test_memfd(PAGE);

	assert_int_equal(dma_map_add(map, last, PAGE, RW, 0, fd), 0);
	assert_int_equal(dma_map_add(map, 0, PAGE, RW, 0, fd), 0);
	assert_non_null(dma_map_find(map, UINT64_MAX));
	assert_int_equal(dma_map_translate(map, last, PAGE, RW, iov, 2), 1);
	/* What follows is not address 0. */
	assert_int_equal(dma_map_translate(map, last, 2 * PAGE, RW, iov, 2), -EFAULT);
	close(fd);
}

static void access_bits_need_an_fd_and_exclude_each_other(void **state)
{
	struct dma_map *map = *state;
	int fd = test_memfd(PAGE);

	assert_int_equal(dma_map_add(map, 0, PAGE, RW | RIG_DMA_ACCESS_MMAP, 0, -1), -EINVAL);
	assert_int_equal(dma_map_add(map, 0, PAGE, RW | RIG_DMA_ACCESS_FILE, 0, -1), -EINVAL);
	assert_int_equal(dma_map_add(map, 0, PAGE, RW | 12u, 0, fd), -EINVAL);
	assert_int_equal(dma_map_add(map, 0, PAGE, RW | 16u, 0, fd), -EINVAL);
	assert_int_equal(dma_map_add(map, 0, PAGE, RW | RIG_DMA_ACCESS_MMAP, 0, fd), 0);
	assert_int_equal(dma_map_add(map, PAGE, PAGE, RW | RIG_DMA_ACCESS_FILE, 0, fd), 0);
	close(fd);
}

static void every_form_of_overlap_is_EEXIST_and_neighbours_are_none(void **state)
{
	static const uint64_t overlapping[][2] = {
		{ 4, 4 }, { 3, 2 }, { 7, 2 }, { 5, 1 }, { 3, 6 }, { 0, 5 },
	};
	struct dma_map *map = *state;

	assert_int_equal(dma_map_add(map, 4 * PAGE, 4 * PAGE, RW, 0, -1), 0);
	for (size_t i = 0; i < sizeof(overlapping) / sizeof(overlapping[0]); i++)
		assert_int_equal(dma_map_add(map, overlapping[i][0] * PAGE,
					     overlapping[i][1] * PAGE, RW, 0, -1),
				 -EEXIST);
	assert_int_equal(dma_map_add(map, 3 * PAGE, PAGE, RW, 0, -1), 0);
	assert_int_equal(dma_map_add(map, 8 * PAGE, PAGE, RW, 0, -1), 0);
}

static void more_ranges_than_agreed_are_refused(void **state)
{
	struct dma_map *map;

	assert_int_equal(dma_map_new(2, &map), 0);
	assert_int_equal(dma_map_add(map, 0, PAGE, RW, 0, -1), 0);
	assert_int_equal(dma_map_add(map, PAGE, PAGE, RW, 0, -1), 0);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RW, 0, -1), -ENOSPC);
	assert_int_equal(dma_map_remove(map, 0, PAGE), 0);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RW, 0, -1), 0);
	dma_map_free(map);
}

static void only_an_exact_range_can_be_removed(void **state)
{
	struct dma_map *map = *state;

	assert_int_equal(dma_map_remove(map, 0, PAGE), -ENOENT);
	assert_int_equal(dma_map_add(map, 4 * PAGE, 4 * PAGE, RW, 0, -1), 0);
	assert_int_equal(dma_map_remove(map, 4 * PAGE, 2 * PAGE), -ENOENT);
	assert_int_equal(dma_map_remove(map, 5 * PAGE, 3 * PAGE), -ENOENT);
	assert_int_equal(dma_map_remove(map, 3 * PAGE, 6 * PAGE), -ENOENT);
	assert_int_equal(dma_map_remove(map, 4 * PAGE, 4 * PAGE), 0);
	assert_int_equal(dma_map_remove(map, 4 * PAGE, 4 * PAGE), -ENOENT);
}

static void an_fd_that_is_no_memory_is_refused(void **state)
{
	struct dma_map *map = *state;
	int before = fds_open();
	int p[2], memory, read_only;
	char path[64];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(dma_map_add(map, 0, PAGE, RW, 0, p[0]), -EINVAL);
	close(p[0]);
	close(p[1]);

	memory = test_memfd(PAGE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(dma_map_add(map, 0, PAGE, RW, 0, read_only), -EACCES);
	assert_int_equal(dma_map_add(map, 0, PAGE, RIG_DMA_READ, 0, read_only), 0);
	close(read_only);

	/* Shorter than said, from the start and from an offset. */
	assert_int_equal(dma_map_add(map, 2 * PAGE, 2 * PAGE, RW, 0, memory), -EINVAL);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RW, 1, memory), -EINVAL);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RW, UINT64_MAX, memory), -EINVAL);
	close(memory);
	assert_int_equal(fds_open(), before);
}

static void bytes_are_found_at_any_offset_in_the_file(void **state)
{
	struct dma_map *map = *state;
	int fd = test_memfd(3 * PAGE);
	struct iovec iov;

	assert_int_equal(pwrite(fd, "outrigger", 9, PAGE + 123), 9);
	assert_int_equal(dma_map_add(map, 16 * PAGE, PAGE, RW, PAGE + 100, fd), 0);
	close(fd);
	assert_int_equal(dma_map_translate(map, 16 * PAGE + 23, 9, RIG_DMA_READ, &iov, 1), 1);
	assert_int_equal(iov.iov_len, 9);
	assert_memory_equal(iov.iov_base, "outrigger", 9);
}

static void a_range_across_mappings_takes_one_iovec_each(void **state)
{
	struct dma_map *map = *state;
	int fd = test_memfd(4 * PAGE);
	struct iovec iov[3];

	assert_int_equal(dma_map_add(map, 0, PAGE, RW, 3 * PAGE, fd), 0);
	assert_int_equal(dma_map_add(map, PAGE, PAGE, RIG_DMA_READ, 0, fd), 0);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RW, PAGE, fd), 0);
	assert_int_equal(dma_map_add(map, 4 * PAGE, PAGE, RW, 0, -1), 0);
	close(fd);

	assert_int_equal(dma_map_translate(map, 1, 3 * PAGE - 2, RIG_DMA_READ, iov, 3), 3);
	assert_int_equal(iov[0].iov_len, PAGE - 1);
	assert_int_equal(iov[1].iov_len, PAGE);
	assert_int_equal(iov[2].iov_len, PAGE - 1);

	assert_int_equal(dma_map_translate(map, 1, 3 * PAGE - 2, RIG_DMA_READ, iov, 2), -ENOBUFS);
	assert_int_equal(dma_map_translate(map, 0, 2 * PAGE, RIG_DMA_WRITE, iov, 3), -EACCES);
	assert_int_equal(dma_map_translate(map, 0, 3 * PAGE + 1, RIG_DMA_READ, iov, 3), -EFAULT);
	assert_int_equal(dma_map_translate(map, 4 * PAGE, 1, RIG_DMA_READ, iov, 3), -EREMOTEIO);
	assert_int_equal(dma_map_translate(map, 7 * PAGE, 0, RIG_DMA_READ, iov, 0), 0);
}

static void truncated_memory_is_noticed_once_touched(void **state)
{
	struct dma_map *map = *state;
	int fd = test_memfd(2 * PAGE);
	struct iovec iov;

	sigbus_give_back();
	assert_int_equal(dma_map_add(map, 0, 2 * PAGE, RW, 0, fd), 0);
	assert_int_equal(dma_map_translate(map, 0, 2 * PAGE, RW, &iov, 1), 1);
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	assert_false(dma_map_lost(map));
	((volatile char *)iov.iov_base)[PAGE] = 1;
	assert_true(dma_map_lost(map));
	dma_map_remove_all(map);
	assert_false(dma_map_lost(map));
}

/* The dumb list: one flag per page of a small address space, with the start of its range. */
#define PAGES 96

struct oracle {
	int start[PAGES]; /* -1: not mapped */
	uint64_t n;
};

static bool oracle_free(const struct oracle *o, int first, int n)
{
	for (int i = first; i < first + n; i++)
		if (o->start[i] >= 0)
			return false;
	return true;
}

static bool oracle_exact(const struct oracle *o, int first, int n)
{
	for (int i = first; i < first + n; i++)
		if (o->start[i] != first)
			return false;
	return first + n == PAGES || o->start[first + n] != first;
}

static void oracle_set(struct oracle *o, int first, int n, int value)
{
	for (int i = first; i < first + n; i++)
		o->start[i] = value;
}

static void same_as_oracle(const struct dma_map *map, const struct oracle *o)
{
	uint64_t n = 0;

	for (int i = 0; i < PAGES; i++) {
		const struct dma_range *range = dma_map_find(map, (uint64_t)i * PAGE + 17);

		assert_int_equal(range ? (int)(range->address / PAGE) : -1, o->start[i]);
	}
	for (const struct dma_range *r = dma_map_first(map); r; r = dma_map_next(map, r))
		n++;
	assert_int_equal(n, o->n);
}

static void random_traffic_gives_what_a_dumb_list_gives(void **state)
{
	struct dma_map *map = *state;
	struct oracle o = { .n = 0 };

	oracle_set(&o, 0, PAGES, -1);
	srand(1);
	for (int round = 0; round < 20000; round++) {
		int first = rand() % PAGES;
		int n = 1 + rand() % (PAGES - first < 5 ? PAGES - first : 5);
		uint64_t address = (uint64_t)first * PAGE, size = (uint64_t)n * PAGE;
		bool add = rand() % 2;
		int expected, r;

		if (add)
			expected = !oracle_free(&o, first, n) ? -EEXIST : o.n == 64 ? -ENOSPC : 0;
		else
			expected = oracle_exact(&o, first, n) ? 0 : -ENOENT;
		r = add ? dma_map_add(map, address, size, RW, 0, -1)
			: dma_map_remove(map, address, size);
		assert_int_equal(r, expected);
		if (r == 0) {
			oracle_set(&o, first, n, add ? first : -1);
			o.n += add ? 1 : UINT64_MAX;
		}
		if (round % 16 == 0)
			same_as_oracle(map, &o);
	}
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, new_map, free_map)
	const struct CMUnitTest tests[] = {
		test(size_zero_wraps_and_odd_pages_are_refused),
		test(the_last_page_of_the_address_space_can_be_mapped),
		test(access_bits_need_an_fd_and_exclude_each_other),
		test(every_form_of_overlap_is_EEXIST_and_neighbours_are_none),
		test(more_ranges_than_agreed_are_refused),
		test(only_an_exact_range_can_be_removed),
		test(an_fd_that_is_no_memory_is_refused),
		test(bytes_are_found_at_any_offset_in_the_file),
		test(a_range_across_mappings_takes_one_iovec_each),
		test(truncated_memory_is_noticed_once_touched),
		test(random_traffic_gives_what_a_dumb_list_gives),
	};
	int before = fds_open();
	int failed;

	sigbus_remember();
	failed = cmocka_run_group_tests_name("dma", tests, NULL, NULL);

	return failed ? failed : fds_open() != before;
}
