/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_wire.c - a message of any bytes
 *
 * Input: the number of fds (one byte), a header (16), and the payload (the rest; the header's size
 * is made to match, as link does). What the decoder accepts must hold what wire.h promises: every
 * byte that it names is read here.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "vfio_user/wire.h"

#define DATA_MAX 512u

static const struct wire_limits limits = { .max_data_xfer_size = DATA_MAX, .max_msg_fds = 4 };

static volatile uint8_t sink;

static void touch(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sink ^= ((const uint8_t *)p)[i];
}

static void use_write_multi(const struct wire_write_multi *multi)
{
	for (uint64_t i = 0; i < multi->wr_cnt; i++) {
		MUST(multi->entries[i].count <= WIRE_WRITE_MULTI_DATA);
		touch(multi->entries[i].data, multi->entries[i].count);
	}
}

static void use_irqs(const struct wire_irq_set *set, const uint8_t *bools, size_t n_fds)
{
	MUST(n_fds == 0 || n_fds == set->count);
	MUST((uint64_t)set->start + set->count <= UINT32_MAX);
	if (bools != NULL)
		touch(bools, set->count);
}

static void use(const struct wire_request *request, size_t n_fds)
{
	switch (request->command) {
	case WIRE_VERSION:
		if (request->version.json != NULL)
			touch(request->version.json, strlen(request->version.json));
		break;
	case WIRE_DMA_MAP:
		MUST(n_fds <= 1);
		touch(request->dma_map, sizeof(*request->dma_map));
		break;
	case WIRE_DEVICE_SET_IRQS:
		use_irqs(request->irqs.set, request->irqs.bools, n_fds);
		break;
	case WIRE_REGION_READ:
		MUST(request->region_io->count <= DATA_MAX);
		break;
	case WIRE_REGION_WRITE:
		MUST(request->region_io->count <= DATA_MAX);
		touch(request->region_io->data, request->region_io->count);
		break;
	case WIRE_DMA_WRITE:
		MUST(request->dma_io->count <= DATA_MAX);
		touch(request->dma_io->data, request->dma_io->count);
		break;
	case WIRE_REGION_WRITE_MULTI:
		use_write_multi(request->write_multi);
		break;
	case WIRE_DEVICE_FEATURE:
		touch(request->feature.feature->data, request->feature.data_len);
		break;
	case WIRE_MIG_DATA_WRITE:
		touch(request->mig_data->data, request->mig_data->size);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_header header;
	struct wire_request request;
	size_t n_fds;

	if (size < 1 + sizeof(header))
		return 0;
	n_fds = data[0];
	memcpy(&header, data + 1, sizeof(header));
	header.size = (uint32_t)(size - 1);
	wire_may_carry_fds(&header);
	if (wire_check_header(&header, wire_max_size(&limits)) < 0)
		return 0;
	for (int side = WIRE_FROM_CLIENT; side <= WIRE_FROM_SERVER; side++) {
		int r = wire_decode_request(&header, data + 1 + sizeof(header), n_fds,
					    (enum wire_side)side, &limits, &request);

		MUST(r == 0 || r == -ENOSYS || r == -EINVAL || r == -E2BIG);
		if (r == 0)
			use(&request, n_fds);
	}
	return 0;
}

/* A well-formed message of each command, with a payload long enough for its variable part. */
size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	static const uint32_t words[WIRE_COMMANDS][6] = {
		[WIRE_DMA_MAP] = { 32, 3 },
		[WIRE_DMA_UNMAP] = { 24 },
		[WIRE_DEVICE_GET_INFO] = { 16 },
		[WIRE_DEVICE_GET_REGION_INFO] = { 32 },
		[WIRE_DEVICE_GET_REGION_IO_FDS] = { 16 },
		[WIRE_DEVICE_GET_IRQ_INFO] = { 16 },
		[WIRE_DEVICE_SET_IRQS] = { 20, 2 | 32, 2, 0, 36 },
		[WIRE_REGION_READ] = { 0, 0, 7, 64 },
		[WIRE_REGION_WRITE] = { 0, 0, 7, 40 },
		[WIRE_DMA_READ] = { 0, 0, 64, 0 },
		[WIRE_DMA_WRITE] = { 0, 0, 40, 0 },
		[WIRE_REGION_WRITE_MULTI] = { 2, 0, 0, 0, 0, 8 },
		[WIRE_DEVICE_FEATURE] = { 8, 2 | 1u << 17 },
		[WIRE_MIG_DATA_READ] = { 56, 16 },
		[WIRE_MIG_DATA_WRITE] = { 56, 48 },
	};
	struct wire_header header = { .command = (uint16_t)(i + 1) };
	size_t payload = header.command == WIRE_DEVICE_RESET ? 0 : 56;

	if (header.command >= WIRE_COMMANDS || max < 1 + sizeof(header) + payload)
		return 0;
	memset(buf, 0, 1 + sizeof(header) + payload);
	memcpy(buf + 1, &header, sizeof(header));
	memcpy(buf + 1 + sizeof(header), words[header.command], payload > 0 ? 24 : 0);
	return 1 + sizeof(header) + payload;
}
