/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_pool.c - objects of one size that are never given back one by one
 *
 * Chunks grow, so that a map of five ranges stays small and one of a million needs few chunks. The
 * large ones are huge pages where the system has some: a search in a million ranges is mostly cache
 * misses, and with small pages each brings the misses of finding its page.
 */
#include "vfio_user/dma_pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_CHUNK 1024u
#define LARGE_CHUNK (128u << 10) /* what comes after such a one is as large as a huge page */
#define HUGE_PAGE   (2u << 20)

void dma_pool_init(struct dma_pool *pool, size_t size)
{
	*pool = (struct dma_pool) { .size = size };
}

void dma_pool_destroy(struct dma_pool *pool)
{
	while (pool->chunks) {
		void *chunk = pool->chunks;

		pool->chunks = *(void **)chunk;
		free(chunk);
	}
}

/* The chunk's first cache line links it to the others. */
static int add_chunk(struct dma_pool *pool)
{
	size_t bytes = pool->last ? pool->last * 2 : FIRST_CHUNK;
	void **chunk;

	if (bytes > LARGE_CHUNK)
		bytes = HUGE_PAGE;
	chunk = aligned_alloc(bytes < HUGE_PAGE ? DMA_CACHE_LINE : HUGE_PAGE, bytes);
	if (!chunk)
		return -1;
	if (bytes == HUGE_PAGE)
		madvise(chunk, bytes, MADV_HUGEPAGE);
	memset(chunk, 0, bytes);
	*chunk = pool->chunks;
	pool->chunks = chunk;
	pool->next = (char *)chunk + DMA_CACHE_LINE;
	pool->left = (bytes - DMA_CACHE_LINE) / pool->size;
	pool->last = bytes;
	return 0;
}

void *dma_pool_get(struct dma_pool *pool)
{
	void *object;

	if (pool->left == 0 && add_chunk(pool) < 0)
		return NULL;
	object = pool->next;
	pool->next += pool->size;
	pool->left--;
	return object;
}
