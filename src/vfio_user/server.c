/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.c - a device: its description, its life, and what any thread may ask of it
 *
 * Departures from the specification, and choices where it leaves some:
 *  - A client that overlaps a map gets EEXIST even if it repeats it exactly.
 *  - The unmask eventfd of an interrupt is input (irq.c).
 *  - UNMAP's flag bit 1 with address and size 0 removes everything, as in libvfio-user.
 *  - The entries of GET_REGION_IO_FDS grow from 40 to 48 bytes where a shadow ioeventfd is among
 *    them (server_io_fds.c).
 */
#include "vfio_user/server_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/fork_guard.h"
#include "vfio_user/region_info.h"
#include "vfio_user/server_inbox.h"

#define DEVICE_FLAGS                                                    \
	(RIG_DEVICE_RESET | RIG_DEVICE_PCI | RIG_DEVICE_RESET_ON_LOSS | \
	 RIG_DEVICE_WRITE_MULTIPLE | RIG_DEVICE_ONE_THREAD)
#define IRQ_FLAGS (RIG_IRQ_EVENTFD | RIG_IRQ_MASKABLE | RIG_IRQ_AUTOMASKED | RIG_IRQ_NORESIZE)

void server_log(struct rig_server *server, enum rig_log_level level, const char *format, ...)
{
	const struct rig_device_ops *ops = server->device.ops;
	char message[256];
	va_list args;

	if (!ops->log)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	ops->log(server->device.opaque, level, message);
}

static int check_regions(const struct rig_device *device)
{
	for (uint32_t i = 0; i < device->n_regions; i++)
		if (region_info_check(&device->regions[i], i) < 0)
			return -EINVAL;
	return 0;
}

static int check_irqs(const struct rig_device *device)
{
	for (uint32_t i = 0; i < device->n_irqs; i++)
		if (device->irqs[i].flags & ~IRQ_FLAGS)
			return -EINVAL;
	return 0;
}

static int check_device(const struct rig_device *device)
{
	if (device->struct_size < sizeof(*device) || !device->ops || !device->ops->region_read ||
	    !device->ops->region_write)
		return -EINVAL;
	if (device->flags & ~DEVICE_FLAGS)
		return -EINVAL;
	if ((device->flags & (RIG_DEVICE_RESET | RIG_DEVICE_RESET_ON_LOSS)) && !device->ops->reset)
		return -EINVAL;
	if ((device->flags & RIG_DEVICE_PCI) &&
	    (device->n_regions < RIG_PCI_REGIONS || device->n_irqs < RIG_PCI_IRQS))
		return -EINVAL;
	if (check_regions(device) < 0)
		return -EINVAL;
	return check_irqs(device);
}

/* The end of it: in rig_server_free(), or in the last rig_dma_unpin() after that, of any thread. */
static void memory_gone(void *opaque)
{
	struct rig_server *server = opaque;

	server_inbox_unref(server->inbox);
	pthread_mutex_destroy(&server->peer_lock);
	free(server);
}

static int fill(struct rig_server *server)
{
	const struct rig_device *device = &server->device;
	int r;

	server->io_fds = calloc(device->n_regions ? device->n_regions : 1, sizeof(*server->io_fds));
	if (!server->io_fds)
		return -ENOMEM;
	r = irq_set_new(device->irqs, device->n_irqs, &server->irqs);
	if (r < 0)
		return r;
	r = server_features_new(device, &server->features);
	if (r < 0)
		return r;
	r = server_inbox_new(server_one_thread(server) ? server_woken : NULL, server,
			     &server->inbox);
	if (r < 0)
		return r;
	r = dma_map_new(device->max_dma_maps, &server->dma);
	if (r < 0)
		return r;
	dma_map_set_notify(server->dma, server_dma_released, server);
	dma_map_set_gone(server->dma, memory_gone, server);
	return 0;
}

int rig_server_new(const struct rig_device *device, struct rig_server **ret)
{
	struct rig_server *server;
	int r;

	r = check_device(device);
	if (r < 0)
		return r;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	pthread_mutex_init(&server->peer_lock, NULL);
	fork_guard_init();
	server->forks = fork_guard_generation();
	server->device = *device;
	if (server->device.max_dma_maps == 0)
		server->device.max_dma_maps = RIG_DEFAULT_MAX_DMA_MAPS;
	r = fill(server);
	if (r < 0) {
		rig_server_free(server);
		return r;
	}
	*ret = server;
	return 0;
}

/*
 * In a child of a fork. Nothing is called back, no descriptor that the parent has, too, is told anything,
 * and memory is left as it is: a thread that is no more may have been at it.
 */
static void abandon(struct rig_server *server)
{
	while (server->conns)
		server_conn_abandon(server->conns);
	server_inbox_unref(server->inbox);
}

void rig_server_free(struct rig_server *server)
{
	if (!server)
		return;
	if (server->forks != fork_guard_generation()) {
		abandon(server);
		return;
	}
	while (server->conns) {
		struct rig_conn *conn = server->conns;

		server_conn_drop(conn, "the device was removed");
		server_loss_force(server);
		conn->server = NULL;
	}
	server_loss_force(server); /* of a client whose connection was freed before */
	if (server->inbox)
		server_inbox_close(server->inbox);
	server_features_free(server->features);
	irq_set_free(server->irqs);
	server_io_fds_free(server);
	if (server->dma)
		dma_map_free(server->dma);
	else
		memory_gone(server); /* rig_server_new() failed */
}

int rig_irq_trigger(struct rig_server *server, uint32_t index, uint32_t vector)
{
	return irq_set_trigger(server->irqs, index, vector);
}

int rig_irq_unmask_fd(struct rig_server *server, uint32_t index, uint32_t vector)
{
	return irq_set_unmask_fd(server->irqs, index, vector);
}

int rig_irq_unmasked(struct rig_server *server, uint32_t index, uint32_t vector)
{
	return irq_set_unmasked(server->irqs, index, vector);
}

int rig_dma_translate(struct rig_server *server, uint64_t address, uint64_t len, uint32_t prot,
		      struct iovec *iov, size_t max_iov)
{
	return dma_map_translate(server->dma, address, len, prot, iov, max_iov);
}

int rig_dma_pin(struct rig_server *server, uint64_t address, uint64_t len, uint32_t prot,
		struct rig_dma_seg *segs, size_t max_segs)
{
	return dma_map_pin(server->dma, address, len, prot, segs, max_segs);
}

void rig_dma_unpin(struct rig_server *server, struct rig_dma_seg *segs, size_t n)
{
	dma_map_unpin(server->dma, segs, n);
}

void rig_dma_mark_dirty(struct rig_server *server, uint64_t address, uint64_t len)
{
	dma_mark_dirty(server->dma, address, len);
}
