/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_pci.c - <outrigger/pci.h>: what a device's author builds, and what a guest can do to it
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <outrigger/pci.h>

#include "guest.h"

#define CONFIG	    RIG_PCI_CONFIG
#define CAP_POINTER 0x34u
#define EXT_CAPS    0x100u

static const struct rig_pci_device plain = {
	.struct_size = sizeof(plain),
	.vendor = 0x1234,
	.device = 0x5678,
	.subsystem_vendor = 0x9abc,
	.subsystem = 0xdef0,
	.class_code = 0x020304,
	.revision = 7,
	.interrupt_pin = 1,
	.bars = { [0] = { .size = 0x4000 }, [2] = { .size = 0x10000, .flags = RIG_PCI_BAR_64 } },
	.rom_size = 4096,
};

/* A function, and what its callbacks were told. */
struct function {
	struct rig_pci *pci;
	unsigned int d_state, power_calls, resets;
	enum rig_reset why;
	int answer; /* of the next callback */

	unsigned int reads, writes;
	uint64_t offset;
	size_t count;
	uint8_t bytes[16];
};

static int set_up(void **state)
{
	struct function *f = calloc(1, sizeof(*f));

	*state = f;
	return rig_pci_new(&plain, &f->pci);
}

static int tear_down(void **state)
{
	struct function *f = *state;

	rig_pci_free(f->pci);
	free(f);
	return 0;
}

static uint64_t get(struct function *f, uint64_t offset, size_t count)
{
	uint64_t value = 0;

	assert_int_equal(rig_pci_read(f->pci, CONFIG, offset, &value, count), 0);
	return value;
}

static void set(struct function *f, uint64_t offset, size_t count, uint64_t value)
{
	assert_int_equal(rig_pci_write(f->pci, CONFIG, offset, &value, count), 0);
}

/* An offset that an rig_pci_add_...() returned. */
static uint16_t added(int at)
{
	assert_true(at >= 0x40 && at < 4096 && at % 4 == 0);
	return (uint16_t)at;
}

static int power(void *opaque, unsigned int d_state)
{
	struct function *f = opaque;

	f->power_calls++;
	f->d_state = d_state;
	return f->answer;
}

static int reset(void *opaque, enum rig_reset why)
{
	struct function *f = opaque;

	f->resets++;
	f->why = why;
	return f->answer;
}

static int on_read(void *opaque, uint64_t offset, void *buf, size_t count)
{
	struct function *f = opaque;

	f->reads++;
	f->offset = offset;
	f->count = count;
	memset(buf, 0xee, count);
	return f->answer;
}

static int on_write(void *opaque, uint64_t offset, const void *buf, size_t count)
{
	struct function *f = opaque;

	f->writes++;
	f->offset = offset;
	f->count = count;
	memcpy(f->bytes, buf, count < sizeof(f->bytes) ? count : sizeof(f->bytes));
	return f->answer;
}

static struct rig_pci_handler handler_of(struct function *f)
{
	return (struct rig_pci_handler) { .read = on_read, .write = on_write, .opaque = f };
}

/*
 * Description
 */

static void the_description_becomes_the_header(void **state)
{
	struct function *f = *state;

	assert_int_equal(get(f, 0x00, 4), 0x56781234);
	assert_int_equal(get(f, 0x08, 4), 0x02030407);
	assert_int_equal(get(f, 0x2c, 4), 0xdef09abc);
	assert_int_equal(get(f, 0x3d, 1), 1);
	set(f, 0x10, 4, 0xffffffff);
	assert_int_equal(get(f, 0x10, 4), 0xffffc000);
	set(f, 0x18, 8, UINT64_MAX);
	assert_true(get(f, 0x18, 8) == UINT64_C(0xffffffffffff0004));
	set(f, 0x30, 4, 0xffffffff);
	assert_int_equal(get(f, 0x30, 4), 0xfffff001);
	set(f, 0x30, 4, 0xfebff7ff);
	assert_int_equal(get(f, 0x30, 4), 0xfebff001);
}

static void the_description_becomes_regions_and_irqs(void **state)
{
	struct function *f = *state;
	struct rig_region regions[RIG_PCI_REGIONS];
	struct rig_irq irqs[RIG_PCI_IRQS];

	assert_true(rig_pci_add_msi(f->pci, 8, 0) > 0);
	assert_true(rig_pci_add_msix(f->pci, 33, 0, 0, 2, 0) > 0);
	rig_pci_describe(f->pci, regions, irqs);
	assert_int_equal(regions[0].size, 0x4000);
	assert_int_equal(regions[0].flags, RIG_REGION_READ | RIG_REGION_WRITE);
	assert_int_equal(regions[0].mmap_fd, -1);
	assert_int_equal(regions[1].size, 0);
	assert_int_equal(regions[1].flags, 0);
	assert_int_equal(regions[2].size, 0x10000);
	assert_int_equal(regions[3].size, 0);
	assert_int_equal(regions[RIG_PCI_ROM].size, 4096);
	assert_int_equal(regions[RIG_PCI_ROM].flags, RIG_REGION_READ);
	assert_int_equal(regions[RIG_PCI_CONFIG].size, 4096);
	assert_int_equal(regions[RIG_PCI_VGA].size, 0);
	assert_int_equal(irqs[RIG_PCI_INTX_IRQ].count, 1);
	assert_int_equal(irqs[RIG_PCI_INTX_IRQ].flags,
			 RIG_IRQ_EVENTFD | RIG_IRQ_MASKABLE | RIG_IRQ_AUTOMASKED);
	assert_int_equal(irqs[RIG_PCI_MSI_IRQ].count, 8);
	assert_int_equal(irqs[RIG_PCI_MSIX_IRQ].count, 33);
	assert_int_equal(irqs[RIG_PCI_ERR_IRQ].count, 0);
}

static void a_description_without_sense_is_refused(void **state)
{
	struct rig_pci_device bad[] = { plain, plain, plain, plain, plain, plain, plain,
					plain, plain, plain, plain, plain, plain };
	struct rig_pci *pci = NULL;

	bad[0].struct_size = 4;
	bad[1].class_code = 1u << 24;
	bad[2].interrupt_pin = 5;
	bad[3].size = 512;
	bad[4].bars[0].size = 8;
	bad[5].bars[0].size = 0x3000;
	bad[6].bars[0].size = UINT64_C(1) << 32;
	bad[7].bars[0].flags = 8;
	bad[8].bars[0].flags = RIG_PCI_BAR_IO | RIG_PCI_BAR_64;
	bad[9].bars[3].size = 16; /* the upper half of BAR2 */
	bad[10].bars[5] = (struct rig_pci_bar) { 16, RIG_PCI_BAR_64 };
	bad[11].rom_size = 1024;
	bad[12].rom_size = 3000;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(rig_pci_new(&bad[i], &pci), -EINVAL);
	assert_null(pci);
	rig_pci_free(NULL);
	(void)state;
}

static void a_bar_comes_once(void **state)
{
	static const struct rig_pci_bar io = { 32, RIG_PCI_BAR_IO };
	static const struct rig_pci_bar wide = { 32, RIG_PCI_BAR_64 };
	static const struct rig_pci_bar ahead = { 0x1000, RIG_PCI_BAR_PREFETCHABLE };
	struct function *f = *state;

	assert_int_equal(rig_pci_set_bar(f->pci, 0, &io), -EEXIST);
	assert_int_equal(rig_pci_set_bar(f->pci, 3, &io), -EEXIST);
	assert_int_equal(rig_pci_set_bar(f->pci, 1, &wide), -EEXIST);
	assert_int_equal(rig_pci_set_bar(f->pci, 6, &io), -EINVAL);
	assert_int_equal(rig_pci_set_bar(f->pci, 4, &io), 0);
	assert_int_equal(rig_pci_set_bar(f->pci, 5, &ahead), 0);
	set(f, 0x20, 8, UINT64_MAX);
	assert_true(get(f, 0x20, 8) == UINT64_C(0xfffff008ffffffe1));
}

static void conventional_space_ends_at_256(void **state)
{
	static const struct rig_pci_cap extended = { .id = 11, .extended = true };
	struct rig_pci_device small = plain;
	struct rig_region regions[RIG_PCI_REGIONS];
	struct rig_irq irqs[RIG_PCI_IRQS];
	struct rig_pci *pci;
	uint8_t byte = 0;

	small.size = RIG_PCI_SIZE_CONVENTIONAL;
	assert_int_equal(rig_pci_new(&small, &pci), 0);
	rig_pci_describe(pci, regions, irqs);
	assert_int_equal(regions[RIG_PCI_CONFIG].size, 256);
	assert_int_equal(rig_pci_read(pci, CONFIG, 255, &byte, 1), 0);
	assert_int_equal(rig_pci_read(pci, CONFIG, 256, &byte, 1), -EINVAL);
	assert_int_equal(rig_pci_add_serial(pci, 1), -EINVAL);
	assert_int_equal(rig_pci_add_cap(pci, &extended), -EINVAL);
	assert_int_equal(rig_pci_find_cap(pci, true, 11, 0), 0);
	rig_pci_free(pci);
	(void)state;
}

/*
 * Capabilities: layout and what can be written
 */

static void power_management_tells_of_d0_and_d3(void **state)
{
	struct function *f = *state;
	uint16_t at = added(rig_pci_add_pm(f->pci, power, f));

	assert_int_equal(get(f, at, 1), RIG_PCI_CAP_PM);
	assert_int_equal(get(f, at + 2u, 2), 0x0003);
	assert_int_equal(get(f, at + 4u, 4), 0x0008);
	set(f, at + 2u, 6, UINT64_MAX);
	assert_int_equal(get(f, at + 2u, 6), 0x000b0003);
	assert_int_equal(f->d_state, 3);
	set(f, at + 4u, 2, 3);
	assert_int_equal(f->power_calls, 1); /* nothing changed */
	set(f, at + 4u, 2, 1);
	set(f, at + 4u, 2, 2);
	assert_int_equal(get(f, at + 4u, 2), 0x000b); /* no such states */
	set(f, at + 4u, 2, 0);
	assert_int_equal(f->power_calls, 2);
	assert_int_equal(f->d_state, 0);
}

static void a_refused_power_state_is_not_entered(void **state)
{
	struct function *f = *state;
	uint16_t at = added(rig_pci_add_pm(f->pci, power, f));
	uint16_t d3 = 3;

	f->answer = -EBUSY;
	assert_int_equal(rig_pci_write(f->pci, CONFIG, at + 4u, &d3, 2), -EBUSY);
	assert_int_equal(get(f, at + 4u, 2), 8);
	f->answer = RIG_DEFERRED;
	assert_int_equal(rig_pci_write(f->pci, CONFIG, at + 4u, &d3, 2), RIG_DEFERRED);
	assert_int_equal(get(f, at + 4u, 2), 0xb);
	rig_pci_reset(f->pci);
	assert_int_equal(get(f, at + 4u, 2), 8);
	assert_int_equal(f->power_calls, 2);
}

static void power_management_needs_no_callback(void **state)
{
	struct function *f = *state;
	uint16_t at = added(rig_pci_add_pm(f->pci, NULL, NULL));

	set(f, at + 4u, 1, 3);
	assert_int_equal(get(f, at + 4u, 1), 0xb);
}

static void msi_has_the_four_layouts(void **state)
{
	static const struct {
		uint32_t flags;
		unsigned int vectors, control, size;
	} kinds[] = {
		{ 0, 1, 0x0000, 0x0a },
		{ RIG_PCI_MSI_64, 8, 0x0086, 0x0e },
		{ RIG_PCI_MSI_MASK, 2, 0x0102, 0x14 },
		{ RIG_PCI_MSI_64 | RIG_PCI_MSI_MASK, 32, 0x018a, 0x18 },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct function f = { 0 };
		uint16_t at, next;

		assert_int_equal(rig_pci_new(&plain, &f.pci), 0);
		at = added(rig_pci_add_msi(f.pci, kinds[i].vectors, kinds[i].flags));
		next = added(rig_pci_add_vendor(f.pci, NULL, 0, NULL));
		assert_int_equal(next - at, (kinds[i].size + 3) & ~3u);
		assert_int_equal(get(&f, at, 1), RIG_PCI_CAP_MSI);
		assert_int_equal(get(&f, at + 2u, 2), kinds[i].control);
		set(&f, at + 2u, 2, 0xffff);
		assert_int_equal(get(&f, at + 2u, 2), kinds[i].control | 0x71);
		set(&f, at + 4u, 4, 0xffffffff);
		assert_int_equal(get(&f, at + 4u, 4), 0xfffffffc);
		rig_pci_free(f.pci);
	}
	(void)state;
}

static void msi_mask_bits_can_be_written_and_pending_bits_not(void **state)
{
	struct function *f = *state;
	uint16_t at = added(rig_pci_add_msi(f->pci, 8, RIG_PCI_MSI_64 | RIG_PCI_MSI_MASK));

	set(f, at + 8u, 4, 0xffffffff);
	set(f, at + 0xcu, 4, 0xffffffff);
	set(f, at + 0x10u, 8, UINT64_MAX);
	assert_int_equal(get(f, at + 8u, 4), 0xffffffff);
	assert_int_equal(get(f, at + 0xcu, 4), 0xffff);
	assert_int_equal(get(f, at + 0x10u, 4), 0xff);
	assert_int_equal(get(f, at + 0x14u, 4), 0);
}

static void msi_comes_in_powers_of_two(void **state)
{
	static const unsigned int bad[] = { 0, 3, 5, 33, 64, 0x80000000 };
	struct function *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(rig_pci_add_msi(f->pci, bad[i], 0), -EINVAL);
	assert_int_equal(rig_pci_add_msi(f->pci, 4, 4), -EINVAL);
}

static void msix_is_a_capability_and_a_table_in_a_bar(void **state)
{
	struct function *f = *state;
	uint16_t at = added(rig_pci_add_msix(f->pci, 3, 0, 0x800, 2, 0x1008));
	uint8_t entry[16], masked[16] = { [12] = 1 };

	assert_int_equal(get(f, at, 1), RIG_PCI_CAP_MSIX);
	assert_int_equal(get(f, at + 2u, 2), 2);
	assert_int_equal(get(f, at + 4u, 8), UINT64_C(0x0000100a00000800));
	set(f, at + 2u, 8, UINT64_MAX);
	set(f, at + 8u, 4, UINT64_MAX);
	assert_int_equal(get(f, at + 2u, 2), 0xc002);
	assert_int_equal(get(f, at + 4u, 4), 0x800);

	assert_int_equal(rig_pci_read(f->pci, 0, 0x820, entry, 16), 0);
	assert_memory_equal(entry, masked, 16);
	memset(entry, 0xff, 16);
	assert_int_equal(rig_pci_write(f->pci, 0, 0x820, entry, 16), 0);
	assert_int_equal(rig_pci_read(f->pci, 0, 0x820, entry, 16), 0);
	assert_int_equal(entry[0], 0xfc);
	assert_int_equal(entry[12], 1);
	assert_int_equal(entry[13], 0);
	rig_pci_reset(f->pci);
	assert_int_equal(rig_pci_read(f->pci, 0, 0x820, entry, 16), 0);
	assert_memory_equal(entry, masked, 16);
}

static void outside_of_table_and_pending_bits_a_bar_is_the_devices(void **state)
{
	struct function *f = *state;
	uint8_t buf[64], ones[64];

	assert_true(rig_pci_add_msix(f->pci, 2, 0, 16, 0, 0x40) > 0);
	memset(ones, 0xff, sizeof(ones));
	memset(buf, 0xaa, sizeof(buf));
	assert_int_equal(rig_pci_read(f->pci, 0, 0, buf, 64), 0);
	assert_int_equal(buf[15], 0xaa);
	assert_int_equal(buf[16], 0);
	assert_int_equal(buf[16 + 28], 1);
	assert_int_equal(buf[48], 0xaa);
	memset(buf, 0xaa, sizeof(buf));
	assert_int_equal(rig_pci_read(f->pci, 0, 0x3f, buf, 10), 0);
	assert_int_equal(buf[0], 0xaa);
	assert_int_equal(buf[1], 0); /* pending bits */
	assert_int_equal(buf[8], 0);
	assert_int_equal(buf[9], 0xaa);

	/* Other regions, and ends of the range of offsets. */
	assert_int_equal(rig_pci_write(f->pci, 1, 16, ones, 32), 0);
	assert_int_equal(rig_pci_write(f->pci, 0, UINT64_MAX, ones, 64), 0);
	assert_int_equal(rig_pci_write(f->pci, 0, 0x40, ones, 8), 0);
	assert_int_equal(rig_pci_read(f->pci, 0, 16, buf, 32), 0);
	assert_int_equal(buf[0], 0);
	memset(buf, 0xaa, sizeof(buf));
	assert_int_equal(rig_pci_read(f->pci, 0, UINT64_MAX - 3, buf, 64), 0);
	assert_int_equal(rig_pci_read(f->pci, 9, 16, buf, 64), 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0xaa);
}

static void a_table_must_fit_its_bar(void **state)
{
	struct function *f = *state;
	struct rig_pci *pci = f->pci;

	assert_int_equal(rig_pci_add_msix(pci, 0, 0, 0, 0, 0x2000), -EINVAL);
	assert_int_equal(rig_pci_add_msix(pci, 2049, 2, 0, 0, 0), -EINVAL);
	assert_int_equal(rig_pci_add_msix(pci, 1, 1, 0, 0, 0), -EINVAL); /* no BAR1 */
	assert_int_equal(rig_pci_add_msix(pci, 1, 6, 0, 0, 0), -EINVAL);
	assert_int_equal(rig_pci_add_msix(pci, 1, 0, 4, 0, 0x2000), -EINVAL);
	assert_int_equal(rig_pci_add_msix(pci, 2, 0, 0x3ff0, 0, 0), -EINVAL);
	assert_int_equal(rig_pci_add_msix(pci, 1, 0, 0xfffffff8, 0, 0), -EINVAL);
	assert_int_equal(rig_pci_add_msix(pci, 2, 0, 0, 0, 24), -EINVAL);
	assert_int_equal(rig_pci_find_cap(pci, false, RIG_PCI_CAP_MSIX, 0), 0);
	assert_true(rig_pci_add_msix(pci, 2048, 2, 0, 0, 0x3f00) > 0);
	assert_int_equal(rig_pci_add_msix(pci, 1, 0, 0, 2, 0x8000), -EEXIST);
}

static void pcie_has_function_level_reset_if_somebody_does_it(void **state)
{
	struct function *f = *state;
	struct rig_pci *other;
	uint16_t at = added(rig_pci_add_pcie(f->pci, reset, f)), bar = 0x1234, value = 0;
	int without;

	assert_int_equal(get(f, at, 1), RIG_PCI_CAP_PCIE);
	assert_int_equal(get(f, at + 4u, 4), 0x10008000);
	set(f, at + 8u, 2, 0x7fff);
	assert_int_equal(get(f, at + 8u, 2), 0x78ff);
	assert_int_equal(f->resets, 0);
	set(f, 0x10, 4, 0xfebf0000);
	set(f, at + 8u, 2, 0x8020);
	assert_int_equal(f->resets, 1);
	assert_int_equal(f->why, RIG_RESET_FUNCTION);
	assert_int_equal(get(f, 0x10, 4), 0);
	assert_int_equal(get(f, at + 8u, 2), 0x2830); /* defaults, and the payload just written */

	assert_int_equal(rig_pci_new(&plain, &other), 0);
	without = rig_pci_add_pcie(other, NULL, NULL);
	assert_int_equal(rig_pci_read(other, CONFIG, (uint64_t)without + 6, &value, 2), 0);
	assert_int_equal(value & 0x1000, 0);
	bar = 0xffff;
	assert_int_equal(rig_pci_write(other, CONFIG, (uint64_t)without + 8, &bar, 2), 0);
	assert_int_equal(rig_pci_read(other, CONFIG, (uint64_t)without + 8, &value, 2), 0);
	assert_int_equal(value, 0x78ff);
	rig_pci_free(other);
}

static void a_function_level_reset_may_take_its_time(void **state)
{
	struct function *f = *state;
	uint16_t at = added(rig_pci_add_pcie(f->pci, reset, f));
	uint8_t flr = 0x80;

	f->answer = RIG_DEFERRED;
	assert_int_equal(rig_pci_write(f->pci, CONFIG, at + 9u, &flr, 1), RIG_DEFERRED);
	f->answer = -EIO;
	assert_int_equal(rig_pci_write(f->pci, CONFIG, at + 9u, &flr, 1), -EIO);
	assert_int_equal(f->resets, 2);
}

static void any_capability_can_be_made_of_bytes(void **state)
{
	static const uint8_t body[6] = { 1, 2, 3, 4, 5, 6 };
	static const uint8_t writable[6] = { 0, 0, 0xff, 0x0f };
	static const uint8_t clear[6] = { 0, 0, 0, 0, 0, 0x02 };
	struct rig_pci_cap cap = { .id = 0x13, .body = body, .len = 6 };
	struct function *f = *state;
	uint16_t at;

	cap.writable = writable;
	cap.write1_clear = clear;
	at = added(rig_pci_add_cap(f->pci, &cap));
	assert_int_equal(get(f, at, 8), UINT64_C(0x0605040302010013));
	set(f, at, 8, UINT64_MAX);
	assert_int_equal(get(f, at, 8), UINT64_C(0x04050fff02010013));
	rig_pci_reset(f->pci);
	assert_int_equal(get(f, at, 8), UINT64_C(0x0605040302010013));

	cap.offset = 0x80;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), 0x80);
	cap.offset = 0x84; /* two bytes of it are taken */
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -EEXIST);
	cap.offset = 0x7c;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -EEXIST);
	cap.offset = 0x3c;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -EINVAL);
	cap.offset = 0x91;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -EINVAL);
	cap.offset = 0xfc;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -EINVAL);
	cap.offset = 0x100;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -EINVAL);
	cap.offset = 0;
	cap.id = 0x100;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -EINVAL);
	cap.id = 9;
	cap.len = SIZE_MAX;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -ENOSPC);
}

static void extended_capabilities_start_at_256(void **state)
{
	static const uint8_t body[8] = { 0x11, 0x22, 0x33 };
	struct rig_pci_cap cap = { .id = RIG_PCI_EXT_CAP_VENDOR, .extended = true, .body = body };
	struct function *f = *state;

	cap.len = sizeof(body);
	cap.version = 2;
	cap.offset = 0x200;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -EINVAL); /* nothing would point to it */
	cap.offset = 0;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), EXT_CAPS);
	assert_int_equal(get(f, 0x100, 4), 0x0002000b);
	assert_int_equal(get(f, 0x104, 4), 0x00332211);
	assert_int_equal(rig_pci_add_serial(f->pci, UINT64_C(0x0123456789abcdef)), 0x10c);
	assert_int_equal(get(f, 0x100, 4), 0x10c2000b);
	assert_int_equal(get(f, 0x10c, 4), 0x00010003);
	assert_true(get(f, 0x110, 8) == UINT64_C(0x0123456789abcdef));
	set(f, 0x100, 8, UINT64_MAX);
	set(f, 0x10c, 8, UINT64_MAX);
	assert_int_equal(get(f, 0x100, 4), 0x10c2000b);
	assert_int_equal(get(f, 0x10c, 4), 0x00010003);

	cap.offset = 0xff8; /* twelve bytes do not fit */
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -EINVAL);
	cap.offset = 0xff4;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), 0xff4);
	cap.offset = 0;
	cap.version = 16;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -EINVAL);
	cap.version = 0;
	cap.len = 4096;
	assert_int_equal(rig_pci_add_cap(f->pci, &cap), -ENOSPC);
}

static void a_vendor_capability_counts_its_bytes(void **state)
{
	static const uint8_t data[5] = { 1, 2, 3, 4, 5 }, writable[5] = { 0, 0xf0 };
	static const uint8_t large[256];
	struct function *f = *state;
	uint16_t at = added(rig_pci_add_vendor(f->pci, data, 5, writable));

	assert_int_equal(get(f, at, 8), UINT64_C(0x0504030201080009));
	set(f, at, 8, UINT64_MAX);
	assert_int_equal(get(f, at, 8), UINT64_C(0x050403f201080009));
	assert_int_equal(rig_pci_add_vendor(f->pci, large, 182, NULL), -ENOSPC);
	assert_int_equal(rig_pci_add_vendor(f->pci, large, 256, NULL), -ENOSPC);
	assert_int_equal(get(f, at + 1u, 1), 0);
	assert_true(rig_pci_add_vendor(f->pci, large, 181, NULL) > 0);
}

/*
 * The lists
 */

/* Walk one as an operating system does; each capability is on a dword, in its space, seen once. */
static size_t walk(struct function *f, bool extended, uint16_t *ids, size_t max)
{
	uint16_t at = extended ? EXT_CAPS : (uint16_t)get(f, CAP_POINTER, 1);
	uint8_t seen[4096] = { 0 };
	size_t n = 0;

	while (at) {
		assert_int_equal(at % 4, 0);
		assert_true(at >= (extended ? EXT_CAPS : 0x40u) && (extended || at < EXT_CAPS));
		assert_false(seen[at]);
		seen[at] = 1;
		assert_true(n < max);
		ids[n++] = (uint16_t)get(f, at, extended ? 2 : 1);
		at = (uint16_t)(extended ? get(f, at + 2u, 2) >> 4 : get(f, at + 1u, 1));
	}
	return n;
}

static void add_everything(struct function *f)
{
	added(rig_pci_add_pm(f->pci, power, f));
	added(rig_pci_add_msi(f->pci, 8, RIG_PCI_MSI_64 | RIG_PCI_MSI_MASK));
	added(rig_pci_add_msix(f->pci, 16, 0, 0x800, 0, 0xc00));
	added(rig_pci_add_pcie(f->pci, reset, f));
	added(rig_pci_add_vendor(f->pci, "x", 1, "\xff"));
	added(rig_pci_add_serial(f->pci, 1));
}

static void the_lists_have_each_capability_once_in_order(void **state)
{
	static const uint16_t want[] = { RIG_PCI_CAP_PM, RIG_PCI_CAP_MSI, RIG_PCI_CAP_MSIX,
					 RIG_PCI_CAP_PCIE, RIG_PCI_CAP_VENDOR };
	struct function *f = *state;
	uint16_t ids[8];

	assert_int_equal(get(f, 0x06, 2) & 0x10, 0);
	add_everything(f);
	assert_int_equal(get(f, 0x06, 2) & 0x10, 0x10);
	assert_int_equal(walk(f, false, ids, 8), 5);
	assert_memory_equal(ids, want, sizeof(want));
	assert_int_equal(walk(f, true, ids, 8), 1);
	assert_int_equal(ids[0], RIG_PCI_EXT_CAP_DSN);
}

static void a_capability_that_is_there_once_comes_once(void **state)
{
	struct function *f = *state;
	uint16_t ids[8];

	add_everything(f);
	assert_int_equal(rig_pci_add_pm(f->pci, NULL, NULL), -EEXIST);
	assert_int_equal(rig_pci_add_msi(f->pci, 8, 0), -EEXIST);
	assert_int_equal(rig_pci_add_msix(f->pci, 1, 0, 0, 0, 0x800), -EEXIST);
	assert_int_equal(rig_pci_add_pcie(f->pci, NULL, NULL), -EEXIST);
	assert_int_equal(walk(f, false, ids, 8), 5);
}

static void capabilities_are_found_one_after_the_other(void **state)
{
	struct function *f = *state;
	uint16_t first, second;

	assert_int_equal(rig_pci_find_cap(f->pci, false, RIG_PCI_CAP_VENDOR, 0), 0);
	assert_int_equal(rig_pci_find_cap(f->pci, true, RIG_PCI_EXT_CAP_DSN, 0), 0);
	first = added(rig_pci_add_vendor(f->pci, "a", 1, NULL));
	added(rig_pci_add_pm(f->pci, NULL, NULL));
	second = added(rig_pci_add_vendor(f->pci, "b", 1, NULL));
	added(rig_pci_add_serial(f->pci, 1));
	assert_int_equal(rig_pci_find_cap(f->pci, false, RIG_PCI_CAP_VENDOR, 0), first);
	assert_int_equal(rig_pci_find_cap(f->pci, false, RIG_PCI_CAP_VENDOR, first), second);
	assert_int_equal(rig_pci_find_cap(f->pci, false, RIG_PCI_CAP_VENDOR, second), 0);
	assert_int_equal(rig_pci_find_cap(f->pci, false, RIG_PCI_CAP_VENDOR, 0x47), 0);
	assert_int_equal(rig_pci_find_cap(f->pci, true, RIG_PCI_EXT_CAP_DSN, 0), EXT_CAPS);
	assert_int_equal(rig_pci_find_cap(f->pci, true, RIG_PCI_EXT_CAP_DSN, EXT_CAPS), 0);
}

static void a_list_that_the_device_broke_still_ends(void **state)
{
	struct function *f = *state;
	uint16_t at = added(rig_pci_add_vendor(f->pci, NULL, 0, NULL));

	added(rig_pci_add_serial(f->pci, 1));
	rig_pci_bytes(f->pci)[at + 1] = (uint8_t)at;
	rig_pci_bytes(f->pci)[EXT_CAPS + 2] = 0xf1;
	rig_pci_bytes(f->pci)[EXT_CAPS + 3] = 0xff;
	assert_int_equal(rig_pci_find_cap(f->pci, false, RIG_PCI_CAP_PM, 0), 0);
	assert_int_equal(rig_pci_find_cap(f->pci, true, RIG_PCI_EXT_CAP_AER, 0), 0);
}

static void when_the_space_is_full_nothing_changes(void **state)
{
	struct function *f = *state;
	uint16_t ids[64];
	size_t n = 0;

	while (rig_pci_add_vendor(f->pci, "x", 1, NULL) > 0)
		n++;
	assert_int_equal(n, 48);
	assert_int_equal(rig_pci_add_pm(f->pci, NULL, NULL), -ENOSPC);
	assert_int_equal(rig_pci_add_msi(f->pci, 1, 0), -ENOSPC);
	assert_int_equal(rig_pci_add_msix(f->pci, 1, 0, 0, 0, 0x800), -ENOSPC);
	assert_int_equal(rig_pci_add_pcie(f->pci, reset, f), -ENOSPC);
	assert_int_equal(walk(f, false, ids, 64), 48);
}

/*
 * Values, masks and handlers
 */

static void what_was_sealed_comes_back(void **state)
{
	static const uint8_t all[4] = { 0xff, 0xff, 0xff, 0xff };
	struct function *f = *state;

	rig_pci_bytes(f->pci)[0x800] = 0x42;
	rig_pci_seal(f->pci);
	assert_int_equal(rig_pci_set_masks(f->pci, 0x800, 4, all, NULL), 0);
	set(f, 0x800, 4, 0x11223344);
	assert_int_equal(get(f, 0x800, 4), 0x11223344);
	rig_pci_bytes(f->pci)[0x801] = 0x55;
	rig_pci_reset(f->pci);
	assert_int_equal(get(f, 0x800, 4), 0x42);
	assert_int_equal(rig_pci_set_masks(f->pci, 0x800, 4, NULL, all), 0);
	set(f, 0x800, 4, 0x40);
	assert_int_equal(get(f, 0x800, 4), 0x02);
	assert_int_equal(rig_pci_set_masks(f->pci, 0xffd, 4, all, NULL), -EINVAL);
}

static void a_handler_gets_its_part_of_an_access(void **state)
{
	struct function *f = *state;
	struct rig_pci_handler h = handler_of(f);
	uint8_t buf[16];

	assert_int_equal(rig_pci_set_handler(f->pci, 0x804, 4, &h), 0);
	assert_int_equal(rig_pci_read(f->pci, CONFIG, 0x800, buf, 16), 0);
	assert_int_equal(f->reads, 1);
	assert_int_equal(f->offset, 0x804);
	assert_int_equal(f->count, 4);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(buf[i], i >= 4 && i < 8 ? 0xee : 0);

	for (uint8_t i = 0; i < 16; i++)
		buf[i] = i;
	assert_int_equal(rig_pci_write(f->pci, CONFIG, 0x806, buf, 16), 0);
	assert_int_equal(f->writes, 1);
	assert_int_equal(f->offset, 0x806);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->bytes[1], 1);
	get(f, 0x800, 4);
	get(f, 0x808, 8);
	assert_int_equal(f->reads, 1);
}

static int store(void *opaque, uint64_t offset, const void *buf, size_t count)
{
	struct function *f = opaque;

	f->writes++;
	return rig_pci_store(f->pci, offset, buf, count);
}

static void a_handler_may_store_by_the_masks(void **state)
{
	static const uint8_t mask[2] = { 0x0f, 0xf0 };
	struct function *f = *state;
	struct rig_pci_handler h = { .write = store, .opaque = f };

	assert_int_equal(rig_pci_set_handler(f->pci, 0x900, 2, &h), 0);
	assert_int_equal(rig_pci_set_masks(f->pci, 0x900, 2, mask, NULL), 0);
	set(f, 0x900, 2, 0xffff);
	assert_int_equal(f->writes, 1);
	assert_int_equal(get(f, 0x900, 2), 0xf00f); /* and reads need no handler */
	assert_int_equal(rig_pci_store(f->pci, 0xfff, mask, 2), -EINVAL);
	assert_int_equal(rig_pci_store(f->pci, UINT64_MAX, mask, 2), -EINVAL);
}

static void an_access_ends_where_a_handler_fails_or_defers(void **state)
{
	static const uint8_t all[16] = { [0 ... 15] = 0xff };
	static const int answers[] = { -EIO, RIG_DEFERRED };
	struct function *f = *state;
	struct rig_pci_handler h = handler_of(f);
	uint8_t buf[16];

	assert_int_equal(rig_pci_set_masks(f->pci, 0x800, 16, all, NULL), 0);
	assert_int_equal(rig_pci_set_handler(f->pci, 0x804, 4, &h), 0);
	for (size_t i = 0; i < 2; i++) {
		rig_pci_reset(f->pci);
		f->answer = answers[i];
		assert_int_equal(rig_pci_write(f->pci, CONFIG, 0x800, all, 16), f->answer);
		assert_int_equal(get(f, 0x800, 4), 0xffffffff);
		assert_int_equal(get(f, 0x808, 4), 0);
	}
	f->answer = -EIO;
	assert_int_equal(rig_pci_read(f->pci, CONFIG, 0x804, buf, 1), -EIO);
}

static void handlers_do_not_overlap(void **state)
{
	struct function *f = *state;
	struct rig_pci_handler h = handler_of(f);
	uint16_t pm = added(rig_pci_add_pm(f->pci, power, f));

	assert_int_equal(rig_pci_set_handler(f->pci, pm, 8, &h), -EEXIST);
	assert_int_equal(rig_pci_set_handler(f->pci, pm, 4, &h), 0);
	assert_int_equal(rig_pci_set_handler(f->pci, 0x800, 0, &h), -EINVAL);
	assert_int_equal(rig_pci_set_handler(f->pci, 0xffc, 5, &h), -EINVAL);
	assert_int_equal(rig_pci_set_handler(f->pci, 0xffc, SIZE_MAX, &h), -EINVAL);
	for (uint16_t i = 0; i < 62; i++)
		assert_int_equal(rig_pci_set_handler(f->pci, 0x800 + i, 1, &h), 0);
	assert_int_equal(rig_pci_set_handler(f->pci, 0x900, 1, &h), -ENOSPC);
	assert_int_equal(rig_pci_add_pcie(f->pci, reset, f), -ENOSPC);
	assert_true(rig_pci_add_pcie(f->pci, NULL, NULL) > 0);
}

static void capabilities_keep_clear_of_handlers(void **state)
{
	struct function *f = *state;
	struct rig_pci_handler h = handler_of(f);

	assert_int_equal(rig_pci_set_handler(f->pci, 0x46, 1, &h), 0);
	assert_int_equal(rig_pci_add_pm(f->pci, NULL, NULL), 0x48);
	assert_int_equal(rig_pci_add_vendor(f->pci, "x", 1, NULL), 0x40);
}

/*
 * Hostile accesses
 */

static void accesses_outside_are_refused(void **state)
{
	static const struct {
		uint64_t offset;
		size_t count;
	} bad[] = {
		{ 4096, 1 },	       { 4095, 2 },	  { 0, 4097 },
		{ 1, 4096 },	       { UINT64_MAX, 1 }, { UINT64_MAX, 2 },
		{ UINT64_MAX - 3, 8 }, { 0, SIZE_MAX },	  { 16, SIZE_MAX - 8 },
	};
	static uint8_t buf[4096];
	struct function *f = *state;

	add_everything(f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t at = bad[i].offset;

		assert_int_equal(rig_pci_read(f->pci, CONFIG, at, buf, bad[i].count), -EINVAL);
		assert_int_equal(rig_pci_write(f->pci, CONFIG, at, buf, bad[i].count), -EINVAL);
	}
	assert_int_equal(rig_pci_read(f->pci, CONFIG, 0, buf, 4096), 0);
	assert_int_equal(rig_pci_read(f->pci, CONFIG, 4096, buf, 0), 0);
}

/* Whatever is written wherever: the lists, the ids and what is read-only stay as they are. */
static void no_write_breaks_what_is_read_only(void **state)
{
	static uint8_t before[4096], after[4096];
	struct function *f = *state;
	uint64_t seed = 11;
	uint16_t ids[8];

	add_everything(f);
	assert_int_equal(rig_pci_read(f->pci, CONFIG, 0, before, 4096), 0);
	for (unsigned int step = 0; step < 20000; step++) {
		uint8_t bytes[64];
		size_t count = 1 + test_random(&seed) % sizeof(bytes);
		uint64_t at = test_random(&seed) % (step % 2 ? 0x180 : 4096 - sizeof(bytes));
		uint32_t region = step % 3 ? CONFIG : 0;

		for (size_t i = 0; i < count; i++)
			bytes[i] = (uint8_t)test_random(&seed);
		assert_int_equal(rig_pci_write(f->pci, region, at, bytes, count), 0);
		assert_int_equal(rig_pci_read(f->pci, region, at, bytes, count), 0);
		if (step % 500 == 0) {
			assert_int_equal(walk(f, false, ids, 8), 5);
			assert_int_equal(walk(f, true, ids, 8), 1);
		}
	}
	rig_pci_reset(f->pci);
	assert_int_equal(rig_pci_read(f->pci, CONFIG, 0, after, 4096), 0);
	assert_memory_equal(before, after, 4096);
	assert_true(f->resets > 0 && f->power_calls > 0);
}

/* Any mixture of widths does what its bytes, written one by one, do. */
static void an_access_is_its_bytes_one_after_the_other(void **state)
{
	static uint8_t whole[4096], bytewise[4096];
	struct function *f = *state, g = { 0 };
	uint64_t seed = 5;

	assert_int_equal(rig_pci_new(&plain, &g.pci), 0);
	add_everything(f);
	add_everything(&g);
	for (unsigned int step = 0; step < 5000; step++) {
		uint8_t bytes[16];
		size_t count = 1 + test_random(&seed) % sizeof(bytes);
		uint64_t at = test_random(&seed) % 0x110;

		for (size_t i = 0; i < count; i++) {
			bytes[i] = (uint8_t)test_random(&seed);
			assert_int_equal(rig_pci_write(g.pci, CONFIG, at + i, &bytes[i], 1), 0);
		}
		assert_int_equal(rig_pci_write(f->pci, CONFIG, at, bytes, count), 0);
		assert_int_equal(rig_pci_read(f->pci, CONFIG, 0, whole, 4096), 0);
		assert_int_equal(rig_pci_read(g.pci, CONFIG, 0, bytewise, 4096), 0);
		assert_memory_equal(whole, bytewise, 4096);
	}
	rig_pci_free(g.pci);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_description_becomes_the_header),
		TEST(the_description_becomes_regions_and_irqs),
		TEST(a_description_without_sense_is_refused),
		TEST(a_bar_comes_once),
		TEST(conventional_space_ends_at_256),
		TEST(power_management_tells_of_d0_and_d3),
		TEST(a_refused_power_state_is_not_entered),
		TEST(power_management_needs_no_callback),
		TEST(msi_has_the_four_layouts),
		TEST(msi_mask_bits_can_be_written_and_pending_bits_not),
		TEST(msi_comes_in_powers_of_two),
		TEST(msix_is_a_capability_and_a_table_in_a_bar),
		TEST(outside_of_table_and_pending_bits_a_bar_is_the_devices),
		TEST(a_table_must_fit_its_bar),
		TEST(pcie_has_function_level_reset_if_somebody_does_it),
		TEST(a_function_level_reset_may_take_its_time),
		TEST(any_capability_can_be_made_of_bytes),
		TEST(extended_capabilities_start_at_256),
		TEST(a_vendor_capability_counts_its_bytes),
		TEST(the_lists_have_each_capability_once_in_order),
		TEST(a_capability_that_is_there_once_comes_once),
		TEST(capabilities_are_found_one_after_the_other),
		TEST(a_list_that_the_device_broke_still_ends),
		TEST(when_the_space_is_full_nothing_changes),
		TEST(what_was_sealed_comes_back),
		TEST(a_handler_gets_its_part_of_an_access),
		TEST(a_handler_may_store_by_the_masks),
		TEST(an_access_ends_where_a_handler_fails_or_defers),
		TEST(handlers_do_not_overlap),
		TEST(capabilities_keep_clear_of_handlers),
		TEST(accesses_outside_are_refused),
		TEST(no_write_breaks_what_is_read_only),
		TEST(an_access_is_its_bytes_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
