/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capabilities.c - PCI Express and MSI-X, as bytes of configuration space
 *
 * Offsets below are relative to the capability's own start, its id and next pointer included, as in
 * the specifications.
 */
#include "pci/capabilities.h"

#include <assert.h>

#include "pci/msix.h"

#define CAP_HEADER	       2u

/* PCI Express capability, version 2: 60 bytes, all of which a reader may expect. */
#define PCIE_SIZE	       0x3cu
#define PCIE_FLAGS	       0x02u
#define PCIE_DEVICE_CAP	       0x04u
#define PCIE_DEVICE_CONTROL    0x08u
#define PCIE_DEVICE_STATUS     0x0au
#define PCIE_LINK_CAP	       0x0cu
#define PCIE_LINK_STATUS       0x12u

#define PCIE_VERSION_2	       2u /* type, in bits 4 to 7, is 0: endpoint */
#define PCIE_ROLE_BASED_ERRORS (1u << 15)
#define PCIE_LINK_2_5GT_X1     (1u | 1u << 4)
/* Relaxed ordering, no snoop, 512-byte reads: the defaults the specification gives. */
#define PCIE_CONTROL_DEFAULT   (1u << 4 | 1u << 11 | 2u << 12)
/* Error reporting, relaxed ordering, payload, no snoop, read request size. */
#define PCIE_CONTROL_WRITABLE  (0xfu | 1u << 4 | 7u << 5 | 1u << 11 | 7u << 12)
#define PCIE_STATUS_ERRORS     0xfu

uint8_t pci_add_pcie(struct pci_config *config)
{
	uint8_t cap[PCIE_SIZE] = { 0 };
	uint8_t mask[2], at;

	pci_put16(cap + PCIE_FLAGS, PCIE_VERSION_2);
	pci_put32(cap + PCIE_DEVICE_CAP, PCIE_ROLE_BASED_ERRORS);
	pci_put16(cap + PCIE_DEVICE_CONTROL, PCIE_CONTROL_DEFAULT);
	pci_put32(cap + PCIE_LINK_CAP, PCIE_LINK_2_5GT_X1);
	pci_put16(cap + PCIE_LINK_STATUS, PCIE_LINK_2_5GT_X1);
	at = pci_config_add_cap(config, PCI_CAP_ID_PCIE, cap + CAP_HEADER, PCIE_SIZE - CAP_HEADER);

	pci_put16(mask, PCIE_CONTROL_WRITABLE);
	pci_config_set_writable(config, at + PCIE_DEVICE_CONTROL, mask, sizeof(mask));
	pci_put16(mask, PCIE_STATUS_ERRORS);
	pci_config_set_write1_clear(config, at + PCIE_DEVICE_STATUS, mask, sizeof(mask));
	return at;
}

uint8_t pci_add_msix(struct pci_config *config, uint16_t vectors, uint8_t table_bar,
		     uint32_t table_offset, uint8_t pba_bar, uint32_t pba_offset)
{
	uint8_t cap[12], mask[2], at;

	assert(vectors >= 1 && vectors <= MSIX_VECTORS_MAX);
	assert(table_offset % 8 == 0 && pba_offset % 8 == 0);
	pci_put16(cap + PCI_MSIX_CONTROL, (uint16_t)(vectors - 1));
	pci_put32(cap + 4, table_offset | table_bar);
	pci_put32(cap + 8, pba_offset | pba_bar);
	at = pci_config_add_cap(config, PCI_CAP_ID_MSIX, cap + CAP_HEADER,
				sizeof(cap) - CAP_HEADER);

	pci_put16(mask, PCI_MSIX_CONTROL_FUNCTION_MASK | PCI_MSIX_CONTROL_ENABLE);
	pci_config_set_writable(config, at + PCI_MSIX_CONTROL, mask, sizeof(mask));
	return at;
}
