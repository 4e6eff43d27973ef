/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci_internal.h - what the files of the virtio-pci transport share
 *
 *   pci.c          features, status, interrupts, queues; how the function is built
 *   pci_common.c   the common configuration: a table of registers
 *   pci_regions.c  which access goes where: BARs, and the window in configuration space
 */
#ifndef VIRTIO_PCI_INTERNAL_H
#define VIRTIO_PCI_INTERNAL_H

#include "virtio/pci.h"

#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))

/* struct virtio_pci_cap, from its start; what the window adds is data. */
#define CAP_LEN	       2u
#define CAP_TYPE       3u
#define CAP_BAR	       4u
#define CAP_OFFSET     8u
#define CAP_LENGTH     12u
#define CAP_SIZE       16u
#define CAP_EXTRA      16u /* the multiplier, or the window's data */
#define CAP_SIZE_EXTRA 20u

/* Registers are little-endian, whatever we are. */
static inline uint32_t vpci_register_value(const uint8_t *bytes, size_t width)
{
	uint32_t value = 0;

	for (size_t i = 0; i < width; i++)
		value |= (uint32_t)bytes[i] << (8 * i);
	return value;
}

/** vpci_write_status() - the driver wrote device_status */
void vpci_write_status(struct vpci *vpci, uint32_t value);

/** vpci_reset_queue() - one queue, as after power-on */
void vpci_reset_queue(struct vpci *vpci, struct vpci_queue *q);

/**
 * vpci_common_read(), vpci_common_write() - one register of the common configuration
 * Return: false if no register is exactly there and that wide (or, for a write, it is read-only)
 */
bool vpci_common_read(struct vpci *vpci, uint64_t offset, uint8_t *buf, size_t count);
bool vpci_common_write(struct vpci *vpci, uint64_t offset, const uint8_t *buf, size_t count);

#endif
