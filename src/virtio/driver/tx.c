/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tx.c - frames to the device
 *
 * A frame is copied behind a header of zeros into a free buffer and shown to the device at once; one
 * that polls needs no kick. Buffers come back when there are fewer than are wanted. Interrupts are
 * off, but for a thread that waits for room.
 *
 * The sending thread; driver_tx_start(): before there is one.
 */
#include "virtio/driver/internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "sys/peer_eventfd.h"
#include "virtio/iov.h"

#define HEADER sizeof(struct frame_header)

static size_t buffer_at(const struct net_driver *driver, uint16_t id)
{
	return driver->memory.buffers[DRIVER_TX_QUEUE] + id * driver->memory.buffer_size;
}

void driver_tx_start(struct net_driver *driver)
{
	struct driver_tx *tx = &driver->tx;

	/* The first is on top. */
	for (uint16_t id = tx->ring.size; id-- > 0;)
		tx->free[tx->n_free++] = id;
}

/* Return: 0, what is wrong with the device */
static int reclaim(struct net_driver *driver)
{
	struct driver_tx *tx = &driver->tx;
	uint16_t id;
	uint32_t len; /* the device writes nothing: "the used length" is 0, or means nothing */
	int r;

	while ((r = vring_take(&tx->ring, &id, &len)) > 0)
		tx->free[tx->n_free++] = id;
	return r < 0 ? driver_fail(driver, r) : 0;
}

/* Return: 0, -EMSGSIZE, -EINVAL */
static int put_frame(struct net_driver *driver, const struct frame *frame)
{
	static const struct frame_header zero;
	struct driver_tx *tx = &driver->tx;
	uint16_t id = tx->free[tx->n_free - 1];
	size_t at = buffer_at(driver, id);
	uint8_t *bytes = driver->memory.at + at;

	if (frame->len > driver->info.max_frame)
		return -EMSGSIZE;
	if (frame->len < FRAME_ETH_HEADER)
		return -EINVAL;
	memcpy(bytes, &zero, HEADER);
	if (iov_to_buf(frame->iov, frame->n_iov, 0, bytes + HEADER, frame->len) < frame->len)
		return -EINVAL;
	vring_set_buffer(&tx->ring, id, driver_memory_address(at), (uint32_t)(HEADER + frame->len),
			 0);
	vring_offer(&tx->ring, id);
	tx->n_free--;
	return 0;
}

ssize_t net_driver_send(struct net_driver *driver, const struct frame *frames, size_t n)
{
	struct driver_tx *tx = &driver->tx;
	int r = net_driver_error(driver);
	size_t i;

	if (r == 0 && tx->n_free < n)
		r = reclaim(driver);
	for (i = 0; r == 0 && i < n && tx->n_free > 0; i++) {
		r = put_frame(driver, &frames[i]);
		if (r < 0)
			break;
	}
	if (i == 0)
		return r;
	vring_show(&tx->ring);
	return (ssize_t)i;
}

void net_driver_flush(struct net_driver *driver)
{
	if (vring_wants_kick(&driver->tx.ring) && !net_driver_error(driver))
		driver_kick(driver, DRIVER_TX_QUEUE);
}

/* Return: 0 woken, -ETIMEDOUT, -errno */
static int sleep_until(struct net_driver *driver, rig_time deadline)
{
	struct pollfd fds[] = {
		{ .fd = driver->irqs[DRIVER_TX_VECTOR], .events = POLLIN },
		{ .fd = rig_client_fd(driver->client), .events = POLLIN },
	};
	rig_time now = rig_now(), left = deadline > now ? deadline - now : 0;
	struct timespec wait = { .tv_sec = (time_t)(left / 1000000),
				 .tv_nsec = (long)(left % 1000000) * 1000 };
	int n = ppoll(fds, 2, deadline == RIG_FOREVER ? NULL : &wait, NULL);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	(void)peer_eventfd_consume(driver->irqs[DRIVER_TX_VECTOR]);
	/* The connection's end, most likely, which tells everybody. */
	if (fds[1].revents)
		(void)rig_client_dispatch(driver->client);
	/* Whoever keeps us awake does not keep us here. */
	return n > 0 && left > 0 ? 0 : -ETIMEDOUT;
}

/* Until @n buffers are free. Return: 0, -ETIMEDOUT, what is wrong with the device */
static int wait_free(struct net_driver *driver, uint16_t n, rig_time deadline)
{
	struct driver_tx *tx = &driver->tx;
	int r;

	net_driver_flush(driver);
	do {
		r = net_driver_error(driver);
		if (r == 0)
			r = reclaim(driver);
		if (r < 0 || tx->n_free >= n)
			break;
		if (vring_arm(&tx->ring, (uint16_t)(n - tx->n_free)))
			r = sleep_until(driver, deadline);
	} while (r == 0);
	vring_disarm(&tx->ring);
	return r;
}

int net_driver_wait_room(struct net_driver *driver, rig_time deadline)
{
	return wait_free(driver, 1, deadline);
}

int net_driver_drain(struct net_driver *driver, rig_time deadline)
{
	return wait_free(driver, driver->tx.ring.size, deadline);
}
