/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_internal.h - what the files of the DMA map share
 *
 *	dma.c		the map's life, and what the client asks for
 *	dma_tree.c	which range an address is in
 *	dma_pin.c	use of ranges by any thread
 *	dma_backing.c	files, mapped
 *	dma_dirty.c	what was written
 *
 * A range is FREE, LIVE or DYING. All that is not atomic in it is written while it is FREE, and
 * read by other threads only while they hold it and have seen it LIVE since. A FREE range remains a
 * range: a late reader may hold it, look at its state, and let go.
 */
#ifndef VFIO_USER_DMA_INTERNAL_H
#define VFIO_USER_DMA_INTERNAL_H

#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "vfio_user/dma.h"
#include "vfio_user/dma_pool.h"
#include "vfio_user/dma_tree.h"

struct guarded_map;

enum range_state {
	RANGE_FREE,  /* reused for another mapping at any time */
	RANGE_LIVE,  /* may be held */
	RANGE_DYING, /* being removed: who holds it may go on, nobody else may start */
};

struct range {
	struct dma_range pub;
	_Atomic(uint32_t) refs;	 /* holders without a slot; RANGE_AWAITED: see dma_pin.c */
	_Atomic(uint8_t) state;	 /* the owner's to change */
	atomic_bool in_released; /* on the map's list of that name */
	union {
		_Atomic(uint64_t) word;		    /* of ranges of up to 64 pages */
		_Atomic(_Atomic(uint64_t) *) words; /* of larger ones; NULL: not logged */
	} dirty;
	union {
		struct dma_backing *backing; /* NULL: only messages reach it */
		struct range *next_free;
	};
	struct range *next_released; /* that of who set in_released, or took the list */
};

static_assert(sizeof(struct range) == DMA_CACHE_LINE, "a range is one cache line");

static inline uint64_t range_last(const struct range *range)
{
	return range->pub.address + (range->pub.size - 1);
}

static inline bool range_holds(const struct range *range, uint64_t address)
{
	return address - range->pub.address < range->pub.size;
}

static inline enum range_state range_state(const struct range *range)
{
	return (enum range_state)atomic_load(&range->state);
}

/* dma_backing.c: the files behind the ranges of one map. The owner's. */

#define DMA_BACKING_BUCKETS 64u

struct dma_backings {
	struct dma_backing *all;
	size_t n;
	uint64_t bytes; /* that they map */
	struct dma_backing *shared[DMA_BACKING_BUCKETS];
};

/**
 * dma_backing_get() - memory at offset of this file
 * @prot: PROT_READ, PROT_WRITE
 * @ret_host: where it is
 *
 * Return: 0, -EINVAL no memory or the file ends before offset + len, -EACCES, -ENOSPC too much is
 * mapped, -ENOMEM, or mmap's
 */
int dma_backing_get(struct dma_backings *backings, int fd, uint64_t offset, size_t len, int prot,
		    struct dma_backing **ret, void **ret_host);

/** dma_backing_put() - one use less. NULL is fine */
void dma_backing_put(struct dma_backings *backings, struct dma_backing *backing);

/** dma_backings_lost() - was any truncated and touched since? */
bool dma_backings_lost(const struct dma_backings *backings);

struct dma_map {
	/* For all threads, and never changed but by the owner. */
	uint64_t id; /* no other map of this process has it, ever */
	atomic_bool logging;
	void (*notify)(void *opaque);
	void *notify_opaque;

	alignas(DMA_CACHE_LINE) struct dma_tree tree;

	/* For all threads, when they let go of a range that is awaited. */
	alignas(DMA_CACHE_LINE) _Atomic(struct range *)
		released;      /* for dma_map_reap() to look at */
	atomic_uint releasing; /* threads that are about to use the map without holding a range */
	pthread_mutex_t leave_lock; /* of freed, and of the owner's once that is true */
	bool freed;		    /* dma_map_free() was called: nobody is the owner any more */

	/* The owner's. */
	alignas(DMA_CACHE_LINE) struct dma_pool pool;
	struct range *free_ranges;
	size_t n;
	size_t n_dying;
	size_t max;
	struct dma_backings backings;
	unsigned int losses_seen; /* guarded_map_losses() when the backings were last looked at */
	uint64_t tracked;	  /* bytes of ranges that have a bitmap of their own */
	void (*gone)(void *opaque);
	void *gone_opaque;
};

/* dma.c */

/** dma_map_leave() - the end of a use that map->releasing counts. Any thread */
void dma_map_leave(struct dma_map *map);

/* dma_pin.c */

/** dma_hold() - a range that is LIVE and has this address, or NULL. Any thread */
struct range *dma_hold(struct dma_map *map, uint64_t address, _Atomic(uintptr_t) **ret_slot);

/** dma_release() - what dma_hold() gave. Any thread */
void dma_release(struct dma_map *map, struct range *range, _Atomic(uintptr_t) *slot);

/** dma_held() - does anybody hold this range? The owner's */
bool dma_held(const struct range *range);

/** dma_await() - the same; if so, who lets go puts it on the map's "released". The owner's */
bool dma_await(struct range *range);

/** dma_lookup() - a range that is LIVE and has this address, or NULL. The owner's */
struct range *dma_lookup(const struct dma_map *map, uint64_t address);

/* dma_dirty.c */

/** dma_dirty_attach() - log a range that is not LIVE yet, if logging is on. Return: as dma_map_add() */
int dma_dirty_attach(struct dma_map *map, struct range *range);

/** dma_dirty_detach() - nobody holds the range, and it is not LIVE */
void dma_dirty_detach(struct dma_map *map, struct range *range);

/** dma_dirty_mark() - a part of a range that the caller holds was written, while logging is on */
void dma_dirty_mark(struct range *range, uint64_t address, uint64_t len);

#endif
