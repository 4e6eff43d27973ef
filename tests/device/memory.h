/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory.h - the regions that are nothing but memory, and which of it a client may map
 */
#ifndef TEST_DEVICE_MEMORY_H
#define TEST_DEVICE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include <outrigger/server.h>

#include "registers.h"

#define MEMORY_REGIONS 10u
#define MEMORY_PAGE    4096u

struct memory {
	uint8_t *bytes[MEMORY_REGIONS]; /* NULL: this region is not memory. BAR5 is BAR4 */
	int fds[MEMORY_REGIONS];	/* what a region's areas are in; -1 */
	int area_fds[2];		/* BAR3's */
	struct rig_mmap_area bar2[2], bar3[2], extra[1];
};

/** memory_open() - Return: 0 or a negative errno; memory_close() in any case */
int memory_open(struct memory *memory);
void memory_close(struct memory *memory);

/** memory_describe() - flags, sizes, areas and fds of these regions */
void memory_describe(const struct memory *memory, struct rig_region *regions);

/** memory_size() - of a region that has state of its own: 0 for those without, and for the ROM */
size_t memory_size(uint32_t region);

/** memory_reset() - all of it is zero, except for the ROM */
void memory_reset(struct memory *memory);

#endif
