/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_pci_config.c - a guest that writes anything anywhere
 *
 * Input: a byte that chooses the function, then accesses, each a byte (1: it writes; 2: a callback
 * refuses; the others: region), offset (2 bytes), length, and what is written. Two functions get them:
 * one as they are, the other byte by byte, which must make no difference. Held besides: nothing
 * outside of the range is read or written, and what says what the function is never changes.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <outrigger/pci.h>

#define VECTORS 3u
#define TABLE	0x100u
#define PBA	0x800u

/* Bits of the first byte. */
enum config {
	CONFIG_CONVENTIONAL = 1, /* 256 bytes */
	CONFIG_PM = 2,
	CONFIG_MSI = 4,
	CONFIG_MSIX = 8,
	CONFIG_PCIE = 16,
	CONFIG_HANDLER = 32,
	CONFIG_VENDOR = 64,
	CONFIG_SERIAL = 128,
};

/** struct function - one of the two */
struct function {
	struct rig_pci *pci;
	size_t size; /* of its configuration space */
	bool refuses;
	unsigned int resets;
};

static int power_changed(void *opaque, unsigned int d_state)
{
	MUST(d_state == 0 || d_state == 3);
	return ((struct function *)opaque)->refuses ? -EIO : 0;
}

static int function_reset(void *opaque, enum rig_reset why)
{
	struct function *f = opaque;

	MUST(why == RIG_RESET_FUNCTION);
	f->resets++;
	return 0;
}

/* At the capability that is the vendor's. */
static int handler_read(void *opaque, uint64_t offset, void *buf, size_t count)
{
	const struct function *f = opaque;

	MUST(count > 0 && count <= 8 && offset + count <= f->size);
	return f->refuses ? -EIO : 0;
}

static int handler_write(void *opaque, uint64_t offset, const void *buf, size_t count)
{
	struct function *f = opaque;

	MUST(count > 0 && count <= 8 && offset + count <= f->size);
	return f->refuses ? -EIO : rig_pci_store(f->pci, offset, buf, count);
}

static void add_vendor(struct function *f, uint8_t how)
{
	static const uint8_t data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, writable[8] = { 0xf0, 0xff };
	const struct rig_pci_handler handler = { handler_read, handler_write, f };
	int at = rig_pci_add_vendor(f->pci, data, sizeof(data), writable);

	MUST(at > 0);
	if (how & CONFIG_HANDLER)
		MUST(rig_pci_set_handler(f->pci, (uint16_t)(at + 3), 8, &handler) == 0);
}

static void add_caps(struct function *f, uint8_t how)
{
	if (how & CONFIG_PM)
		MUST(rig_pci_add_pm(f->pci, power_changed, f) > 0);
	if (how & CONFIG_MSI)
		MUST(rig_pci_add_msi(f->pci, 8, RIG_PCI_MSI_64 | RIG_PCI_MSI_MASK) > 0);
	if (how & CONFIG_MSIX)
		MUST(rig_pci_add_msix(f->pci, VECTORS, 1, TABLE, 1, PBA) > 0);
	if (how & CONFIG_PCIE)
		MUST(rig_pci_add_pcie(f->pci, function_reset, f) > 0);
	if (how & CONFIG_VENDOR)
		add_vendor(f, how);
	if ((how & CONFIG_SERIAL) && f->size == RIG_PCI_SIZE)
		MUST(rig_pci_add_serial(f->pci, 0x1234567890abcdef) > 0);
}

static void function_new(struct function *f, uint8_t how)
{
	const struct rig_pci_device device = {
		.struct_size = sizeof(device),
		.vendor = 0x1af4,
		.device = 0x1041,
		.class_code = 0x020000,
		.interrupt_pin = 1,
		.size = how & CONFIG_CONVENTIONAL ? RIG_PCI_SIZE_CONVENTIONAL : RIG_PCI_SIZE,
		.bars = { { 4, RIG_PCI_BAR_IO },
			  { 0x1000, 0 },
			  { UINT64_C(1) << 33, RIG_PCI_BAR_64 | RIG_PCI_BAR_PREFETCHABLE } },
		.rom_size = 4096,
	};

	*f = (struct function) { .size = device.size };
	MUST(rig_pci_new(&device, &f->pci) == 0);
	add_caps(f, how);
}

/** struct access - and what surrounds its bytes, which is nobody's to touch */
struct access {
	uint32_t region;
	uint64_t offset;
	size_t count;
	bool write;
	uint8_t bytes[300];
};

#define GUARD 8u

/* Return: as rig_pci_read() and _write(); what was read is in to */
static int do_access(struct function *f, const struct access *a, uint64_t skip, size_t n,
		     uint8_t *to)
{
	if (a->write)
		return rig_pci_write(f->pci, a->region, a->offset + skip, a->bytes + skip, n);
	return rig_pci_read(f->pci, a->region, a->offset + skip, to + skip, n);
}

static int by_bytes(struct function *f, const struct access *a, uint8_t *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->count; i++)
		r = do_access(f, a, i, 1, to);
	return r;
}

static void check_same(const struct function *f, const struct function *g)
{
	uint8_t table[2][VECTORS * 16];

	MUST(memcmp(rig_pci_bytes(f->pci), rig_pci_bytes(g->pci), f->size) == 0);
	MUST(f->resets == g->resets);
	memset(table, 0, sizeof(table));
	MUST(rig_pci_read(f->pci, 1, TABLE, table[0], sizeof(table[0])) == 0);
	MUST(rig_pci_read(g->pci, 1, TABLE, table[1], sizeof(table[1])) == 0);
	MUST(memcmp(table[0], table[1], sizeof(table[0])) == 0);
}

/* Ids, header type, the pointer to the capabilities, and in each of them its id and the next. */
static void check_constant(const struct function *f, const uint8_t *before)
{
	const uint8_t *now = rig_pci_bytes(f->pci);

	MUST(memcmp(now, before, 4) == 0 && memcmp(now + 8, before + 8, 4) == 0);
	MUST(now[0x0e] == before[0x0e] && now[0x34] == before[0x34]);
	for (uint8_t at = now[0x34], n = 0; at; at = now[at + 1]) {
		MUST(++n < 16 && at >= 0x40 && at % 4 == 0);
		MUST(now[at] == before[at] && now[at + 1] == before[at + 1]);
	}
	/* A 32-bit BAR of 4 KiB: its low bits are the kind. */
	MUST(((now[0x14] | now[0x15] << 8) & 0xfff) == 0);
}

static void check_access(struct function *f, struct function *g, const struct access *a)
{
	uint8_t before[RIG_PCI_SIZE], read[2][sizeof(a->bytes) + 2 * GUARD];
	bool outside = a->region == RIG_PCI_CONFIG &&
		       (a->count > f->size || a->offset > f->size - a->count);
	int r;

	memcpy(before, rig_pci_bytes(f->pci), f->size);
	memset(read, 0x5a, sizeof(read));
	r = do_access(f, a, 0, a->count, read[0] + GUARD);
	if (outside) {
		MUST(r == -EINVAL && memcmp(before, rig_pci_bytes(f->pci), f->size) == 0);
		return;
	}
	MUST(by_bytes(g, a, read[1] + GUARD) == r);
	if (r == 0)
		MUST(memcmp(read[0], read[1], sizeof(read[0])) == 0);
	for (size_t i = 0; i < GUARD; i++)
		MUST(read[0][i] == 0x5a && read[0][GUARD + a->count + i] == 0x5a);
	check_same(f, g);
	check_constant(f, before);
}

/* Return: how many bytes of the input it took */
static size_t next_access(const uint8_t *data, size_t size, struct access *ret, bool *ret_refuses)
{
	size_t n = size < 4 ? size : 4, len;
	uint8_t head[4] = { 0 };

	memcpy(head, data, n);
	*ret = (struct access) { .region = head[0] >> 2 & 15,
				 .offset = head[1] | (uint64_t)head[2] << 8,
				 .count = head[3],
				 .write = head[0] & 1 };
	*ret_refuses = head[0] & 2;
	if (head[0] & 0x80) /* far beyond */
		ret->offset = UINT64_MAX - ret->offset;
	if (!ret->write)
		return n;
	len = ret->count < size - n ? ret->count : size - n;
	if (len > 0)
		memcpy(ret->bytes, data + n, len);
	return n + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct function f, g;

	if (size == 0)
		return 0;
	function_new(&f, data[0]);
	function_new(&g, data[0]);
	for (size_t i = 1; i < size;) {
		struct access a;

		i += next_access(data + i, size - i, &a, &f.refuses);
		g.refuses = f.refuses;
		check_access(&f, &g, &a);
	}
	rig_pci_reset(f.pci);
	rig_pci_reset(g.pci);
	check_same(&f, &g);
	rig_pci_free(f.pci);
	rig_pci_free(g.pci);
	return 0;
}

static size_t put(uint8_t *buf, uint8_t head, uint16_t offset, uint8_t count)
{
	buf[0] = head;
	buf[1] = (uint8_t)offset;
	buf[2] = (uint8_t)(offset >> 8);
	buf[3] = count;
	if (!(head & 1))
		return 4;
	memset(buf + 4, offset & 0x40 ? 0xff : 0x80, count);
	return 4u + count;
}

/* For every choice of capabilities: all of what there is, written and read in pieces. */
size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	size_t n = 0;

	if (i >= 256 || max < 4096)
		return 0;
	buf[n++] = (uint8_t)i;
	for (uint16_t at = 0; at < 0x100; at = (uint16_t)(at + 20 + i % 3)) {
		n += put(buf + n, RIG_PCI_CONFIG << 2 | 1 | (i & 2), at, (uint8_t)(16 + at % 9));
		n += put(buf + n, RIG_PCI_CONFIG << 2, at, 64);
	}
	n += put(buf + n, 1 << 2 | 1, TABLE - 5, 60);
	n += put(buf + n, 1 << 2, TABLE - 3, 100);
	n += put(buf + n, 1 << 2 | 1, PBA - 1, 40);
	n += put(buf + n, 0x80 | RIG_PCI_CONFIG << 2 | 1, 3, 8);
	n += put(buf + n, 0x80 | 1 << 2 | 1, 0, 1);
	return n;
}
