/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_server.c - both halves of the library with each other
 *
 *	the test      --UNIX socket-->  the server's thread
 *	is the VMM                      a device: told an address in BAR 0, it reads 64 bytes there,
 *					writes them back inverted behind these, and interrupts
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fds.h"
#include "sys/sock.h"
#include <outrigger/client.h>
#include <outrigger/server.h>

#define BLOCK	64u
#define GUEST	UINT64_C(0x100000)
#define SIZE	0x4000u
#define THREADS 4

struct machine {
	char dir[32], path[64];
	int open_before;
	/* the server's thread */
	struct rig_server *server;
	struct sock_listener listener;
	pthread_t thread;
	int stop;
	/* the guest's memory */
	int fd;
	uint8_t *memory;
	int irq;
};

static rig_time soon(void)
{
	return rig_after_ms(20000);
}

/* --- the device --- */

static int device_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	memset(buf, (int)region, count);
	return 0;
}

static int device_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	struct machine *m = opaque;
	uint8_t block[BLOCK];
	uint64_t address;
	int r;

	if (region != RIG_PCI_BAR0 || count != sizeof(address))
		return 0;
	memcpy(&address, buf, sizeof(address));
	r = rig_dma_read(m->server, address, block, BLOCK, soon());
	for (size_t i = 0; i < BLOCK; i++)
		block[i] = (uint8_t)~block[i];
	if (r == 0)
		r = rig_dma_write(m->server, address + BLOCK, block, BLOCK, soon());
	if (r == 0)
		r = rig_irq_trigger(m->server, RIG_PCI_MSIX_IRQ, 1);
	return r;
}

static const struct rig_device_ops device_ops = {
	.region_read = device_read,
	.region_write = device_write,
};

static void serve_connection(struct machine *m, int fd)
{
	struct rig_conn *conn;
	struct pollfd p[2] = { { .fd = -1 }, { m->stop, POLLIN, 0 } };

	if (rig_server_connect(m->server, fd, &conn) < 0)
		return;
	p[0].fd = rig_conn_fd(conn);
	do {
		p[0].events = rig_conn_events(conn);
		poll(p, 2, -1);
	} while (!p[1].revents && rig_conn_dispatch(conn, p[0].revents) == 0);
	rig_conn_free(conn);
}

static void *serve(void *opaque)
{
	struct machine *m = opaque;

	for (;;) {
		struct pollfd p[] = { { m->listener.fd, POLLIN, 0 }, { m->stop, POLLIN, 0 } };
		int fd;

		poll(p, 2, -1);
		if (p[1].revents)
			return NULL;
		fd = sock_accept(m->listener.fd);
		if (fd >= 0)
			serve_connection(m, fd);
	}
}

static int setup(void **state)
{
	static struct rig_region regions[RIG_PCI_REGIONS] = {
		[RIG_PCI_BAR0] = { .size = 4096, .flags = RIG_REGION_READ | RIG_REGION_WRITE },
		[RIG_PCI_CONFIG] = { .size = 256, .flags = RIG_REGION_READ | RIG_REGION_WRITE },
	};
	static const struct rig_irq irqs[RIG_PCI_IRQS] = {
		[RIG_PCI_MSIX_IRQ] = { .count = 40, .flags = RIG_IRQ_EVENTFD },
	};
	struct machine *m = calloc(1, sizeof(*m));
	const struct rig_device device = {
		.struct_size = sizeof(device),
		.flags = RIG_DEVICE_PCI | RIG_DEVICE_WRITE_MULTIPLE,
		.regions = regions,
		.n_regions = RIG_PCI_REGIONS,
		.irqs = irqs,
		.n_irqs = RIG_PCI_IRQS,
		.ops = &device_ops,
		.opaque = m,
	};

	m->open_before = fds_open();
	strcpy(m->dir, "/tmp/client_server.XXXXXX");
	assert_non_null(mkdtemp(m->dir));
	snprintf(m->path, sizeof(m->path), "%s/s", m->dir);
	assert_int_equal(sock_listen(m->path, NULL, &m->listener), 0);
	assert_int_equal(rig_server_new(&device, &m->server), 0);
	m->stop = test_eventfd();
	m->irq = test_eventfd();
	m->fd = test_memfd(SIZE);
	m->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	assert_int_equal(pthread_create(&m->thread, NULL, serve, m), 0);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	eventfd_write(m->stop, 1);
	pthread_join(m->thread, NULL);
	rig_server_free(m->server);
	sock_listener_close(&m->listener);
	assert_int_equal(rmdir(m->dir), 0);
	munmap(m->memory, SIZE);
	close(m->fd);
	close(m->irq);
	close(m->stop);
	assert_int_equal(fds_open(), m->open_before);
	free(m);
	return 0;
}

static struct rig_client *plug(struct machine *m, uint32_t flags)
{
	const struct rig_client_config config = { .struct_size = sizeof(config), .flags = flags };
	struct rig_client *client;
	char *error = NULL;
	int r = rig_client_connect(m->path, &config, soon(), &client, &error);

	if (r < 0)
		fail_msg("%s", error);
	return client;
}

/* By messages only, or shared. */
static void map(struct rig_client *client, struct machine *m, bool shared)
{
	const struct rig_dma_region region = {
		.address = GUEST,
		.size = SIZE,
		.flags = RIG_DMA_READ | RIG_DMA_WRITE,
		.fd = shared ? m->fd : -1,
		.host = m->memory,
	};

	assert_int_equal(rig_client_dma_map(client, &region, soon()), 0);
}

static void attach(struct rig_client *client, struct machine *m)
{
	assert_int_equal(rig_client_set_irqs(client, RIG_PCI_MSIX_IRQ,
					     RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER, 1, 1,
					     &m->irq, soon()),
			 0);
}

static void run_block(struct rig_client *client, struct machine *m, uint32_t block)
{
	uint8_t *bytes = m->memory + (size_t)block * 2 * BLOCK;
	uint64_t address = GUEST + (uint64_t)block * 2 * BLOCK;

	memset(bytes, (int)block + 1, BLOCK);
	memset(bytes + BLOCK, 0, BLOCK);
	assert_int_equal(
		rig_client_region_write(client, RIG_PCI_BAR0, 0, &address, sizeof(address), soon()),
		0);
	for (size_t i = 0; i < BLOCK; i++)
		assert_int_equal(bytes[BLOCK + i], (uint8_t) ~(block + 1));
}

static void s123_the_device_works_on_memory_while_the_client_waits(void **state)
{
	struct machine *m = *state;

	for (uint32_t i = 0; i < 4; i++) {
		struct rig_client *client = plug(m, i & 1 ? RIG_CLIENT_TWIN_SOCKET : 0);

		map(client, m, i & 2);
		attach(client, m);
		for (uint32_t block = 0; block < 20; block++)
			run_block(client, m, block);
		assert_int_equal(eventfd_take(m->irq), 20);
		rig_client_free(client);
	}
}

struct vcpu {
	struct machine *m;
	struct rig_client *client;
	uint32_t block;
};

static void *run_vcpu(void *opaque)
{
	struct vcpu *vcpu = opaque;

	for (int i = 0; i < 50; i++)
		run_block(vcpu->client, vcpu->m, vcpu->block);
	return NULL;
}

static void s123_several_threads_wait_and_serve(void **state)
{
	struct machine *m = *state;
	struct rig_client *client = plug(m, RIG_CLIENT_TWIN_SOCKET);
	struct vcpu vcpus[THREADS];
	pthread_t threads[THREADS];

	map(client, m, false);
	for (uint32_t i = 0; i < THREADS; i++) {
		vcpus[i] = (struct vcpu) { m, client, i };
		assert_int_equal(pthread_create(&threads[i], NULL, run_vcpu, &vcpus[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	rig_client_free(client);
}

static void s102_a_reconnect_by_path_finds_everything_in_place(void **state)
{
	struct machine *m = *state;
	struct rig_client *client = plug(m, RIG_CLIENT_TWIN_SOCKET);

	map(client, m, false);
	attach(client, m);
	run_block(client, m, 1);
	for (int i = 0; i < 10; i++) {
		rig_client_disconnect(client);
		assert_int_equal(rig_client_reconnect(client, -1, soon()), 0);
		run_block(client, m, 2);
	}
	assert_int_equal(eventfd_take(m->irq), 11);
	rig_client_free(client);
}

static void what_the_device_says_arrives(void **state)
{
	struct machine *m = *state;
	struct rig_client *client = plug(m, 0);
	const struct rig_region_info *region;
	struct rig_device_info device;
	struct rig_irq_info irq;
	struct rig_write writes[300];
	uint8_t config[256];
	size_t done;

	assert_int_equal(rig_client_device_info(client, &device, soon()), 0);
	assert_int_equal(device.num_regions, RIG_PCI_REGIONS);
	assert_int_equal(rig_client_region_info(client, RIG_PCI_BAR0, &region, soon()), 0);
	assert_int_equal(region->size, 4096);
	assert_int_equal(rig_client_irq_info(client, RIG_PCI_MSIX_IRQ, &irq, soon()), 0);
	assert_int_equal(irq.count, 40);
	assert_int_equal(rig_client_region_read(client, RIG_PCI_CONFIG, 0, config, 256, soon()), 0);
	assert_int_equal(config[255], RIG_PCI_CONFIG);
	memset(writes, 0, sizeof(writes));
	for (size_t i = 0; i < 300; i++)
		writes[i].count = 1;
	assert_int_equal(rig_client_region_write_multi(client, writes, 300, &done, soon()), 0);
	assert_int_equal(done, 300);
	writes[250].offset = 4096;
	assert_int_equal(rig_client_region_write_multi(client, writes, 300, &done, soon()),
			 -EINVAL);
	assert_int_equal(rig_client_reset(client, soon()), -EINVAL); /* it cannot */
	rig_client_free(client);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(what_the_device_says_arrives),
		test(s123_the_device_works_on_memory_while_the_client_waits),
		test(s123_several_threads_wait_and_serve),
		test(s102_a_reconnect_by_path_finds_everything_in_place),
	};

	return cmocka_run_group_tests_name("client_server", tests, NULL, NULL);
}
