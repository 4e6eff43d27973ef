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

static uint8_t writable_bits(size_t offset_in_entry)
{
	if (offset_in_entry == 0)
		return 0xfc;
	if (offset_in_entry == ENTRY_CONTROL)
		return CONTROL_MASKED;
	return offset_in_entry > ENTRY_CONTROL ? 0 : 0xff;
}

static size_t table_size(const struct msix *msix)
{
	return (size_t)msix->vectors * MSIX_ENTRY_SIZE;
}

/* How many of count bytes from offset are in the table. */
static size_t inside(const struct msix *msix, uint64_t offset, size_t count)
{
	size_t size = table_size(msix);

	if (offset >= size)
		return 0;
	return count < size - offset ? count : (size_t)(size - offset);
}

void msix_init(struct msix *msix, uint8_t *table, uint16_t vectors)
{
	assert(vectors >= 1 && vectors <= MSIX_VECTORS_MAX);
	msix->vectors = vectors;
	msix->table = table;
	msix_reset(msix);
}

void msix_reset(struct msix *msix)
{
	memset(msix->table, 0, table_size(msix));
	for (size_t i = 0; i < msix->vectors; i++)
		msix->table[i * MSIX_ENTRY_SIZE + ENTRY_CONTROL] = CONTROL_MASKED;
}

void msix_read(const struct msix *msix, uint64_t offset, void *buf, size_t count)
{
	size_t n = inside(msix, offset, count);

	memset(buf, 0, count);
	if (n)
		memcpy(buf, msix->table + offset, n);
}

void msix_write(struct msix *msix, uint64_t offset, const void *buf, size_t count)
{
	size_t n = inside(msix, offset, count);
	const uint8_t *from = buf;

	for (size_t i = 0; i < n; i++) {
		size_t at = (size_t)offset + i;

		msix->table[at] = from[i] & writable_bits(at % MSIX_ENTRY_SIZE);
	}
}
