/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory.c - memfds and what is mapped of them
 *
 * BAR3 is anonymous memory with pages of two files mapped over two parts of it: a client that maps
 * these areas and one that sends messages see the same bytes.
 */
#include "memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROT_BOTH (PROT_READ | PROT_WRITE)

static const size_t sizes[MEMORY_REGIONS] = {
	[RIG_PCI_BAR1] = RIG_TEST_BAR1_SIZE,	       [RIG_PCI_BAR2] = RIG_TEST_BAR2_SIZE,
	[RIG_PCI_BAR3] = RIG_TEST_BAR3_SIZE,	       [RIG_PCI_BAR4] = RIG_TEST_BAR4_SIZE,
	[RIG_TEST_EXTRA_REGION] = RIG_TEST_EXTRA_SIZE,
};

size_t memory_size(uint32_t region)
{
	return region < MEMORY_REGIONS ? sizes[region] : 0;
}

static uint8_t *mapped(void *at)
{
	return at == MAP_FAILED ? NULL : at;
}

static int new_file(size_t size)
{
	int fd = memfd_create("outrigger-test-device", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, (off_t)size) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_anonymous(struct memory *memory, uint32_t region, size_t size)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	memory->bytes[region] = mapped(mmap(NULL, size, PROT_BOTH, flags, -1, 0));
	return memory->bytes[region] ? 0 : -errno;
}

static int open_shared(struct memory *memory, uint32_t region)
{
	memory->fds[region] = new_file(sizes[region]);
	if (memory->fds[region] < 0)
		return -errno;
	memory->bytes[region] =
		mapped(mmap(NULL, sizes[region], PROT_BOTH, MAP_SHARED, memory->fds[region], 0));
	return memory->bytes[region] ? 0 : -errno;
}

/* Put a file of its own under an area of BAR3. */
static int open_area(struct memory *memory, int *fd, const struct rig_mmap_area *area)
{
	*fd = new_file((size_t)(area->fd_offset + area->size));
	if (*fd < 0 ||
	    !mapped(mmap(memory->bytes[RIG_PCI_BAR3] + area->offset, area->size, PROT_BOTH,
			 MAP_SHARED | MAP_FIXED, *fd, (off_t)area->fd_offset)))
		return -errno;
	return 0;
}

/* Points to code for no machine: PCI data structure with code type 1 (Open Firmware), one image. */
static void fill_rom(uint8_t *rom)
{
	static const uint8_t header[] = { 0x55, 0xaa, RIG_TEST_ROM_SIZE / 512, [0x18] = 0x1c, 0 };
	static const uint8_t data[] = {
		'P',
		'C',
		'I',
		'R',
		RIG_TEST_VENDOR & 0xff,
		RIG_TEST_VENDOR >> 8,
		RIG_TEST_DEVICE & 0xff,
		RIG_TEST_DEVICE >> 8,
		[0x0a] = 0x18,
		[0x0f] = 0xff,
		[0x10] = RIG_TEST_ROM_SIZE / 512,
		[0x14] = 1,
		[0x15] = 0x80,
		0,
		0,
	};

	memcpy(rom, header, sizeof(header));
	memcpy(rom + 0x1c, data, sizeof(data));
}

static void choose_areas(struct memory *memory)
{
	memory->bar2[0] = (struct rig_mmap_area) { .offset = 0x1000, .size = 0x2000, .fd = -1 };
	memory->bar2[1] = (struct rig_mmap_area) { .offset = 0x8000, .size = 0x4000, .fd = -1 };
	memory->bar3[0] =
		(struct rig_mmap_area) { .offset = 0, .size = 0x1000, .fd_offset = 0x1000 };
	memory->bar3[1] = (struct rig_mmap_area) { .offset = 0x2000, .size = 0x1000 };
	memory->extra[0] = (struct rig_mmap_area) { .offset = 0x1000, .size = 0x1000, .fd = -1 };
}

int memory_open(struct memory *memory)
{
	int r = 0;

	memset(memory, 0, sizeof(*memory));
	memset(memory->fds, 0xff, sizeof(memory->fds));
	memset(memory->area_fds, 0xff, sizeof(memory->area_fds));
	choose_areas(memory);
	if ((r = open_shared(memory, RIG_PCI_BAR1)) < 0 ||
	    (r = open_shared(memory, RIG_PCI_BAR2)) < 0 ||
	    (r = open_anonymous(memory, RIG_PCI_BAR3, RIG_TEST_BAR3_SIZE)) < 0 ||
	    (r = open_anonymous(memory, RIG_PCI_BAR4, RIG_TEST_BAR4_SIZE)) < 0 ||
	    (r = open_anonymous(memory, RIG_PCI_ROM, RIG_TEST_ROM_SIZE)) < 0 ||
	    (r = open_shared(memory, RIG_TEST_EXTRA_REGION)) < 0)
		return r;
	for (size_t i = 0; i < 2; i++) {
		r = open_area(memory, &memory->area_fds[i], &memory->bar3[i]);
		if (r < 0)
			return r;
		memory->bar3[i].fd = memory->area_fds[i];
	}
	memory->bytes[RIG_PCI_BAR5] = memory->bytes[RIG_PCI_BAR4];
	fill_rom(memory->bytes[RIG_PCI_ROM]);
	return 0;
}

void memory_close(struct memory *memory)
{
	memory->bytes[RIG_PCI_BAR5] = NULL;
	for (uint32_t i = 0; i < MEMORY_REGIONS; i++) {
		if (memory->bytes[i])
			munmap(memory->bytes[i], sizes[i] ? sizes[i] : RIG_TEST_ROM_SIZE);
		if (memory->fds[i] >= 0)
			close(memory->fds[i]);
	}
	for (size_t i = 0; i < 2; i++) {
		if (memory->area_fds[i] >= 0)
			close(memory->area_fds[i]);
	}
}

static void describe_mapped(const struct memory *memory, struct rig_region *regions,
			    uint32_t region, const struct rig_mmap_area *areas, size_t n)
{
	struct rig_region *r = &regions[region];

	r->flags |= RIG_REGION_MMAP;
	r->mmap_fd = memory->fds[region];
	r->areas = areas;
	r->n_areas = n;
}

void memory_describe(const struct memory *memory, struct rig_region *regions)
{
	regions[RIG_TEST_EXTRA_REGION] = (struct rig_region) {
		.size = RIG_TEST_EXTRA_SIZE,
		.flags = RIG_REGION_READ | RIG_REGION_WRITE,
		.type = RIG_TEST_EXTRA_TYPE,
		.subtype = RIG_TEST_EXTRA_SUBTYPE,
	};
	describe_mapped(memory, regions, RIG_PCI_BAR1, NULL, 0);
	describe_mapped(memory, regions, RIG_PCI_BAR2, memory->bar2, 2);
	describe_mapped(memory, regions, RIG_PCI_BAR3, memory->bar3, 2);
	describe_mapped(memory, regions, RIG_TEST_EXTRA_REGION, memory->extra, 1);
	regions[RIG_PCI_BAR3].flags |= RIG_REGION_AREA_FDS;
	regions[RIG_PCI_BAR4].flags = RIG_REGION_WRITE;
	regions[RIG_PCI_BAR5].flags = RIG_REGION_READ;
}

void memory_reset(struct memory *memory)
{
	for (uint32_t i = 0; i < MEMORY_REGIONS; i++) {
		if (sizes[i])
			memset(memory->bytes[i], 0, sizes[i]);
	}
}
