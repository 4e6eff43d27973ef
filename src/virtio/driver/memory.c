/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory.c - what the device maps: two rings, and a buffer for each entry of both
 *
 * One memfd, sealed against shrinking: the device has its descriptor, and could otherwise take the
 * pages away under us. Pages not yet used take no memory.
 */
#include "virtio/driver/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define ADDRESS UINT64_C(0x100000) /* not 0, which drivers and devices tend to take for none */
#define PAGE	4096u
#define LINE	64u
#define GRANULE 65536u /* the largest page that a device may want to map by */

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static void lay_out(struct driver_memory *memory, const uint16_t queue_size[DRIVER_QUEUES],
		    size_t buffer_size)
{
	size_t at = 0;

	memory->buffer_size = round_up(buffer_size, LINE);
	for (size_t i = 0; i < DRIVER_QUEUES; i++) {
		struct vring_layout layout;

		vring_layout(queue_size[i], &layout);
		memory->rings[i] = at;
		at = round_up(at + layout.bytes, PAGE);
	}
	for (size_t i = 0; i < DRIVER_QUEUES; i++) {
		memory->buffers[i] = at;
		at = round_up(at + queue_size[i] * memory->buffer_size, PAGE);
	}
	memory->size = round_up(at, GRANULE);
}

/* Return: 0, -errno */
static int fill(struct driver_memory *memory)
{
	void *at;

	memory->fd = memfd_create("virtio-net-driver", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memory->fd < 0 || ftruncate(memory->fd, (off_t)memory->size) < 0 ||
	    fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	at = mmap(NULL, memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	memory->at = at;
	return 0;
}

int driver_memory_new(struct driver_memory *memory, const uint16_t queue_size[DRIVER_QUEUES],
		      size_t buffer_size)
{
	int r;

	lay_out(memory, queue_size, buffer_size);
	r = fill(memory);
	if (r < 0)
		driver_memory_free(memory);
	return r;
}

void driver_memory_free(struct driver_memory *memory)
{
	if (memory->at)
		munmap(memory->at, memory->size);
	if (memory->fd >= 0)
		close(memory->fd);
	*memory = (struct driver_memory) { .fd = -1 };
}

int driver_memory_map(struct net_driver *driver, rig_time deadline)
{
	const struct rig_dma_region region = {
		.address = ADDRESS,
		.size = driver->memory.size,
		.flags = RIG_DMA_READ | RIG_DMA_WRITE,
		.fd = driver->memory.fd,
		.host = driver->memory.at,
	};

	return rig_client_dma_map(driver->client, &region, deadline);
}

uint64_t driver_memory_address(size_t offset)
{
	return ADDRESS + offset;
}
