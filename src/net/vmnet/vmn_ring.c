/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_ring.c - packets that were read and that the port has not taken yet
 */
#include "net/vmnet/vmn_ring.h"

#include <errno.h>
#include <stdlib.h>

#define BATCH_MIN    8u
#define MTU_NOT_SAID 1500u

/* Memory */

void vmn_memory_clear(struct vmn_memory *memory)
{
	free(memory->spare);
	*memory = (struct vmn_memory) { 0 };
}

static bool take_slots(struct vmn_ring *ring)
{
	size_t size = ring->capacity * ring->slot_size;

	if (ring->slots)
		return true;
	if (ring->offloads.segments && !ring->pieces) {
		ring->pieces = malloc(VMN_CUT_FRAMES * sizeof(*ring->pieces));
		if (!ring->pieces)
			return false;
	}
	if (ring->memory->spare && ring->memory->spare_size >= size) {
		ring->slots = ring->memory->spare;
		ring->memory->spare = NULL;
	} else {
		ring->slots = malloc(size);
	}
	return ring->slots;
}

static void give_slots(struct vmn_ring *ring)
{
	if (ring->memory->spare) {
		free(ring->slots);
	} else {
		ring->memory->spare = ring->slots;
		ring->memory->spare_size = ring->capacity * ring->slot_size;
	}
	ring->slots = NULL;
	free(ring->pieces);
	ring->pieces = NULL;
	ring->head = 0;
	ring->taken = 0;
}

void vmn_ring_init(struct vmn_ring *ring, struct vmn_memory *memory, const struct vmn_facts *facts,
		   const struct vmn_offloads *offloads)
{
	size_t most = offloads->segments ? VMN_RING_LARGE_SLOTS : VMN_RING_SLOTS;
	size_t capacity = offloads->segments ? most : VMN_CALL_BYTES / facts->max_packet;

	if (capacity > facts->read_packets)
		capacity = facts->read_packets;
	if (capacity > most)
		capacity = most;
	*ring = (struct vmn_ring) { .memory = memory,
				    .offloads = *offloads,
				    .mtu = facts->mtu ? facts->mtu : MTU_NOT_SAID,
				    .slot_size = facts->max_packet,
				    .capacity = (unsigned int)capacity,
				    .batch = (unsigned int)capacity };
	for (unsigned int i = 0; i < VMN_RING_SLOTS; i++)
		ring->order[i] = (uint8_t)i;
}

unsigned int vmn_ring_clear(struct vmn_ring *ring)
{
	unsigned int n = ring->n;

	ring->n = 0;
	if (ring->slots)
		give_slots(ring);
	return n;
}

/* Reading */

static uint8_t *slot_at(struct vmn_ring *ring, unsigned int i)
{
	return &ring->order[(ring->head + i) % ring->capacity];
}

static unsigned int describe_room(struct vmn_ring *ring, struct vmpktdesc *packets)
{
	unsigned int room = ring->capacity - ring->n;

	if (room > ring->batch)
		room = ring->batch;
	for (unsigned int i = 0; i < room; i++) {
		unsigned int slot = *slot_at(ring, ring->n + i);

		ring->iov[slot] =
			(struct iovec) { ring->slots + slot * ring->slot_size, ring->slot_size };
		packets[i] = (struct vmpktdesc) { .vm_pkt_size = ring->slot_size,
						  .vm_pkt_iov = &ring->iov[slot],
						  .vm_pkt_iovcnt = 1 };
	}
	return room;
}

/* Into how many frames does it go? 0: it is none, or none that could be taken */
static unsigned int frames_in(const struct vmn_ring *ring, const void *packet, size_t size)
{
	if (size > ring->slot_size)
		return 0;
	if (ring->offloads.segments)
		return vmn_cut_count(&ring->offloads, ring->mtu, packet, size);
	return size >= FRAME_ETH_HEADER && size <= FRAME_MAX;
}

/* Into the window, in order. The slot of one that is no frame goes behind all that are. */
static unsigned int keep(struct vmn_ring *ring, const struct vmpktdesc *packets, unsigned int n)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint8_t *from = slot_at(ring, ring->n + i - kept), *to = slot_at(ring, ring->n);
		size_t size = packets[i].vm_pkt_size;
		uint8_t slot = *from;
		char *packet = ring->slots + slot * ring->slot_size;
		unsigned int n_frames = frames_in(ring, packet, size);

		if (n_frames == 0)
			continue;
		*from = *to;
		*to = slot;
		ring->iov[slot] = (struct iovec) { packet, size };
		ring->n_frames[slot] = (uint16_t)n_frames;
		ring->n++;
		kept++;
	}
	return kept;
}

/* Slots cost something also when nothing comes: many are offered where many have come. */
static void adapt(struct vmn_ring *ring, unsigned int offered, unsigned int got)
{
	if (got == offered)
		ring->batch *= 2;
	else if (got < ring->batch / 4)
		ring->batch /= 2;
	if (ring->batch < BATCH_MIN)
		ring->batch = BATCH_MIN;
	if (ring->batch > ring->capacity)
		ring->batch = ring->capacity;
}

struct vmn_read vmn_ring_read(struct vmn_ring *ring, interface_ref interface)
{
	struct vmpktdesc packets[VMN_RING_SLOTS];
	struct vmn_read result = { .status = VMNET_SUCCESS };
	unsigned int room;
	int got;

	if (ring->n == ring->capacity)
		return result;
	if (!take_slots(ring)) {
		result.status = VMNET_MEM_FAILURE;
		return result;
	}
	room = describe_room(ring, packets);
	got = (int)room;
	result.status = vmnet_read(interface, packets, &got);
	if (result.status == VMNET_SUCCESS) {
		if (got < 0)
			got = 0;
		if ((unsigned int)got > room)
			got = (int)room;
		adapt(ring, room, (unsigned int)got);
		result.n = keep(ring, packets, (unsigned int)got);
		result.bad = (unsigned int)got - result.n;
	}
	if (ring->n == 0)
		give_slots(ring);
	return result;
}

/* Showing */

static size_t show_cut(struct vmn_ring *ring, struct frame *frames, size_t n)
{
	size_t shown = 0;

	if (n > VMN_CUT_FRAMES)
		n = VMN_CUT_FRAMES;
	ring->shown_from = 0;
	for (unsigned int i = 0; i < ring->n && shown < n; i++)
		shown += vmn_cut_show(&ring->offloads, ring->mtu, &ring->iov[*slot_at(ring, i)],
				      i == 0 ? ring->taken : 0, &ring->pieces[shown],
				      &frames[shown], n - shown);
	return shown;
}

size_t vmn_ring_show(struct vmn_ring *ring, struct frame *frames, size_t n)
{
	if (ring->offloads.segments)
		return show_cut(ring, frames, n);
	if (n > ring->n)
		n = ring->n;
	for (unsigned int i = 0; i < n; i++) {
		const struct iovec *iov = &ring->iov[*slot_at(ring, i)];

		frames[i] = (struct frame) { .iov = iov, .n_iov = 1, .len = iov->iov_len };
	}
	return n;
}

/* Return: its bytes */
static size_t take_frame(struct vmn_ring *ring)
{
	unsigned int slot = *slot_at(ring, 0);
	size_t len = ring->iov[slot].iov_len;

	if (ring->offloads.segments)
		len = ring->pieces[ring->shown_from++].len;
	if (++ring->taken == ring->n_frames[slot]) {
		ring->taken = 0;
		ring->head = (ring->head + 1) % ring->capacity;
		ring->n--;
	}
	return len;
}

uint64_t vmn_ring_take(struct vmn_ring *ring, size_t n)
{
	uint64_t bytes = 0;

	for (; n > 0; n--)
		bytes += take_frame(ring);
	if (ring->n == 0 && ring->slots)
		give_slots(ring);
	return bytes;
}
