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
#include "virtio/pci.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pci/capabilities.h"
#include "virtio/spec.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define TRANSPORT_FEATURES                                                  \
	(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | \
	 VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_RING_RESET)

/* struct virtio_pci_cap, from its start; what the window adds is data. */
#define CAP_LEN	       2u
#define CAP_TYPE       3u
#define CAP_BAR	       4u
#define CAP_OFFSET     8u
#define CAP_LENGTH     12u
#define CAP_SIZE       16u
#define CAP_EXTRA      16u /* the multiplier, or the window's data */
#define CAP_SIZE_EXTRA 20u

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

static void reset_queue(struct vpci *vpci, struct vpci_queue *q)
{
	vq_init(&q->vq, &vpci->bus.memory);
	q->size = q->max_size;
	q->vector = VIRTIO_MSI_NO_VECTOR;
	q->enabled = false;
	memset(q->address, 0, sizeof(q->address));
}

/* What "writing 0 to device_status" resets; configuration space is the function's, not the
 * driver's. */
static void reset_virtio(struct vpci *vpci)
{
	for (uint16_t i = 0; i < vpci->n_queues; i++)
		reset_queue(vpci, &vpci->queues[i]);
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

static void write_status(struct vpci *vpci, uint32_t value)
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
	if ((fresh & VIRTIO_STATUS_DRIVER_OK) && vpci_running(vpci))
		kick_all(vpci);
}

/*
 * The common configuration: a row per register, 64-bit ones in the halves they are accessed by
 */

static struct vpci_queue *selected(struct vpci *vpci)
{
	return vpci->queue_select < vpci->n_queues ? &vpci->queues[vpci->queue_select] : NULL;
}

/* The selected queue while the driver may still write its registers: before it enabled it. */
static struct vpci_queue *selected_open(struct vpci *vpci)
{
	struct vpci_queue *q = selected(vpci);

	return q && !q->enabled ? q : NULL;
}

static uint32_t feature_half(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> (32 * select)) : 0;
}

static uint32_t read_device_feature_select(struct vpci *vpci)
{
	return vpci->device_feature_select;
}

static void write_device_feature_select(struct vpci *vpci, uint32_t value)
{
	vpci->device_feature_select = value;
}

static uint32_t read_device_feature(struct vpci *vpci)
{
	return feature_half(vpci->offered, vpci->device_feature_select);
}

static uint32_t read_driver_feature_select(struct vpci *vpci)
{
	return vpci->driver_feature_select;
}

static void write_driver_feature_select(struct vpci *vpci, uint32_t value)
{
	vpci->driver_feature_select = value;
}

static uint32_t read_driver_feature(struct vpci *vpci)
{
	return feature_half(vpci->driver_features, vpci->driver_feature_select);
}

static void write_driver_feature(struct vpci *vpci, uint32_t value)
{
	uint32_t shift = 32 * vpci->driver_feature_select;

	/* What was agreed on stays. */
	if (vpci->driver_feature_select > 1 || (vpci->status & VIRTIO_STATUS_FEATURES_OK))
		return;
	vpci->driver_features &= ~(0xffffffffull << shift);
	vpci->driver_features |= (uint64_t)value << shift;
}

/* "4.1.5.1.2": a vector that cannot be had reads back as none. */
static uint16_t usable_vector(const struct vpci *vpci, uint32_t vector)
{
	return vector < vpci->msix.vectors ? (uint16_t)vector : VIRTIO_MSI_NO_VECTOR;
}

static uint32_t read_config_vector(struct vpci *vpci)
{
	return vpci->config_vector;
}

static void write_config_vector(struct vpci *vpci, uint32_t value)
{
	vpci->config_vector = usable_vector(vpci, value);
}

static uint32_t read_num_queues(struct vpci *vpci)
{
	return vpci->n_queues;
}

static uint32_t read_status(struct vpci *vpci)
{
	return vpci->status;
}

static uint32_t read_generation(struct vpci *vpci)
{
	return vpci->generation;
}

static uint32_t read_queue_select(struct vpci *vpci)
{
	return vpci->queue_select;
}

static void write_queue_select(struct vpci *vpci, uint32_t value)
{
	vpci->queue_select = (uint16_t)value;
}

/* "0 if the queue is unavailable", as everything else of a queue that does not exist. */
static uint32_t read_queue_size(struct vpci *vpci)
{
	const struct vpci_queue *q = selected(vpci);

	return q ? q->size : 0;
}

static void write_queue_size(struct vpci *vpci, uint32_t value)
{
	struct vpci_queue *q = selected_open(vpci);

	if (q && value >= 1 && value <= q->max_size && (value & (value - 1)) == 0)
		q->size = (uint16_t)value;
}

static uint32_t read_queue_vector(struct vpci *vpci)
{
	const struct vpci_queue *q = selected(vpci);

	return q ? q->vector : VIRTIO_MSI_NO_VECTOR;
}

static void write_queue_vector(struct vpci *vpci, uint32_t value)
{
	struct vpci_queue *q = selected(vpci);

	if (q)
		q->vector = usable_vector(vpci, value);
}

static uint32_t read_queue_enable(struct vpci *vpci)
{
	const struct vpci_queue *q = selected(vpci);

	return q && q->enabled;
}

static void write_queue_enable(struct vpci *vpci, uint32_t value)
{
	struct vpci_queue *q = selected_open(vpci);
	struct vq_setup setup;

	/* Only 1 means something; the ring's format is not known before FEATURES_OK. */
	if (!q || value != 1 || !(vpci->status & VIRTIO_STATUS_FEATURES_OK))
		return;
	setup = (struct vq_setup) {
		.size = q->size,
		.desc = q->address[0],
		.driver = q->address[1],
		.device = q->address[2],
		.event_idx = vpci_has_feature(vpci, VIRTIO_F_EVENT_IDX),
		.indirect_desc = vpci_has_feature(vpci, VIRTIO_F_INDIRECT_DESC),
	};
	if (vq_enable(&q->vq, &setup) < 0) {
		vpci_queue_failed(vpci, vpci->queue_select);
		return;
	}
	q->enabled = true;
	if (vpci_running(vpci))
		vpci->ops->kicked(vpci->opaque, vpci->queue_select);
}

/* Its page: notify addresses are this times VPCI_PAGE. */
static uint32_t read_queue_notify_off(struct vpci *vpci)
{
	return selected(vpci) ? vpci->queue_select : 0;
}

static uint32_t read_queue_reset(struct vpci *vpci)
{
	return 0; /* a reset is over when its write is */
}

static void write_queue_reset(struct vpci *vpci, uint32_t value)
{
	struct vpci_queue *q = selected(vpci);

	if (q && value == 1 && vpci_has_feature(vpci, VIRTIO_F_RING_RESET))
		reset_queue(vpci, q);
}

static uint32_t address_half(struct vpci *vpci, size_t which, unsigned int shift)
{
	const struct vpci_queue *q = selected(vpci);

	return q ? (uint32_t)(q->address[which] >> shift) : 0;
}

static void set_address_half(struct vpci *vpci, size_t which, unsigned int shift, uint32_t value)
{
	struct vpci_queue *q = selected_open(vpci);

	if (!q)
		return;
	q->address[which] &= ~(0xffffffffull << shift);
	q->address[which] |= (uint64_t)value << shift;
}

#define QUEUE_ADDRESS_HALF(name, which, shift)                      \
	static uint32_t read_##name(struct vpci *vpci)              \
	{                                                           \
		return address_half(vpci, which, shift);            \
	}                                                           \
	static void write_##name(struct vpci *vpci, uint32_t value) \
	{                                                           \
		set_address_half(vpci, which, shift, value);        \
	}

QUEUE_ADDRESS_HALF(queue_desc_low, 0, 0)
QUEUE_ADDRESS_HALF(queue_desc_high, 0, 32)
QUEUE_ADDRESS_HALF(queue_driver_low, 1, 0)
QUEUE_ADDRESS_HALF(queue_driver_high, 1, 32)
QUEUE_ADDRESS_HALF(queue_device_low, 2, 0)
QUEUE_ADDRESS_HALF(queue_device_high, 2, 32)

static const struct common_register {
	uint8_t offset, width;
	uint32_t (*read)(struct vpci *vpci);
	void (*write)(struct vpci *vpci, uint32_t value); /* NULL: read-only */
} common_registers[] = {
	{ VIRTIO_COMMON_DEVICE_FEATURE_SELECT, 4, read_device_feature_select,
	  write_device_feature_select },
	{ VIRTIO_COMMON_DEVICE_FEATURE, 4, read_device_feature, NULL },
	{ VIRTIO_COMMON_DRIVER_FEATURE_SELECT, 4, read_driver_feature_select,
	  write_driver_feature_select },
	{ VIRTIO_COMMON_DRIVER_FEATURE, 4, read_driver_feature, write_driver_feature },
	{ VIRTIO_COMMON_CONFIG_VECTOR, 2, read_config_vector, write_config_vector },
	{ VIRTIO_COMMON_NUM_QUEUES, 2, read_num_queues, NULL },
	{ VIRTIO_COMMON_STATUS, 1, read_status, write_status },
	{ VIRTIO_COMMON_GENERATION, 1, read_generation, NULL },
	{ VIRTIO_COMMON_QUEUE_SELECT, 2, read_queue_select, write_queue_select },
	{ VIRTIO_COMMON_QUEUE_SIZE, 2, read_queue_size, write_queue_size },
	{ VIRTIO_COMMON_QUEUE_VECTOR, 2, read_queue_vector, write_queue_vector },
	{ VIRTIO_COMMON_QUEUE_ENABLE, 2, read_queue_enable, write_queue_enable },
	{ VIRTIO_COMMON_QUEUE_NOTIFY_OFF, 2, read_queue_notify_off, NULL },
	{ VIRTIO_COMMON_QUEUE_DESC, 4, read_queue_desc_low, write_queue_desc_low },
	{ VIRTIO_COMMON_QUEUE_DESC + 4, 4, read_queue_desc_high, write_queue_desc_high },
	{ VIRTIO_COMMON_QUEUE_DRIVER, 4, read_queue_driver_low, write_queue_driver_low },
	{ VIRTIO_COMMON_QUEUE_DRIVER + 4, 4, read_queue_driver_high, write_queue_driver_high },
	{ VIRTIO_COMMON_QUEUE_DEVICE, 4, read_queue_device_low, write_queue_device_low },
	{ VIRTIO_COMMON_QUEUE_DEVICE + 4, 4, read_queue_device_high, write_queue_device_high },
	{ VIRTIO_COMMON_QUEUE_RESET, 2, read_queue_reset, write_queue_reset },
};

static const struct common_register *find_register(uint64_t offset, size_t width)
{
	for (size_t i = 0; i < ARRAY_SIZE(common_registers); i++) {
		if (common_registers[i].offset == offset)
			return common_registers[i].width == width ? &common_registers[i] : NULL;
	}
	return NULL;
}

static uint32_t little_endian_value(const uint8_t *bytes, size_t width)
{
	uint32_t value = 0;

	for (size_t i = 0; i < width; i++)
		value |= (uint32_t)bytes[i] << (8 * i);
	return value;
}

/*
 * BAR 4: a reader or a writer per structure. buf is zeroed before a read.
 */

static bool read_common(struct vpci *vpci, uint64_t offset, uint8_t *buf, size_t count)
{
	const struct common_register *reg = find_register(offset, count);
	uint32_t value;

	if (!reg)
		return false;
	value = reg->read(vpci);
	for (size_t i = 0; i < count; i++)
		buf[i] = (uint8_t)(value >> (8 * i));
	return true;
}

static bool write_common(struct vpci *vpci, uint64_t offset, const uint8_t *buf, size_t count)
{
	const struct common_register *reg = find_register(offset, count);

	if (!reg || !reg->write)
		return false;
	reg->write(vpci, little_endian_value(buf, count));
	return true;
}

static bool read_isr(struct vpci *vpci, uint64_t offset, uint8_t *buf, size_t count)
{
	if (offset != 0 || count != 1)
		return false;
	buf[0] = vpci->isr;
	vpci->isr = 0;
	return true;
}

/* Memory without side effects: any access will do, and what is not there is zero. */
static bool read_device(struct vpci *vpci, uint64_t offset, uint8_t *buf, size_t count)
{
	if (offset >= vpci->config_size)
		return true;
	if (count > vpci->config_size - offset)
		count = vpci->config_size - offset;
	vpci->ops->config_read(vpci->opaque, offset, buf, count);
	return true;
}

static bool write_notify(struct vpci *vpci, uint64_t offset, const uint8_t *buf, size_t count)
{
	uint64_t queue = offset / VPCI_PAGE;

	if (offset % VPCI_PAGE != 0 || count != 2 || little_endian_value(buf, count) != queue ||
	    queue >= vpci->n_queues || !vpci->queues[queue].enabled || !vpci_running(vpci))
		return false;
	vpci->ops->kicked(vpci->opaque, (uint16_t)queue);
	return true;
}

static void bar_read(struct vpci *vpci, uint64_t offset, uint8_t *buf, size_t count)
{
	bool known = false;

	memset(buf, 0, count);
	if (offset < VPCI_ISR)
		known = read_common(vpci, offset, buf, count);
	else if (offset < VPCI_DEVICE)
		known = read_isr(vpci, offset - VPCI_ISR, buf, count);
	else if (offset < VPCI_NOTIFY)
		known = read_device(vpci, offset - VPCI_DEVICE, buf, count);
	if (!known)
		vpci_log(vpci, RIG_LOG_DEBUG, "read of %zu bytes at 0x%llx: no register", count,
			 (unsigned long long)offset);
}

static void bar_write(struct vpci *vpci, uint64_t offset, const uint8_t *buf, size_t count)
{
	bool known = false;

	if (offset < VPCI_ISR)
		known = write_common(vpci, offset, buf, count);
	else if (offset >= VPCI_NOTIFY)
		known = write_notify(vpci, offset - VPCI_NOTIFY, buf, count);
	if (!known)
		vpci_log(vpci, RIG_LOG_DEBUG, "write of %zu bytes at 0x%llx: ignored", count,
			 (unsigned long long)offset);
}

static bool range_inside(uint64_t offset, uint64_t count, uint64_t size)
{
	return count <= size && offset <= size - count;
}

static bool touches(uint64_t offset, size_t count, uint64_t start, size_t len)
{
	return offset < start + len && start < offset + count;
}

/*
 * "4.1.4.9": an access to the window's data is one to where its bar, offset and length point. Only
 * the BARs can be there, so that this ends here.
 */
static bool window_target(const struct vpci *vpci, uint32_t *bar, uint32_t *offset, uint32_t *len)
{
	*bar = vpci->config.value[vpci->window_cap + CAP_BAR];
	*offset = pci_config_get32(&vpci->config, vpci->window_cap + CAP_OFFSET);
	*len = pci_config_get32(&vpci->config, vpci->window_cap + CAP_LENGTH);
	return (*bar == VPCI_BAR || *bar == VPCI_MSIX_BAR) &&
	       (*len == 1 || *len == 2 || *len == 4) && *offset % *len == 0 &&
	       range_inside(*offset, *len, vpci->regions[*bar].size);
}

static void window_read(struct vpci *vpci)
{
	uint32_t bar, offset, len;

	/* With bar, offset or length unusable the data is what was last written or read. */
	if (window_target(vpci, &bar, &offset, &len))
		vpci_region_read(vpci, bar, offset,
				 &vpci->config.value[vpci->window_cap + CAP_EXTRA], len);
}

static void window_write(struct vpci *vpci)
{
	uint32_t bar, offset, len;

	if (window_target(vpci, &bar, &offset, &len))
		vpci_region_write(vpci, bar, offset,
				  &vpci->config.value[vpci->window_cap + CAP_EXTRA], len);
}

int vpci_region_read(struct vpci *vpci, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	switch (region) {
	case RIG_PCI_CONFIG:
		if (touches(offset, count, vpci->window_cap + CAP_EXTRA, 4))
			window_read(vpci);
		pci_config_read(&vpci->config, offset, buf, count);
		return 0;
	case VPCI_MSIX_BAR:
		msix_read(&vpci->msix, offset, buf, count);
		return 0;
	case VPCI_BAR:
		bar_read(vpci, offset, buf, count);
		return 0;
	default:
		return -EINVAL;
	}
}

int vpci_region_write(struct vpci *vpci, uint32_t region, uint64_t offset, const void *buf,
		      size_t count)
{
	switch (region) {
	case RIG_PCI_CONFIG:
		pci_config_write(&vpci->config, offset, buf, count);
		if (touches(offset, count, vpci->window_cap + CAP_EXTRA, 4))
			window_write(vpci);
		return 0;
	case VPCI_MSIX_BAR:
		msix_write(&vpci->msix, offset, buf, count);
		return 0;
	case VPCI_BAR:
		bar_write(vpci, offset, buf, count);
		return 0;
	default:
		return -EINVAL;
	}
}

/*
 * Building the function
 */

static uint8_t add_virtio_cap(struct vpci *vpci, uint8_t type, uint32_t offset, uint32_t length,
			      uint8_t size, uint32_t extra)
{
	uint8_t cap[CAP_SIZE_EXTRA] = { 0 };

	cap[CAP_LEN] = size;
	cap[CAP_TYPE] = type;
	cap[CAP_BAR] = type == VIRTIO_PCI_CAP_PCI ? 0 : VPCI_BAR;
	pci_put32(cap + CAP_OFFSET, offset);
	pci_put32(cap + CAP_LENGTH, length);
	pci_put32(cap + CAP_EXTRA, extra);
	return pci_config_add_cap(&vpci->config, PCI_CAP_ID_VENDOR, cap + CAP_LEN, size - CAP_LEN);
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
	pci_config_add_bar(&vpci->config, VPCI_MSIX_BAR, PCI_BAR_MEM32, MSIX_BAR_SIZE);
	/* Not prefetchable: reading the ISR clears it. */
	pci_config_add_bar(&vpci->config, VPCI_BAR, PCI_BAR_MEM64, bar_size(type->n_queues));
	pci_add_pcie(&vpci->config);
	vpci->msix_cap = pci_add_msix(&vpci->config, vpci->msix.vectors, VPCI_MSIX_BAR,
				      MSIX_TABLE_OFFSET, VPCI_MSIX_BAR, MSIX_PBA_OFFSET);
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

	vpci->regions[VPCI_MSIX_BAR] = (struct rig_region) { MSIX_BAR_SIZE, flags, .mmap_fd = -1 };
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

	msix_init(&vpci->msix, (uint16_t)(type->n_queues + 1)); /* and one for the configuration */
	build_config(vpci, type);
	describe(vpci);
	vpci_reset(vpci);
}
