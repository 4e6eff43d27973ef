/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capabilities.h - the standard capabilities a device can have
 *
 * Each of these returns the capability's offset, or -ENOSPC.
 */
#ifndef PCI_CAPABILITIES_H
#define PCI_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

#include "pci/config.h"

#define PCI_CAP_ID_PM		       0x01
#define PCI_CAP_ID_MSI		       0x05
#define PCI_CAP_ID_VENDOR	       0x09
#define PCI_CAP_ID_PCIE		       0x10
#define PCI_CAP_ID_MSIX		       0x11
#define PCI_EXT_CAP_ID_DSN	       0x0003

/* Power management control, 4 bytes into its capability. */
#define PCI_PM_CONTROL		       4u
#define PCI_PM_CONTROL_STATE	       3u

/* MSI-X message control, 2 bytes into its capability. */
#define PCI_MSIX_CONTROL	       2u
#define PCI_MSIX_CONTROL_FUNCTION_MASK (1u << 14)
#define PCI_MSIX_CONTROL_ENABLE	       (1u << 15)

/* PCI Express device control, 8 bytes into its capability. */
#define PCI_PCIE_CONTROL	       8u
#define PCI_PCIE_CONTROL_PAYLOAD       (7u << 5)
#define PCI_PCIE_CONTROL_FLR	       (1u << 15) /* reads as 0 */

/** pci_add_pm() - power management, version 3: D0 and D3hot, which loses nothing */
int pci_add_pm(struct pci_config *config);

/** pci_add_msi() - @vectors: a power of two up to 32 */
int pci_add_msi(struct pci_config *config, unsigned int vectors, bool wide, bool maskable);

/** pci_add_msix() - MSI-X: where its table and its pending bits are; offsets are multiples of 8 */
int pci_add_msix(struct pci_config *config, uint16_t vectors, uint8_t table_bar,
		 uint32_t table_offset, uint8_t pba_bar, uint32_t pba_offset);

/** pci_add_pcie() - PCI Express endpoint, version 2, one 2.5 GT/s lane */
int pci_add_pcie(struct pci_config *config, bool function_level_reset);

/** pci_add_serial() - the extended capability of a serial number */
int pci_add_serial(struct pci_config *config, uint64_t serial);

#endif
