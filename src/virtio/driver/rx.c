/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rx.c - frames from the device
 *
 *   device's buffers --- vring_take() ---> ready: shown by peek --- consume ---> device's buffers
 *
 * All buffers are the device's at first. What it has filled is taken from the ring and checked once,
 * into `ready`; there frames stay in order until they are consumed. Buffers that go back are worth a
 * kick only to a device that ran out of them, which says so by avail_event.
 *
 * The receiving thread; driver_rx_start(): before there is one; net_driver_waiting(): any.
 */
#include "virtio/driver/internal.h"

#include <errno.h>
#include <string.h>

#define HEADER sizeof(struct frame_header)

static size_t buffer_at(const struct net_driver *driver, uint16_t id)
{
	return driver->memory.buffers[DRIVER_RX_QUEUE] + id * driver->memory.buffer_size;
}

void driver_rx_start(struct net_driver *driver)
{
	struct driver_rx *rx = &driver->rx;

	for (uint16_t id = 0; id < rx->ring.size; id++) {
		size_t at = buffer_at(driver, id);

		rx->iov[id].iov_base = driver->memory.at + at + HEADER;
		vring_set_buffer(&rx->ring, id, driver_memory_address(at),
				 (uint32_t)(HEADER + driver->info.max_frame), VIRTQ_DESC_F_WRITE);
		vring_offer(&rx->ring, id);
	}
	vring_show(&rx->ring);
}

static uint16_t n_ready(const struct driver_rx *rx)
{
	return atomic_load_explicit(&rx->n_ready, memory_order_relaxed);
}

/* Return: 1, 0 none, or what is wrong with the device */
static int take_frame(struct net_driver *driver)
{
	struct driver_rx *rx = &driver->rx;
	uint16_t id, n = n_ready(rx);
	uint32_t len;
	int r = vring_take(&rx->ring, &id, &len);

	if (r <= 0)
		return r;
	if (len < HEADER + FRAME_ETH_HEADER || len > HEADER + driver->info.max_frame)
		return -EPROTO;
	rx->iov[id].iov_len = len - HEADER;
	rx->ready[(rx->first_ready + n) & (rx->ring.size - 1)] = id;
	/* Behind vring_take(): see net_driver_waiting(). */
	atomic_store_explicit(&rx->n_ready, (uint16_t)(n + 1), memory_order_release);
	return 1;
}

/* No offload was agreed on: the header says nothing, whatever the device wrote there. */
static void show_frame(const struct driver_rx *rx, uint16_t i, struct frame *ret)
{
	const struct iovec *iov = &rx->iov[rx->ready[(rx->first_ready + i) & (rx->ring.size - 1)]];

	*ret = (struct frame) { .iov = iov, .n_iov = 1, .len = iov->iov_len };
}

size_t net_driver_peek(struct net_driver *driver, struct frame *frames, size_t n)
{
	struct driver_rx *rx = &driver->rx;
	size_t shown;
	int r = 1;

	if (net_driver_error(driver))
		return 0;
	vring_disarm(&rx->ring);
	while (r > 0 && n_ready(rx) < n)
		r = take_frame(driver);
	if (r < 0) {
		driver_fail(driver, r);
		return 0;
	}
	shown = n_ready(rx) < n ? n_ready(rx) : n;
	for (size_t i = 0; i < shown; i++)
		show_frame(rx, (uint16_t)i, &frames[i]);
	return shown;
}

void net_driver_consume(struct net_driver *driver, size_t n)
{
	struct driver_rx *rx = &driver->rx;
	uint16_t left = n_ready(rx);

	for (size_t i = 0; i < n && left > 0; i++, left--)
		vring_offer(&rx->ring, rx->ready[rx->first_ready++ & (rx->ring.size - 1)]);
	atomic_store_explicit(&rx->n_ready, left, memory_order_relaxed);
	vring_show(&rx->ring);
	if (vring_wants_kick(&rx->ring))
		driver_kick(driver, DRIVER_RX_QUEUE);
}

/* A frame leaves the ring before it is ready: looked at in this order, none counts twice. */
size_t net_driver_waiting(const struct net_driver *driver)
{
	size_t ready = atomic_load_explicit(&driver->rx.n_ready, memory_order_acquire);

	return net_driver_error(driver) ? 0 : ready + vring_waiting(&driver->rx.ring);
}

bool net_driver_arm(struct net_driver *driver)
{
	struct driver_rx *rx = &driver->rx;

	if (net_driver_error(driver) || n_ready(rx) > 0)
		return false;
	return vring_arm(&rx->ring, 1);
}
