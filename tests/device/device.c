/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * device.c - what the library is told of the device, and the callbacks
 *
 * Each callback that a client's request leads to first asks whether it is to fail, then does its
 * work, then whether the answer is to be late.
 */
#include "device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERRNO_MAX     4095u
#define UNRELEASED_MS 1000u /* what nobody may be able to release is answered then */

/*
 * Failing and answering late
 */

static int as_errno(uint32_t value)
{
	return value >= 1 && value <= ERRNO_MAX ? -(int)value : -EIO;
}

/* Is a request of this kind to fail? Return: 0, or the errno */
static int fails(struct test_device *d, uint32_t kind)
{
	if (!(register_get(&d->registers, RIG_TEST_REG_FAIL_KINDS) & kind))
		return 0;
	register_set(&d->registers, RIG_TEST_REG_FAIL_KINDS, 0);
	return as_errno(register_get(&d->registers, RIG_TEST_REG_FAIL_ERRNO));
}

/* How a request of some kind is to be answered, from the registers as they were before it. */
struct delay {
	bool late;
	uint32_t ms;
	int error; /* instead of doing it */
};

static struct delay delay_of(const struct test_device *d, uint32_t kind)
{
	uint32_t error = register_get(&d->registers, RIG_TEST_REG_DEFER_ERRNO);
	struct delay delay = { .ms = register_get(&d->registers, RIG_TEST_REG_DEFER_MS) };

	if (delay.ms == 0 && (kind & (RIG_TEST_KIND_RESET | RIG_TEST_KIND_QUIESCE)))
		delay.ms = UNRELEASED_MS;
	delay.late = register_get(&d->registers, RIG_TEST_REG_DEFER_KINDS) & kind;
	if (delay.late && error)
		delay.error = as_errno(error);
	return delay;
}

/*
 * Answer this request now with r, or later. @data: what a read read.
 * Return: what the callback returns
 */
static int answer(struct test_device *d, const struct delay *delay, int r, const void *data)
{
	struct rig_request *request;
	void *bytes;
	size_t len;

	if (!delay->late || r != 0)
		return r;
	request = rig_server_defer(d->server);
	if (!request)
		return -ENOMEM;
	bytes = rig_request_data(request, &len);
	if (data)
		memcpy(bytes, data, len);
	late_answer(&d->late, request, delay->ms, delay->error);
	return RIG_DEFERRED;
}

/*
 * Regions
 */

/* May this access fail, or be answered late? What gives such orders may not. */
static bool obeys(uint32_t region, uint64_t offset)
{
	if (region == RIG_PCI_BAR0)
		return offset >= RIG_TEST_REG_MEMORY && offset < RIG_TEST_REG_MEMORY_END;
	return region != RIG_PCI_CONFIG;
}

static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	struct test_device *d = opaque;
	uint32_t kind = obeys(region, offset) ? RIG_TEST_KIND_READ : 0;
	struct delay delay = delay_of(d, kind);
	int r = fails(d, kind);

	if (r < 0)
		return r;
	if (region == RIG_PCI_BAR0)
		registers_read(d, offset, buf, count);
	else if (region != RIG_PCI_CONFIG)
		memcpy(buf, d->memory.bytes[region] + offset, count);
	return answer(d, &delay, rig_pci_read(d->pci, region, offset, buf, count), buf);
}

static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	struct test_device *d = opaque;
	uint32_t kind = obeys(region, offset) ? RIG_TEST_KIND_WRITE : 0;
	struct delay delay = delay_of(d, kind);
	int r = fails(d, kind);

	if (r < 0)
		return r;
	if (delay.error)
		return answer(d, &delay, 0, NULL);
	if (region == RIG_PCI_BAR0)
		registers_write(d, offset, buf, count);
	else if (region != RIG_PCI_CONFIG)
		memcpy(d->memory.bytes[region] + offset, buf, count);
	return answer(d, &delay, rig_pci_write(d->pci, region, offset, buf, count), NULL);
}

/*
 * Reset, quiesce
 */

static void count_reset(struct test_device *d, enum rig_reset why)
{
	static const uint32_t counters[] = {
		[RIG_RESET_COMMAND] = RIG_TEST_REG_RESETS_COMMAND,
		[RIG_RESET_FUNCTION] = RIG_TEST_REG_RESETS_FUNCTION,
		[RIG_RESET_CLIENT_LOST] = RIG_TEST_REG_RESETS_LOST,
	};

	register_count(&d->registers, counters[why]);
}

static int reset(void *opaque, enum rig_reset why)
{
	struct test_device *d = opaque;
	struct delay delay = delay_of(d, RIG_TEST_KIND_RESET);
	int r = fails(d, RIG_TEST_KIND_RESET);

	if (why == RIG_RESET_CLIENT_LOST)
		delay.late = false;
	else if (r < 0 || delay.error)
		return answer(d, &delay, r, NULL);
	late_release(&d->late, SIZE_MAX);
	dma_reset(&d->dma);
	if (why != RIG_RESET_FUNCTION) /* of which the migration's states know nothing */
		migration_drop(&d->migration);
	memory_reset(&d->memory);
	registers_reset(&d->registers);
	rig_pci_reset(d->pci);
	d->vendor_reads = 0;
	count_reset(d, why);
	return answer(d, &delay, 0, NULL);
}

static int quiesce(void *opaque)
{
	struct test_device *d = opaque;
	struct delay delay = delay_of(d, RIG_TEST_KIND_QUIESCE);
	int r = fails(d, RIG_TEST_KIND_QUIESCE);

	register_count(&d->registers, RIG_TEST_REG_QUIESCES);
	return answer(d, &delay, r, NULL);
}

/*
 * Guest memory, interrupts, clients
 */

static void dma_mapped(void *opaque, uint64_t address, uint64_t size)
{
	struct test_device *d = opaque;

	register_count(&d->registers, RIG_TEST_REG_MAPPED);
}

static void unpin_late(void *opaque)
{
	dma_unpin(opaque);
}

static void dma_unmapping(void *opaque, uint64_t address, uint64_t size)
{
	struct test_device *d = opaque;
	uint32_t ms = register_get(&d->registers, RIG_TEST_REG_DMA_HOLD_MS);

	register_count(&d->registers, RIG_TEST_REG_UNMAPPED);
	if (dma_holds(&d->dma, address, size))
		late_call(&d->late, ms, unpin_late, &d->dma);
}

void test_device_intx(struct test_device *d)
{
	if (register_get(&d->registers, RIG_TEST_REG_INTX_LEVEL) & 1)
		rig_irq_trigger(d->server, RIG_PCI_INTX_IRQ, 0);
}

static int irqs_changed(void *opaque, uint32_t index, uint32_t start, uint32_t count,
			uint32_t flags)
{
	struct test_device *d = opaque;
	bool attached = (flags & RIG_SET_IRQS_TRIGGER) && (flags & RIG_SET_IRQS_DATA_EVENTFD);
	struct delay delay = delay_of(d, RIG_TEST_KIND_IRQS);
	int r = fails(d, RIG_TEST_KIND_IRQS);

	register_count(&d->registers, RIG_TEST_REG_IRQ_CHANGES);
	register_set(&d->registers, RIG_TEST_REG_IRQ_INDEX, index);
	register_set(&d->registers, RIG_TEST_REG_IRQ_START, start);
	register_set(&d->registers, RIG_TEST_REG_IRQ_COUNT, count);
	register_set(&d->registers, RIG_TEST_REG_IRQ_FLAGS, flags);
	if (index == RIG_PCI_INTX_IRQ && ((flags & RIG_SET_IRQS_UNMASK) || attached))
		test_device_intx(d);
	return answer(d, &delay, r, NULL);
}

static void connected(void *opaque)
{
	struct test_device *d = opaque;

	register_count(&d->registers, RIG_TEST_REG_CONNECTS);
}

static void disconnected(void *opaque, int error, const char *reason)
{
	struct test_device *d = opaque;

	late_release(&d->late, SIZE_MAX);
}

static void log_line(void *opaque, enum rig_log_level level, const char *message)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	fprintf(stderr, "%s: %s\n", names[level], message);
}

/*
 * Migration
 */

static int transition(void *opaque, enum rig_migration_state from, enum rig_migration_state to)
{
	struct test_device *d = opaque;
	struct delay delay = delay_of(d, RIG_TEST_KIND_TRANSITION);
	int r = fails(d, RIG_TEST_KIND_TRANSITION);

	if (r == 0 && !delay.error)
		r = migration_transition(d, from, to);
	return answer(d, &delay, r, NULL);
}

/* As answer(), for n bytes that were read. */
static ssize_t answer_data(struct test_device *d, const struct delay *delay, const void *data,
			   ssize_t n)
{
	struct rig_request *request;
	size_t len;
	int r;

	if (!delay->late || n < 0)
		return n;
	request = rig_server_defer(d->server);
	if (!request)
		return -ENOMEM;
	memcpy(rig_request_data(request, &len), data, (size_t)n);
	r = rig_request_set_len(request, (size_t)n);
	late_answer(&d->late, request, delay->ms, delay->error ? delay->error : r);
	return RIG_DEFERRED;
}

static ssize_t read_data(void *opaque, void *buf, size_t size)
{
	struct test_device *d = opaque;
	struct delay delay = delay_of(d, RIG_TEST_KIND_DATA);
	ssize_t n = fails(d, RIG_TEST_KIND_DATA);

	if (n == 0 && !delay.error)
		n = migration_read(d, buf, size);
	return answer_data(d, &delay, buf, n);
}

static int write_data(void *opaque, const void *buf, size_t size)
{
	struct test_device *d = opaque;
	struct delay delay = delay_of(d, RIG_TEST_KIND_DATA);
	int r = fails(d, RIG_TEST_KIND_DATA);

	if (r == 0 && !delay.error)
		r = migration_write(d, buf, size);
	return answer(d, &delay, r, NULL);
}

/*
 * The whole
 */

static void describe(struct test_device *d)
{
	rig_pci_describe(d->pci, d->regions, d->irqs);
	memory_describe(&d->memory, d->regions);
	d->irqs[RIG_PCI_MSI_IRQ].flags |= RIG_IRQ_NORESIZE;
	d->irqs[RIG_PCI_ERR_IRQ] = (struct rig_irq) { 1, RIG_IRQ_EVENTFD };
	d->irqs[RIG_PCI_REQ_IRQ] = (struct rig_irq) { 1, RIG_IRQ_EVENTFD };
}

static int new_server(const struct test_options *options, struct test_device *d)
{
	static const struct rig_device_ops ops = {
		.region_read = region_read,
		.region_write = region_write,
		.reset = reset,
		.quiesce = quiesce,
		.dma_mapped = dma_mapped,
		.dma_unmapping = dma_unmapping,
		.irqs_changed = irqs_changed,
		.connected = connected,
		.disconnected = disconnected,
		.log = log_line,
	};
	static const struct rig_migration_ops migration = {
		.transition = transition,
		.read_data = read_data,
		.write_data = write_data,
		.flags = RIG_MIGRATION_STOP_COPY | RIG_MIGRATION_PRE_COPY,
	};
	const struct rig_device device = {
		.struct_size = sizeof(device),
		.flags = RIG_DEVICE_PCI | (options->no_reset ? 0 : RIG_DEVICE_RESET) |
			 (options->reset_on_loss ? RIG_DEVICE_RESET_ON_LOSS : 0) |
			 (options->write_multiple ? RIG_DEVICE_WRITE_MULTIPLE : 0) |
			 (options->one_thread ? RIG_DEVICE_ONE_THREAD : 0),
		.regions = d->regions,
		.n_regions = RIG_TEST_EXTRA_REGION + 1,
		.irqs = d->irqs,
		.n_irqs = RIG_PCI_IRQS,
		.ops = &ops,
		.opaque = d,
		.max_dma_maps = options->max_dma_maps,
		.migration = options->no_migration ? NULL : &migration,
	};

	return rig_server_new(&device, &d->server);
}

int test_device_new(const struct test_options *options, struct test_device *d)
{
	int r;

	memset(d, 0, sizeof(*d));
	registers_reset(&d->registers);
	dma_init(&d->dma);
	r = late_start(&d->late, !options->one_thread);
	if (r < 0 || (r = memory_open(&d->memory)) < 0 || (r = doorbells_open(&d->doorbells)) < 0 ||
	    (r = config_space_build(d, reset)) < 0)
		return r;
	describe(d);
	r = new_server(options, d);
	if (r < 0)
		return r;
	d->dma.server = d->server;
	return doorbells_announce(&d->doorbells, d->server);
}

void test_device_free(struct test_device *d)
{
	dma_unpin(&d->dma);
	rig_server_free(d->server);
	late_stop(&d->late);
	rig_pci_free(d->pci);
	migration_drop(&d->migration);
	memory_close(&d->memory);
	dma_free(&d->dma);
	doorbells_close(&d->doorbells);
}
