/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci.c - the virtio-pci transport
 *
 * What the driver sees: five vendor capabilities that point into BAR 4 (common configuration,
 * notify, ISR, device configuration) or are themselves the access (the window in configuration
 * space, for firmware that cannot reach BARs). The common configuration is a table of registers,
 * each with one width; an access that is not one whole register (unaligned, too wide, between two,
 * behind the last) reads as zero and writes nothing. No region can be mapped by the client: QEMU
 * posts writes only while none can, and a posted kick does not stop the guest's CPU.
 *
 * Decisions:
 *
 * - No INTx (interrupt pin 0). A level interrupt wants a second eventfd for "the guest
 *   acknowledged", and QEMU's own client sets it up differently with KVM and without; drivers that
 *   matter use MSI-X or, in firmware, poll. The ISR register works for those: it collects what
 *   happened while MSI-X is off.
 * - VIRTIO_F_ACCESS_PLATFORM is offered, not demanded. The addresses we can use are those that the
 *   client mapped, which behind a virtual IOMMU are not the guest's physical ones: "2.2"/"6" want
 *   the bit offered for just that. A driver that leaves it out gets what it gets without an IOMMU,
 *   where both are the same.
 * - Bus mastering is not checked before memory is touched or an eventfd written: a client need not
 *   tell us of the command register. A driver that wants silence resets the device.
 * - A vector is triggered whenever the driver assigned one, MSI-X enabled or not: without it the
 *   client has no eventfd there.
 *
 * When a client goes, its memory is gone while our state stays ("state outlives a client that
 * disconnects"). The positions in rings mean nothing without the memory they were in, and the next
 * client may be another guest with other things at those addresses. So a device with a live queue
 * says DEVICE_NEEDS_RESET, which keeps everything off its queues until the next driver (or QEMU, at
 * its system reset) resets it; all other registers can be read back as they were.
 */
#include "virtio/pci_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pci/capabilities.h"
#include "virtio/spec.h"

#define TRANSPORT_FEATURES                                                  \
	(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | \
	 VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_RING_RESET)

void vpci_log(const struct vpci *vpci, enum rig_log_level level, const char *format, ...)
{
	char message[256];
	va_list args;

	if (!vpci->ops->log)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	vpci->ops->log(vpci->opaque, level, message);
}

/*
 * Status, features, interrupts
 */

bool vpci_running(const struct vpci *vpci)
{
	return (vpci->status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET |
				VIRTIO_STATUS_FAILED)) == VIRTIO_STATUS_DRIVER_OK;
}

bool vpci_has_feature(const struct vpci *vpci, uint64_t feature)
{
	return (vpci->status & VIRTIO_STATUS_FEATURES_OK) && (vpci->driver_features & feature);
}

struct vq *vpci_vq(struct vpci *vpci, uint16_t queue)
{
	assert(queue < vpci->n_queues);
	return &vpci->queues[queue].vq;
}

static bool msix_enabled(const struct vpci *vpci)
{
	return pci_config_get16(&vpci->config, vpci->msix_cap + PCI_MSIX_CONTROL) &
	       PCI_MSIX_CONTROL_ENABLE;
}

static bool interrupt(struct vpci *vpci, uint16_t vector, uint8_t isr)
{
	if (!msix_enabled(vpci))
		vpci->isr |= isr;
	if (vector == VIRTIO_MSI_NO_VECTOR)
		return false;
	return vpci->bus.trigger(vpci->bus.opaque, RIG_PCI_MSIX_IRQ, vector) == 0;
}

bool vpci_interrupt(struct vpci *vpci, uint16_t queue)
{
	struct vpci_queue *q = &vpci->queues[queue];

	return vq_wants_interrupt(&q->vq) && interrupt(vpci, q->vector, VIRTIO_ISR_QUEUE);
}

static void config_interrupt(struct vpci *vpci)
{
	if (vpci->status & VIRTIO_STATUS_DRIVER_OK)
		interrupt(vpci, vpci->config_vector, VIRTIO_ISR_CONFIG);
}

void vpci_config_changed(struct vpci *vpci)
{
	vpci->generation++;
	config_interrupt(vpci);
}

static void needs_reset(struct vpci *vpci)
{
	if (vpci->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	vpci->status |= VIRTIO_STATUS_NEEDS_RESET;
	config_interrupt(vpci);
}

void vpci_queue_failed(struct vpci *vpci, uint16_t queue)
{
	vpci_log(vpci, RIG_LOG_WARNING, "queue %u stopped until the driver resets it: %s", queue,
		 vpci->queues[queue].vq.broken_reason);
	needs_reset(vpci);
}

void vpci_reset_queue(struct vpci *vpci, struct vpci_queue *q)
{
	vq_init(&q->vq, &vpci->bus.memory);
	q->size = q->max_size;
	q->vector = VIRTIO_MSI_NO_VECTOR;
	q->enabled = false;
	q->doubted = false;
	memset(q->address, 0, sizeof(q->address));
}

/* What "writing 0 to device_status" resets; configuration space is the function's, not the
 * driver's. */
static void reset_virtio(struct vpci *vpci)
{
	for (uint16_t i = 0; i < vpci->n_queues; i++)
		vpci_reset_queue(vpci, &vpci->queues[i]);
	vpci->device_feature_select = 0;
	vpci->driver_feature_select = 0;
	vpci->driver_features = 0;
	vpci->config_vector = VIRTIO_MSI_NO_VECTOR;
	vpci->queue_select = 0;
	vpci->status = 0;
	vpci->isr = 0;
	vpci->ops->reset(vpci->opaque);
}

void vpci_reset(struct vpci *vpci)
{
	pci_config_reset(&vpci->config);
	msix_reset(&vpci->msix);
	reset_virtio(vpci);
}

/* A driver may have filled its queues before it said DRIVER_OK. */
static void kick_all(struct vpci *vpci)
{
	for (uint16_t i = 0; i < vpci->n_queues; i++) {
		if (vpci->queues[i].enabled)
			vpci->ops->kicked(vpci->opaque, i);
	}
}

void vpci_memory_mapped(struct vpci *vpci)
{
	if (!vpci_running(vpci))
		return;
	/* A suspended queue may work again, and nobody kicks for what it holds already. */
	for (uint16_t i = 0; i < vpci->n_queues; i++) {
		if (vq_suspended(&vpci->queues[i].vq))
			vpci->ops->kicked(vpci->opaque, i);
	}
}

void vpci_memory_unmapping(struct vpci *vpci)
{
	for (uint16_t i = 0; i < vpci->n_queues; i++)
		vq_memory_changed(&vpci->queues[i].vq);
}

void vpci_client_gone(struct vpci *vpci)
{
	vpci_memory_unmapping(vpci);
	for (uint16_t i = 0; i < vpci->n_queues; i++) {
		if (vpci->queues[i].enabled)
			vpci->status |= VIRTIO_STATUS_NEEDS_RESET;
	}
}

static bool features_acceptable(const struct vpci *vpci)
{
	uint64_t features = vpci->driver_features;

	return (features & ~vpci->offered) == 0 && (features & VIRTIO_F_VERSION_1) &&
	       vpci->ops->features_valid(vpci->opaque, features);
}

void vpci_write_status(struct vpci *vpci, uint32_t value)
{
	uint8_t known = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK |
			VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED;
	uint8_t old = vpci->status, fresh = (uint8_t)(value & known & ~old);

	if (value == 0) {
		reset_virtio(vpci);
		return;
	}
	/* "The driver MUST NOT clear a device status bit": bits only come. */
	if ((fresh & VIRTIO_STATUS_FEATURES_OK) && !features_acceptable(vpci)) {
		vpci_log(vpci, RIG_LOG_DEBUG, "features 0x%llx refused, offered are 0x%llx",
			 (unsigned long long)vpci->driver_features,
			 (unsigned long long)vpci->offered);
		fresh &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	}
	if (!((old | fresh) & VIRTIO_STATUS_FEATURES_OK))
		fresh &= (uint8_t)~VIRTIO_STATUS_DRIVER_OK;
	vpci->status |= fresh;
	if (!(fresh & VIRTIO_STATUS_DRIVER_OK))
		return;
	/* "If DRIVER_OK is set after ... NEEDS_RESET, the device MUST send a ... notification" */
	if (vpci->status & VIRTIO_STATUS_NEEDS_RESET)
		config_interrupt(vpci);
	else if (vpci_running(vpci))
		kick_all(vpci);
}

/*
 * Building the function
 */

static uint16_t add_virtio_cap(struct vpci *vpci, uint8_t type, uint32_t offset, uint32_t length,
			       uint8_t size, uint32_t extra)
{
	uint8_t cap[CAP_SIZE_EXTRA] = { 0 };
	int at;

	cap[CAP_LEN] = size;
	cap[CAP_TYPE] = type;
	cap[CAP_BAR] = type == VIRTIO_PCI_CAP_PCI ? 0 : VPCI_BAR;
	pci_put32(cap + CAP_OFFSET, offset);
	pci_put32(cap + CAP_LENGTH, length);
	pci_put32(cap + CAP_EXTRA, extra);
	at = pci_config_add_cap(&vpci->config, 0, PCI_CAP_ID_VENDOR, cap + CAP_LEN, size - CAP_LEN);
	assert(at > 0);
	return (uint16_t)at;
}

static void add_window(struct vpci *vpci)
{
	static const uint8_t all[CAP_SIZE_EXTRA - CAP_OFFSET] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	};

	vpci->window_cap = add_virtio_cap(vpci, VIRTIO_PCI_CAP_PCI, 0, 0, CAP_SIZE_EXTRA, 0);
	pci_config_set_writable(&vpci->config, vpci->window_cap + CAP_BAR, all, 1);
	pci_config_set_writable(&vpci->config, vpci->window_cap + CAP_OFFSET, all, sizeof(all));
}

static uint64_t bar_size(uint16_t n_queues)
{
	uint64_t size = VPCI_PAGE;

	while (size < VPCI_NOTIFY + (uint64_t)n_queues * VPCI_PAGE)
		size *= 2;
	return size;
}

static void build_config(struct vpci *vpci, const struct vpci_type *type)
{
	uint16_t device = (uint16_t)(VIRTIO_PCI_DEVICE_BASE + type->virtio_id);
	uint32_t notify_len = type->n_queues * VPCI_PAGE;
	int pcie, msix;
	struct pci_ids ids = {
		.vendor = VIRTIO_PCI_VENDOR,
		.device = device,
		.subsystem_vendor = VIRTIO_PCI_VENDOR,
		/* "0x40 or higher", so that a driver of legacy devices leaves it alone */
		.subsystem = device,
		.revision = 1,
		.class_code = type->class_code,
	};

	pci_config_init(&vpci->config, &ids, 0);
	pci_config_add_bar(&vpci->config, VPCI_MSIX_BAR, PCI_BAR_MEM32, VPCI_MSIX_SIZE);
	/* Not prefetchable: reading the ISR clears it. */
	pci_config_add_bar(&vpci->config, VPCI_BAR, PCI_BAR_MEM64, bar_size(type->n_queues));
	pcie = pci_add_pcie(&vpci->config, false);
	msix = pci_add_msix(&vpci->config, vpci->msix.vectors, VPCI_MSIX_BAR, VPCI_MSIX_TABLE,
			    VPCI_MSIX_BAR, VPCI_MSIX_PBA);
	assert(pcie > 0 && msix > 0);
	vpci->msix_cap = (uint16_t)msix;
	add_virtio_cap(vpci, VIRTIO_PCI_CAP_COMMON, VPCI_COMMON, VIRTIO_COMMON_SIZE, CAP_SIZE, 0);
	add_virtio_cap(vpci, VIRTIO_PCI_CAP_ISR, VPCI_ISR, 1, CAP_SIZE, 0);
	add_virtio_cap(vpci, VIRTIO_PCI_CAP_DEVICE, VPCI_DEVICE, type->config_size, CAP_SIZE, 0);
	add_virtio_cap(vpci, VIRTIO_PCI_CAP_NOTIFY, VPCI_NOTIFY, notify_len, CAP_SIZE_EXTRA,
		       VPCI_PAGE);
	add_window(vpci);
	pci_config_seal(&vpci->config);
}

static void describe(struct vpci *vpci)
{
	static const uint32_t flags = RIG_REGION_READ | RIG_REGION_WRITE;

	vpci->regions[VPCI_MSIX_BAR] = (struct rig_region) { VPCI_MSIX_SIZE, flags, .mmap_fd = -1 };
	vpci->regions[VPCI_BAR] =
		(struct rig_region) { bar_size(vpci->n_queues), flags, .mmap_fd = -1 };
	vpci->regions[RIG_PCI_CONFIG] =
		(struct rig_region) { PCI_CONFIG_SPACE, flags, .mmap_fd = -1 };
	/* Without NORESIZE QEMU adds vectors one at a time instead of taking all away first. */
	vpci->irqs[RIG_PCI_MSIX_IRQ] = (struct rig_irq) { vpci->msix.vectors, RIG_IRQ_EVENTFD };
}

void vpci_init(struct vpci *vpci, const struct vpci_type *type, const struct vpci_bus *bus,
	       void *opaque)
{
	assert(type->n_queues >= 1 && type->n_queues <= VPCI_QUEUES_MAX);
	assert(type->config_size <= VPCI_NOTIFY - VPCI_DEVICE);
	memset(vpci, 0, sizeof(*vpci));
	vpci->ops = type->ops;
	vpci->opaque = opaque;
	vpci->bus = *bus;
	vpci->offered = type->features | TRANSPORT_FEATURES;
	vpci->config_size = type->config_size;
	vpci->n_queues = type->n_queues;
	for (uint16_t i = 0; i < type->n_queues; i++)
		vpci->queues[i].max_size = type->queue_sizes[i];

	msix_init(&vpci->msix, vpci->msix_table, (uint16_t)(type->n_queues + 1));
	build_config(vpci, type);
	describe(vpci);
	vpci_reset(vpci);
}
