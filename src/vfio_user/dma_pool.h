/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_pool.h - objects of one size that are never given back one by one
 *
 * For what a thread may still look at after it is out of use: users keep a list of what may be used
 * again. Objects start zeroed, each in cache lines of its own. One thread.
 */
#ifndef VFIO_USER_DMA_POOL_H
#define VFIO_USER_DMA_POOL_H

#include <stddef.h>

#define DMA_CACHE_LINE 64u

struct dma_pool {
	size_t size; /* of an object; a multiple of DMA_CACHE_LINE */
	size_t left; /* in the newest chunk */
	size_t last; /* bytes of that chunk */
	char *next;
	void *chunks;
};

void dma_pool_init(struct dma_pool *pool, size_t size);

/** dma_pool_destroy() - ends all objects */
void dma_pool_destroy(struct dma_pool *pool);

/** dma_pool_get() - a new one, or NULL for lack of memory */
void *dma_pool_get(struct dma_pool *pool);

#endif
