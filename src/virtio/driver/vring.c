/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vring.c - the split ring, as its driver sees it
 *
 * The device shares this memory and is not trusted. What the driver wrote there itself (descriptors,
 * the available ring) is never read back; what the device writes is used.idx, the used elements,
 * avail_event and used.flags. The last two only decide about a kick, so any value will do. An index
 * may be ahead by at most as many buffers as the device has; an id has to be that of one of them.
 *
 * Barriers, each with its partner in the device (names as in "2.7.13" and "2.7.14"):
 *
 *   here                        | in the device                   | without them
 *   ----------------------------+---------------------------------+-------------------------
 *   release with avail.idx      | barrier after it read idx       | it sees an entry not yet written
 *   acquire with used.idx       | barrier between element and idx | an empty element
 *   avail.idx, then avail_event | avail_event, then avail.idx     | both miss: no kick
 *   used_event, then used.idx   | used.idx, then used_event       | both miss: no interrupt
 */
#include "virtio/driver/vring.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* Parts that the one side writes and the other reads are kept out of each other's cache lines. */
#define PART_ALIGN 128u

static size_t align(size_t n)
{
	return (n + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN;
}

void vring_layout(uint16_t size, struct vring_layout *ret)
{
	assert(size >= 1 && size <= VRING_SIZE_MAX && (size & (size - 1)) == 0);
	ret->desc = 0;
	ret->avail = align(size * sizeof(struct virtq_desc));
	/* Behind each ring is the event index of the other side. */
	ret->used = align(ret->avail + sizeof(struct virtq_avail) + (size + 1u) * sizeof(uint16_t));
	ret->bytes = align(ret->used + sizeof(struct virtq_used) +
			   size * sizeof(struct virtq_used_elem) + sizeof(uint16_t));
}

void vring_init(struct vring *ring, uint16_t size, bool event_idx, void *memory)
{
	struct vring_layout layout;

	vring_layout(size, &layout);
	memset(ring, 0, sizeof(*ring));
	ring->size = size;
	ring->event_idx = event_idx;
	ring->desc = memory;
	ring->avail = (void *)((char *)memory + layout.avail);
	ring->used = (void *)((char *)memory + layout.used);
	ring->armed = true;
	vring_disarm(ring);
}

static uint16_t *used_event(const struct vring *ring)
{
	return &ring->avail->ring[ring->size];
}

static const uint16_t *avail_event(const struct vring *ring)
{
	return (const uint16_t *)(const void *)&ring->used->ring[ring->size];
}

static uint16_t load16(const uint16_t *from)
{
	return le16(__atomic_load_n(from, __ATOMIC_RELAXED));
}

static void store16(uint16_t *to, uint16_t value)
{
	__atomic_store_n(to, le16(value), __ATOMIC_RELAXED);
}

static uint16_t own_taken(const struct vring *ring)
{
	return atomic_load_explicit(&ring->taken, memory_order_relaxed);
}

void vring_set_buffer(struct vring *ring, uint16_t id, uint64_t address, uint32_t len,
		      uint16_t flags)
{
	assert(id < ring->size && !ring->is_offered[id]);
	ring->desc[id] = (struct virtq_desc) {
		.addr = le64(address),
		.len = le32(len),
		.flags = le16(flags),
	};
}

void vring_offer(struct vring *ring, uint16_t id)
{
	assert(id < ring->size && !ring->is_offered[id]);
	ring->is_offered[id] = true;
	ring->n_offered++;
	store16(&ring->avail->ring[ring->next_avail++ & (ring->size - 1)], id);
}

void vring_show(struct vring *ring)
{
	uint16_t n = (uint16_t)(ring->next_avail - ring->shown);

	ring->shown = ring->next_avail;
	/* 65536 shown without asking would look like none. */
	if ((uint16_t)(ring->shown - ring->kick_judged) < n)
		ring->kick_due = true;
	__atomic_store_n(&ring->avail->idx, le16(ring->shown), __ATOMIC_RELEASE);
}

/* "2.7.7.2": did `event` get passed on the way from old to now? All three wrap. */
static bool event_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

bool vring_wants_kick(struct vring *ring)
{
	uint16_t old = ring->kick_judged;
	bool due = ring->kick_due;

	if (ring->shown == old && !due)
		return false;
	ring->kick_judged = ring->shown;
	ring->kick_due = false;

	/* avail.idx before avail_event: pairs with the device's fence between storing avail_event and
	 * looking at avail.idx once more. Without it the device would sleep on what we just showed. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!ring->event_idx)
		return !(load16(&ring->used->flags) & VIRTQ_USED_F_NO_NOTIFY);
	return due || event_passed(load16(avail_event(ring)), ring->shown, old);
}

static int break_ring(struct vring *ring)
{
	ring->broken = true;
	return -EPROTO;
}

/* How far has the device come? Return: 0, -EPROTO it is done with more than it has */
static int look(struct vring *ring)
{
	/* Pairs with the device's barrier before it moves idx: elements up to it, and the data they
	 * speak of, are written. */
	uint16_t idx = le16(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE));

	if ((uint16_t)(idx - own_taken(ring)) > ring->n_offered)
		return break_ring(ring);
	ring->used_seen = idx;
	return 0;
}

int vring_take(struct vring *ring, uint16_t *ret_id, uint32_t *ret_len)
{
	uint16_t taken = own_taken(ring);
	const struct virtq_used_elem *elem = &ring->used->ring[taken & (ring->size - 1)];
	uint32_t id;

	if (ring->broken || (taken == ring->used_seen && look(ring) < 0))
		return -EPROTO;
	if (taken == ring->used_seen)
		return 0;
	id = le32(__atomic_load_n(&elem->id, __ATOMIC_RELAXED));
	if (id >= ring->size || !ring->is_offered[id])
		return break_ring(ring);
	ring->is_offered[id] = false;
	ring->n_offered--;
	atomic_store_explicit(&ring->taken, (uint16_t)(taken + 1), memory_order_relaxed);
	*ret_id = (uint16_t)id;
	*ret_len = le32(__atomic_load_n(&elem->len, __ATOMIC_RELAXED));
	return 1;
}

uint16_t vring_waiting(const struct vring *ring)
{
	uint16_t n = (uint16_t)(load16(&ring->used->idx) - own_taken(ring));

	return n > ring->size ? 0 : n;
}

bool vring_arm(struct vring *ring, uint16_t n)
{
	uint16_t taken = own_taken(ring);

	assert(n >= 1);
	if (ring->event_idx)
		store16(used_event(ring), (uint16_t)(taken + n - 1));
	else if (!ring->armed)
		store16(&ring->avail->flags, 0);
	ring->armed = true;

	/* used_event before used.idx: pairs with the device's fence between publishing and looking at
	 * used_event. Without it we would sleep on what it just published. */
	atomic_thread_fence(memory_order_seq_cst);
	return look(ring) == 0 && (uint16_t)(ring->used_seen - taken) < n;
}

/*
 * With the event index nothing need be written while nothing is armed: the index is behind, and is
 * met again, in vain, once in 65536 buffers.
 */
void vring_disarm(struct vring *ring)
{
	if (!ring->armed)
		return;
	ring->armed = false;
	if (!ring->event_idx)
		store16(&ring->avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
}
