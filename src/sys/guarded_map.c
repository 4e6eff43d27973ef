/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guarded_map.c - shared memory whose owner may truncate it without killing us
 *
 * The SIGBUS handler must find the mapping that an address belongs to, in a thread that may have
 * been interrupted anywhere, while other threads add and remove mappings. So it takes no lock and
 * nothing that it may look at is ever freed: mappings live in slots, slots in chunks, chunks in a
 * list that only grows (to the largest number of mappings there ever was).
 *
 * A slot that changes while the handler looks at it is another mapping's, because the one being
 * touched is in use and cannot be freed. But it must not be misread as covering the address, so
 * start and length are read as one: "seq" is odd while they change, and both reads of it must be
 * the same.
 *
 * The handler replaces the whole mapping, not the page: one fault per mapping, whatever its
 * size; and part of a mapping of huge pages cannot be replaced by ordinary ones.
 */
#include "sys/guarded_map.h"

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CHUNK_SLOTS 64

struct guarded_map {
	atomic_uint seq;	 /* see above */
	_Atomic(uintptr_t) base; /* what was mapped; 0: the slot is free */
	_Atomic(size_t) size;
	atomic_bool lost;	       /* set by the handler */
	void *addr;		       /* where the caller's offset is: in [base, base + size) */
	struct guarded_map *next_free; /* under the lock */
};

struct chunk {
	struct chunk *next;
	struct guarded_map slots[CHUNK_SLOTS];
};

static _Atomic(struct chunk *) chunks; /* the handler reads it; grows under the lock */
static atomic_uint losses;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct guarded_map *free_slots;	/* under the lock */
static bool handler_installed;		/* under the lock */
static struct sigaction earlier_action; /* written before our handler can run */

/* Reads base and size as one. False: free, or changing and therefore not the one in use. */
static bool slot_read(struct guarded_map *slot, uintptr_t *ret_base, size_t *ret_size)
{
	unsigned int seq = atomic_load(&slot->seq);
	uintptr_t base = atomic_load(&slot->base);
	size_t size = atomic_load(&slot->size);

	if (seq % 2 || base == 0 || atomic_load(&slot->seq) != seq)
		return false;
	*ret_base = base;
	*ret_size = size;
	return true;
}

static void slot_write(struct guarded_map *slot, uintptr_t base, size_t size)
{
	atomic_fetch_add(&slot->seq, 1);
	atomic_store(&slot->base, base);
	atomic_store(&slot->size, size);
	atomic_fetch_add(&slot->seq, 1);
}

/* Runs in the handler. */
static bool replace_slot(struct guarded_map *slot, uintptr_t base, size_t size)
{
	void *p = mmap((void *)base, size, PROT_READ | PROT_WRITE,
		       MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	if (!atomic_exchange(&slot->lost, true))
		atomic_fetch_add(&losses, 1);
	return true;
}

/* Runs in the handler. */
static bool replace_mapping_of(uintptr_t address)
{
	for (struct chunk *c = atomic_load(&chunks); c; c = c->next) {
		for (size_t i = 0; i < CHUNK_SLOTS; i++) {
			uintptr_t base;
			size_t size;

			if (slot_read(&c->slots[i], &base, &size) && address >= base &&
			    address - base < size)
				return replace_slot(&c->slots[i], base, size);
		}
	}
	return false;
}

/* Not our memory: do what would have happened without us. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	if (earlier_action.sa_flags & SA_SIGINFO) {
		earlier_action.sa_sigaction(sig, info, context);
	} else if (earlier_action.sa_handler != SIG_DFL && earlier_action.sa_handler != SIG_IGN) {
		earlier_action.sa_handler(sig);
	} else {
		/* Blocked until the handler returns; it then hits the instruction that faulted. */
		sigaction(sig, &earlier_action, NULL);
		raise(sig);
	}
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	int saved_errno = errno;

	if (info->si_code != BUS_ADRERR || !replace_mapping_of((uintptr_t)info->si_addr))
		pass_on(sig, info, context);
	errno = saved_errno;
}

static int install_handler_locked(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	if (handler_installed)
		return 0;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, NULL, &earlier_action) < 0 || sigaction(SIGBUS, &action, NULL) < 0)
		return -errno;
	handler_installed = true;
	return 0;
}

static int add_chunk_locked(void)
{
	struct chunk *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < CHUNK_SLOTS; i++) {
		c->slots[i].next_free = free_slots;
		free_slots = &c->slots[i];
	}
	c->next = atomic_load(&chunks);
	atomic_store(&chunks, c);
	return 0;
}

/* Return: NULL for lack of memory; installing a handler for SIGBUS has no other reason to fail. */
static struct guarded_map *slot_get(void)
{
	struct guarded_map *slot = NULL;

	pthread_mutex_lock(&lock);
	if (install_handler_locked() == 0 && (free_slots || add_chunk_locked() == 0)) {
		slot = free_slots;
		free_slots = slot->next_free;
	}
	pthread_mutex_unlock(&lock);
	return slot;
}

static void slot_put(struct guarded_map *slot)
{
	pthread_mutex_lock(&lock);
	slot->next_free = free_slots;
	free_slots = slot;
	pthread_mutex_unlock(&lock);
}

/* What offset and length of a mapping must be multiples of. */
static uint64_t mapping_unit(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static int check_file(int fd, uint64_t offset, size_t len)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (len == 0 || len > (uint64_t)st.st_size || offset > (uint64_t)st.st_size - len)
		return -EINVAL;
	return 0;
}

int guarded_map_new(int fd, uint64_t offset, size_t len, int prot, struct guarded_map **ret)
{
	struct guarded_map *slot;
	uint64_t unit, lead;
	size_t size;
	void *base;
	int r;

	r = check_file(fd, offset, len);
	if (r < 0)
		return r;
	slot = slot_get();
	if (!slot)
		return -ENOMEM;

	unit = mapping_unit(fd);
	lead = offset % unit;
	size = (lead + len + unit - 1) / unit * unit; /* offset + len is within a file: no wrap */
	base = mmap(NULL, size, prot, MAP_SHARED, fd, (off_t)(offset - lead));
	if (base == MAP_FAILED) {
		r = -errno;
		slot_put(slot);
		return r;
	}
	slot->addr = (char *)base + lead;
	atomic_store(&slot->lost, false);
	slot_write(slot, (uintptr_t)base, size);
	*ret = slot;
	return 0;
}

void guarded_map_free(struct guarded_map *map)
{
	void *base;
	size_t size;

	if (!map)
		return;
	base = (void *)atomic_load(&map->base);
	size = atomic_load(&map->size);
	/* First the slot, then the memory: the next mapping may get the same address. */
	slot_write(map, 0, 0);
	munmap(base, size);
	slot_put(map);
}

void *guarded_map_addr(const struct guarded_map *map)
{
	return map->addr;
}

bool guarded_map_lost(const struct guarded_map *map)
{
	return atomic_load(&map->lost);
}

unsigned int guarded_map_losses(void)
{
	return atomic_load(&losses);
}
