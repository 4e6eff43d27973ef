/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guest.h - a guest for tests: memory, and the driver's side of a split ring
 *
 * Written from "2.7 Split Virtqueues" alone; nothing here knows how the device does its part.
 * Numbers go into the ring as they are told, right or wrong.
 */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <outrigger/vfio_user.h>

#define GUEST_BASE   UINT64_C(0x100000)
#define GUEST_SIZE   (4u << 20)
#define GUEST_RANGES 32u

#define GUEST_RW     (RIG_DMA_READ | RIG_DMA_WRITE)

struct guest_range {
	uint64_t address, size;
	uint32_t prot;
	bool shared;
	uint64_t skew; /* the client's file begins this far from where it should */
};

struct guest {
	uint8_t *memory; /* of GUEST_BASE */
	struct guest_range ranges[GUEST_RANGES];
	size_t n_ranges;
};

static inline void guest_map(struct guest *guest, uint64_t address, uint64_t size, uint32_t prot)
{
	assert(guest->n_ranges < GUEST_RANGES);
	guest->ranges[guest->n_ranges++] = (struct guest_range) {
		.address = address, .size = size, .prot = prot, .shared = true
	};
}

/* All of it, in one mapping. */
static inline void guest_init(struct guest *guest)
{
	memset(guest, 0, sizeof(*guest));
	guest->memory = aligned_alloc(4096, GUEST_SIZE);
	memset(guest->memory, 0, GUEST_SIZE);
	guest_map(guest, GUEST_BASE, GUEST_SIZE, GUEST_RW);
}

static inline void guest_free(struct guest *guest)
{
	free(guest->memory);
}

/* Where the guest itself sees this address. */
static inline void *guest_at(struct guest *guest, uint64_t address)
{
	assert(address >= GUEST_BASE && address < GUEST_BASE + GUEST_SIZE);
	return guest->memory + (address - GUEST_BASE);
}

/* rig_dma_translate(), in the plainest words; ranges are in order. */
static inline int guest_translate(void *opaque, uint64_t address, uint64_t len, uint32_t prot,
				  struct iovec *iov, size_t max_iov)
{
	struct guest *guest = opaque;
	size_t n = 0;

	for (size_t i = 0; i < guest->n_ranges && len > 0; i++) {
		const struct guest_range *range = &guest->ranges[i];
		uint64_t in = address - range->address, part;

		if (address < range->address || in >= range->size)
			continue;
		if ((range->prot & prot) != prot)
			return -EACCES;
		if (!range->shared)
			return -EREMOTEIO;
		if (n == max_iov)
			return -ENOBUFS;
		part = range->size - in < len ? range->size - in : len;
		iov[n++] =
			(struct iovec) { (uint8_t *)guest_at(guest, address) + range->skew, part };
		address += part;
		len -= part;
	}
	return len > 0 ? -EFAULT : (int)n;
}

struct ring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

#define RING_NEXT     1u
#define RING_WRITE    2u
#define RING_INDIRECT 4u

/* struct ring - the driver's notes; index fields run freely and wrap */
struct ring {
	struct guest *guest;
	uint16_t size;
	uint64_t desc, avail, used; /* in guest memory */
	bool event_idx;
	uint16_t avail_idx; /* what it told the device */
	uint16_t kicked_at; /* avail_idx when it last decided about a kick */
	uint16_t taken;	    /* of the used ring */
};

static inline uint16_t *ring16(const struct ring *ring, uint64_t address)
{
	return guest_at(ring->guest, address);
}

/* Lays the three parts out from this page on, each on its own page boundary. */
static inline void ring_init(struct ring *ring, struct guest *guest, uint64_t at, uint16_t size,
			     bool event_idx)
{
	*ring = (struct ring) { .guest = guest, .size = size, .event_idx = event_idx };
	ring->desc = at;
	ring->avail = (ring->desc + 16u * size + 4095) & ~UINT64_C(4095);
	ring->used = (ring->avail + 6u + 2u * size + 4095) & ~UINT64_C(4095);
	memset(guest_at(guest, at), 0, ring->used + 6u + 8u * size - at);
}

static inline void ring_put_desc(const struct ring *ring, uint64_t table, uint16_t i,
				 struct ring_desc desc)
{
	memcpy(guest_at(ring->guest, table + 16u * i), &desc, sizeof(desc));
}

/* Make the chain that starts at head available. Return: true if "2.7.13.4" wants a kick. */
static inline bool ring_offer(struct ring *ring, uint16_t head)
{
	uint16_t event, old = ring->kicked_at;

	*ring16(ring, ring->avail + 4 + 2u * (ring->avail_idx % ring->size)) = head;
	__atomic_store_n(ring16(ring, ring->avail + 2), ++ring->avail_idx, __ATOMIC_SEQ_CST);
	ring->kicked_at = ring->avail_idx;
	if (!ring->event_idx)
		return !(*ring16(ring, ring->used) & 1);
	event = *ring16(ring, ring->used + 4 + 8u * ring->size);
	return (uint16_t)(ring->avail_idx - event - 1) < (uint16_t)(ring->avail_idx - old);
}

/* One descriptor as a whole chain. */
static inline bool ring_offer_one(struct ring *ring, uint16_t i, uint64_t addr, uint32_t len,
				  uint16_t flags)
{
	ring_put_desc(ring, ring->desc, i, (struct ring_desc) { addr, len, flags, 0 });
	return ring_offer(ring, i);
}

static inline uint16_t ring_used_idx(const struct ring *ring)
{
	return __atomic_load_n(ring16(ring, ring->used + 2), __ATOMIC_SEQ_CST);
}

/* The next element that the device used. Return: false if there is none. */
static inline bool ring_take(struct ring *ring, uint32_t *id, uint32_t *len)
{
	const uint8_t *elem;

	if (ring_used_idx(ring) == ring->taken)
		return false;
	elem = guest_at(ring->guest, ring->used + 4 + 8u * (ring->taken++ % ring->size));
	memcpy(id, elem, 4);
	memcpy(len, elem + 4, 4);
	return true;
}

/* used_event: "interrupt me when you pass this" */
static inline void ring_set_used_event(const struct ring *ring, uint16_t event)
{
	*ring16(ring, ring->avail + 4 + 2u * ring->size) = event;
}

static inline void ring_set_avail_flags(const struct ring *ring, uint16_t flags)
{
	*ring16(ring, ring->avail) = flags;
}

/* A small generator with a seed, so that what failed once fails again. */
static inline uint32_t test_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

#endif
