/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * setup.c - "3.1 Device Initialization" and "5.1.5", for one queue pair
 *
 * Reset, features, configuration, memory, interrupts, queues, DRIVER_OK, in this order. What the
 * driver asks for is little: MAC, MTU, link status, the event index. No offload: frames are complete
 * both ways. No mergeable buffers: each buffer of ours takes the longest frame.
 *
 * Every register is a message that is waited for, about 50 of them.
 */
#include "virtio/driver/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "sys/explain.h"
#include "virtio/spec.h"

#define WANTED                                                                                   \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_NET_F_MAC | \
	 VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS)

#define MTU_DEFAULT	 1500u
#define GENERATION_TRIES 100u

#define STATUS_STARTED	 (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER)
#define STATUS_FEATURES	 (STATUS_STARTED | VIRTIO_STATUS_FEATURES_OK)

int driver_set_status(struct net_driver *driver, uint32_t status, rig_time deadline)
{
	return driver_set(driver, &(struct driver_register) { VIRTIO_COMMON_STATUS, 1, status }, 1,
			  deadline);
}

/* "4.1.4.3.2": "the driver MUST wait for a read of device_status to return 0" */
static int reset(struct net_driver *driver, rig_time deadline)
{
	uint32_t status;
	int r = driver_set_status(driver, 0, deadline);

	do {
		if (r == 0)
			r = driver_get(driver, VIRTIO_COMMON_STATUS, 1, &status, deadline);
		if (r < 0)
			return r;
	} while (status != 0 && rig_now() < deadline);
	return status == 0 ? 0 : -ETIMEDOUT;
}

void driver_reset(struct net_driver *driver)
{
	/* One that does not answer loses its connection next. */
	if (driver->common.found && net_driver_error(driver) != -ENOTCONN)
		(void)driver_set_status(driver, 0, rig_after_ms(DRIVER_REPLY_MS));
}

/* Features */

static int read_offered(struct net_driver *driver, uint64_t *ret, rig_time deadline)
{
	uint64_t offered = 0;

	for (uint32_t half = 0; half < 2; half++) {
		uint32_t value;
		int r = driver_set(
			driver,
			&(struct driver_register) { VIRTIO_COMMON_DEVICE_FEATURE_SELECT, 4, half },
			1, deadline);
		if (r == 0)
			r = driver_get(driver, VIRTIO_COMMON_DEVICE_FEATURE, 4, &value, deadline);
		if (r < 0)
			return r;
		offered |= (uint64_t)value << (32 * half);
	}
	*ret = offered;
	return 0;
}

static int negotiate(struct net_driver *driver, rig_time deadline, char **ret_error)
{
	uint64_t offered = 0, taken;
	uint32_t status = 0;
	int r = reset(driver, deadline);

	if (r == 0)
		r = driver_set_status(driver, STATUS_STARTED, deadline);
	if (r == 0)
		r = read_offered(driver, &offered, deadline);
	if (r < 0)
		return explain(ret_error, r, "starting the card: %s", strerror(-r));
	if (!(offered & VIRTIO_F_VERSION_1))
		return explain(ret_error, -ENODEV, "the card does not speak virtio 1.x");
	taken = offered & WANTED;

	const struct driver_register registers[] = {
		{ VIRTIO_COMMON_DRIVER_FEATURE_SELECT, 4, 0 },
		{ VIRTIO_COMMON_DRIVER_FEATURE, 4, (uint32_t)taken },
		{ VIRTIO_COMMON_DRIVER_FEATURE_SELECT, 4, 1 },
		{ VIRTIO_COMMON_DRIVER_FEATURE, 4, (uint32_t)(taken >> 32) },
		{ VIRTIO_COMMON_STATUS, 1, STATUS_FEATURES },
	};
	r = driver_set(driver, registers, sizeof(registers) / sizeof(registers[0]), deadline);
	if (r == 0)
		r = driver_get(driver, VIRTIO_COMMON_STATUS, 1, &status, deadline);
	if (r < 0)
		return explain(ret_error, r, "agreeing on features: %s", strerror(-r));
	if (!(status & VIRTIO_STATUS_FEATURES_OK))
		return explain(ret_error, -ENODEV,
			       "the card refuses features 0x%llx of its own 0x%llx",
			       (unsigned long long)taken, (unsigned long long)offered);
	driver->info.features = taken;
	return 0;
}

/* Configuration: "the driver MUST ... read config_generation" before and after */

static int read_config_once(struct net_driver *driver, struct virtio_net_config *config,
			    rig_time deadline)
{
	bool mtu = driver->info.features & VIRTIO_NET_F_MTU;
	size_t len = mtu ? sizeof(*config) : offsetof(struct virtio_net_config, mtu);

	/* Bytes, each once: "driver MUST use 8 bit wide accesses for 8 bit fields" concerns who
	 * reaches the device by a bus; here a message is one access of any width. */
	memset(config, 0, sizeof(*config));
	if (len > driver->device.len)
		return -EPROTO;
	return rig_client_region_read(driver->client, driver->device.region, driver->device.offset,
				      config, len, deadline);
}

static int read_config(struct net_driver *driver, struct virtio_net_config *config,
		       rig_time deadline)
{
	uint32_t before, after;
	int r;

	for (unsigned int i = 0; i < GENERATION_TRIES; i++) {
		r = driver_get(driver, VIRTIO_COMMON_GENERATION, 1, &before, deadline);
		if (r == 0)
			r = read_config_once(driver, config, deadline);
		if (r == 0)
			r = driver_get(driver, VIRTIO_COMMON_GENERATION, 1, &after, deadline);
		if (r < 0)
			return r;
		if (before == after)
			return 0;
	}
	return -EPROTO;
}

static void note_link(struct net_driver *driver, const struct virtio_net_config *config)
{
	bool told = driver->info.features & VIRTIO_NET_F_STATUS;

	atomic_store(&driver->link_up, !told || le16(config->status) & VIRTIO_NET_S_LINK_UP);
}

int driver_read_state(struct net_driver *driver, rig_time deadline)
{
	struct virtio_net_config config;
	uint32_t status;
	int r = driver_get(driver, VIRTIO_COMMON_STATUS, 1, &status, deadline);

	if (r < 0)
		return r;
	if (status & VIRTIO_STATUS_NEEDS_RESET)
		return -ENODEV;
	r = read_config(driver, &config, deadline);
	if (r == 0)
		note_link(driver, &config);
	return r;
}

/* "5.1.5": without an address of its own the driver chooses one. */
static int take_mac(struct net_driver *driver, const struct virtio_net_config *config)
{
	uint8_t *mac = driver->info.mac;

	if (driver->info.features & VIRTIO_NET_F_MAC) {
		memcpy(mac, config->mac, FRAME_MAC);
		return 0;
	}
	if (getrandom(mac, FRAME_MAC, 0) != FRAME_MAC)
		return -EIO;
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02); /* local, of one card */
	return 0;
}

static int take_config(struct net_driver *driver, const struct net_driver_config *wanted,
		       rig_time deadline, char **ret_error)
{
	struct net_driver_info *info = &driver->info;
	struct virtio_net_config config;
	int r = read_config(driver, &config, deadline);

	if (r == 0)
		r = take_mac(driver, &config);
	if (r < 0)
		return explain(ret_error, r, "the card's configuration: %s", strerror(-r));
	info->mtu = info->features & VIRTIO_NET_F_MTU ? le16(config.mtu) : MTU_DEFAULT;
	if (info->mtu < FRAME_MTU_MIN)
		return explain(ret_error, -EPROTO, "the card has an MTU of %u", info->mtu);
	info->max_frame = wanted->max_frame;
	if (info->max_frame == 0)
		info->max_frame = (size_t)info->mtu + FRAME_ETH_HEADER + FRAME_VLAN_TAG;
	if (info->max_frame > FRAME_MAX)
		info->max_frame = FRAME_MAX;
	note_link(driver, &config);
	return 0;
}

int driver_setup(struct net_driver *driver, const struct net_driver_config *config,
		 rig_time deadline, char **ret_error)
{
	uint16_t size = config->queue_size ? config->queue_size : DRIVER_QUEUE_SIZE;
	int r = driver_find_registers(driver, deadline, ret_error);

	if (r < 0)
		return r;
	r = negotiate(driver, deadline, ret_error);
	if (r < 0)
		return r;
	r = take_config(driver, config, deadline, ret_error);
	if (r < 0)
		return r;
	r = driver_make_queues(driver, size, deadline, ret_error);
	if (r < 0)
		return r;
	r = driver_attach_vectors(driver, deadline);
	if (r < 0)
		return explain(ret_error, r, "interrupts of the card: %s", strerror(-r));
	r = driver_start_queues(driver, deadline);
	if (r < 0)
		return explain(ret_error, r, "starting the card's queues: %s", strerror(-r));
	return 0;
}
