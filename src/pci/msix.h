/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * msix.h - a BAR that holds the MSI-X table and its pending bits
 *
 * The table is memory and nothing more: with vfio-user the client turns an entry into an interrupt,
 * and gives the device an eventfd for each vector instead. QEMU and Cloud Hypervisor keep the table
 * to themselves; others write it here and read it back. Pending bits read as zero: what is held
 * back is held back by the client that masked it.
 *
 * One thread.
 */
#ifndef PCI_MSIX_H
#define PCI_MSIX_H

#include <stddef.h>
#include <stdint.h>

#define MSIX_VECTORS_MAX  128u
#define MSIX_ENTRY_SIZE	  16u

/* Each in a page of its own, so that a client can trap the one and map the other. */
#define MSIX_TABLE_OFFSET 0x0000u
#define MSIX_PBA_OFFSET	  0x1000u
#define MSIX_BAR_SIZE	  0x2000u

struct msix {
	uint16_t vectors;
	uint8_t table[MSIX_VECTORS_MAX * MSIX_ENTRY_SIZE];
};

/** msix_init() - every vector masked, as after a reset */
void msix_init(struct msix *msix, uint16_t vectors);
void msix_reset(struct msix *msix);

/**
 * msix_read(), msix_write() - any range inside MSIX_BAR_SIZE; reserved bits stay 0, what is no
 * table entry reads as 0
 */
void msix_read(const struct msix *msix, uint64_t offset, void *buf, size_t count);
void msix_write(struct msix *msix, uint64_t offset, const void *buf, size_t count);

#endif
