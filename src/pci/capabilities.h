/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capabilities.h - the standard capabilities a device can have
 */
#ifndef PCI_CAPABILITIES_H
#define PCI_CAPABILITIES_H

#include <stdint.h>

#include "pci/config.h"

#define PCI_CAP_ID_PM		       0x01
#define PCI_CAP_ID_MSI		       0x05
#define PCI_CAP_ID_VENDOR	       0x09
#define PCI_CAP_ID_PCIE		       0x10
#define PCI_CAP_ID_MSIX		       0x11

/* MSI-X message control, 2 bytes into its capability. */
#define PCI_MSIX_CONTROL	       2u
#define PCI_MSIX_CONTROL_FUNCTION_MASK (1u << 14)
#define PCI_MSIX_CONTROL_ENABLE	       (1u << 15)

/** pci_add_pcie() - PCI Express endpoint, version 2, one 2.5 GT/s lane, no function level reset */
uint8_t pci_add_pcie(struct pci_config *config);

/** pci_add_msix() - MSI-X: where its table and its pending bits are; offsets are multiples of 8 */
uint8_t pci_add_msix(struct pci_config *config, uint16_t vectors, uint8_t table_bar,
		     uint32_t table_offset, uint8_t pba_bar, uint32_t pba_offset);

#endif
