/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma.h - guest memory: what the client mapped, and where it is here
 *
 * A map holds ranges that do not overlap. It has an owner, the thread that hears the client's
 * requests: all calls are the owner's but dma_map_pin(), dma_map_unpin() and dma_mark_dirty(), which
 * any thread may make at any time. Those take no lock, and cost the same with 1 range as with
 * 1,000,000.
 *
 * What is pinned stays where it is. Removing a range takes two steps, because nobody can say how
 * long its users will take: dma_map_remove_begin() hides it from every later lookup and tells
 * whether it is still in use; once the last user let go, dma_map_reap() removes it for good. What
 * remains of a range until then keeps its addresses: mapping them again is -EEXIST.
 *
 * A map may be freed while some of it is pinned: then it goes with the last pin, in whichever thread
 * gives that back. All that may be called after dma_map_free() is dma_map_unpin().
 */
#ifndef VFIO_USER_DMA_H
#define VFIO_USER_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Addresses and sizes are multiples of it, whatever page size the client announced. */
#define DMA_PAGE	4096u

/* A larger range is refused; libvfio-user has the same limit. */
#define DMA_MAX_SIZE	(UINT64_C(1) << 43)

/* Mapped at a time: bytes, and mappings (of files; ranges of one file mostly share one). */
#define DMA_MAX_MAPPED	(UINT64_C(1) << 43)
#define DMA_MAX_FILES	4096u

/* Bytes of ranges above 64 pages whose writes can be logged at a time: what a report may cost. */
#define DMA_MAX_TRACKED (UINT64_C(1) << 43)

struct dma_map;
struct rig_dma_seg;

struct dma_range {
	uint64_t address;
	uint64_t size;
	uint32_t prot; /* RIG_DMA_READ, RIG_DMA_WRITE */
	void *host;    /* NULL: only messages reach it */
};

/** dma_map_new() - an empty map of at most max_ranges. Return: 0, -ENOMEM */
int dma_map_new(uint32_t max_ranges, struct dma_map **ret);

/**
 * dma_map_free() - no thread is inside another call than dma_map_unpin(). NULL is fine
 *
 * What is not pinned is gone when this returns.
 */
void dma_map_free(struct dma_map *map);

/**
 * dma_map_set_gone() - what to do when all of a map that was freed is gone
 * @gone: runs once, inside dma_map_free() or the dma_map_unpin() of the last pin
 */
void dma_map_set_gone(struct dma_map *map, void (*gone)(void *opaque), void *opaque);

/**
 * dma_map_set_notify() - what to do when dma_map_reap() may have work
 * @notify: runs in the thread that let go, which holds no lock of ours. May run more often than
 *          needed. Must not wait for the owner, nor call the map: writing to an eventfd is meant
 *
 * Before the first pin. May run until gone() does, see dma_map_set_gone().
 */
void dma_map_set_notify(struct dma_map *map, void (*notify)(void *opaque), void *opaque);

/**
 * dma_map_add() - "VFIO_USER_DMA_MAP"
 * @flags: of the message
 * @offset: in the file; ignored without one
 * @fd: borrowed (the mapping keeps the memory alive without it); -1: none came
 *
 * RIG_DMA_ACCESS_FILE offers pread() and pwrite(); memory that is offered so gets mapped too. Ranges
 * of one file share one mapping of it.
 *
 * Return: 0, -EINVAL (size 0, wrap, not a multiple of DMA_PAGE, flags, fd of the wrong kind, file
 * shorter than said), -EACCES the fd does not permit what flags ask for, -EEXIST overlap, also with
 * a range that is being removed, -ENOSPC too many ranges, too much mapped, or one larger than
 * DMA_MAX_SIZE or, while writes are logged, DMA_MAX_TRACKED, -ENOMEM, or mmap's errno. On failure
 * nothing changed.
 */
int dma_map_add(struct dma_map *map, uint64_t address, uint64_t size, uint32_t flags,
		uint64_t offset, int fd);

/**
 * dma_map_remove_begin() - no lookup finds exactly this earlier range any more
 *
 * Return: 0 it is gone, -EINPROGRESS it is in use: dma_map_reap() will tell, -ENOENT
 */
int dma_map_remove_begin(struct dma_map *map, uint64_t address, uint64_t size);

/** dma_map_remove_all() - the same for every range. Return: 0, -EINPROGRESS some are in use */
int dma_map_remove_all(struct dma_map *map);

/**
 * dma_map_reap() - finish the removal of ranges that have no user left
 * @gone: told of each, after it is gone; may call the map. May be NULL
 *
 * Return: how many are still in use
 */
size_t dma_map_reap(struct dma_map *map,
		    void (*gone)(void *opaque, uint64_t address, uint64_t size), void *opaque);

/**
 * dma_map_overlap() - the first range that has addresses of [address, address + size), or NULL
 *
 * The only lookup that also finds what is being removed.
 */
const struct dma_range *dma_map_overlap(const struct dma_map *map, uint64_t address, uint64_t size);

/** dma_map_get() - exactly this earlier range, or NULL */
const struct dma_range *dma_map_get(const struct dma_map *map, uint64_t address, uint64_t size);

/** dma_map_find() - the range that holds this address, or NULL */
const struct dma_range *dma_map_find(const struct dma_map *map, uint64_t address);

/** dma_map_first() / dma_map_next() - every range, in order of address; NULL ends */
const struct dma_range *dma_map_first(const struct dma_map *map);
const struct dma_range *dma_map_next(const struct dma_map *map, const struct dma_range *range);

/** dma_map_translate() - see rig_dma_translate(). Pins nothing */
int dma_map_translate(const struct dma_map *map, uint64_t address, uint64_t len, uint32_t prot,
		      struct iovec *iov, size_t max_iov);

/**
 * dma_map_pin() - find guest memory and keep it where it is. Any thread
 * @prot: RIG_DMA_READ, RIG_DMA_WRITE or both, as it will be used
 * @segs, @max_segs: filled; what crosses ranges takes several
 *
 * Return: number of segments (0 for len 0), or -EFAULT not mapped, -EACCES mapped without that
 * permission, -EREMOTEIO mapped without shared memory (only messages reach it), -ENOBUFS max_segs
 * is too small. On failure nothing is pinned.
 */
int dma_map_pin(struct dma_map *map, uint64_t address, uint64_t len, uint32_t prot,
		struct rig_dma_seg *segs, size_t max_segs);

/**
 * dma_map_unpin() - the memory of these segments is not used any more. Any thread
 *
 * Not only the thread that pinned them. What was pinned with RIG_DMA_WRITE counts as written, from
 * each segment's start for its len; the caller may have made that smaller.
 */
void dma_map_unpin(struct dma_map *map, struct rig_dma_seg *segs, size_t n);

/**
 * dma_map_lost() - did the client truncate memory that was touched? Such a client must go
 *
 * Costs one load while no mapping of the process was ever lost.
 */
bool dma_map_lost(struct dma_map *map);

/**
 * dma_dirty_start() - log what the device writes from now on, also to ranges added later
 * @pgsize: a hint; pages of DMA_PAGE are logged whatever it says, and reported in any size
 *
 * Starting again changes nothing.
 *
 * Return: 0, -EINVAL pgsize is no power of two, -ENOSPC more than DMA_MAX_TRACKED, -ENOMEM
 */
int dma_dirty_start(struct dma_map *map, uint64_t pgsize);

/** dma_dirty_stop() - forget it all. Return: 0, -EINVAL not started */
int dma_dirty_stop(struct dma_map *map);

/** dma_mark_dirty() - the device wrote here, up to the first address not mapped. Any thread */
void dma_mark_dirty(struct dma_map *map, uint64_t address, uint64_t len);

/**
 * dma_dirty_report() - what was written to [iova, iova + length) since it was last asked
 * @bitmap: overwritten; bit i % 8 of byte i / 8 is the page of pgsize at iova + i * pgsize
 * @bitmap_len: bytes, at least those of dma_dirty_bitmap_len(); what is beyond these is zeroed too
 *
 * Holes and ranges without shared memory give 0: what is sent as messages the client sees itself.
 * A logged page that is only partly asked for is told of again.
 *
 * Return: 0, -EINVAL not started, a pgsize that is no power of two, length 0, wrap, bitmap_len
 */
int dma_dirty_report(struct dma_map *map, uint64_t iova, uint64_t length, uint64_t pgsize,
		     void *bitmap, size_t bitmap_len);

/** dma_dirty_bitmap_len() - bytes, in words of 8, for a report; 0: pgsize or length are wrong */
uint64_t dma_dirty_bitmap_len(uint64_t length, uint64_t pgsize);

#endif
