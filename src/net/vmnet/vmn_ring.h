/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_ring.h - packets that were read and that the port has not taken yet
 *
 * vmnet_read() fills slots, the port is shown the very same memory: a packet is copied by vmnet, and
 * then by whoever sends it on. What waits is a window [head, head + n) of slots: it is shown from its
 * beginning, taken from its beginning, and read behind its end, so order stays whatever happens.
 * While there is room for a packet or more, that is; a full ring is not read into.
 *
 * With offloads a packet may be many frames (vmn_cut.h): it keeps its slot until the last one is taken.
 *
 * An idle port has no memory: slots are taken from a spare of the network's while packets wait.
 *
 * One thread: the loop's.
 */
#ifndef NET_VMNET_VMN_RING_H
#define NET_VMNET_VMN_RING_H

#include <stdbool.h>
#include <sys/uio.h>

#include "net/vmnet/vmn_cut.h"
#include "net/vmnet/vmn_facts.h"

#define VMN_RING_SLOTS	     128u /* more in one call have been found to gain nothing */
#define VMN_RING_LARGE_SLOTS 16u  /* of 64 KiB, likewise */

/** struct vmn_memory - of a network: slots that no ring has just now */
struct vmn_memory {
	void *spare;
	size_t spare_size;
};

void vmn_memory_clear(struct vmn_memory *memory);

struct vmn_ring {
	struct vmn_memory *memory;
	struct vmn_offloads offloads;
	uint16_t mtu; /* that packets with offloads are cut to */
	size_t slot_size;
	unsigned int capacity; /* up to VMN_RING_SLOTS */
	unsigned int batch;    /* the most that one call reads, for now */
	unsigned int head, n;
	char *slots;			  /* NULL while no packet waits */
	uint8_t order[VMN_RING_SLOTS];	  /* position in the window to slot */
	struct iovec iov[VMN_RING_SLOTS]; /* of slots */

	/* With offloads; memory as that of slots. */
	struct vmn_piece *pieces;
	uint16_t n_frames[VMN_RING_SLOTS]; /* of the packets in slots */
	unsigned int taken;		   /* frames of the oldest packet */
	unsigned int shown_from;	   /* of pieces: the first that is not taken */
};

/** struct vmn_read - what came of a read */
struct vmn_read {
	vmnet_return_t status;
	unsigned int n;	  /* packets more in the ring */
	unsigned int bad; /* others that were no frames, or longer than their slot */
};

/** vmn_ring_init() - empty; @memory outlives it */
void vmn_ring_init(struct vmn_ring *ring, struct vmn_memory *memory, const struct vmn_facts *facts,
		   const struct vmn_offloads *offloads);

/** vmn_ring_clear() - drop what waits. Return: how many packets */
unsigned int vmn_ring_clear(struct vmn_ring *ring);

/** vmn_ring_read() - one call of vmnet_read(), into the room there is: none, and nothing is read */
struct vmn_read vmn_ring_read(struct vmn_ring *ring, interface_ref interface);

/** vmn_ring_show() - the oldest frames, at most @n. Return: how many. They stay until taken or cleared */
size_t vmn_ring_show(struct vmn_ring *ring, struct frame *frames, size_t n);

/** vmn_ring_take() - the @n oldest, which there are. Return: their bytes */
uint64_t vmn_ring_take(struct vmn_ring *ring, size_t n);

#endif
