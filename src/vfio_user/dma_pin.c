/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_pin.c - use of ranges by any thread
 *
 * Each thread has a few slots, and says in one of them which range it holds. That costs no write to
 * anything that another thread writes, so threads that use the same range do not slow each other
 * down. Who removes a range looks through the slots of all threads.
 *
 * The race: a holder writes its slot, then reads the range's state; the remover writes the state,
 * then reads the slots. All four are seq_cst, so at least one of them sees the other: either the
 * holder finds the range DYING and lets go, or the remover finds it held.
 *
 * The remover marks a slot that it has to wait for (SLOT_AWAITED, by compare-and-exchange). Letting
 * go is a compare-and-exchange, too, which fails on a marked slot. Only then does the holder touch
 * the range or the map any more, and counts itself in map->releasing before it lets go: until then
 * the held range keeps the map alive, afterwards the count does; the last of these frees a map that
 * its owner has given up. So an unmarked slot is the last thing that a holder touches.
 *
 * A thread without a free slot counts itself in the range (refs, with RANGE_AWAITED as the mark).
 *
 * Each thread also remembers where it found ranges, by page. What it remembers may be long gone;
 * ranges of a map never stop being ranges of that map, so it is held first and looked at then.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/dma_internal.h"
#include <outrigger/server.h>

#define SLOTS	      32u
#define FOUND_SETS    256u /* of two; a power of two */
#define SLOT_AWAITED  ((uintptr_t)1)
#define RANGE_AWAITED (UINT32_C(1) << 31)

typedef _Atomic(uintptr_t) slot_t;

/* Where a thread found a page. */
struct found {
	uint64_t map_id;
	uint64_t address;
	uint64_t size;
	struct range *range;
};

/* One thread's, and after its end the next one's. Never freed: removers may look at it. */
struct holder {
	alignas(DMA_CACHE_LINE) slot_t slots[SLOTS]; /* the thread makes them non-zero, anybody 0 */

	/* The thread's. */
	alignas(DMA_CACHE_LINE) size_t last;			   /* slot used */
	alignas(DMA_CACHE_LINE) struct found found[FOUND_SETS][2]; /* the newer one first */

	atomic_bool taken;
	struct holder *next; /* for good */
};

static _Atomic(struct holder *) holders;

/* In a library a thread's variables are found by a call, but for those of this model. */
static _Thread_local struct holder *own_holder __attribute__((tls_model("initial-exec")));

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* its value is own_holder: gives it back when the thread ends */
static bool key_made;

static void give_back(void *holder)
{
	own_holder = NULL;
	atomic_store(&((struct holder *)holder)->taken, false);
}

static void make_key(void)
{
	key_made = pthread_key_create(&key, give_back) == 0;
}

static struct holder *take_idle_holder(void)
{
	for (struct holder *h = atomic_load(&holders); h; h = h->next) {
		if (!atomic_load_explicit(&h->taken, memory_order_relaxed) &&
		    !atomic_exchange(&h->taken, true))
			return h;
	}
	return NULL;
}

static struct holder *add_holder(void)
{
	struct holder *h = aligned_alloc(alignof(struct holder), sizeof(*h));

	if (!h)
		return NULL;
	memset(h, 0, sizeof(*h));
	atomic_store(&h->taken, true);
	h->next = atomic_load(&holders);
	while (!atomic_compare_exchange_weak(&holders, &h->next, h))
		;
	return h;
}

/* Return: NULL for lack of memory; the thread does without slots then */
static __attribute__((noinline)) struct holder *take_holder(void)
{
	struct holder *h;

	pthread_once(&key_once, make_key);
	if (!key_made)
		return NULL;
	h = take_idle_holder();
	if (!h)
		h = add_holder();
	if (h && pthread_setspecific(key, h) != 0) {
		atomic_store(&h->taken, false);
		return NULL;
	}
	own_holder = h;
	return h;
}

static inline struct holder *this_holder(void)
{
	return own_holder ? own_holder : take_holder();
}

/* Holding and letting go. */

static inline bool slot_is_free(slot_t *slot)
{
	return atomic_load_explicit(slot, memory_order_acquire) == 0;
}

static slot_t *find_free_slot(struct holder *h)
{
	for (size_t i = 0; i < SLOTS; i++) {
		if (slot_is_free(&h->slots[i])) {
			h->last = i;
			return &h->slots[i];
		}
	}
	return NULL;
}

/* Return: the slot, or NULL: it was counted */
static inline slot_t *hold(struct holder *h, struct range *range)
{
	slot_t *slot = NULL;

	if (h)
		slot = slot_is_free(&h->slots[h->last]) ? &h->slots[h->last] : find_free_slot(h);
	if (slot)
		atomic_store(slot, (uintptr_t)range);
	else
		atomic_fetch_add(&range->refs, 1);
	return slot;
}

/* Who holds a range that is awaited lets go of it. */
static __attribute__((noinline)) void release_awaited(struct dma_map *map, struct range *range,
						      slot_t *slot)
{
	atomic_fetch_add(&map->releasing, 1);
	if (slot)
		atomic_store(slot, 0);
	else
		atomic_fetch_sub(&range->refs, 1);
	if (!atomic_exchange(&range->in_released, true)) {
		range->next_released = atomic_load(&map->released);
		while (!atomic_compare_exchange_weak(&map->released, &range->next_released, range))
			;
	}
	map->notify(map->notify_opaque);
	dma_map_leave(map);
}

static void release_counted(struct dma_map *map, struct range *range)
{
	uint32_t refs = atomic_load(&range->refs);

	do {
		if (refs == (RANGE_AWAITED | 1)) {
			release_awaited(map, range, NULL);
			return;
		}
	} while (!atomic_compare_exchange_weak(&range->refs, &refs, refs - 1));
}

static inline void release(struct dma_map *map, struct range *range, slot_t *slot)
{
	uintptr_t expected = (uintptr_t)range;

	if (!slot)
		release_counted(map, range);
	else if (!atomic_compare_exchange_strong(slot, &expected, 0))
		release_awaited(map, range, slot);
}

void dma_release(struct dma_map *map, struct range *range, slot_t *slot)
{
	release(map, range, slot);
}

/* Is it held by this slot? Then its holder will know that it is awaited. */
static bool slot_await(slot_t *slot, const struct range *range)
{
	uintptr_t value = atomic_load(slot);

	while (value == (uintptr_t)range) {
		if (atomic_compare_exchange_weak(slot, &value, value | SLOT_AWAITED))
			return true;
	}
	return value == ((uintptr_t)range | SLOT_AWAITED);
}

/* No mark is left if nobody holds it, since the range will be used again. */
static bool refs_await(struct range *range)
{
	if (atomic_load(&range->refs) == 0)
		return false;
	if (atomic_fetch_or(&range->refs, RANGE_AWAITED) & ~RANGE_AWAITED)
		return true;
	atomic_fetch_and(&range->refs, ~RANGE_AWAITED);
	return false;
}

bool dma_await(struct range *range)
{
	bool held = refs_await(range);

	for (struct holder *h = atomic_load(&holders); h; h = h->next) {
		for (size_t i = 0; i < SLOTS; i++)
			held |= slot_await(&h->slots[i], range);
	}
	return held;
}

bool dma_held(const struct range *range)
{
	bool held = (atomic_load(&range->refs) & ~RANGE_AWAITED) != 0;

	for (struct holder *h = atomic_load(&holders); h && !held; h = h->next) {
		for (size_t i = 0; i < SLOTS; i++)
			held |= (atomic_load(&h->slots[i]) & ~SLOT_AWAITED) == (uintptr_t)range;
	}
	return held;
}

/* Finding. */

static inline struct found *found_set(struct holder *h, uint64_t address)
{
	uint64_t hash = address / DMA_PAGE * UINT64_C(0x9e3779b97f4a7c15);

	return h->found[hash >> 32 & (FOUND_SETS - 1)];
}

static inline bool found_is(const struct found *f, const struct dma_map *map, uint64_t address)
{
	return address - f->address < f->size && f->map_id == map->id;
}

static inline struct range *remembered(struct holder *h, const struct dma_map *map,
				       uint64_t address)
{
	const struct found *f = found_set(h, address);

	if (found_is(&f[0], map, address))
		return f[0].range;
	return found_is(&f[1], map, address) ? f[1].range : NULL;
}

static void remember(struct holder *h, const struct dma_map *map, uint64_t address,
		     struct range *range)
{
	struct found *f = found_set(h, address);

	f[1] = f[0];
	f[0] = (struct found) { map->id, range->pub.address, range->pub.size, range };
}

/* The state first: only then does the rest hold still. */
static inline bool is_live_at(const struct range *range, uint64_t address)
{
	return range_state(range) == RANGE_LIVE && range_holds(range, address);
}

/*
 * Return: NULL if the range has not this address, or is on its way out. It was found in the tree: so
 * there was a moment when no range had this address, and nobody has to search again.
 */
static inline struct range *hold_if_live(struct dma_map *map, struct holder *h, uint64_t address,
					 struct range *range, slot_t **ret_slot)
{
	slot_t *slot = hold(h, range);

	if (is_live_at(range, address)) {
		*ret_slot = slot;
		return range;
	}
	release(map, range, slot);
	return NULL;
}

static __attribute__((noinline)) struct range *search_and_hold(struct dma_map *map,
							       struct holder *h, uint64_t address,
							       slot_t **ret_slot)
{
	struct range *range = dma_tree_find(&map->tree, address);

	if (range)
		range = hold_if_live(map, h, address, range, ret_slot);
	if (range && h)
		remember(h, map, address, range);
	return range;
}

static inline struct range *find_and_hold(struct dma_map *map, struct holder *h, uint64_t address,
					  slot_t **ret_slot)
{
	struct range *range = h ? remembered(h, map, address) : NULL;

	/* If not, it may be of the past, and another one in its place. */
	if (range)
		range = hold_if_live(map, h, address, range, ret_slot);
	return range ? range : search_and_hold(map, h, address, ret_slot);
}

struct range *dma_hold(struct dma_map *map, uint64_t address, slot_t **ret_slot)
{
	return find_and_hold(map, this_holder(), address, ret_slot);
}

struct range *dma_lookup(const struct dma_map *map, uint64_t address)
{
	struct holder *h = this_holder();
	struct range *range = h ? remembered(h, map, address) : NULL;

	if (range && is_live_at(range, address))
		return range;
	range = dma_tree_floor(&map->tree, address);
	if (!range || !is_live_at(range, address))
		return NULL;
	if (h)
		remember(h, map, address, range);
	return range;
}

/* Pins. */

static inline int check_use(const struct range *range, uint32_t prot, bool room)
{
	if ((range->pub.prot & prot) != prot)
		return -EACCES;
	if (!range->pub.host)
		return -EREMOTEIO;
	return room ? 0 : -ENOBUFS;
}

static inline void fill_seg(struct rig_dma_seg *seg, const struct range *range, uint64_t address,
			    uint64_t len, uint32_t prot)
{
	uint64_t skip = address - range->pub.address;

	seg->host = (char *)range->pub.host + skip;
	seg->len = (size_t)(range->pub.size - skip < len ? range->pub.size - skip : len);
	seg->address = address;
	seg->prot = prot;
	seg->reserved = 0;
}

/* Pins the first of what is left. Return: 0, or as dma_map_pin() */
static inline int pin_one(struct dma_map *map, struct holder *h, uint64_t address, uint64_t len,
			  uint32_t prot, struct rig_dma_seg *seg, bool room)
{
	slot_t *slot = NULL;
	struct range *range = find_and_hold(map, h, address, &slot);
	int r;

	if (!range)
		return -EFAULT;
	r = check_use(range, prot, room);
	if (r < 0) {
		release(map, range, slot);
		return r;
	}
	fill_seg(seg, range, address, len, prot);
	seg->private_[0] = range;
	seg->private_[1] = (void *)slot;
	return 0;
}

static inline struct range *range_of(const struct rig_dma_seg *seg)
{
	return seg->private_[0];
}

static inline slot_t *slot_of(const struct rig_dma_seg *seg)
{
	return (slot_t *)seg->private_[1];
}

int dma_map_pin(struct dma_map *map, uint64_t address, uint64_t len, uint32_t prot,
		struct rig_dma_seg *segs, size_t max_segs)
{
	struct holder *h = this_holder();
	size_t n = 0;
	int r = 0;

	while (len > 0) {
		/* What follows the last address is not address 0. */
		if (n > 0 && address == 0)
			r = -EFAULT;
		else
			r = pin_one(map, h, address, len, prot, &segs[n], n < max_segs);
		if (r < 0)
			break;
		address += segs[n].len;
		len -= segs[n].len;
		n++;
	}
	if (r == 0)
		return (int)n;
	while (n-- > 0)
		release(map, range_of(&segs[n]), slot_of(&segs[n]));
	return r;
}

void dma_map_unpin(struct dma_map *map, struct rig_dma_seg *segs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct range *range = range_of(&segs[i]);

		if ((segs[i].prot & RIG_DMA_WRITE) && atomic_load(&map->logging))
			dma_dirty_mark(range, segs[i].address, segs[i].len);
		release(map, range, slot_of(&segs[i]));
	}
}
