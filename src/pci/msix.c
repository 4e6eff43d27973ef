/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * msix.c - the MSI-X table, byte by byte
 *
 * Each entry is address (8 bytes, its low two bits 0), data (4), vector control (4, of which bit 0,
 * "masked", exists).
 */
#include "pci/msix.h"

#include <assert.h>
#include <string.h>

#define ENTRY_CONTROL  12u
#define CONTROL_MASKED 1u

static_assert(MSIX_TABLE_OFFSET == 0, "an offset in the BAR is one in the table");
static_assert(MSIX_VECTORS_MAX * MSIX_ENTRY_SIZE <= MSIX_PBA_OFFSET, "the table is below the PBA");

static uint8_t writable_bits(size_t offset_in_entry)
{
	if (offset_in_entry == 0)
		return 0xfc;
	if (offset_in_entry == ENTRY_CONTROL)
		return CONTROL_MASKED;
	return offset_in_entry > ENTRY_CONTROL ? 0 : 0xff;
}

void msix_init(struct msix *msix, uint16_t vectors)
{
	assert(vectors >= 1 && vectors <= MSIX_VECTORS_MAX);
	msix->vectors = vectors;
	msix_reset(msix);
}

void msix_reset(struct msix *msix)
{
	memset(msix->table, 0, sizeof(msix->table));
	for (size_t i = 0; i < msix->vectors; i++)
		msix->table[i * MSIX_ENTRY_SIZE + ENTRY_CONTROL] = CONTROL_MASKED;
}

void msix_read(const struct msix *msix, uint64_t offset, void *buf, size_t count)
{
	size_t end = (size_t)msix->vectors * MSIX_ENTRY_SIZE;
	uint8_t *to = buf;

	assert(count <= MSIX_BAR_SIZE && offset <= MSIX_BAR_SIZE - count);
	for (size_t i = 0; i < count; i++)
		to[i] = offset + i < end ? msix->table[offset + i] : 0;
}

void msix_write(struct msix *msix, uint64_t offset, const void *buf, size_t count)
{
	size_t end = (size_t)msix->vectors * MSIX_ENTRY_SIZE;
	const uint8_t *from = buf;

	assert(count <= MSIX_BAR_SIZE && offset <= MSIX_BAR_SIZE - count);
	for (size_t i = 0; i < count && offset + i < end; i++) {
		size_t at = (size_t)offset + i;

		msix->table[at] = from[i] & writable_bits(at % MSIX_ENTRY_SIZE);
	}
}
