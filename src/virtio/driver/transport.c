/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * transport.c - virtio over PCI, as its driver sees it ("4.1 Virtio Over PCI Bus")
 *
 * Capabilities in configuration space say in which BAR, and where, the registers are. They are a
 * stranger's bytes: read once, the list followed for as many steps as it can have at most, each
 * window compared with the size of its region.
 *
 * One thread, which waits: net_driver_new(), and later net_driver_handle_event().
 */
#include "virtio/driver/internal.h"

#include <errno.h>
#include <string.h>

#include "pci/capabilities.h"
#include "pci/config.h"
#include "sys/explain.h"
#include "virtio/spec.h"

#define HEADER_SIZE    0x40u
#define CONVENTIONAL   0x100u /* where capabilities may be */
#define CAPS_MAX       ((CONVENTIONAL - HEADER_SIZE) / 4)

/* struct virtio_pci_cap, from its start */
#define CAP_TYPE       3u
#define CAP_BAR	       4u
#define CAP_OFFSET     8u
#define CAP_LENGTH     12u
#define CAP_SIZE       16u
#define CAP_MULTIPLIER 16u /* of a notify capability, which is 4 bytes longer */

struct space {
	uint8_t bytes[CONVENTIONAL];
};

static uint32_t get(const uint8_t *bytes, size_t width)
{
	uint32_t value = 0;

	for (size_t i = 0; i < width; i++)
		value |= (uint32_t)bytes[i] << (8 * i);
	return value;
}

static bool range_inside(uint64_t offset, uint64_t len, uint64_t size)
{
	return len <= size && offset <= size - len;
}

static struct driver_window *window_of(struct net_driver *driver, uint8_t type)
{
	switch (type) {
	case VIRTIO_PCI_CAP_COMMON:
		return &driver->common;
	case VIRTIO_PCI_CAP_NOTIFY:
		return &driver->notify;
	case VIRTIO_PCI_CAP_DEVICE:
		return &driver->device;
	default:
		return NULL;
	}
}

/*
 * "4.1.4.1": the first of each type that is usable is used, others are for other drivers. Return: 0,
 * or what asking for the region failed with
 */
static int take_virtio_cap(struct net_driver *driver, const struct space *space, size_t at,
			   rig_time deadline)
{
	const uint8_t *cap = space->bytes + at;
	struct driver_window *window;
	const struct rig_region_info *info;
	uint64_t offset, len;
	int r;

	if (at + CAP_SIZE > CONVENTIONAL)
		return 0;
	window = window_of(driver, cap[CAP_TYPE]);
	if (!window || window->found || cap[CAP_BAR] > RIG_PCI_BAR5)
		return 0;
	if (window == &driver->notify && at + CAP_MULTIPLIER + 4 > CONVENTIONAL)
		return 0;
	offset = get(cap + CAP_OFFSET, 4);
	len = get(cap + CAP_LENGTH, 4);
	r = rig_client_region_info(driver->client, cap[CAP_BAR], &info, deadline);
	if (r < 0)
		return r;
	if (!range_inside(offset, len, info->size))
		return 0;
	*window = (struct driver_window) { true, cap[CAP_BAR], offset, len };
	if (window == &driver->notify)
		driver->notify_multiplier = get(cap + CAP_MULTIPLIER, 4);
	return 0;
}

static int walk(struct net_driver *driver, const struct space *space, rig_time deadline)
{
	size_t at = space->bytes[PCI_REG_CAPABILITIES] & ~3u;
	int r;

	if (!(get(space->bytes + PCI_REG_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	for (size_t i = 0; i < CAPS_MAX && at >= HEADER_SIZE; i++) {
		uint8_t id = space->bytes[at];

		if (id == PCI_CAP_ID_MSIX && !driver->msix_cap)
			driver->msix_cap = (uint16_t)at;
		if (id == PCI_CAP_ID_VENDOR) {
			r = take_virtio_cap(driver, space, at, deadline);
			if (r < 0)
				return r;
		}
		at = space->bytes[at + 1] & ~3u;
	}
	return 0;
}

static bool is_virtio_net(const struct space *space)
{
	return get(space->bytes + PCI_REG_VENDOR, 2) == VIRTIO_PCI_VENDOR &&
	       get(space->bytes + PCI_REG_DEVICE, 2) == VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_NET;
}

int driver_find_registers(struct net_driver *driver, rig_time deadline, char **ret_error)
{
	struct space space;
	int r = rig_client_region_read(driver->client, RIG_PCI_CONFIG, 0, space.bytes,
				       sizeof(space.bytes), deadline);

	if (r < 0)
		return explain(ret_error, r, "configuration space: %s", strerror(-r));
	if (!is_virtio_net(&space))
		return explain(ret_error, -ENODEV,
			       "PCI device %04x:%04x is no virtio network card (%04x:%04x)",
			       get(space.bytes + PCI_REG_VENDOR, 2),
			       get(space.bytes + PCI_REG_DEVICE, 2), VIRTIO_PCI_VENDOR,
			       VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_NET);
	r = walk(driver, &space, deadline);
	if (r < 0)
		return explain(ret_error, r, "asking for a BAR: %s", strerror(-r));
	if (driver->common.len < VIRTIO_COMMON_QUEUE_NOTIFY_DATA ||
	    driver->device.len < sizeof(struct virtio_net_config) - sizeof(uint16_t) ||
	    !driver->notify.found || !driver->msix_cap)
		return explain(ret_error, -ENODEV,
			       "the card lacks registers of virtio 1.x, or MSI-X");
	return 0;
}

int driver_read(struct net_driver *driver, const struct driver_window *window, uint64_t offset,
		size_t width, uint32_t *ret, rig_time deadline)
{
	uint8_t bytes[4];
	int r;

	if (width > sizeof(bytes) || !range_inside(offset, width, window->len))
		return -EINVAL;
	r = rig_client_region_read(driver->client, window->region, window->offset + offset, bytes,
				   width, deadline);
	if (r == 0)
		*ret = get(bytes, width);
	return r;
}

int driver_write(struct net_driver *driver, const struct driver_window *window, uint64_t offset,
		 size_t width, uint32_t value, rig_time deadline)
{
	uint8_t bytes[4];

	if (width > sizeof(bytes) || !range_inside(offset, width, window->len))
		return -EINVAL;
	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	return rig_client_region_write(driver->client, window->region, window->offset + offset,
				       bytes, width, deadline);
}

int driver_set(struct net_driver *driver, const struct driver_register *registers, size_t n,
	       rig_time deadline)
{
	for (size_t i = 0; i < n; i++) {
		int r = driver_write(driver, &driver->common, registers[i].offset,
				     registers[i].width, registers[i].value, deadline);
		if (r < 0)
			return r;
	}
	return 0;
}

int driver_get(struct net_driver *driver, uint64_t offset, size_t width, uint32_t *ret,
	       rig_time deadline)
{
	return driver_read(driver, &driver->common, offset, width, ret, deadline);
}

/* Set bits of a 16-bit register of configuration space. */
static int set_config_bits(struct net_driver *driver, uint64_t at, uint16_t bits, rig_time deadline)
{
	uint8_t bytes[2];
	uint32_t value;
	int r = rig_client_region_read(driver->client, RIG_PCI_CONFIG, at, bytes, sizeof(bytes),
				       deadline);

	if (r < 0)
		return r;
	value = get(bytes, sizeof(bytes)) | bits;
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
	return rig_client_region_write(driver->client, RIG_PCI_CONFIG, at, bytes, sizeof(bytes),
				       deadline);
}

int driver_enable_bus(struct net_driver *driver, rig_time deadline)
{
	int r = set_config_bits(driver, PCI_REG_COMMAND,
				PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER, deadline);

	if (r < 0)
		return r;
	return set_config_bits(driver, driver->msix_cap + PCI_MSIX_CONTROL, PCI_MSIX_CONTROL_ENABLE,
			       deadline);
}
