/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma.c - guest memory: what the client mapped, and where it is here
 *
 * Arithmetic: a range may end at 2^64, so its end is not always a number. What is compared is the
 * last address (address + size - 1), which always is, because size 0 was refused.
 *
 * A range stays in the tree until it is gone for good, so that what is being removed still counts as
 * an overlap; its state is what hides it.
 */
#include "vfio_user/dma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sys/guarded_map.h"
#include "vfio_user/dma_internal.h"
#include <outrigger/vfio_user.h>

#define PROT_FLAGS   (RIG_DMA_READ | RIG_DMA_WRITE)
#define ACCESS_FLAGS (RIG_DMA_ACCESS_MMAP | RIG_DMA_ACCESS_FILE)

static void notify_nobody(void *opaque)
{
}

int dma_map_new(uint32_t max_ranges, struct dma_map **ret)
{
	static _Atomic(uint64_t) last_id;
	struct dma_map *map = aligned_alloc(alignof(struct dma_map), sizeof(*map));

	if (!map)
		return -ENOMEM;
	memset(map, 0, sizeof(*map));
	map->id = atomic_fetch_add(&last_id, 1) + 1;
	map->max = max_ranges;
	map->notify = notify_nobody;
	map->gone = notify_nobody;
	pthread_mutex_init(&map->leave_lock, NULL);
	map->losses_seen = guarded_map_losses();
	dma_tree_init(&map->tree);
	dma_pool_init(&map->pool, sizeof(struct range));
	*ret = map;
	return 0;
}

static void destroy(struct dma_map *map)
{
	void (*gone)(void *opaque) = map->gone;
	void *opaque = map->gone_opaque;

	assert(map->n == 0);
	dma_tree_destroy(&map->tree);
	dma_pool_destroy(&map->pool);
	pthread_mutex_destroy(&map->leave_lock);
	free(map);
	gone(opaque);
}

/*
 * Of a map that was freed, with the lock held: does nobody need it any more? Who lets go of a range
 * is counted first: so whoever is found to have let go is found in the count, too, which is therefore
 * looked at last.
 */
static bool is_over(struct dma_map *map)
{
	return dma_map_reap(map, NULL, NULL) == 0 && atomic_load(&map->releasing) == 0;
}

void dma_map_leave(struct dma_map *map)
{
	bool over;

	pthread_mutex_lock(&map->leave_lock);
	atomic_fetch_sub(&map->releasing, 1);
	over = map->freed && is_over(map);
	pthread_mutex_unlock(&map->leave_lock);
	if (over)
		destroy(map);
}

void dma_map_free(struct dma_map *map)
{
	bool over;

	if (!map)
		return;
	dma_map_remove_all(map);
	pthread_mutex_lock(&map->leave_lock);
	map->freed = true;
	over = is_over(map);
	pthread_mutex_unlock(&map->leave_lock);
	if (over)
		destroy(map);
}

void dma_map_set_gone(struct dma_map *map, void (*gone)(void *opaque), void *opaque)
{
	map->gone = gone;
	map->gone_opaque = opaque;
}

void dma_map_set_notify(struct dma_map *map, void (*notify)(void *opaque), void *opaque)
{
	map->notify = notify;
	map->notify_opaque = opaque;
}

static int check_request(uint64_t address, uint64_t size, uint32_t flags, int fd)
{
	if (flags & ~(PROT_FLAGS | ACCESS_FLAGS))
		return -EINVAL;
	if ((flags & ACCESS_FLAGS) == ACCESS_FLAGS || ((flags & ACCESS_FLAGS) && fd < 0))
		return -EINVAL;
	if (size == 0 || size - 1 > UINT64_MAX - address)
		return -EINVAL;
	if (address % DMA_PAGE || size % DMA_PAGE)
		return -EINVAL;
	return size > DMA_MAX_SIZE ? -ENOSPC : 0;
}

/* Room for one more in the tree and a range for it. */
static struct range *range_get(struct dma_map *map)
{
	struct range *range = map->free_ranges;

	if (dma_tree_reserve(&map->tree) < 0)
		return NULL;
	if (!range)
		return dma_pool_get(&map->pool);
	map->free_ranges = range->next_free;
	range->backing = NULL;
	return range;
}

static void range_put(struct dma_map *map, struct range *range)
{
	dma_dirty_detach(map, range);
	dma_backing_put(&map->backings, range->backing);
	atomic_store(&range->state, RANGE_FREE);
	range->next_free = map->free_ranges;
	map->free_ranges = range;
}

/* Give it its memory. */
static int range_fill(struct dma_map *map, struct range *range, uint64_t offset, int fd)
{
	struct dma_range *pub = &range->pub;
	int prot = (pub->prot & RIG_DMA_READ ? PROT_READ : 0) |
		   (pub->prot & RIG_DMA_WRITE ? PROT_WRITE : 0);
	int r;

	if (fd < 0)
		return 0;
	r = dma_backing_get(&map->backings, fd, offset, (size_t)pub->size, prot, &range->backing,
			    &pub->host);
	return r < 0 ? r : dma_dirty_attach(map, range);
}

int dma_map_add(struct dma_map *map, uint64_t address, uint64_t size, uint32_t flags,
		uint64_t offset, int fd)
{
	struct range *range;
	int r;

	r = check_request(address, size, flags, fd);
	if (r < 0)
		return r;
	if (dma_map_overlap(map, address, size))
		return -EEXIST;
	if (map->n == map->max)
		return -ENOSPC;
	range = range_get(map);
	if (!range)
		return -ENOMEM;

	range->pub = (struct dma_range) { address, size, flags & PROT_FLAGS, NULL };
	r = range_fill(map, range, offset, fd);
	if (r < 0) {
		range_put(map, range);
		return r;
	}
	atomic_store(&range->state, RANGE_LIVE);
	dma_tree_insert(&map->tree, address, range);
	map->n++;
	return 0;
}

static void finish(struct dma_map *map, struct range *range)
{
	dma_tree_erase(&map->tree, range->pub.address);
	range_put(map, range);
	map->n--;
}

static int remove_begin(struct dma_map *map, struct range *range)
{
	/* Before looking for holders: see dma_pin.c. */
	atomic_store(&range->state, RANGE_DYING);
	if (dma_await(range)) {
		map->n_dying++;
		return -EINPROGRESS;
	}
	finish(map, range);
	return 0;
}

static struct range *exactly(const struct dma_map *map, uint64_t address, uint64_t size)
{
	struct range *range = dma_tree_floor(&map->tree, address);

	return range && range_state(range) == RANGE_LIVE && range->pub.address == address &&
			       range->pub.size == size
		       ? range
		       : NULL;
}

int dma_map_remove_begin(struct dma_map *map, uint64_t address, uint64_t size)
{
	struct range *range = exactly(map, address, size);

	return range ? remove_begin(map, range) : -ENOENT;
}

static struct range *lowest(const struct dma_map *map)
{
	struct range *range = dma_tree_floor(&map->tree, 0);

	return range ? range : dma_tree_above(&map->tree, 0);
}

int dma_map_remove_all(struct dma_map *map)
{
	uint64_t address;

	for (struct range *range = lowest(map); range;) {
		address = range->pub.address;
		if (range_state(range) == RANGE_LIVE)
			remove_begin(map, range);
		range = dma_tree_above(&map->tree, address);
	}
	return map->n_dying ? -EINPROGRESS : 0;
}

size_t dma_map_reap(struct dma_map *map,
		    void (*gone)(void *opaque, uint64_t address, uint64_t size), void *opaque)
{
	struct range *range = atomic_exchange(&map->released, NULL);

	while (range) {
		struct range *next = range->next_released;
		struct dma_range was = range->pub;

		/* From here on it may be put on the list again. */
		atomic_store(&range->in_released, false);
		if (range_state(range) == RANGE_DYING && !dma_await(range)) {
			map->n_dying--;
			finish(map, range);
			if (gone)
				gone(opaque, was.address, was.size);
		}
		range = next;
	}
	return map->n_dying;
}

const struct dma_range *dma_map_overlap(const struct dma_map *map, uint64_t address, uint64_t size)
{
	const struct range *range = dma_tree_floor(&map->tree, address);

	if (range && range_holds(range, address))
		return &range->pub;
	range = dma_tree_above(&map->tree, address);
	return range && range->pub.address - address < size ? &range->pub : NULL;
}

const struct dma_range *dma_map_get(const struct dma_map *map, uint64_t address, uint64_t size)
{
	const struct range *range = exactly(map, address, size);

	return range ? &range->pub : NULL;
}

const struct dma_range *dma_map_find(const struct dma_map *map, uint64_t address)
{
	const struct range *range = dma_lookup(map, address);

	return range ? &range->pub : NULL;
}

/* From this range on, the first that is not being removed. */
static const struct dma_range *first_live(const struct dma_map *map, const struct range *range)
{
	while (range && range_state(range) != RANGE_LIVE)
		range = dma_tree_above(&map->tree, range->pub.address);
	return range ? &range->pub : NULL;
}

const struct dma_range *dma_map_first(const struct dma_map *map)
{
	return first_live(map, lowest(map));
}

const struct dma_range *dma_map_next(const struct dma_map *map, const struct dma_range *range)
{
	return first_live(map, dma_tree_above(&map->tree, range->address));
}

int dma_map_translate(const struct dma_map *map, uint64_t address, uint64_t len, uint32_t prot,
		      struct iovec *iov, size_t max_iov)
{
	size_t n = 0;

	while (len > 0) {
		const struct range *range = dma_lookup(map, address);
		uint64_t skip, part;

		/* What follows the last address is not address 0. */
		if (!range || (n > 0 && address == 0))
			return -EFAULT;
		if ((range->pub.prot & prot) != prot)
			return -EACCES;
		if (!range->pub.host)
			return -EREMOTEIO;
		if (n == max_iov)
			return -ENOBUFS;

		skip = address - range->pub.address;
		part = range->pub.size - skip < len ? range->pub.size - skip : len;
		iov[n++] = (struct iovec) { (char *)range->pub.host + skip, (size_t)part };
		address += part;
		len -= part;
	}
	return (int)n;
}

bool dma_map_lost(struct dma_map *map)
{
	unsigned int losses = guarded_map_losses();

	if (losses == map->losses_seen)
		return false;
	if (dma_backings_lost(&map->backings))
		return true;
	map->losses_seen = losses;
	return false;
}
