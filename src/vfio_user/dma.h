/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma.h - guest memory: what the client mapped, and where it is here
 *
 * Ranges are sorted and do not overlap; finding one takes a binary search. One thread.
 */
#ifndef VFIO_USER_DMA_H
#define VFIO_USER_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Addresses and sizes are multiples of it, whatever page size the client announced. */
#define DMA_PAGE     4096u

/* A larger range is refused; libvfio-user has the same limit. */
#define DMA_MAX_SIZE (UINT64_C(1) << 43)

struct dma_map;

struct dma_range {
	uint64_t address;
	uint64_t size;
	uint32_t prot; /* RIG_DMA_READ, RIG_DMA_WRITE */
	void *host;    /* NULL: only messages reach it */
};

/** dma_map_new() - an empty map of at most max_ranges. Return: 0, -ENOMEM */
int dma_map_new(uint32_t max_ranges, struct dma_map **ret);
void dma_map_free(struct dma_map *map);

/**
 * dma_map_add() - "VFIO_USER_DMA_MAP"
 * @flags: of the message
 * @offset: in the file; ignored without one
 * @fd: borrowed (the mapping keeps the memory alive without it); -1: none came
 *
 * RIG_DMA_ACCESS_FILE offers pread() and pwrite(); memory that is offered so gets mapped too.
 *
 * Return: 0, -EINVAL (size 0, wrap, not a multiple of DMA_PAGE, flags, fd of the wrong kind, file
 * shorter than said), -EEXIST overlap, -ENOSPC too many ranges or one larger than DMA_MAX_SIZE,
 * -ENOMEM, or mmap's errno. On failure nothing changed.
 */
int dma_map_add(struct dma_map *map, uint64_t address, uint64_t size, uint32_t flags,
		uint64_t offset, int fd);

/** dma_map_overlap() - the first range that has addresses of [address, address + size), or NULL */
const struct dma_range *dma_map_overlap(const struct dma_map *map, uint64_t address, uint64_t size);

/** dma_map_get() - exactly this earlier range, or NULL */
const struct dma_range *dma_map_get(const struct dma_map *map, uint64_t address, uint64_t size);

/** dma_map_remove() - exactly one earlier range. Return: 0, -ENOENT */
int dma_map_remove(struct dma_map *map, uint64_t address, uint64_t size);

/** dma_map_find() - the range that holds this address, or NULL */
const struct dma_range *dma_map_find(const struct dma_map *map, uint64_t address);

/** dma_map_first() / dma_map_next() - every range, in order of address; NULL ends */
const struct dma_range *dma_map_first(const struct dma_map *map);
const struct dma_range *dma_map_next(const struct dma_map *map, const struct dma_range *range);

/** dma_map_remove_all() */
void dma_map_remove_all(struct dma_map *map);

/** dma_map_translate() - see rig_dma_translate() */
int dma_map_translate(const struct dma_map *map, uint64_t address, uint64_t len, uint32_t prot,
		      struct iovec *iov, size_t max_iov);

/**
 * dma_map_lost() - did the client truncate memory that was touched? Such a client must go
 *
 * Costs one load while no mapping of the process was ever lost.
 */
bool dma_map_lost(struct dma_map *map);

#endif
