/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci_common.c - the common configuration of virtio-pci ("4.1.4.3")
 *
 * A row per register, each with the one width it can be accessed with; 64-bit ones are two rows.
 */
#include "virtio/pci_internal.h"

#include "virtio/spec.h"

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
		vpci_reset_queue(vpci, q);
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
	{ VIRTIO_COMMON_STATUS, 1, read_status, vpci_write_status },
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

bool vpci_common_read(struct vpci *vpci, uint64_t offset, uint8_t *buf, size_t count)
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

bool vpci_common_write(struct vpci *vpci, uint64_t offset, const uint8_t *buf, size_t count)
{
	const struct common_register *reg = find_register(offset, count);

	if (!reg || !reg->write)
		return false;
	reg->write(vpci, vpci_register_value(buf, count));
	return true;
}
