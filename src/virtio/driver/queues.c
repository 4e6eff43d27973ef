/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * queues.c - the queue pair: sizes, memory, interrupts, kicks, and off they go
 *
 * One thread: net_driver_new()'s.
 */
#include "virtio/driver/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "sys/explain.h"
#include "virtio/spec.h"

#define DRIVER_STATUS_OK                                                                \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK | \
	 VIRTIO_STATUS_DRIVER_OK)

static int select_queue(struct net_driver *driver, uint16_t queue, rig_time deadline)
{
	return driver_set(driver,
			  &(struct driver_register) { VIRTIO_COMMON_QUEUE_SELECT, 2, queue }, 1,
			  deadline);
}

/* Ours is a power of 2, so that the smaller of both is one too. */
static int choose_size(struct net_driver *driver, uint16_t queue, uint16_t wanted, uint16_t *ret,
		       rig_time deadline)
{
	uint32_t most;
	int r = select_queue(driver, queue, deadline);

	if (r == 0)
		r = driver_get(driver, VIRTIO_COMMON_QUEUE_SIZE, 2, &most, deadline);
	if (r < 0)
		return r;
	if (most == 0 || (most & (most - 1)) != 0)
		return -EPROTO;
	*ret = most < wanted ? (uint16_t)most : wanted;
	return 0;
}

static int enable_queue(struct net_driver *driver, uint16_t queue, const struct vring *ring,
			uint16_t vector, rig_time deadline)
{
	size_t at = driver->memory.rings[queue];
	struct vring_layout layout;
	uint32_t vector_now = VIRTIO_MSI_NO_VECTOR, enabled = 0;
	int r = select_queue(driver, queue, deadline);

	vring_layout(ring->size, &layout);
	const struct driver_register registers[] = {
		{ VIRTIO_COMMON_QUEUE_SIZE, 2, ring->size },
		{ VIRTIO_COMMON_QUEUE_VECTOR, 2, vector },
		{ VIRTIO_COMMON_QUEUE_DESC, 4, (uint32_t)driver_memory_address(at + layout.desc) },
		{ VIRTIO_COMMON_QUEUE_DESC + 4, 4, 0 },
		{ VIRTIO_COMMON_QUEUE_DRIVER, 4,
		  (uint32_t)driver_memory_address(at + layout.avail) },
		{ VIRTIO_COMMON_QUEUE_DRIVER + 4, 4, 0 },
		{ VIRTIO_COMMON_QUEUE_DEVICE, 4,
		  (uint32_t)driver_memory_address(at + layout.used) },
		{ VIRTIO_COMMON_QUEUE_DEVICE + 4, 4, 0 },
		{ VIRTIO_COMMON_QUEUE_ENABLE, 2, 1 },
	};
	if (r == 0)
		r = driver_set(driver, registers, sizeof(registers) / sizeof(registers[0]),
			       deadline);
	if (r == 0)
		r = driver_get(driver, VIRTIO_COMMON_QUEUE_VECTOR, 2, &vector_now, deadline);
	if (r == 0)
		r = driver_get(driver, VIRTIO_COMMON_QUEUE_ENABLE, 2, &enabled, deadline);
	if (r < 0)
		return r;
	return vector_now == vector && enabled == 1 ? 0 : -EPROTO;
}

/* Where a kick of the selected queue goes. */
static int find_kick(struct net_driver *driver, enum driver_queue queue, rig_time deadline)
{
	uint32_t notify_off;
	int r = driver_get(driver, VIRTIO_COMMON_QUEUE_NOTIFY_OFF, 2, &notify_off, deadline);
	uint64_t offset;

	if (r < 0)
		return r;
	offset = (uint64_t)notify_off * driver->notify_multiplier;
	if (driver->notify.len < 2 || offset > driver->notify.len - 2)
		return -EPROTO;
	driver->kicks[queue].offset = driver->notify.offset + offset;
	return 0;
}

static bool is_kick_of(const struct rig_io_fd *io, uint64_t offset, uint64_t queue)
{
	return io->fd >= 0 && io->type == RIG_IO_FD_IOEVENTFD && io->offset == offset &&
	       (io->size == 0 || io->size == 2) && !(io->flags & ~RIG_IO_FD_FLAG_DATAMATCH) &&
	       (!(io->flags & RIG_IO_FD_FLAG_DATAMATCH) || io->datamatch == queue);
}

/* Devices need not have any, and most servers do not know the question. */
static int take_kick_fds(struct net_driver *driver, rig_time deadline)
{
	struct rig_io_fd *fds;
	size_t n;
	int r = rig_client_region_io_fds(driver->client, driver->notify.region, &fds, &n, deadline);

	if (r < 0)
		return r == -ENOTCONN || r == -ETIMEDOUT || r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t q = 0; q < DRIVER_QUEUES; q++) {
			struct driver_kick *kick = &driver->kicks[q];

			if (kick->fd < 0 && is_kick_of(&fds[i], kick->offset, q))
				kick->fd = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, 0);
		}
	}
	rig_client_io_fds_free(fds, n);
	return 0;
}

/* Interrupts: the client's eventfds, and which vector means a change of the configuration. */
int driver_attach_vectors(struct net_driver *driver, rig_time deadline)
{
	struct rig_irq_info info;
	uint32_t vector = VIRTIO_MSI_NO_VECTOR;
	int r = rig_client_irq_info(driver->client, RIG_PCI_MSIX_IRQ, &info, deadline);

	if (r < 0)
		return r;
	if (info.count < DRIVER_VECTORS)
		return -ENODEV;
	r = rig_client_set_irqs(driver->client, RIG_PCI_MSIX_IRQ,
				RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER, 0, DRIVER_VECTORS,
				driver->irqs, deadline);
	if (r == 0)
		r = driver_enable_bus(driver, deadline);
	if (r == 0)
		r = driver_set(driver,
			       &(struct driver_register) { VIRTIO_COMMON_CONFIG_VECTOR, 2,
							   DRIVER_CONFIG_VECTOR },
			       1, deadline);
	if (r == 0)
		r = driver_get(driver, VIRTIO_COMMON_CONFIG_VECTOR, 2, &vector, deadline);
	if (r < 0)
		return r;
	return vector == DRIVER_CONFIG_VECTOR ? 0 : -EPROTO;
}

int driver_make_queues(struct net_driver *driver, uint16_t wanted, rig_time deadline,
		       char **ret_error)
{
	struct vring *rings[DRIVER_QUEUES] = { &driver->rx.ring, &driver->tx.ring };
	bool event_idx = driver->info.features & VIRTIO_F_EVENT_IDX;
	uint16_t sizes[DRIVER_QUEUES];
	int r;

	for (uint16_t q = 0; q < DRIVER_QUEUES; q++) {
		r = choose_size(driver, q, wanted, &sizes[q], deadline);
		if (r == 0)
			r = find_kick(driver, q, deadline);
		if (r < 0)
			return explain(ret_error, r, "queue %u: %s", q, strerror(-r));
	}
	driver->info.queue_size = sizes[DRIVER_RX_QUEUE];
	r = driver_memory_new(&driver->memory, sizes,
			      sizeof(struct frame_header) + driver->info.max_frame);
	if (r == 0)
		r = driver_memory_map(driver, deadline);
	if (r < 0)
		return explain(ret_error, r, "memory for the card: %s", strerror(-r));
	for (uint16_t q = 0; q < DRIVER_QUEUES; q++)
		vring_init(rings[q], sizes[q], event_idx,
			   driver->memory.at + driver->memory.rings[q]);
	return 0;
}

int driver_start_queues(struct net_driver *driver, rig_time deadline)
{
	int r = enable_queue(driver, DRIVER_RX_QUEUE, &driver->rx.ring, DRIVER_RX_VECTOR, deadline);

	if (r == 0)
		r = enable_queue(driver, DRIVER_TX_QUEUE, &driver->tx.ring, DRIVER_TX_VECTOR,
				 deadline);
	if (r == 0)
		r = take_kick_fds(driver, deadline);
	if (r < 0)
		return r;
	driver_tx_start(driver);
	driver_rx_start(driver);
	r = driver_set_status(driver, DRIVER_STATUS_OK, deadline);
	if (r == 0 && vring_wants_kick(&driver->rx.ring))
		driver_kick(driver, DRIVER_RX_QUEUE);
	/* A change since the configuration was read had no interrupt. */
	return r < 0 ? r : driver_read_state(driver, deadline);
}
