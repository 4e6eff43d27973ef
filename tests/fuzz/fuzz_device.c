/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_device.c - a device that does anything
 */
#include "fuzz_device.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

/* Its callbacks */

static int defer(struct device *d, enum device_whim whim)
{
	struct rig_request *request;

	if (!(d->whims & whim) || d->n_deferred == DEVICE_MAX)
		return d->whims & FAIL ? -EIO : 0;
	request = rig_server_defer(d->server);
	if (!request)
		return -ENOMEM;
	d->deferred[d->n_deferred++] = request;
	return RIG_DEFERRED;
}

static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	MUST(count > 0);
	memset(buf, (int)offset, count);
	return defer(opaque, DEFER_ACCESS);
}

static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	struct device *d = opaque;
	uint64_t address = 0;

	MUST(count > 0);
	memcpy(&address, buf, count < sizeof(address) ? count : sizeof(address));
	if (d->whims & USE_MEMORY)
		device_dma(d, offset & 1, offset & 2, address, 64, 0);
	return defer(d, DEFER_ACCESS);
}

static int reset(void *opaque, enum rig_reset why)
{
	return why == RIG_RESET_COMMAND ? defer(opaque, DEFER_RESET) : 0;
}

static int quiesce(void *opaque)
{
	return defer(opaque, DEFER_QUIESCE);
}

static void dma_mapped(void *opaque, uint64_t address, uint64_t size)
{
	struct device *d = opaque;

	d->mapped++;
}

static void dma_unmapping(void *opaque, uint64_t address, uint64_t size)
{
	struct device *d = opaque;

	d->unmapped++;
	MUST(d->unmapped <= d->mapped);
}

static int irqs_changed(void *opaque, uint32_t index, uint32_t start, uint32_t count,
			uint32_t flags)
{
	MUST(index < RIG_PCI_IRQS && count > 0 && flags != 0);
	return defer(opaque, DEFER_IRQS);
}

static void connected(void *opaque)
{
	struct device *d = opaque;

	d->connected++;
	MUST(d->connected == d->disconnected + 1);
}

static void disconnected(void *opaque, int error, const char *reason)
{
	struct device *d = opaque;

	MUST(error < 0 && reason[0] != '\0');
	MUST(d->mapped == d->unmapped && d->n_pins == 0);
	d->disconnected++;
	MUST(d->connected == d->disconnected);
}

static void log_message(void *opaque, enum rig_log_level level, const char *message)
{
	MUST(message[0] != '\0');
}

static const struct rig_device_ops device_ops = {
	.region_read = region_read,
	.region_write = region_write,
	.reset = reset,
	.quiesce = quiesce,
	.dma_mapped = dma_mapped,
	.dma_unmapping = dma_unmapping,
	.irqs_changed = irqs_changed,
	.connected = connected,
	.disconnected = disconnected,
	.log = log_message,
};

static int transition(void *opaque, enum rig_migration_state from, enum rig_migration_state to)
{
	struct device *d = opaque;

	MUST(from != to && from != RIG_MIGRATION_ERROR && to != RIG_MIGRATION_ERROR);
	return (d->whims & FAIL) && d->n_deferred > 0 ? -ENOTRECOVERABLE
						      : defer(d, DEFER_TRANSITION);
}

static ssize_t read_data(void *opaque, void *buf, size_t size)
{
	size_t n = size < 100 ? size : 100;
	int r = defer(opaque, DEFER_DATA);

	memset(buf, 1, n);
	return r == 0 ? (ssize_t)n : r;
}

static int write_data(void *opaque, const void *buf, size_t size)
{
	MUST(size > 0 && memchr(buf, ((const uint8_t *)buf)[size - 1], size));
	return defer(opaque, DEFER_DATA);
}

static const struct rig_migration_ops migration_ops = {
	.transition = transition,
	.read_data = read_data,
	.write_data = write_data,
	.flags = RIG_MIGRATION_STOP_COPY | RIG_MIGRATION_PRE_COPY,
};

/* Its description */

static int memory_fd(const char *name, off_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	MUST(fd >= 0 && ftruncate(fd, size) == 0);
	return fd;
}

const struct device_fds *device_fds(void)
{
	static struct device_fds fds = { -1, -1, -1 };

	if (fds.memory < 0) {
		fds.memory = memory_fd("peer", 16 * PAGE);
		fds.region = memory_fd("region", 2 * PAGE);
		fds.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	return &fds;
}

static struct rig_mmap_area area = { PAGE, PAGE, -1, 0 };

static struct rig_region regions[RIG_PCI_REGIONS + 1] = {
	[RIG_PCI_BAR0] = { 2 * PAGE, RIG_REGION_READ | RIG_REGION_WRITE, -1, 0, NULL, 0 },
	[RIG_PCI_BAR1] = { 2 * PAGE, RIG_REGION_READ | RIG_REGION_MMAP, -1, 0, &area, 1 },
	[RIG_PCI_CONFIG] = { PAGE, RIG_REGION_READ | RIG_REGION_WRITE, -1, 0, NULL, 0 },
	[RIG_PCI_REGIONS] = {
		.size = 2 * PAGE,
		.flags = RIG_REGION_WRITE | RIG_REGION_MMAP | RIG_REGION_AREA_FDS,
		.areas = &area,
		.n_areas = 1,
		.type = 5,
		.subtype = 6,
	},
};

static const struct rig_irq irqs[RIG_PCI_IRQS] = {
	[RIG_PCI_INTX_IRQ] = { 1, RIG_IRQ_EVENTFD | RIG_IRQ_MASKABLE | RIG_IRQ_AUTOMASKED },
	[RIG_PCI_MSIX_IRQ] = { 4, RIG_IRQ_EVENTFD },
	[RIG_PCI_ERR_IRQ] = { 1, RIG_IRQ_EVENTFD },
};

static bool add_io_fds(struct rig_server *server)
{
	const struct device_fds *fds = device_fds();
	const struct rig_io_fd_desc plain = { .size = 4, .fd = fds->event };
	const struct rig_io_fd_desc shadow = {
		.offset = 8,
		.size = 4,
		.fd = fds->event,
		.type = RIG_IO_FD_SHADOW,
		.shadow_fd = fds->region,
	};

	return rig_server_add_io_fd(server, RIG_PCI_BAR0, &plain) == 0 &&
	       rig_server_add_io_fd(server, RIG_PCI_CONFIG, &plain) == 0 &&
	       rig_server_add_io_fd(server, RIG_PCI_CONFIG, &shadow) == 0;
}

bool device_plug(struct device *d, uint32_t flags, bool migratable)
{
	const struct rig_device device = {
		.struct_size = sizeof(device),
		.flags = RIG_DEVICE_RESET | RIG_DEVICE_PCI | flags,
		.regions = regions,
		.n_regions = RIG_PCI_REGIONS + 1,
		.irqs = irqs,
		.n_irqs = RIG_PCI_IRQS,
		.ops = &device_ops,
		.opaque = d,
		.max_dma_maps = 4,
		.migration = migratable ? &migration_ops : NULL,
	};

	area.fd = regions[RIG_PCI_BAR1].mmap_fd = device_fds()->region;
	return rig_server_new(&device, &d->server) == 0 && add_io_fds(d->server);
}

/* What it does by itself */

void device_answer(struct device *d, size_t which, int error)
{
	struct rig_request *request;
	size_t len;
	void *bytes;

	if (d->n_deferred == 0)
		return;
	which %= d->n_deferred;
	request = d->deferred[which];
	d->deferred[which] = d->deferred[--d->n_deferred];
	bytes = rig_request_data(request, &len);
	if (len > 0)
		memset(bytes, 2, len);
	/* It may be of another kind. */
	(void)!rig_request_set_len(request, len / 2);
	rig_request_done(request, error);
}

static void over(void *opaque, int result)
{
	struct device *d = opaque;

	MUST(result <= 0);
	d->completed++;
	MUST(d->completed <= d->started);
}

static void dma_async(struct device *d, bool write, uint64_t address, size_t len, rig_time deadline)
{
	const struct rig_completion done = { over, d };
	int r;

	d->started++;
	if (write)
		r = rig_dma_write_async(d->server, address, d->buf, len, deadline, done);
	else
		r = rig_dma_read_async(d->server, address, d->buf, len, deadline, done);
	MUST(r <= 0);
	if (r < 0)
		d->started--;
}

void device_dma(struct device *d, bool write, bool async, uint64_t address, size_t len,
		rig_time deadline)
{
	if (async)
		dma_async(d, write, address, len, deadline);
	else if (write)
		MUST(rig_dma_write(d->server, address, d->buf, len, 0) <= 0);
	else
		MUST(rig_dma_read(d->server, address, d->buf, len, 0) <= 0);
}

void device_pin(struct device *d, uint64_t address, size_t len)
{
	struct rig_dma_seg *segs = &d->pins[d->n_pins];
	int n = rig_dma_pin(d->server, address, len, RIG_DMA_READ | RIG_DMA_WRITE, segs,
			    DEVICE_MAX - d->n_pins);

	for (int i = 0; i < n; i++)
		memset(segs[i].host, 3, segs[i].len);
	if (n > 0)
		d->n_pins += (size_t)n;
}

void device_unpin(struct device *d)
{
	rig_dma_unpin(d->server, d->pins, d->n_pins);
	d->n_pins = 0;
}
