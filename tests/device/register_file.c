/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * register_file.c - accesses of any size are bytes; then each register whose first byte was written
 * acts
 *
 * A register that acts gets the bytes written at its place as a number, those behind the access as
 * zero: so it does not matter whether it can be read back.
 */
#include "device.h"

#include <string.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	 (sizeof(a) / sizeof((a)[0]))

#define STATISTICS_START RIG_TEST_REG_RESETS_COMMAND
#define STATISTICS_END	 (RIG_TEST_REG_IRQ_FLAGS + 4)
#define HOLD_MS_DEFAULT	 1000u

/* What can be written and read back. */
static const struct range {
	uint32_t start, end;
} writable[] = {
	{ RIG_TEST_REG_SCRATCH, RIG_TEST_REG_SCRATCH + 8 },
	{ RIG_TEST_REG_DEFER_KINDS, RIG_TEST_REG_RELEASE },
	{ RIG_TEST_REG_FAIL_KINDS, RIG_TEST_REG_HANG_UP },
	{ RIG_TEST_REG_DONE_IRQ, RIG_TEST_REG_INTX_LEVEL + 4 },
	{ RIG_TEST_REG_DMA_ADDRESS, RIG_TEST_REG_DMA_IN_FLIGHT },
	{ RIG_TEST_REG_DMA_HOLD_MS, RIG_TEST_REG_DMA_HOLD_MS + 4 },
	{ RIG_TEST_REG_MEMORY, RIG_TEST_REG_MEMORY_END },
};

static uint32_t number(const uint8_t *bytes, size_t n)
{
	uint32_t value = 0;

	for (size_t i = 0; i < n && i < 4; i++)
		value |= (uint32_t)bytes[i] << (8 * i);
	return value;
}

uint32_t register_get(const struct register_file *file, uint32_t offset)
{
	return number(file->bytes + offset, 4);
}

uint64_t register_get64(const struct register_file *file, uint32_t offset)
{
	return register_get(file, offset) | (uint64_t)register_get(file, offset + 4) << 32;
}

void register_set(struct register_file *file, uint32_t offset, uint32_t value)
{
	for (uint32_t i = 0; i < 4; i++)
		file->bytes[offset + i] = (uint8_t)(value >> (8 * i));
}

void register_count(struct register_file *file, uint32_t offset)
{
	register_set(file, offset, register_get(file, offset) + 1);
}

void registers_reset(struct register_file *file)
{
	memset(file->bytes, 0, STATISTICS_START);
	memset(file->bytes + STATISTICS_END, 0, sizeof(file->bytes) - STATISTICS_END);
	register_set(file, RIG_TEST_REG_ID, RIG_TEST_MAGIC);
	register_set(file, RIG_TEST_REG_VERSION, 1);
	register_set(file, RIG_TEST_REG_DONE_IRQ, RIG_TEST_NO_IRQ);
	register_set(file, RIG_TEST_REG_DMA_HOLD_MS, HOLD_MS_DEFAULT);
}

/*
 * Registers that act
 */

static void write_release(struct test_device *d, uint32_t value)
{
	late_release(&d->late, value);
}

static void write_hang_up(struct test_device *d, uint32_t value)
{
	if (value == RIG_TEST_HANG_UP_PROCESS)
		_exit(0);
	d->hang_up = value == RIG_TEST_HANG_UP_CLIENT;
}

static void write_trigger(struct test_device *d, uint32_t value)
{
	int r = rig_irq_trigger(d->server, value >> 16, value & 0xffff);

	register_set(&d->registers, RIG_TEST_REG_TRIGGER_RESULT, (uint32_t)-r);
}

static void write_intx_level(struct test_device *d, uint32_t value)
{
	test_device_intx(d);
	(void)value;
}

static void write_dma_command(struct test_device *d, uint32_t value)
{
	dma_command(d, value);
}

static void write_dma_unpin(struct test_device *d, uint32_t value)
{
	dma_unpin(&d->dma);
	(void)value;
}

static const struct action {
	uint32_t offset;
	void (*write)(struct test_device *d, uint32_t value);
} actions[] = {
	{ RIG_TEST_REG_RELEASE, write_release },
	{ RIG_TEST_REG_HANG_UP, write_hang_up },
	{ RIG_TEST_REG_TRIGGER, write_trigger },
	{ RIG_TEST_REG_INTX_LEVEL, write_intx_level },
	{ RIG_TEST_REG_DMA_COMMAND, write_dma_command },
	{ RIG_TEST_REG_DMA_UNPIN, write_dma_unpin },
};

void registers_ring(struct register_file *file, unsigned int bell, uint32_t times)
{
	uint32_t at = RIG_TEST_REG_DOORBELLS + 4 * bell;

	register_set(file, at, register_get(file, at) + times);
}

/*
 * Accesses
 */

void registers_read(struct test_device *d, uint64_t offset, void *buf, size_t count)
{
	register_set(&d->registers, RIG_TEST_REG_RELEASE, late_waiting(&d->late));
	register_set(&d->registers, RIG_TEST_REG_DMA_IN_FLIGHT, d->dma.in_flight);
	register_set(&d->registers, RIG_TEST_REG_DMA_HELD, dma_held(&d->dma));
	memcpy(buf, d->registers.bytes + offset, count);
}

static void store(struct register_file *file, uint64_t offset, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < ARRAY_SIZE(writable); i++) {
		uint64_t start = offset > writable[i].start ? offset : writable[i].start;
		uint64_t end = offset + count < writable[i].end ? offset + count : writable[i].end;

		if (start < end)
			memcpy(file->bytes + start, bytes + (start - offset), end - start);
	}
}

void registers_write(struct test_device *d, uint64_t offset, const void *buf, size_t count)
{
	const uint8_t *bytes = buf;
	int bell = doorbell_rung(offset, count, number(bytes, count));

	store(&d->registers, offset, bytes, count);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		uint64_t at = actions[i].offset;

		if (at >= offset && at < offset + count)
			actions[i].write(d, number(bytes + (at - offset), offset + count - at));
	}
	if (bell >= 0)
		registers_ring(&d->registers, (unsigned int)bell, 1);
}
