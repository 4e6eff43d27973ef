/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capabilities.c - standard capabilities, as bytes of configuration space
 *
 * Offsets below are relative to the capability's own start, its id and next pointer included, as in
 * the specifications. Each is built as two arrays, its values and what of it the guest may write.
 */
#include "pci/capabilities.h"

#include <assert.h>

#include "pci/msix.h"

#define CAP_HEADER	       2u

/* Power management. */
#define PM_SIZE		       8u
#define PM_CAP		       2u
#define PM_VERSION	       3u
#define PM_NO_SOFT_RESET       (1u << 3) /* D3hot to D0 keeps every register */

/* MSI: address, upper address if there is one, data, then mask and pending bits if there are. */
#define MSI_SIZE_MAX	       0x18u
#define MSI_CONTROL	       2u
#define MSI_CONTROL_ENABLE     (1u << 0)
#define MSI_CONTROL_CAPABLE    1u /* where the logarithm of the vectors is */
#define MSI_CONTROL_ENABLED    (7u << 4)
#define MSI_CONTROL_64	       (1u << 7)
#define MSI_CONTROL_MASK       (1u << 8)
#define MSI_ADDRESS	       4u

/* PCI Express capability, version 2: 60 bytes, all of which a reader may expect. */
#define PCIE_SIZE	       0x3cu
#define PCIE_FLAGS	       0x02u
#define PCIE_DEVICE_CAP	       0x04u
#define PCIE_DEVICE_STATUS     0x0au
#define PCIE_LINK_CAP	       0x0cu
#define PCIE_LINK_STATUS       0x12u

#define PCIE_VERSION_2	       2u /* type, in bits 4 to 7, is 0: endpoint */
#define PCIE_ROLE_BASED_ERRORS (1u << 15)
#define PCIE_FLR_CAPABLE       (1u << 28)
#define PCIE_LINK_2_5GT_X1     (1u | 1u << 4)
/* Relaxed ordering, no snoop, 512-byte reads: the defaults the specification gives. */
#define PCIE_CONTROL_DEFAULT   (1u << 4 | 1u << 11 | 2u << 12)
/* Error reporting, relaxed ordering, payload, no snoop, read request size. */
#define PCIE_CONTROL_WRITABLE  (0xfu | 1u << 4 | PCI_PCIE_CONTROL_PAYLOAD | 1u << 11 | 7u << 12)
#define PCIE_STATUS_ERRORS     0xfu

/* value and writable: the whole capability, of which the header is ignored. */
static int add(struct pci_config *config, uint8_t id, const uint8_t *value, const uint8_t *writable,
	       size_t size)
{
	int at = pci_config_add_cap(config, 0, id, value + CAP_HEADER, size - CAP_HEADER);

	if (at >= 0)
		pci_config_set_writable(config, (uint16_t)((unsigned int)at + CAP_HEADER),
					writable + CAP_HEADER, size - CAP_HEADER);
	return at;
}

int pci_add_pm(struct pci_config *config)
{
	uint8_t value[PM_SIZE] = { [PM_CAP] = PM_VERSION, [PCI_PM_CONTROL] = PM_NO_SOFT_RESET };
	uint8_t writable[PM_SIZE] = { [PCI_PM_CONTROL] = PCI_PM_CONTROL_STATE };

	return add(config, PCI_CAP_ID_PM, value, writable, PM_SIZE);
}

static unsigned int logarithm(unsigned int n)
{
	unsigned int bits = 0;

	while (n >> (bits + 1))
		bits++;
	return bits;
}

int pci_add_msi(struct pci_config *config, unsigned int vectors, bool wide, bool maskable)
{
	uint8_t value[MSI_SIZE_MAX] = { 0 }, writable[MSI_SIZE_MAX] = { 0 };
	size_t data = wide ? 0xc : 0x8, mask = data + 4;

	assert(vectors >= 1 && vectors <= 32 && (vectors & (vectors - 1)) == 0);
	pci_put16(value + MSI_CONTROL,
		  (uint16_t)(logarithm(vectors) << MSI_CONTROL_CAPABLE |
			     (wide ? MSI_CONTROL_64 : 0) | (maskable ? MSI_CONTROL_MASK : 0)));
	pci_put16(writable + MSI_CONTROL, MSI_CONTROL_ENABLE | MSI_CONTROL_ENABLED);
	pci_put32(writable + MSI_ADDRESS, 0xfffffffc);
	if (wide)
		pci_put32(writable + MSI_ADDRESS + 4, 0xffffffff);
	pci_put16(writable + data, 0xffff);
	if (maskable)
		pci_put32(writable + mask, 0xffffffff >> (32 - vectors));
	return add(config, PCI_CAP_ID_MSI, value, writable, maskable ? mask + 8 : data + 2);
}

int pci_add_msix(struct pci_config *config, uint16_t vectors, uint8_t table_bar,
		 uint32_t table_offset, uint8_t pba_bar, uint32_t pba_offset)
{
	uint8_t value[12] = { 0 }, writable[12] = { 0 };

	assert(vectors >= 1 && vectors <= MSIX_VECTORS_MAX);
	assert(table_offset % 8 == 0 && pba_offset % 8 == 0);
	pci_put16(value + PCI_MSIX_CONTROL, (uint16_t)(vectors - 1));
	pci_put32(value + 4, table_offset | table_bar);
	pci_put32(value + 8, pba_offset | pba_bar);
	pci_put16(writable + PCI_MSIX_CONTROL,
		  PCI_MSIX_CONTROL_FUNCTION_MASK | PCI_MSIX_CONTROL_ENABLE);
	return add(config, PCI_CAP_ID_MSIX, value, writable, sizeof(value));
}

int pci_add_pcie(struct pci_config *config, bool function_level_reset)
{
	uint8_t value[PCIE_SIZE] = { 0 }, writable[PCIE_SIZE] = { 0 }, errors[2];
	int at;

	pci_put16(value + PCIE_FLAGS, PCIE_VERSION_2);
	pci_put32(value + PCIE_DEVICE_CAP,
		  PCIE_ROLE_BASED_ERRORS | (function_level_reset ? PCIE_FLR_CAPABLE : 0));
	pci_put16(value + PCI_PCIE_CONTROL, PCIE_CONTROL_DEFAULT);
	pci_put16(writable + PCI_PCIE_CONTROL, PCIE_CONTROL_WRITABLE);
	pci_put32(value + PCIE_LINK_CAP, PCIE_LINK_2_5GT_X1);
	pci_put16(value + PCIE_LINK_STATUS, PCIE_LINK_2_5GT_X1);
	at = add(config, PCI_CAP_ID_PCIE, value, writable, PCIE_SIZE);
	if (at < 0)
		return at;
	pci_put16(errors, PCIE_STATUS_ERRORS);
	pci_config_set_write1_clear(config, (uint16_t)((unsigned int)at + PCIE_DEVICE_STATUS),
				    errors, sizeof(errors));
	return at;
}

int pci_add_serial(struct pci_config *config, uint64_t serial)
{
	uint8_t body[8];

	pci_put32(body, (uint32_t)serial);
	pci_put32(body + 4, (uint32_t)(serial >> 32));
	return pci_config_add_ext_cap(config, 0, PCI_EXT_CAP_ID_DSN, 1, body, sizeof(body));
}
