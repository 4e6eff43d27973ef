/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config_space.c - the function: header, capabilities, and the registers of the vendor's
 */
#include "device.h"

#define VENDOR_COUNTER 12u /* in the vendor capability */

static int power_changed(void *opaque, unsigned int d_state)
{
	struct test_device *d = opaque;

	register_set(&d->registers, RIG_TEST_REG_POWER, d_state);
	return 0;
}

/* The four bytes of the counter, of which an access may want some. */
static int read_vendor(void *opaque, uint64_t offset, void *buf, size_t count)
{
	struct test_device *d = opaque;
	uint8_t *bytes = buf;

	for (size_t i = 0; i < count; i++)
		bytes[i] = (uint8_t)(d->vendor_reads >> (8 * ((offset + i) % 4)));
	d->vendor_reads++;
	return 0;
}

static int write_vendor(void *opaque, uint64_t offset, const void *buf, size_t count)
{
	struct test_device *d = opaque;
	const uint8_t *bytes = buf;

	for (size_t i = 0; i < count; i++) {
		unsigned int shift = 8 * (unsigned int)((offset + i) % 4);

		d->vendor_reads &= ~((uint32_t)0xff << shift);
		d->vendor_reads |= (uint32_t)bytes[i] << shift;
	}
	return 0;
}

static int add_vendor(struct test_device *d)
{
	/* What follows the header of two bytes: its length, a byte to align, then four registers. */
	static const uint8_t body[18] = {
		[0] = 20, [6] = 0xff, 0xff, 0xff, 0xff, [14] = 'R', 'I', 'G', 'T'
	};
	static const uint8_t writable[18] = { [2] = 0xff, 0xff, 0xff, 0xff };
	static const uint8_t write1_clear[18] = { [6] = 0xff, 0xff, 0xff, 0xff };
	static const struct rig_pci_cap cap = { .id = RIG_PCI_CAP_VENDOR,
						.body = body,
						.len = sizeof(body),
						.writable = writable,
						.write1_clear = write1_clear };
	struct rig_pci_handler handler = { read_vendor, write_vendor, d };
	int at = rig_pci_add_cap(d->pci, &cap);

	if (at < 0)
		return at;
	return rig_pci_set_handler(d->pci, (uint16_t)((unsigned int)at + VENDOR_COUNTER), 4,
				   &handler);
}

int config_space_build(struct test_device *d, int (*reset)(void *opaque, enum rig_reset why))
{
	static const struct rig_pci_device header = {
		.struct_size = sizeof(header),
		.vendor = RIG_TEST_VENDOR,
		.device = RIG_TEST_DEVICE,
		.subsystem_vendor = RIG_TEST_VENDOR,
		.subsystem = 1,
		.class_code = 0xff0000,
		.revision = 1,
		.interrupt_pin = 1,
		.bars = { { .size = RIG_TEST_BAR0_SIZE },
			  { .size = RIG_TEST_BAR1_SIZE },
			  { .size = RIG_TEST_BAR2_SIZE },
			  { .size = RIG_TEST_BAR3_SIZE },
			  { .size = RIG_TEST_BAR4_SIZE },
			  { .size = RIG_TEST_BAR5_SIZE } },
		.rom_size = RIG_TEST_ROM_SIZE,
	};
	int r = rig_pci_new(&header, &d->pci);

	if (r < 0 || (r = rig_pci_add_pm(d->pci, power_changed, d)) < 0 ||
	    (r = rig_pci_add_msi(d->pci, RIG_TEST_MSI_VECTORS, RIG_PCI_MSI_64 | RIG_PCI_MSI_MASK)) <
		    0 ||
	    (r = rig_pci_add_msix(d->pci, RIG_TEST_MSIX_VECTORS, RIG_PCI_BAR0, RIG_TEST_MSIX_TABLE,
				  RIG_PCI_BAR0, RIG_TEST_MSIX_PBA)) < 0 ||
	    (r = rig_pci_add_pcie(d->pci, reset, d)) < 0 || (r = add_vendor(d)) < 0)
		return r;
	r = rig_pci_add_serial(d->pci, RIG_TEST_SERIAL);
	return r < 0 ? r : 0;
}
