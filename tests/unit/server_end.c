/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_end.c - see server_end.h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_end.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../send_fds.h"

const char qemu_json[200] =
	"{\"capabilities\": {\"max_msg_fds\": 16, \"max_data_xfer_size\": 1048576, "
	"\"migration\": {\"pgsize\": 4096, \"max_bitmap_size\": 268435456}, \"pgsizes\": 4096, "
	"\"max_dma_maps\": 65535, \"write_multiple\": true}}";

const char small_json[80] =
	"{\"capabilities\": {\"max_msg_fds\": 16, \"max_data_xfer_size\": 8192}}";

/* --- the device --- */

static void trace(struct device *d, char letter)
{
	size_t n = strlen(d->trace);

	if (n + 1 < sizeof(d->trace))
		d->trace[n] = letter;
}

/* Keep the request whose callback is running. Return: what the callback returns */
static int defer(struct device *d)
{
	struct rig_request *request;

	if (d->forgets_to_defer)
		return RIG_DEFERRED;
	request = rig_server_defer(d->server);
	assert_non_null(request);
	assert_true(d->n_deferred < sizeof(d->deferred) / sizeof(d->deferred[0]));
	d->deferred[d->n_deferred++] = request;
	return RIG_DEFERRED;
}

void device_answer(struct device *d, int error)
{
	struct rig_request *request = d->deferred[0];

	assert_true(d->n_deferred > 0);
	memmove(d->deferred, d->deferred + 1, --d->n_deferred * sizeof(d->deferred[0]));
	rig_request_done(request, error);
}

static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	struct device *d = opaque;

	assert_true(count > 0);
	if (region == BROKEN)
		return -EIO;
	if (d->defers_access)
		return defer(d);
	if (region == REGISTERS)
		memcpy(buf, d->registers + offset, count);
	return 0;
}

static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	struct device *d = opaque;

	assert_true(count > 0);
	if (region == BROKEN)
		return -EIO;
	if (region == DOORBELL && d->on_doorbell)
		return d->on_doorbell(d);
	if (region == REGISTERS)
		memcpy(d->registers + offset, buf, count);
	return d->defers_access ? defer(d) : 0;
}

static int reset(void *opaque, enum rig_reset why)
{
	struct device *d = opaque;

	memset(d->registers, 0, sizeof(d->registers));
	d->resets++;
	trace(d, why == RIG_RESET_CLIENT_LOST ? 'l' : 'r');
	return d->defers_reset && why == RIG_RESET_COMMAND ? defer(d) : 0;
}

static int quiesce(void *opaque)
{
	struct device *d = opaque;

	trace(d, 'q');
	return d->defers_quiesce ? defer(d) : d->quiesce_error;
}

static void dma_mapped(void *opaque, uint64_t address, uint64_t size)
{
	struct device *d = opaque;

	trace(d, 'm');
	d->mapped++;
}

static void dma_unmapping(void *opaque, uint64_t address, uint64_t size)
{
	struct device *d = opaque;

	trace(d, 'u');
	d->unmapped++;
}

static int irqs_changed(void *opaque, uint32_t index, uint32_t start, uint32_t count,
			uint32_t flags)
{
	struct device *d = opaque;

	trace(d, 'i');
	d->irq_index = index;
	d->irq_start = start;
	d->irq_count = count;
	d->irq_flags = flags;
	return d->defers_irqs ? defer(d) : d->irqs_error;
}

static void connected(void *opaque)
{
	struct device *d = opaque;

	trace(d, 'c');
	d->connected++;
}

static void disconnected(void *opaque, int error, const char *reason)
{
	struct device *d = opaque;

	trace(d, 'd');
	d->disconnected++;
	d->error = error;
	snprintf(d->reason, sizeof(d->reason), "%s", reason);
}

static void log_message(void *opaque, enum rig_log_level level, const char *message)
{
	struct device *d = opaque;

	d->logged++;
	snprintf(d->last_line, sizeof(d->last_line), "%s", message);
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

/* --- the fixture --- */

void describe(struct fixture *f)
{
	f->ops = device_ops;
	f->areas[0] = (struct rig_mmap_area) { 0, PAGE };
	f->areas[1] = (struct rig_mmap_area) { 2 * PAGE, 2 * PAGE };
	f->regions[REGISTERS] = (struct rig_region) { PAGE, RIG_REGION_READ | RIG_REGION_WRITE };
	f->regions[STATUS] = (struct rig_region) { 64, RIG_REGION_READ };
	f->regions[DOORBELL] = (struct rig_region) { 64, RIG_REGION_WRITE };
	f->regions[MEMORY] = (struct rig_region) { 4 * PAGE,  RIG_REGION_READ | RIG_REGION_MMAP,
						   f->memory, PAGE,
						   f->areas,  2 };
	f->regions[WHOLE] = (struct rig_region) { PAGE,	     RIG_REGION_READ | RIG_REGION_MMAP,
						  f->memory, 0,
						  NULL,	     0 };
	f->regions[BROKEN] = (struct rig_region) { 64, RIG_REGION_READ | RIG_REGION_WRITE };
	f->file_areas[0] = (struct rig_mmap_area) { 0, PAGE, f->files[0], PAGE };
	f->file_areas[1] = (struct rig_mmap_area) { PAGE, PAGE, f->files[1], 0 };
	f->file_areas[2] = (struct rig_mmap_area) { 4 * PAGE, 2 * PAGE, f->files[0], 2 * PAGE };
	f->regions[FILES] = (struct rig_region) {
		.size = 8 * PAGE,
		.flags = RIG_REGION_READ | RIG_REGION_MMAP | RIG_REGION_AREA_FDS,
		.areas = f->file_areas,
		.n_areas = 3,
		.type = FILES_TYPE,
		.subtype = FILES_SUBTYPE,
	};
	f->regions[RIG_PCI_CONFIG] =
		(struct rig_region) { 256, RIG_REGION_READ | RIG_REGION_WRITE };
	f->irqs[RIG_PCI_INTX_IRQ] = (struct rig_irq) { 1, RIG_IRQ_EVENTFD | RIG_IRQ_MASKABLE };
	f->irqs[RIG_PCI_MSIX_IRQ] = (struct rig_irq) { 4, RIG_IRQ_EVENTFD | RIG_IRQ_NORESIZE };
	f->irqs[RIG_PCI_ERR_IRQ] = (struct rig_irq) { 1, RIG_IRQ_EVENTFD };
	f->description = (struct rig_device) {
		.struct_size = sizeof(f->description),
		.flags = RIG_DEVICE_RESET | RIG_DEVICE_PCI,
		.regions = f->regions,
		.n_regions = REGIONS,
		.irqs = f->irqs,
		.n_irqs = RIG_PCI_IRQS,
		.ops = &f->ops,
		.opaque = &f->device,
		.max_dma_maps = 8,
	};
}

void remake(struct fixture *f, const char *json)
{
	struct answer a;

	client_hang_up(&f->client);
	rig_server_free(f->server);
	assert_int_equal(rig_server_new(&f->description, &f->server), 0);
	f->device.server = f->server;
	memset(f->device.trace, 0, sizeof(f->device.trace));
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, json, &a), 0);
	if (a.n_fds > 0)
		f->client.twin = a.fds[0];
}

void pump(struct client *c)
{
	while (c->conn) {
		struct pollfd p = { -1, rig_conn_events(c->conn), 0 };

		if (p.events)
			p.fd = rig_conn_fd(c->conn);
		if (poll(&p, 1, 0) == 0 && rig_conn_deadline(c->conn) > rig_now())
			return;
		c->result = rig_conn_dispatch(c->conn, p.revents);
		if (c->result < 0) {
			rig_conn_free(c->conn);
			c->conn = NULL;
		}
	}
}

void client_open(struct fixture *f, struct client *c)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	c->fd = pair[0];
	c->twin = -1;
	c->result = 0;
	assert_int_equal(rig_server_connect(f->server, pair[1], &c->conn), 0);
}

void client_hang_up(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->twin >= 0)
		close(c->twin);
	c->fd = -1;
	c->twin = -1;
	pump(c);
}

void send_bytes(struct client *c, const void *bytes, size_t len, const int *fds, size_t n_fds)
{
	struct iovec iov = { (void *)bytes, len };

	assert_int_equal(send_fds(c->fd, &iov, 1, fds, n_fds, 0), len);
}

struct message message(uint16_t command, uint32_t flags, const void *payload, size_t len)
{
	struct message m = { .header = { 7, command, (uint32_t)(sizeof(m.header) + len), flags,
					 0 } };

	if (len > 0)
		memcpy(m.payload, payload, len);
	return m;
}

void send_command(struct client *c, uint16_t command, uint32_t flags, const void *payload,
		  size_t len, const int *fds, size_t n_fds)
{
	struct message m = message(command, flags, payload, len);

	send_bytes(c, &m, m.header.size, fds, n_fds);
	pump(c);
}

/* What one recvmsg brings up to len bytes; fds are added to the answer's. */
static ssize_t receive(int fd, void *buf, size_t len, struct answer *a)
{
	char control[CMSG_SPACE(sizeof(a->fds))];
	struct iovec iov = { buf, len };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	for (struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&m) : NULL; cmsg;
	     cmsg = CMSG_NXTHDR(&m, cmsg)) {
		size_t n_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		assert_true(a->n_fds + n_fds <= 32);
		memcpy(&a->fds[a->n_fds], CMSG_DATA(cmsg), n_fds * sizeof(int));
		a->n_fds += n_fds;
	}
	return n;
}

void receive_on(int fd, struct answer *a)
{
	memset(a, 0, sizeof(*a));
	assert_int_equal(receive(fd, &a->header, sizeof(a->header), a), sizeof(a->header));
	a->len = a->header.size - sizeof(a->header);
	assert_true(a->len <= sizeof(a->payload));
	if (a->len > 0)
		assert_int_equal(receive(fd, a->payload, a->len, a), a->len);
}

void receive_answer(struct client *c, struct answer *a)
{
	receive_on(c->fd, a);
}

bool nothing_on(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

bool nothing_came(struct client *c)
{
	return nothing_on(c->fd);
}

bool server_closed(struct client *c)
{
	char byte;
	ssize_t n = recv(c->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	return !c->conn && (n == 0 || (n < 0 && errno == ECONNRESET));
}

void send_numbered(struct client *c, uint16_t id, uint16_t command, const void *payload, size_t len)
{
	struct message m = message(command, COMMAND, payload, len);

	m.header.id = id;
	send_bytes(c, &m, m.header.size, NULL, 0);
}

void send_read(struct client *c, uint16_t id, uint64_t offset, uint32_t count)
{
	const struct wire_region_io io = { offset, REGISTERS, count };

	send_numbered(c, id, WIRE_REGION_READ, &io, sizeof(io));
}

void send_unmap(struct client *c, uint16_t id, uint64_t address, uint64_t size, uint32_t flags)
{
	const struct wire_dma_unmap u = { sizeof(u), flags, address, size };

	send_numbered(c, id, WIRE_DMA_UNMAP, &u, sizeof(u));
}

int ask_fds(struct client *c, uint16_t command, const void *payload, size_t len, const int *fds,
	    size_t n_fds, struct answer *a)
{
	send_command(c, command, COMMAND, payload, len, fds, n_fds);
	receive_answer(c, a);
	assert_int_equal(a->header.id, 7);
	assert_int_equal(a->header.command, command);
	if (a->header.flags == WIRE_TYPE_REPLY)
		return 0;
	assert_int_equal(a->header.flags, WIRE_TYPE_REPLY | WIRE_FLAG_ERROR);
	assert_int_equal(a->header.size, sizeof(a->header));
	assert_true(a->header.error > 0);
	return (int)a->header.error;
}

int ask(struct client *c, uint16_t command, const void *payload, size_t len, struct answer *a)
{
	return ask_fds(c, command, payload, len, NULL, 0, a);
}

int ask_version(struct client *c, uint16_t major, uint16_t minor, const char *json,
		struct answer *a)
{
	struct {
		uint16_t major, minor;
		char json[512];
	} m = { .major = major, .minor = minor };

	if (json)
		strcpy(m.json, json);
	return ask(c, WIRE_VERSION, &m, 4 + (json ? strlen(json) + 1 : 0), a);
}

int map(struct client *c, uint64_t address, uint64_t size, uint32_t flags, int fd)
{
	const struct wire_dma_map m = { sizeof(m), flags, 0, address, size };
	struct answer a;

	return ask_fds(c, WIRE_DMA_MAP, &m, sizeof(m), &fd, fd >= 0, &a);
}

int unmap(struct client *c, uint64_t address, uint64_t size, uint32_t flags)
{
	const struct wire_dma_unmap u = { sizeof(u), flags, address, size };
	struct answer a;
	int r = ask(c, WIRE_DMA_UNMAP, &u, sizeof(u), &a);

	if (r == 0) {
		assert_int_equal(a.len, sizeof(u));
		assert_memory_equal(a.payload, &u, sizeof(u));
	}
	return r;
}

int write_register(struct client *c, uint64_t offset, uint32_t value)
{
	struct region_io m = { offset, REGISTERS, sizeof(value), { 0 } };
	struct answer a;
	int r;

	memcpy(m.data, &value, sizeof(value));
	r = ask(c, WIRE_REGION_WRITE, &m, IO_HEAD + sizeof(value), &a);
	if (r == 0) {
		assert_int_equal(a.len, IO_HEAD);
		assert_memory_equal(a.payload, &m, IO_HEAD);
	}
	return r;
}

int access_region(struct client *c, uint16_t command, uint32_t region, uint64_t offset,
		  uint32_t count, struct answer *a)
{
	const struct region_io m = { offset, region, count, { 0 } };

	return ask(c, command, &m, IO_HEAD + (command == WIRE_REGION_WRITE ? count : 0), a);
}

void assert_usable(struct client *c)
{
	const struct wire_device_info info = { .argsz = sizeof(info) };
	struct answer a;

	assert_non_null(c->conn);
	assert_int_equal(ask(c, WIRE_DEVICE_GET_INFO, &info, sizeof(info), &a), 0);
}

int setup_unconnected(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->open_before = fds_open();
	f->memory = test_memfd(8 * PAGE);
	f->files[0] = test_memfd(8 * PAGE);
	f->files[1] = test_memfd(8 * PAGE);
	f->client.fd = -1;
	f->client.twin = -1;
	describe(f);
	assert_int_equal(rig_server_new(&f->description, &f->server), 0);
	f->device.server = f->server;
	*state = f;
	return 0;
}

int setup(void **state)
{
	struct fixture *f;
	struct answer a;

	setup_unconnected(state);
	f = *state;
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, qemu_json, &a), 0);
	return 0;
}

int teardown(void **state)
{
	struct fixture *f = *state;

	client_hang_up(&f->client);
	rig_server_free(f->server);
	close(f->memory);
	close(f->files[0]);
	close(f->files[1]);
	assert_int_equal(f->device.mapped, f->device.unmapped);
	assert_int_equal(f->device.connected, f->device.disconnected);
	assert_int_equal(fds_open(), f->open_before);
	free(f);
	return 0;
}
