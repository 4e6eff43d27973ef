/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_ask.c - see sim_ask.h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim_ask.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"
#include <outrigger/vfio_user.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct {
	int fd;
	ino_t inode;
} files[5];

static uint8_t bytes[ASK_DATA_MAX + 256];

int ask_setup(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct stat st;

		files[i].fd = test_memfd(0);
		assert_int_equal(fstat(files[i].fd, &st), 0);
		files[i].inode = st.st_ino;
	}
	return 0;
}

int ask_teardown(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		close(files[i].fd);
	return 0;
}

/* The i-th file that goes with this serial. */
static size_t file_of(uint32_t serial, size_t i)
{
	return (serial + i) % ARRAY_SIZE(files);
}

size_t ask_pick_files(uint32_t serial, size_t n, int *fds)
{
	for (size_t i = 0; i < n; i++)
		fds[i] = files[file_of(serial, i)].fd;
	return n;
}

static void check_files(uint32_t serial, size_t n, const struct link_fds *fds)
{
	struct stat st;

	assert_int_equal(fds->n, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(fstat(fds->fd[i], &st), 0);
		assert_true(st.st_ino == files[file_of(serial, i)].inode);
	}
}

static void put_data(uint8_t *to, uint32_t serial, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(serial * 37 + i);
}

static void check_data(const uint8_t *from, uint32_t serial, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(from[i], (uint8_t)(serial * 37 + i));
}

bool ask_wants_data(enum wire_command command)
{
	return command == WIRE_REGION_READ || command == WIRE_DMA_READ;
}

bool ask_brings_data(enum wire_command command)
{
	return command == WIRE_REGION_WRITE || command == WIRE_DMA_WRITE;
}

/* Behind its fixed part, which was filled in. Return: the payload's length */
static size_t put_write(const struct ask *ask, size_t fixed)
{
	if (!ask_brings_data(ask->command))
		return fixed;
	put_data(bytes + fixed, ask->serial, ask->data_len);
	return fixed + ask->data_len;
}

static size_t put_payload(const struct ask *ask)
{
	uint32_t count = ask->refusal == -E2BIG ? ASK_DATA_MAX + 1 : (uint32_t)ask->data_len;
	struct wire_region_io *region = (void *)bytes;
	struct wire_dma_io *dma = (void *)bytes;
	struct wire_dma_map *map = (void *)bytes;
	struct wire_irq_set *irqs = (void *)bytes;
	struct wire_region_info *info = (void *)bytes;

	memset(bytes, 0, WIRE_FIXED_MAX);
	switch (ask->command) {
	case WIRE_REGION_READ:
	case WIRE_REGION_WRITE:
		*region = (struct wire_region_io) { .offset = ask->serial, .count = count };
		return put_write(ask, sizeof(*region));
	case WIRE_DMA_READ:
	case WIRE_DMA_WRITE:
		*dma = (struct wire_dma_io) { .address = ask->serial, .count = count };
		return put_write(ask, sizeof(*dma));
	case WIRE_DMA_MAP:
		map->argsz = ask->refusal == -EINVAL ? 0 : sizeof(*map);
		map->address = ask->serial;
		return sizeof(*map);
	case WIRE_DEVICE_SET_IRQS:
		irqs->argsz = sizeof(*irqs);
		irqs->flags = RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER;
		irqs->start = ask->serial;
		irqs->count = (uint32_t)ask->n_fds;
		return sizeof(*irqs);
	case WIRE_DEVICE_GET_REGION_INFO:
		info->argsz = sizeof(*info);
		info->index = ask->serial;
		return sizeof(*info);
	default:
		return 0;
	}
}

/* The serial in it; 0 if there is no place for one. */
static uint64_t request_serial(const struct wire_request *request)
{
	switch (request->command) {
	case WIRE_REGION_READ:
	case WIRE_REGION_WRITE:
		return request->region_io->offset;
	case WIRE_DMA_READ:
	case WIRE_DMA_WRITE:
		return request->dma_io->address;
	case WIRE_DMA_MAP:
		return request->dma_map->address;
	case WIRE_DEVICE_SET_IRQS:
		return request->irqs.set->start;
	case WIRE_DEVICE_GET_REGION_INFO:
		return request->region_info->index;
	default:
		return 0;
	}
}

size_t ask_reply_len(const struct ask *ask)
{
	return sizeof(ask->serial) + (ask_wants_data(ask->command) ? ask->data_len : 0);
}

size_t ask_reply_fds_max(const struct ask *ask)
{
	return ask->command == WIRE_DEVICE_GET_REGION_INFO ? ASK_REPLY_FDS : 0;
}

struct iovec ask_put_request(const struct ask *ask)
{
	return (struct iovec) { bytes, put_payload(ask) };
}

struct iovec ask_put_reply(const struct ask *ask, size_t len)
{
	memcpy(bytes, &ask->serial, sizeof(ask->serial));
	put_data(bytes + sizeof(ask->serial), ask->serial, len - sizeof(ask->serial));
	return (struct iovec) { bytes, len };
}

void ask_check_request(const struct ask *ask, const struct wire_request *request,
		       const struct link_fds *fds)
{
	assert_int_equal(request->command, ask->command);
	assert_int_equal(request->no_reply, ask->post);
	if (request->command != WIRE_DEVICE_RESET)
		assert_int_equal(request_serial(request), ask->serial);
	if (request->command == WIRE_REGION_WRITE)
		check_data(request->region_io->data, ask->serial, ask->data_len);
	if (request->command == WIRE_DMA_WRITE)
		check_data(request->dma_io->data, ask->serial, ask->data_len);
	check_files(ask->serial, ask->n_fds, fds);
}

void ask_check_reply(const struct ask *ask, const struct link_reply *reply)
{
	assert_int_equal(reply->len, ask_reply_len(ask));
	assert_memory_equal(reply->payload, &ask->serial, sizeof(ask->serial));
	check_data((const uint8_t *)reply->payload + sizeof(ask->serial), ask->serial,
		   reply->len - sizeof(ask->serial));
	check_files(ask->serial, ask->answer_fds, reply->fds);
}
