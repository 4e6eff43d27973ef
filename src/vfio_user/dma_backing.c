/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_backing.c - the files behind guest memory, mapped
 *
 * A guest behind a virtual IOMMU maps its memory in pieces of a page, by the million, and a process
 * may have 65530 mappings (vm.max_map_count). So ranges of one file with the same protection share
 * one mapping of the whole file, as long as it was when the first of them came. A range behind that
 * end (the file grew) makes a new one, which later ranges share from then on.
 *
 * Where the whole file cannot be mapped, or is absurdly large, a range gets a mapping of its own.
 *
 * Mappings and address space are the whole process's: one client has no more than DMA_MAX_FILES and
 * DMA_MAX_MAPPED of them.
 *
 * A shared mapping keeps its file alive, so nothing else gets that device and inode number.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "sys/guarded_map.h"
#include "vfio_user/dma_internal.h"

struct dma_backing {
	struct guarded_map *memory;
	size_t len;
	size_t users; /* ranges */

	/* What a shared one is found by. */
	dev_t dev;
	ino_t ino;
	int prot;
	uint64_t size; /* from the start of the file; 0: not shared, or not any more */
	struct dma_backing *next_shared;

	struct dma_backing *next, **link; /* in "all"; what points here */
};

/* What mmap() would say of the fd, and then whether the file is long enough. */
static int check_file(int fd, const struct stat *st, uint64_t offset, size_t len, int prot)
{
	int flags = fcntl(fd, F_GETFL);

	if (!S_ISREG(st->st_mode) || len > (uint64_t)st->st_size ||
	    offset > (uint64_t)st->st_size - len)
		return -EINVAL;
	if (flags < 0 || (flags & O_PATH))
		return -EBADF;
	if ((flags & O_ACCMODE) == O_WRONLY ||
	    ((prot & PROT_WRITE) && (flags & O_ACCMODE) != O_RDWR))
		return -EACCES;
	return 0;
}

static struct dma_backing **bucket_of(struct dma_backings *backings, dev_t dev, ino_t ino)
{
	uint64_t hash = ((uint64_t)dev * 31 + (uint64_t)ino) * UINT64_C(0x9e3779b97f4a7c15);

	return &backings->shared[hash >> 32 & (DMA_BACKING_BUCKETS - 1)];
}

static void start_sharing(struct dma_backings *backings, struct dma_backing *backing)
{
	struct dma_backing **bucket = bucket_of(backings, backing->dev, backing->ino);

	backing->next_shared = *bucket;
	*bucket = backing;
}

static void stop_sharing(struct dma_backings *backings, struct dma_backing *backing)
{
	struct dma_backing **link = bucket_of(backings, backing->dev, backing->ino);

	while (*link != backing)
		link = &(*link)->next_shared;
	*link = backing->next_shared;
	backing->size = 0;
}

static struct dma_backing *find_shared(struct dma_backings *backings, const struct stat *st,
				       int prot)
{
	struct dma_backing *b = *bucket_of(backings, st->st_dev, st->st_ino);

	while (b && (b->dev != st->st_dev || b->ino != st->st_ino || b->prot != prot))
		b = b->next_shared;
	return b;
}

static int map_memory(struct dma_backings *backings, int fd, uint64_t offset, size_t len, int prot,
		      struct dma_backing **ret)
{
	struct dma_backing *backing;
	int r;

	if (backings->n == DMA_MAX_FILES || len > DMA_MAX_MAPPED - backings->bytes)
		return -ENOSPC;
	backing = calloc(1, sizeof(*backing));
	if (!backing)
		return -ENOMEM;
	r = guarded_map_new(fd, offset, len, prot, &backing->memory);
	if (r < 0) {
		free(backing);
		return r;
	}
	backing->link = &backings->all;
	backing->next = backings->all;
	if (backing->next)
		backing->next->link = &backing->next;
	backings->all = backing;
	backing->len = len;
	backings->bytes += len;
	backings->n++;
	*ret = backing;
	return 0;
}

/* Instead of the one that was shared so far, if any: its file is longer now. */
static int map_whole_file(struct dma_backings *backings, int fd, const struct stat *st, int prot,
			  struct dma_backing *earlier, struct dma_backing **ret)
{
	struct dma_backing *backing;
	int r;

	if ((uint64_t)st->st_size > DMA_MAX_SIZE)
		return -ENOMEM;
	r = map_memory(backings, fd, 0, (size_t)st->st_size, prot, &backing);
	if (r < 0)
		return r;
	backing->dev = st->st_dev;
	backing->ino = st->st_ino;
	backing->prot = prot;
	backing->size = (uint64_t)st->st_size;
	if (earlier)
		stop_sharing(backings, earlier);
	start_sharing(backings, backing);
	*ret = backing;
	return 0;
}

int dma_backing_get(struct dma_backings *backings, int fd, uint64_t offset, size_t len, int prot,
		    struct dma_backing **ret, void **ret_host)
{
	struct dma_backing *backing;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	r = check_file(fd, &st, offset, len, prot);
	if (r < 0)
		return r;

	backing = find_shared(backings, &st, prot);
	if (!backing || backing->size < offset + len) {
		r = map_whole_file(backings, fd, &st, prot, backing, &backing);
		if (r < 0)
			r = map_memory(backings, fd, offset, len, prot, &backing);
		if (r < 0)
			return r;
	}
	backing->users++;
	*ret = backing;
	*ret_host = (char *)guarded_map_addr(backing->memory) + (backing->size ? offset : 0);
	return 0;
}

void dma_backing_put(struct dma_backings *backings, struct dma_backing *backing)
{
	if (!backing || --backing->users > 0)
		return;
	if (backing->size)
		stop_sharing(backings, backing);
	*backing->link = backing->next;
	if (backing->next)
		backing->next->link = backing->link;
	backings->bytes -= backing->len;
	backings->n--;
	guarded_map_free(backing->memory);
	free(backing);
}

bool dma_backings_lost(const struct dma_backings *backings)
{
	for (const struct dma_backing *b = backings->all; b; b = b->next) {
		if (guarded_map_lost(b->memory))
			return true;
	}
	return false;
}
