/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dma.c - guest memory: each rule, and random traffic against a dumb list
 *
 * One thread, nothing pinned. More: test_dma_pin.c, test_dma_dirty.c, test_dma_threads.c.
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
#include "odd_fds.h"
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
	assert_int_equal(dma_map_remove_begin(map, 0, PAGE), 0);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RW, 0, -1), 0);
	dma_map_free(map);
}

static void only_an_exact_range_can_be_removed(void **state)
{
	struct dma_map *map = *state;

	assert_int_equal(dma_map_remove_begin(map, 0, PAGE), -ENOENT);
	assert_int_equal(dma_map_add(map, 4 * PAGE, 4 * PAGE, RW, 0, -1), 0);
	assert_int_equal(dma_map_remove_begin(map, 4 * PAGE, 2 * PAGE), -ENOENT);
	assert_int_equal(dma_map_remove_begin(map, 5 * PAGE, 3 * PAGE), -ENOENT);
	assert_int_equal(dma_map_remove_begin(map, 3 * PAGE, 6 * PAGE), -ENOENT);
	assert_int_equal(dma_map_remove_begin(map, 4 * PAGE, 4 * PAGE), 0);
	assert_int_equal(dma_map_remove_begin(map, 4 * PAGE, 4 * PAGE), -ENOENT);
}

static void an_fd_that_is_no_memory_or_too_short_is_refused(void **state)
{
	struct dma_map *map = *state;
	int before = fds_open();

	for (int kind = 0; kind < ODD_KINDS; kind++) {
		int fd = odd_fd(kind, PAGE);

		assert_true(fd >= 0);
		assert_int_equal(dma_map_add(map, 0, PAGE, RIG_DMA_READ, 0, fd),
				 kind == ODD_PATH ? -EBADF : -EINVAL);
		close(fd);
	}
	assert_int_equal(fds_open(), before);
}

static void an_fd_that_cannot_be_written_is_not_mapped_for_writing(void **state)
{
	struct dma_map *map = *state;
	int memory = test_memfd(PAGE), read_only, write_only;

	read_only = reopen_fd(memory, O_RDONLY);
	assert_int_equal(dma_map_add(map, 0, PAGE, RW, 0, read_only), -EACCES);
	assert_int_equal(dma_map_add(map, 0, PAGE, RIG_DMA_READ, 0, read_only), 0);
	/* That the file is mapped for writing already is no permission. */
	assert_int_equal(dma_map_add(map, PAGE, PAGE, RW, 0, memory), 0);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RW, 0, read_only), -EACCES);
	close(read_only);
	write_only = reopen_fd(memory, O_WRONLY);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RIG_DMA_WRITE, 0, write_only), -EACCES);
	close(write_only);
	close(memory);
}

static void a_sealed_file_is_not_mapped_for_writing(void **state)
{
	static const int seals[] = { F_SEAL_WRITE, F_SEAL_FUTURE_WRITE };

	for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++) {
		int fd = sealed_memfd(PAGE, seals[i]);

		assert_true(fd >= 0);
		assert_int_equal(dma_map_add(*state, i * PAGE, PAGE, RW, 0, fd), -EPERM);
		assert_int_equal(dma_map_add(*state, i * PAGE, PAGE, RIG_DMA_READ, 0, fd), 0);
		/* A mapping for reading is no way to write, either. */
		assert_int_equal(dma_map_add(*state, 2 * PAGE, PAGE, RW, 0, fd), -EPERM);
		close(fd);
	}
}

static void a_range_longer_than_its_file_is_refused(void **state)
{
	struct dma_map *map = *state;
	int memory = test_memfd(PAGE);

	assert_int_equal(dma_map_add(map, 2 * PAGE, 2 * PAGE, RW, 0, memory), -EINVAL);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RW, 1, memory), -EINVAL);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RW, UINT64_MAX, memory), -EINVAL);
	close(memory);
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

/* vm.max_map_count is 65530, and a guest behind a virtual IOMMU maps page by page. */
static void ranges_of_one_file_do_not_use_up_mappings(void **state)
{
	const uint64_t n = 70000;
	int fd = test_memfd(4 * PAGE);
	struct dma_map *map;
	struct iovec iov;

	assert_int_equal(pwrite(fd, "outrigger", 9, 3 * PAGE), 9);
	assert_int_equal(dma_map_new((uint32_t)n, &map), 0);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(dma_map_add(map, i * PAGE, PAGE, RW, i % 4 * PAGE, fd), 0);
	for (uint64_t i = 3; i < n; i += 4) {
		assert_int_equal(dma_map_translate(map, i * PAGE, 9, RW, &iov, 1), 1);
		assert_memory_equal(iov.iov_base, "outrigger", 9);
	}
	dma_map_free(map);
	close(fd);
}

static bool is_mapped(void *page)
{
	return msync(page, PAGE, MS_ASYNC) == 0;
}

static void a_file_stays_mapped_until_its_last_range_goes(void **state)
{
	struct dma_map *map = *state;
	int fd = test_memfd(2 * PAGE);
	struct iovec iov;

	assert_int_equal(dma_map_add(map, 0, PAGE, RW, 0, fd), 0);
	assert_int_equal(dma_map_add(map, 4 * PAGE, PAGE, RW, PAGE, fd), 0);
	close(fd);
	assert_int_equal(dma_map_translate(map, 4 * PAGE, PAGE, RW, &iov, 1), 1);
	assert_int_equal(dma_map_remove_begin(map, 0, PAGE), 0);
	assert_true(is_mapped(iov.iov_base));
	assert_int_equal(dma_map_remove_begin(map, 4 * PAGE, PAGE), 0);
	assert_false(is_mapped(iov.iov_base));
}

static void a_file_that_grew_is_mapped_up_to_its_new_end(void **state)
{
	struct dma_map *map = *state;
	int fd = test_memfd(PAGE);
	struct iovec iov[3];

	assert_int_equal(dma_map_add(map, 0, PAGE, RW, 0, fd), 0);
	assert_int_equal(ftruncate(fd, 3 * PAGE), 0);
	assert_int_equal(dma_map_add(map, PAGE, PAGE, RW, 2 * PAGE, fd), 0);
	assert_int_equal(dma_map_add(map, 2 * PAGE, PAGE, RW, 0, fd), 0);
	assert_int_equal(dma_map_translate(map, 0, 3 * PAGE, RW, iov, 3), 3);
	memcpy(iov[0].iov_base, "first", 5);
	memcpy(iov[1].iov_base, "third", 5);
	assert_memory_equal(iov[2].iov_base, "first", 5);
	assert_int_equal(pread(fd, iov[0].iov_base, 5, 2 * PAGE), 5);
	assert_memory_equal(iov[2].iov_base, "third", 5);
	close(fd);

	/* In the order that leaves the first mapping without the newer one's file, and vice versa. */
	assert_int_equal(dma_map_remove_begin(map, 2 * PAGE, PAGE), 0);
	assert_int_equal(dma_map_remove_begin(map, 0, PAGE), 0);
	assert_int_equal(dma_map_remove_begin(map, PAGE, PAGE), 0);
}

/* A file of 16 TiB costs nothing, but all of it would be too much to map. */
static void of_an_absurdly_large_file_only_the_range_is_mapped(void **state)
{
	struct dma_map *map = *state;
	const uint64_t end = UINT64_C(1) << 44;
	int fd = test_memfd(end);
	struct iovec iov;

	assert_int_equal(dma_map_add(map, 0, PAGE, RW, end - PAGE, fd), 0);
	assert_int_equal(dma_map_add(map, PAGE, PAGE, RW, end - PAGE, fd), 0);
	assert_int_equal(dma_map_add(map, 2 * PAGE, 2 * PAGE, RW, end - PAGE, fd), -EINVAL);
	assert_int_equal(dma_map_translate(map, PAGE, 1, RW, &iov, 1), 1);
	*(char *)iov.iov_base = 'x';
	assert_int_equal(dma_map_translate(map, 0, 1, RW, &iov, 1), 1);
	assert_int_equal(*(char *)iov.iov_base, 'x');
	close(fd);
}

/* ThreadSanitizer leaves a process less address space than that. clang has no macro that tells. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#ifndef __SANITIZE_THREAD__
static void one_client_does_not_use_up_address_space(void **state)
{
	struct dma_map *map = *state;
	int files[2] = { test_memfd(DMA_MAX_MAPPED), test_memfd(PAGE) };

	assert_int_equal(dma_map_add(map, 0, DMA_MAX_MAPPED, RW, 0, files[0]), 0);
	assert_int_equal(dma_map_add(map, DMA_MAX_MAPPED, PAGE, RW, 0, files[1]), -ENOSPC);
	assert_int_equal(dma_map_remove_begin(map, 0, DMA_MAX_MAPPED), 0);
	assert_int_equal(dma_map_add(map, DMA_MAX_MAPPED, PAGE, RW, 0, files[1]), 0);
	close(files[0]);
	close(files[1]);
}
#endif

/* A file that grows before each map. */
static void one_client_does_not_use_up_mappings(void **state)
{
	struct dma_map *map;
	int fd = test_memfd(PAGE);
	uint64_t i = 0;
	int r;

	assert_int_equal(dma_map_new(UINT16_MAX, &map), 0);
	do {
		assert_int_equal(ftruncate(fd, (off_t)((i + 1) * PAGE)), 0);
		r = dma_map_add(map, i * PAGE, PAGE, RW, i * PAGE, fd);
	} while (r == 0 && ++i < UINT16_MAX);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(i, DMA_MAX_FILES);
	dma_map_free(map);
	close(fd);
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
			: dma_map_remove_begin(map, address, size);
		assert_int_equal(r, expected);
		if (r == 0) {
			oracle_set(&o, first, n, add ? first : -1);
			o.n += add ? 1 : UINT64_MAX;
		}
		if (round % 16 == 0)
			same_as_oracle(map, &o);
	}
}

/* Enough ranges for a tree of several levels: by start, sorted, and found by going through them. */
#define MANY 4096

struct list {
	struct dma_range ranges[MANY];
	size_t n;
};

/* Where a range with this address is, or would be. */
static size_t list_at(const struct list *l, uint64_t address)
{
	size_t i = 0;

	while (i < l->n && l->ranges[i].address < address)
		i++;
	return i;
}

static void list_add(struct list *l, uint64_t address, uint64_t size)
{
	size_t i = list_at(l, address);

	memmove(&l->ranges[i + 1], &l->ranges[i], (l->n++ - i) * sizeof(l->ranges[0]));
	l->ranges[i] = (struct dma_range) { .address = address, .size = size };
}

static void list_remove(struct list *l, size_t i)
{
	memmove(&l->ranges[i], &l->ranges[i + 1], (--l->n - i) * sizeof(l->ranges[0]));
}

static bool list_overlaps(const struct list *l, uint64_t address, uint64_t size)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct dma_range *r = &l->ranges[i];

		if (r->address <= address + (size - 1) && address <= r->address + (r->size - 1))
			return true;
	}
	return false;
}

static void same_as_list(const struct dma_map *map, const struct list *l)
{
	const struct dma_range *range = dma_map_first(map);

	for (size_t i = 0; i < l->n; i++, range = dma_map_next(map, range)) {
		const struct dma_range *r = &l->ranges[i];

		assert_non_null(range);
		assert_true(range->address == r->address && range->size == r->size);
		assert_ptr_equal(dma_map_find(map, r->address), range);
		assert_ptr_equal(dma_map_find(map, r->address + (r->size - 1)), range);
		assert_ptr_equal(dma_map_get(map, r->address, r->size), range);
		if (r->address > 0 && (i == 0 || r[-1].address + r[-1].size < r->address))
			assert_null(dma_map_find(map, r->address - 1));
	}
	assert_null(range);
}

/* Clustered at both ends of the address space and in between, also where they may touch 2^64. */
static uint64_t any_page(void)
{
	static const uint64_t around[] = { 0, UINT64_MAX - 4095 * PAGE + 1, UINT64_C(1) << 32 };

	if (rand() % 4)
		return around[rand() % 3] + (uint64_t)(rand() % 4094) * PAGE;
	return (((uint64_t)rand() << 33) ^ ((uint64_t)rand() << 12)) & ~(PAGE - 1);
}

/* Grows, shrinks, and empties: each makes and unmakes nodes in another order. */
static void a_large_map_gives_what_a_sorted_list_gives(void **state)
{
	static struct list l;
	struct dma_map *map;

	l.n = 0;
	srand(2);
	assert_int_equal(dma_map_new(MANY, &map), 0);
	for (int round = 0; round < 40000; round++) {
		bool add = l.n == 0 || rand() % 100 < (round / 5000 % 2 ? 20 : 80);
		size_t i = l.n ? (size_t)rand() % l.n : 0;
		uint64_t address = add ? any_page() : l.ranges[i].address;
		uint64_t size = add ? (uint64_t)(1 + rand() % 2) * PAGE : l.ranges[i].size;

		if (add && list_overlaps(&l, address, size)) {
			assert_int_equal(dma_map_add(map, address, size, RW, 0, -1), -EEXIST);
		} else if (add && l.n < MANY) {
			assert_int_equal(dma_map_add(map, address, size, RW, 0, -1), 0);
			list_add(&l, address, size);
		} else if (!add) {
			assert_int_equal(dma_map_remove_begin(map, address, size), 0);
			list_remove(&l, i);
		}
		if (round % 500 == 0)
			same_as_list(map, &l);
	}
	while (l.n > 0) {
		size_t i = rand() % 2 ? l.n - 1 : (size_t)rand() % l.n;

		assert_int_equal(dma_map_remove_begin(map, l.ranges[i].address, l.ranges[i].size),
				 0);
		list_remove(&l, i);
		if (l.n % 200 == 0)
			same_as_list(map, &l);
	}
	dma_map_free(map);
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
		test(an_fd_that_is_no_memory_or_too_short_is_refused),
		test(an_fd_that_cannot_be_written_is_not_mapped_for_writing),
		test(a_sealed_file_is_not_mapped_for_writing),
		test(a_range_longer_than_its_file_is_refused),
		test(bytes_are_found_at_any_offset_in_the_file),
		test(a_range_across_mappings_takes_one_iovec_each),
		test(ranges_of_one_file_do_not_use_up_mappings),
		test(a_file_stays_mapped_until_its_last_range_goes),
		test(a_file_that_grew_is_mapped_up_to_its_new_end),
		test(of_an_absurdly_large_file_only_the_range_is_mapped),
#ifndef __SANITIZE_THREAD__
		test(one_client_does_not_use_up_address_space),
#endif
		test(one_client_does_not_use_up_mappings),
		test(truncated_memory_is_noticed_once_touched),
		test(random_traffic_gives_what_a_dumb_list_gives),
		test(a_large_map_gives_what_a_sorted_list_gives),
	};
	int before = fds_open();
	int failed;

	sigbus_remember();
	failed = cmocka_run_group_tests_name("dma", tests, NULL, NULL);

	return failed ? failed : fds_open() != before;
}
