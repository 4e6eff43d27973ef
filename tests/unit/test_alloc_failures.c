/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_alloc_failures.c - every allocation of a client and of its server fails once; and so do fds
 *
 *	rig_client  <--socketpair and twin-->  rig_server  -- ops -->  struct device
 *
 * Both in one thread: the server has its turn whenever the client is about to wait. So a session with
 * each kind of call is the same each time, and is run again and again with one allocation later that
 * fails; then with one fd more that may be open. Every call ends, by itself and not by its deadline;
 * the device is told of all that goes; nothing leaks (fds are counted, memory is for the sanitizer).
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "fds.h"
#include <outrigger/client.h>
#include <outrigger/server.h>

#define PAGE	 4096u
#define DOORBELL RIG_PCI_BAR2
#define OTHER	 (8 * PAGE) /* guest memory that is not shared */

/* Fds: numbers from this one on cannot be had; 0: all can. */
static rlim_t first_without;

static void limit_fds(bool on)
{
	struct rlimit limit;

	if (first_without == 0)
		return;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = on ? first_without : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The device: a write to DOORBELL is answered when it has read and written guest memory. */

struct device {
	struct rig_server *server;
	struct rig_conn *conn;
	struct rig_request *request;
	uint8_t buf[2 * PAGE];
	int mapped, unmapped, connected, disconnected;
};

static void answer(struct device *d, int result)
{
	struct rig_request *request = d->request;

	d->request = NULL;
	if (request)
		rig_request_done(request, result);
}

static void written(void *opaque, int result)
{
	answer(opaque, result);
}

static void was_read(void *opaque, int result)
{
	struct device *d = opaque;
	const struct rig_completion done = { written, d };

	if (result == 0)
		result = rig_dma_write_async(d->server, OTHER, d->buf, sizeof(d->buf),
					     rig_after_ms(10000), done);
	if (result < 0)
		answer(d, result);
}

static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	return 0;
}

static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	struct device *d = opaque;
	const struct rig_completion done = { was_read, d };
	int r;

	if (region != DOORBELL)
		return 0;
	d->request = rig_server_defer(d->server);
	if (!d->request)
		return -ENOMEM;
	r = rig_dma_read_async(d->server, OTHER, d->buf, sizeof(d->buf), rig_after_ms(10000), done);
	if (r < 0)
		answer(d, r);
	return RIG_DEFERRED;
}

static int reset(void *opaque, enum rig_reset why)
{
	return 0;
}

static void dma_mapped(void *opaque, uint64_t address, uint64_t size)
{
	((struct device *)opaque)->mapped++;
}

static void dma_unmapping(void *opaque, uint64_t address, uint64_t size)
{
	((struct device *)opaque)->unmapped++;
}

static void connected(void *opaque)
{
	((struct device *)opaque)->connected++;
}

static void disconnected(void *opaque, int error, const char *reason)
{
	((struct device *)opaque)->disconnected++;
}

static int transition(void *opaque, enum rig_migration_state from, enum rig_migration_state to)
{
	return 0;
}

static ssize_t read_data(void *opaque, void *buf, size_t size)
{
	return 0;
}

static int write_data(void *opaque, const void *buf, size_t size)
{
	return 0;
}

static const struct rig_device_ops device_ops = {
	.region_read = region_read,
	.region_write = region_write,
	.reset = reset,
	.dma_mapped = dma_mapped,
	.dma_unmapping = dma_unmapping,
	.connected = connected,
	.disconnected = disconnected,
};

static const struct rig_migration_ops migration_ops = {
	.transition = transition,
	.read_data = read_data,
	.write_data = write_data,
	.flags = RIG_MIGRATION_STOP_COPY | RIG_MIGRATION_PRE_COPY,
};

/* One session */

struct fixture {
	struct device device;
	struct rig_client *client;
	uint8_t host[2 * PAGE];
	int memory, event;
};

static rig_time soon(void)
{
	return rig_after_ms(10000);
}

/* Once something failed whatever comes of it is fine, as long as something does. */
static void ended(int r)
{
	assert_true(r == 0 || ((alloc_failed() || first_without > 0) && r < 0 && r != -ETIMEDOUT));
}

static void pump(struct device *d)
{
	while (d->conn) {
		struct pollfd p = { rig_conn_fd(d->conn), rig_conn_events(d->conn), 0 };

		if (poll(&p, 1, 0) == 0)
			return;
		if (rig_conn_dispatch(d->conn, p.revents) < 0) {
			rig_conn_free(d->conn);
			d->conn = NULL;
		}
	}
}

static bool release(void *opaque)
{
	pump(&((struct fixture *)opaque)->device);
	return false; /* so that it is called before each sleep of a wait */
}

static void take(void *opaque)
{
	fail();
}

/* Return: the client's end; without a server at the other one it is closed soon */
static int plug(struct fixture *f)
{
	int pair[2];

	rig_conn_free(f->device.conn);
	f->device.conn = NULL;
	limit_fds(false);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	limit_fds(true);
	if (rig_server_connect(f->device.server, pair[1], &f->device.conn) < 0)
		f->device.conn = NULL;
	return pair[0];
}

static int make_server(struct fixture *f)
{
	const struct rig_region regions[RIG_PCI_REGIONS] = {
		[0] = { PAGE, RIG_REGION_READ | RIG_REGION_WRITE, -1, 0, NULL, 0 },
		[1] = { PAGE, RIG_REGION_READ | RIG_REGION_MMAP, f->memory, 0, NULL, 0 },
		[DOORBELL] = { PAGE, RIG_REGION_WRITE, -1, 0, NULL, 0 },
	};
	const struct rig_irq irqs[RIG_PCI_IRQS] = { [2] = { 4, RIG_IRQ_EVENTFD } };
	const struct rig_device device = {
		.struct_size = sizeof(device),
		.flags = RIG_DEVICE_RESET | RIG_DEVICE_PCI | RIG_DEVICE_WRITE_MULTIPLE,
		.regions = regions,
		.n_regions = RIG_PCI_REGIONS,
		.irqs = irqs,
		.n_irqs = RIG_PCI_IRQS,
		.ops = &device_ops,
		.opaque = &f->device,
		.migration = &migration_ops,
	};
	const struct rig_io_fd_desc desc = { .size = 4, .fd = f->event };
	static struct rig_region kept_regions[RIG_PCI_REGIONS];
	static struct rig_irq kept_irqs[RIG_PCI_IRQS];
	struct rig_device kept = device;

	memcpy(kept_regions, regions, sizeof(regions));
	memcpy(kept_irqs, irqs, sizeof(irqs));
	kept.regions = kept_regions;
	kept.irqs = kept_irqs;
	if (rig_server_new(&kept, &f->device.server) < 0)
		return -ENOMEM;
	ended(rig_server_add_io_fd(f->device.server, 0, &desc));
	return 0;
}

static void ask_about_the_device(struct fixture *f)
{
	const struct rig_region_info *region;
	struct rig_device_info device;
	struct rig_io_fd *fds = NULL;
	struct rig_irq_info irq;
	size_t n = 0;
	void *map;

	ended(rig_client_device_info(f->client, &device, soon()));
	ended(rig_client_region_info(f->client, 1, &region, soon()));
	ended(rig_client_irq_info(f->client, 2, &irq, soon()));
	ended(rig_client_region_io_fds(f->client, 0, &fds, &n, soon()));
	rig_client_io_fds_free(fds, n);
	ended(rig_client_region_map(f->client, 1, 0, PAGE, PROT_READ, &map, soon()));
}

static void use_memory(struct fixture *f)
{
	const struct rig_dma_region shared = {
		.address = PAGE, .size = PAGE, .flags = RIG_DMA_READ, .fd = f->memory
	};
	const struct rig_dma_region other = {
		.address = OTHER,
		.size = sizeof(f->host),
		.flags = RIG_DMA_READ | RIG_DMA_WRITE,
		.fd = -1,
		.host = f->host,
	};
	uint64_t bitmap;

	ended(rig_client_dma_map(f->client, &shared, soon()));
	ended(rig_client_dma_map(f->client, &other, soon()));
	ended(rig_client_dirty_start(f->client, PAGE, NULL, 0, NULL, soon()));
	ended(rig_client_region_write(f->client, DOORBELL, 0, &bitmap, 4, soon()));
	ended(rig_client_dirty_report(f->client, PAGE, PAGE, PAGE, &bitmap, 1, soon()));
	ended(rig_client_dirty_stop(f->client, soon()));
	ended(rig_client_dma_unmap(f->client, PAGE, PAGE, soon()));
}

static void done(void *opaque, int result)
{
	ended(result);
	++*(int *)opaque;
}

static void use_device(struct fixture *f)
{
	const uint32_t attach = RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER;
	const int fds[2] = { f->event, -1 };
	uint8_t bytes[1000] = { 0 };
	const struct rig_write writes[2] = { { 0, 0, 4, { 0 } }, { 4, 0, 4, { 0 } } };
	int completed = 0;
	int started;

	ended(rig_client_set_irqs(f->client, 2, attach, 0, 2, fds, soon()));
	ended(rig_client_region_read(f->client, 0, 0, bytes, sizeof(bytes), soon()));
	ended(rig_client_region_post(f->client, 0, 0, bytes, sizeof(bytes), soon()));
	ended(rig_client_region_write_multi(f->client, writes, 2, NULL, soon()));
	started = rig_client_region_write_async(f->client, 0, 0, bytes, sizeof(bytes), soon(),
						(struct rig_completion) { done, &completed }, NULL);
	ended(started);
	while (started == 0 && completed == 0) {
		pump(&f->device);
		rig_client_dispatch(f->client);
	}
	ended(rig_client_reset(f->client, soon()));
}

static void migrate(struct fixture *f)
{
	uint64_t flags;
	uint8_t bytes[10];

	ended(rig_client_migration_flags(f->client, &flags, soon()));
	ended(rig_client_migration_set_state(f->client, RIG_MIGRATION_STOP_COPYING, soon()));
	ended((int)rig_client_migration_read(f->client, bytes, sizeof(bytes), soon()));
	ended(rig_client_migration_set_state(f->client, RIG_MIGRATION_RUNNING, soon()));
}

static void talk(struct fixture *f)
{
	static const struct rig_client_ops ops = { .release = release, .take = take };
	const struct rig_client_config config = { .struct_size = sizeof(config),
						  .flags = RIG_CLIENT_TWIN_SOCKET,
						  .ops = &ops,
						  .opaque = f };
	int fd = plug(f);
	int r = rig_client_new(fd, &config, soon(), &f->client, NULL);

	ended(r);
	if (r < 0)
		return;
	ask_about_the_device(f);
	use_memory(f);
	use_device(f);
	migrate(f);
	rig_client_disconnect(f->client);
	pump(&f->device);
	ended(rig_client_reconnect(f->client, plug(f), soon()));
	ended(rig_client_dma_unmap_all(f->client, soon()));
	rig_client_free(f->client);
}

static void session(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int before = fds_open();

	f->memory = test_memfd(2 * PAGE);
	f->event = test_eventfd();
	alloc_count(true);
	limit_fds(true);
	if (make_server(f) == 0) {
		talk(f);
		rig_conn_free(f->device.conn);
		rig_server_free(f->device.server);
	}
	limit_fds(false);
	alloc_count(false);
	assert_null(f->device.request);
	assert_int_equal(f->device.connected, f->device.disconnected);
	assert_int_equal(f->device.mapped, f->device.unmapped);
	close(f->memory);
	close(f->event);
	assert_int_equal(fds_open(), before);
	free(f);
}

static void every_allocation_fails_once(void **state)
{
	unsigned int n = 0;

	do {
		alloc_fail_after(n++);
		session();
	} while (alloc_failed());
	assert_true(n > 100);
}

static void every_fd_is_one_too_many_once(void **state)
{
	rlim_t first = (rlim_t)dup(0);

	close((int)first);
	alloc_fail_after(UINT_MAX);
	for (first_without = first + 2; first_without < first + 40; first_without++)
		session();
	first_without = 0;
	session();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_fails_once),
		cmocka_unit_test(every_fd_is_one_too_many_once),
	};

	return cmocka_run_group_tests_name("alloc_failures", tests, NULL, NULL);
}
