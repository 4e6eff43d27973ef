/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_dirty.c - what was written
 *
 * One bit per DMA_PAGE, whatever page size the client asks for: a report translates. Bits are set
 * by atomic operations of whoever wrote, after it wrote and while it holds the range; a report takes
 * them away before the client hears of them and looks at the page.
 *
 * Ranges of up to 64 pages keep their bits in themselves, larger ones in words that come and go
 * with logging. The race of the latter: stopping writes "logging", then looks whether the range is
 * held; who marks holds the range, then reads "logging". All seq_cst, as in dma_pin.c. Words of a
 * range that is held stay with it, unused, until it goes or logging stops or starts once more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/dma_internal.h"
#include <outrigger/vfio_user.h>

typedef _Atomic(uint64_t) word_t;

static uint64_t pages_of(const struct range *range)
{
	return range->pub.size / DMA_PAGE;
}

static bool is_small(const struct range *range)
{
	return pages_of(range) <= 64;
}

static word_t *words_of(struct range *range)
{
	return is_small(range) ? &range->dirty.word : atomic_load(&range->dirty.words);
}

static size_t n_words(const struct range *range)
{
	return (size_t)((pages_of(range) + 63) / 64);
}

static void forget(struct range *range)
{
	word_t *words = words_of(range);

	for (size_t i = 0; words && i < n_words(range); i++) {
		if (atomic_load_explicit(&words[i], memory_order_relaxed))
			atomic_store(&words[i], 0);
	}
}

static int attach(struct dma_map *map, struct range *range)
{
	word_t *words;

	if (!range->pub.host || is_small(range) || words_of(range))
		return 0;
	if (range->pub.size > DMA_MAX_TRACKED - map->tracked)
		return -ENOSPC;
	words = calloc(n_words(range), sizeof(*words));
	if (!words)
		return -ENOMEM;
	map->tracked += range->pub.size;
	atomic_store(&range->dirty.words, words);
	return 0;
}

int dma_dirty_attach(struct dma_map *map, struct range *range)
{
	return atomic_load(&map->logging) ? attach(map, range) : 0;
}

void dma_dirty_detach(struct dma_map *map, struct range *range)
{
	if (is_small(range)) {
		atomic_store(&range->dirty.word, 0);
	} else if (words_of(range)) {
		free((void *)words_of(range));
		atomic_store(&range->dirty.words, NULL);
		map->tracked -= range->pub.size;
	}
}

static struct range *first_range(const struct dma_map *map, uint64_t address)
{
	struct range *range = dma_tree_floor(&map->tree, address);

	return range && range_holds(range, address) ? range : dma_tree_above(&map->tree, address);
}

static struct range *next_range(const struct dma_map *map, const struct range *range)
{
	return dma_tree_above(&map->tree, range->pub.address);
}

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static void detach_all(struct dma_map *map)
{
	for (struct range *range = first_range(map, 0); range; range = next_range(map, range)) {
		if (!is_small(range) && !dma_held(range))
			dma_dirty_detach(map, range);
	}
}

static int attach_all(struct dma_map *map)
{
	for (struct range *range = first_range(map, 0); range; range = next_range(map, range)) {
		int r = attach(map, range);

		if (r < 0)
			return r;
		forget(range);
	}
	return 0;
}

int dma_dirty_start(struct dma_map *map, uint64_t pgsize)
{
	int r;

	if (!is_power_of_two(pgsize))
		return -EINVAL;
	if (atomic_load(&map->logging))
		return 0;
	r = attach_all(map);
	if (r < 0) {
		detach_all(map);
		return r;
	}
	atomic_store(&map->logging, true);
	return 0;
}

int dma_dirty_stop(struct dma_map *map)
{
	if (!atomic_load(&map->logging))
		return -EINVAL;
	atomic_store(&map->logging, false);
	detach_all(map);
	return 0;
}

/* The bits of n pages in the word of the first. */
static uint64_t mask_of(uint64_t first, uint64_t n)
{
	uint64_t bits = n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;

	return bits << first % 64;
}

void dma_dirty_mark(struct range *range, uint64_t address, uint64_t len)
{
	uint64_t skip = address - range->pub.address;
	word_t *words = words_of(range);
	uint64_t page, end;

	if (!words || len == 0)
		return;
	if (len > range->pub.size - skip)
		len = range->pub.size - skip;
	end = (skip + len + DMA_PAGE - 1) / DMA_PAGE;
	for (page = skip / DMA_PAGE; page < end; page = (page / 64 + 1) * 64)
		atomic_fetch_or(&words[page / 64], mask_of(page, end - page));
}

void dma_mark_dirty(struct dma_map *map, uint64_t address, uint64_t len)
{
	if (!atomic_load(&map->logging))
		return;
	while (len > 0) {
		_Atomic(uintptr_t) *slot = NULL;
		struct range *range = dma_hold(map, address, &slot);
		uint64_t left;

		if (!range)
			return;
		left = range->pub.size - (address - range->pub.address);
		if (left > len)
			left = len;
		if (range->pub.host && atomic_load(&map->logging))
			dma_dirty_mark(range, address, left);
		dma_release(map, range, slot);
		len -= left;
		address += left;
		if (address == 0)
			return;
	}
}

/* What was asked for, and where the answer goes. */
struct report {
	uint64_t iova;
	uint64_t last;
	uint64_t pgsize;
	uint8_t *bitmap;
};

static void set_bits(uint8_t *bitmap, uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++) {
		if (i % 8 == 0 && last - i >= 7) {
			bitmap[i / 8] = 0xff;
			i += 7;
		} else {
			bitmap[i / 8] |= (uint8_t)(1u << i % 8);
		}
	}
}

/* The logged page at address is dirty. */
static void report_page(const struct report *report, uint64_t address)
{
	uint64_t from = address < report->iova ? report->iova : address;
	uint64_t last = address + (DMA_PAGE - 1);

	if (last > report->last)
		last = report->last;
	set_bits(report->bitmap, (from - report->iova) / report->pgsize,
		 (last - report->iova) / report->pgsize);
}

/* Those of the range's pages [*ret_first, return) are asked for that are at least partly inside. */
static uint64_t pages_asked(const struct report *report, const struct range *range,
			    uint64_t *ret_first)
{
	uint64_t address = range->pub.address;

	*ret_first = report->iova > address ? (report->iova - address) / DMA_PAGE : 0;
	if (range_last(range) <= report->last)
		return pages_of(range);
	return (report->last - address) / DMA_PAGE + 1;
}

/* Takes the bits of mask away; but not those of pages that are asked for only in part. */
static uint64_t take_bits(const struct report *report, word_t *word, uint64_t address,
			  uint64_t mask)
{
	uint64_t keep = 0;

	if (!(atomic_load(word) & mask))
		return 0;
	if (address < report->iova && report->iova - address < 64 * (uint64_t)DMA_PAGE &&
	    (report->iova - address) % DMA_PAGE)
		keep |= UINT64_C(1) << (report->iova - address) / DMA_PAGE;
	if (report->last - address < 64 * (uint64_t)DMA_PAGE &&
	    (report->last - address + 1) % DMA_PAGE)
		keep |= UINT64_C(1) << (report->last - address) / DMA_PAGE;
	return atomic_fetch_and(word, ~mask | keep) & mask;
}

static void report_range(const struct report *report, struct range *range)
{
	word_t *words = words_of(range);
	uint64_t page = 0, end;

	if (!words)
		return;
	end = pages_asked(report, range, &page);
	for (; page < end; page = (page / 64 + 1) * 64) {
		uint64_t base = range->pub.address + page / 64 * 64 * DMA_PAGE;
		uint64_t bits =
			take_bits(report, &words[page / 64], base, mask_of(page, end - page));

		for (; bits; bits &= bits - 1)
			report_page(report, base + (uint64_t)__builtin_ctzll(bits) * DMA_PAGE);
	}
}

uint64_t dma_dirty_bitmap_len(uint64_t length, uint64_t pgsize)
{
	if (!length || !is_power_of_two(pgsize))
		return 0;
	return ((length - 1) / pgsize / 64 + 1) * 8;
}

int dma_dirty_report(struct dma_map *map, uint64_t iova, uint64_t length, uint64_t pgsize,
		     void *bitmap, size_t bitmap_len)
{
	struct report report = { iova, iova + (length - 1), pgsize, bitmap };
	uint64_t needed = dma_dirty_bitmap_len(length, pgsize);

	if (!atomic_load(&map->logging) || !needed || needed > bitmap_len || report.last < iova)
		return -EINVAL;
	memset(bitmap, 0, bitmap_len);
	for (struct range *range = first_range(map, iova);
	     range && (range->pub.address <= report.last); range = next_range(map, range))
		report_range(&report, range);
	return 0;
}
