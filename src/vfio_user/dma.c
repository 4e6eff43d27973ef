/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma.c - guest memory: what the client mapped, and where it is here
 *
 * A sorted array of (address, range). The search touches only the array; the ranges themselves
 * stay where they are, so pointers to them are good until they are removed. Adding and
 * removing move the tail of the array: with the most ranges that a client may have (65535) that
 * is 1 MiB, tens of microseconds, next to an mmap() that costs more.
 *
 * Arithmetic: a range may end at 2^64, so its end is not always a number. What is compared is the
 * last address (address + size - 1), which always is, because size 0 was refused.
 */
#include "vfio_user/dma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sys/guarded_map.h"
#include <outrigger/server.h>

#define PROT_FLAGS   (RIG_DMA_READ | RIG_DMA_WRITE)
#define ACCESS_FLAGS (RIG_DMA_ACCESS_MMAP | RIG_DMA_ACCESS_FILE)

struct range {
	struct dma_range pub;
	struct guarded_map *memory; /* NULL: only messages reach it */
};

struct slot {
	uint64_t address; /* that of the range: what the search compares */
	struct range *range;
};

struct dma_map {
	struct slot *slots; /* sorted */
	size_t n;
	size_t allocated;
	size_t max;
	unsigned int losses_seen; /* guarded_map_losses() when the ranges were last looked at */
};

static uint64_t last_of(const struct dma_range *range)
{
	return range->address + (range->size - 1);
}

/* The number of ranges that start at or below address. */
static size_t count_upto(const struct dma_map *map, uint64_t address)
{
	size_t low = 0, high = map->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->slots[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct dma_range *range_at(const struct dma_map *map, size_t i)
{
	return i < map->n ? &map->slots[i].range->pub : NULL;
}

int dma_map_new(uint32_t max_ranges, struct dma_map **ret)
{
	struct dma_map *map = calloc(1, sizeof(*map));

	if (!map)
		return -ENOMEM;
	map->max = max_ranges;
	map->losses_seen = guarded_map_losses();
	*ret = map;
	return 0;
}

void dma_map_free(struct dma_map *map)
{
	if (!map)
		return;
	dma_map_remove_all(map);
	free(map->slots);
	free(map);
}

static void range_free(struct range *range)
{
	guarded_map_free(range->memory);
	free(range);
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

static int range_new(uint64_t address, uint64_t size, uint32_t flags, uint64_t offset, int fd,
		     struct range **ret)
{
	struct range *range = calloc(1, sizeof(*range));
	int prot =
		(flags & RIG_DMA_READ ? PROT_READ : 0) | (flags & RIG_DMA_WRITE ? PROT_WRITE : 0);
	int r;

	if (!range)
		return -ENOMEM;
	range->pub = (struct dma_range) { address, size, flags & PROT_FLAGS, NULL };
	if (fd >= 0) {
		r = guarded_map_new(fd, offset, (size_t)size, prot, &range->memory);
		if (r < 0) {
			free(range);
			return r;
		}
		range->pub.host = guarded_map_addr(range->memory);
	}
	*ret = range;
	return 0;
}

/* Room for one more. */
static int reserve(struct dma_map *map)
{
	size_t n = map->allocated ? map->allocated * 2 : 16;
	struct slot *slots;

	if (map->n == map->max)
		return -ENOSPC;
	if (map->n < map->allocated)
		return 0;
	slots = reallocarray(map->slots, n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	map->slots = slots;
	map->allocated = n;
	return 0;
}

int dma_map_add(struct dma_map *map, uint64_t address, uint64_t size, uint32_t flags,
		uint64_t offset, int fd)
{
	struct range *range;
	size_t i;
	int r;

	r = check_request(address, size, flags, fd);
	if (r < 0)
		return r;
	if (dma_map_overlap(map, address, size))
		return -EEXIST;
	r = reserve(map);
	if (r < 0)
		return r;
	r = range_new(address, size, flags, offset, fd, &range);
	if (r < 0)
		return r;

	i = count_upto(map, address);
	memmove(&map->slots[i + 1], &map->slots[i], (map->n - i) * sizeof(*map->slots));
	map->slots[i] = (struct slot) { address, range };
	map->n++;
	return 0;
}

const struct dma_range *dma_map_overlap(const struct dma_map *map, uint64_t address, uint64_t size)
{
	size_t i = count_upto(map, address);
	const struct dma_range *next = range_at(map, i);

	if (i > 0 && last_of(range_at(map, i - 1)) >= address)
		return range_at(map, i - 1);
	return next && next->address - address < size ? next : NULL;
}

const struct dma_range *dma_map_get(const struct dma_map *map, uint64_t address, uint64_t size)
{
	const struct dma_range *range = dma_map_find(map, address);

	return range && range->address == address && range->size == size ? range : NULL;
}

int dma_map_remove(struct dma_map *map, uint64_t address, uint64_t size)
{
	size_t i;

	if (!dma_map_get(map, address, size))
		return -ENOENT;
	i = count_upto(map, address) - 1;
	range_free(map->slots[i].range);
	map->n--;
	memmove(&map->slots[i], &map->slots[i + 1], (map->n - i) * sizeof(*map->slots));
	return 0;
}

void dma_map_remove_all(struct dma_map *map)
{
	for (size_t i = 0; i < map->n; i++)
		range_free(map->slots[i].range);
	map->n = 0;
}

const struct dma_range *dma_map_find(const struct dma_map *map, uint64_t address)
{
	size_t i = count_upto(map, address);

	if (i == 0 || last_of(range_at(map, i - 1)) < address)
		return NULL;
	return range_at(map, i - 1);
}

const struct dma_range *dma_map_first(const struct dma_map *map)
{
	return range_at(map, 0);
}

const struct dma_range *dma_map_next(const struct dma_map *map, const struct dma_range *range)
{
	return range_at(map, count_upto(map, range->address));
}

int dma_map_translate(const struct dma_map *map, uint64_t address, uint64_t len, uint32_t prot,
		      struct iovec *iov, size_t max_iov)
{
	size_t i = count_upto(map, address);
	size_t n = 0;

	while (len > 0) {
		const struct dma_range *range = i > 0 ? range_at(map, i - 1) : NULL;
		uint64_t skip, part;

		if (!range || address < range->address || last_of(range) < address)
			return -EFAULT;
		if ((range->prot & prot) != prot)
			return -EACCES;
		if (!range->host)
			return -EREMOTEIO;
		if (n == max_iov)
			return -ENOBUFS;

		skip = address - range->address;
		part = range->size - skip < len ? range->size - skip : len;
		iov[n++] = (struct iovec) { (char *)range->host + skip, (size_t)part };
		/* At 2^64 this wraps to 0, where the next range, if any, is not slots[i]. */
		address += part;
		len -= part;
		i++;
	}
	return (int)n;
}

bool dma_map_lost(struct dma_map *map)
{
	unsigned int losses = guarded_map_losses();

	if (losses == map->losses_seen)
		return false;
	for (size_t i = 0; i < map->n; i++)
		if (map->slots[i].range->memory && guarded_map_lost(map->slots[i].range->memory))
			return true;
	map->losses_seen = losses;
	return false;
}
