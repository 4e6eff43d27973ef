/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci.h - virtio over PCI ("4.1 Virtio Over PCI Bus"), the part common to every type of device
 *
 * Registers, feature negotiation, status, virtqueues, interrupts. A type of device (net.c) says
 * what it offers and is told what the driver did. What it stands on (translate guest memory,
 * interrupt) comes in as a struct vpci_bus, so that it runs on a vfio-user server as well as on a
 * test's fake memory.
 *
 * One thread.
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <outrigger/server.h>

#include "pci/config.h"
#include "pci/msix.h"
#include "virtio/vq.h"

/* BAR 0: the MSI-X table and pending bits. BAR 4 (and 5): the virtio structures, each in its own
 * page. */
#define VPCI_MSIX_BAR	 0u
/* Each in a page of its own, so that a client can trap the one and map the other. */
#define VPCI_MSIX_TABLE	 0x0000u
#define VPCI_MSIX_PBA	 0x1000u
#define VPCI_MSIX_SIZE	 0x2000u
#define VPCI_BAR	 4u
#define VPCI_PAGE	 0x1000u
#define VPCI_COMMON	 0x0000u
#define VPCI_ISR	 0x1000u
#define VPCI_DEVICE	 0x2000u
/* One page per queue from here on: an ioeventfd, or a doorbell that is mapped, covers one queue and
 * nothing else. */
#define VPCI_NOTIFY	 0x4000u

#define VPCI_QUEUES_MAX	 64u
#define VPCI_VECTORS_MAX (VPCI_QUEUES_MAX + 1) /* and one for the configuration */

/** struct vpci_bus - what the device stands on; see rig_dma_translate() and rig_irq_trigger() */
struct vpci_bus {
	struct vq_memory memory;
	int (*trigger)(void *opaque, uint32_t index, uint32_t vector);
	void *opaque; /* of trigger */
};

/** struct vpci_ops - the type of device; none of them may call vpci_reset() */
struct vpci_ops {
	/* Does this set of offered features make sense together? False refuses FEATURES_OK. */
	bool (*features_valid)(void *opaque, uint64_t features);

	/* Its configuration as of now: copy count bytes from offset; the range is inside
	 * config_size. */
	void (*config_read)(void *opaque, uint64_t offset, void *buf, size_t count);

	/* Back to power-on: the driver wrote status 0, or the client reset the function. Queues are
	 * reset already. */
	void (*reset)(void *opaque);

	/* There may be work in this queue: a kick, or it began to work. Called within a register
	 * access: do it later. */
	void (*kicked)(void *opaque, uint16_t queue);

	/* For the operator. */
	void (*log)(void *opaque, enum rig_log_level level, const char *message);
};

/** struct vpci_type - what a type of device is */
struct vpci_type {
	uint16_t virtio_id;
	uint32_t class_code;
	uint64_t features;	     /* offered on top of those of the transport */
	uint32_t config_size;	     /* bytes of its configuration, at most VPCI_PAGE */
	const uint16_t *queue_sizes; /* largest (and first) size of each queue; copied */
	uint16_t n_queues;
	const struct vpci_ops *ops;
};

/** struct vpci_queue - a virtqueue and its registers */
struct vpci_queue {
	struct vq vq;
	uint16_t max_size;
	uint16_t size;
	uint16_t vector;
	bool enabled;
	bool doubted;	     /* the operator was told that its memory may not be shared */
	uint64_t address[3]; /* descriptor table, driver area, device area */
};

struct vpci {
	const struct vpci_ops *ops;
	void *opaque; /* of ops */
	struct vpci_bus bus;
	struct pci_config config;
	struct msix msix;
	uint8_t msix_table[VPCI_VECTORS_MAX * MSIX_ENTRY_SIZE];
	uint16_t msix_cap, window_cap; /* where in configuration space */
	uint32_t config_size;
	uint64_t offered;

	/* What the driver set; vpci_reset() clears it. */
	uint32_t device_feature_select, driver_feature_select;
	uint64_t driver_features; /* as written; in force once FEATURES_OK is set */
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t status;
	uint8_t isr;

	uint8_t generation; /* of the device's configuration; never goes back */
	uint16_t n_queues;
	struct vpci_queue queues[VPCI_QUEUES_MAX];

	/* What struct rig_device points to. */
	struct rig_region regions[RIG_PCI_REGIONS];
	struct rig_irq irqs[RIG_PCI_IRQS];
};

/** vpci_init() - after power-on. bus is copied; nothing needs to be undone */
void vpci_init(struct vpci *vpci, const struct vpci_type *type, const struct vpci_bus *bus,
	       void *opaque);

/** vpci_region_read(), vpci_region_write() - as in struct rig_device_ops */
int vpci_region_read(struct vpci *vpci, uint32_t region, uint64_t offset, void *buf, size_t count);
int vpci_region_write(struct vpci *vpci, uint32_t region, uint64_t offset, const void *buf,
		      size_t count);

/** vpci_reset() - the function: everything above, configuration space and MSI-X table */
void vpci_reset(struct vpci *vpci);

/** vpci_memory_mapped(), vpci_memory_unmapping() - as in struct rig_device_ops */
void vpci_memory_mapped(struct vpci *vpci);
void vpci_memory_unmapping(struct vpci *vpci);

/**
 * vpci_client_gone() - guest memory is gone: a driver's queues stay dead until a reset, registers
 * keep their values
 */
void vpci_client_gone(struct vpci *vpci);

/** vpci_running() - may queues be worked on? DRIVER_OK, and nothing broken */
bool vpci_running(const struct vpci *vpci);

/** vpci_has_feature() - was it negotiated? */
bool vpci_has_feature(const struct vpci *vpci, uint64_t feature);

/** vpci_vq() - a queue to work on */
struct vq *vpci_vq(struct vpci *vpci, uint16_t queue);

/**
 * vpci_interrupt() - after a batch was published: interrupt the driver if it asked for that.
 * Return: true if it was
 */
bool vpci_interrupt(struct vpci *vpci, uint16_t queue);

/**
 * vpci_config_changed() - the device's configuration did: a new generation, and the driver hears of
 * it
 */
void vpci_config_changed(struct vpci *vpci);

/**
 * vpci_queue_failed() - the driver broke this queue: DEVICE_NEEDS_RESET, and the driver and the
 * operator hear of it
 */
void vpci_queue_failed(struct vpci *vpci, uint16_t queue);

/** vpci_log() - to ops->log */
void vpci_log(const struct vpci *vpci, enum rig_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
