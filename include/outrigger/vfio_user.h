/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfio_user.h - names for what the vfio-user specification numbers
 *
 * Shared by the client and the server API. Values are those of the
 * specification (and of <linux/vfio.h>, from which it took them).
 */
#ifndef OUTRIGGER_VFIO_USER_H
#define OUTRIGGER_VFIO_USER_H

#include <stdint.h>

/* PCI region indexes ("VFIO_USER_DEVICE_GET_REGION_INFO"). */
enum rig_pci_region {
	RIG_PCI_BAR0 = 0,
	RIG_PCI_BAR1 = 1,
	RIG_PCI_BAR2 = 2,
	RIG_PCI_BAR3 = 3,
	RIG_PCI_BAR4 = 4,
	RIG_PCI_BAR5 = 5,
	RIG_PCI_ROM = 6,
	RIG_PCI_CONFIG = 7,
	RIG_PCI_VGA = 8,
	RIG_PCI_REGIONS = 9,
};

/* PCI IRQ indexes ("VFIO_USER_DEVICE_GET_IRQ_INFO"). */
enum rig_pci_irq {
	RIG_PCI_INTX_IRQ = 0,
	RIG_PCI_MSI_IRQ = 1,
	RIG_PCI_MSIX_IRQ = 2,
	RIG_PCI_ERR_IRQ = 3,
	RIG_PCI_REQ_IRQ = 4,
	RIG_PCI_IRQS = 5,
};

/* Flags of a device. */
#define RIG_DEVICE_RESET	       (1u << 0)
#define RIG_DEVICE_PCI		       (1u << 1)

/* Flags of a region. */
#define RIG_REGION_READ		       (1u << 0)
#define RIG_REGION_WRITE	       (1u << 1)
#define RIG_REGION_MMAP		       (1u << 2)
#define RIG_REGION_CAPS		       (1u << 3)

/* Ids in a region's capability chain. */
#define RIG_REGION_CAP_SPARSE_MMAP     1u
#define RIG_REGION_CAP_TYPE	       2u
#define RIG_REGION_CAP_SPARSE_MMAP_FDS 0x8001u

/* Flags of an IRQ index. */
#define RIG_IRQ_EVENTFD		       (1u << 0)
#define RIG_IRQ_MASKABLE	       (1u << 1)
#define RIG_IRQ_AUTOMASKED	       (1u << 2)
#define RIG_IRQ_NORESIZE	       (1u << 3)

/* Flags of "VFIO_USER_DEVICE_SET_IRQS": one of the data bits with one of the actions. */
#define RIG_SET_IRQS_DATA_NONE	       (1u << 0)
#define RIG_SET_IRQS_DATA_BOOL	       (1u << 1)
#define RIG_SET_IRQS_DATA_EVENTFD      (1u << 2)
#define RIG_SET_IRQS_MASK	       (1u << 3)
#define RIG_SET_IRQS_UNMASK	       (1u << 4)
#define RIG_SET_IRQS_TRIGGER	       (1u << 5)

/* Flags of "VFIO_USER_DMA_MAP" and "VFIO_USER_DMA_UNMAP". */
#define RIG_DMA_READ		       (1u << 0)
#define RIG_DMA_WRITE		       (1u << 1)
#define RIG_DMA_ACCESS_MMAP	       (1u << 2)
#define RIG_DMA_ACCESS_FILE	       (1u << 3)
#define RIG_DMA_UNMAP_ALL	       (1u << 1)

/* Types and flags of a sub-region in "VFIO_USER_DEVICE_GET_REGION_IO_FDS"; flags as KVM's. */
#define RIG_IO_FD_IOEVENTFD	       0u
#define RIG_IO_FD_IOREGIONFD	       1u
#define RIG_IO_FD_SHADOW	       2u /* libvfio-user's: an ioeventfd that stores the value too */
#define RIG_IO_FD_FLAG_DATAMATCH       (1u << 0)
#define RIG_IO_FD_FLAG_PIO	       (1u << 1)
#define RIG_IO_FD_FLAG_CCW	       (1u << 2)
#define RIG_IO_FD_FLAG_POSTED	       (1u << 1) /* ioregionfd */

/* Flags of "VFIO_USER_DEVICE_FEATURE", next to the index in bits 0 to 15. */
#define RIG_FEATURE_INDEX_MASK	       0xffffu
#define RIG_FEATURE_GET		       (1u << 16)
#define RIG_FEATURE_SET		       (1u << 17)
#define RIG_FEATURE_PROBE	       (1u << 18)

/* Features. */
enum rig_feature {
	RIG_FEATURE_MIGRATION = 1,
	RIG_FEATURE_MIG_DEVICE_STATE = 2,
	RIG_FEATURE_DMA_LOGGING_START = 6,
	RIG_FEATURE_DMA_LOGGING_STOP = 7,
	RIG_FEATURE_DMA_LOGGING_REPORT = 8,
};

/* What a device says of its migration. */
#define RIG_MIGRATION_STOP_COPY (1u << 0)
#define RIG_MIGRATION_P2P	(1u << 1) /* nobody uses it */
#define RIG_MIGRATION_PRE_COPY	(1u << 2)

/* States of a device ("VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE"); 5 and 7 are for p2p. */
enum rig_migration_state {
	RIG_MIGRATION_ERROR = 0,
	RIG_MIGRATION_STOP = 1,
	RIG_MIGRATION_RUNNING = 2,
	RIG_MIGRATION_STOP_COPYING = 3,
	RIG_MIGRATION_RESUMING = 4,
	RIG_MIGRATION_PRE_COPYING = 6,
};

/* Limits that hold for a side that does not state its own ("VFIO_USER_VERSION"). */
#define RIG_DEFAULT_MAX_MSG_FDS	       1u
#define RIG_DEFAULT_MAX_DATA_XFER_SIZE 1048576u
#define RIG_DEFAULT_MAX_DMA_MAPS       65535u
#define RIG_DEFAULT_PGSIZES	       4096u

#endif
