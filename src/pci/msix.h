/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * msix.h - the MSI-X table
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

#define MSIX_VECTORS_MAX 2048u
#define MSIX_ENTRY_SIZE	 16u

struct msix {
	uint16_t vectors;
	uint8_t *table; /* the owner's: MSIX_ENTRY_SIZE for each vector */
};

/** msix_init() - every vector masked, as after a reset */
void msix_init(struct msix *msix, uint8_t *table, uint16_t vectors);
void msix_reset(struct msix *msix);

/**
 * msix_read(), msix_write() - any range, from the start of the table; reserved bits stay 0, what is
 * no table entry reads as 0 and ignores writes
 */
void msix_read(const struct msix *msix, uint64_t offset, void *buf, size_t count);
void msix_write(struct msix *msix, uint64_t offset, const void *buf, size_t count);

#endif
