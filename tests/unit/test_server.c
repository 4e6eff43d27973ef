/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server.c - a scripted client against a tiny device
 *
 *	scripted client          rig_server
 *	c->fd  <--socketpair-->  rig_conn  -- ops -->  struct device (registers, counters)
 *
 * One thread: the client writes bytes, pump() lets the server do all it can, the client reads what
 * came back. Nothing waits, so nothing needs a timeout.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fds.h"
#include "sigbus.h"
#include "vfio_user/wire.h"
#include <outrigger/server.h>

#define PAGE	 UINT64_C(4096)
#define COMMAND	 WIRE_TYPE_COMMAND
#define NO_REPLY (WIRE_TYPE_COMMAND | WIRE_FLAG_NO_REPLY)

static const char qemu_json[] =
	"{\"capabilities\": {\"max_msg_fds\": 16, \"max_data_xfer_size\": 1048576, "
	"\"migration\": {\"pgsize\": 4096, \"max_bitmap_size\": 268435456}, \"pgsizes\": 4096, "
	"\"max_dma_maps\": 65535, \"write_multiple\": true}}";

/* --- the device --- */

enum {
	REGISTERS = RIG_PCI_BAR0, /* read and write */
	STATUS = RIG_PCI_BAR1,	  /* read only */
	DOORBELL = RIG_PCI_BAR2,  /* write only */
	MEMORY = RIG_PCI_BAR3,	  /* may be mapped in two parts */
	WHOLE = RIG_PCI_BAR4,	  /* may be mapped */
	BROKEN = RIG_PCI_ROM,	  /* fails with EIO */
	ABSENT = RIG_PCI_VGA,
};

struct device {
	uint8_t registers[PAGE];
	int resets;
	int mapped, unmapped; /* so often */
	int connected, disconnected;
	int error; /* of the last disconnected() */
	char reason[128];
	int logged;
};

static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	struct device *d = opaque;

	assert_true(count > 0);
	if (region == BROKEN)
		return -EIO;
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
	if (region == REGISTERS)
		memcpy(d->registers + offset, buf, count);
	return 0;
}

static void reset(void *opaque)
{
	struct device *d = opaque;

	memset(d->registers, 0, sizeof(d->registers));
	d->resets++;
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
	struct device *d = opaque;

	d->disconnected++;
	d->error = error;
	snprintf(d->reason, sizeof(d->reason), "%s", reason);
}

static void log_message(void *opaque, enum rig_log_level level, const char *message)
{
	((struct device *)opaque)->logged++;
}

static const struct rig_device_ops ops = {
	.region_read = region_read,
	.region_write = region_write,
	.reset = reset,
	.dma_mapped = dma_mapped,
	.dma_unmapping = dma_unmapping,
	.connected = connected,
	.disconnected = disconnected,
	.log = log_message,
};

/* --- the fixture: a server and a client whose handshake is done --- */

struct client {
	int fd;
	struct rig_conn *conn;
	int result; /* of the last rig_conn_dispatch(); the connection is freed once it fails */
};

struct fixture {
	struct device device;
	struct rig_region regions[RIG_PCI_REGIONS];
	struct rig_irq irqs[RIG_PCI_IRQS];
	struct rig_mmap_area areas[2];
	struct rig_device description;
	struct rig_server *server;
	struct client client;
	int memory; /* fd of MEMORY and WHOLE */
	int open_before;
};

/* The last reply that a client received. */
struct answer {
	struct wire_header header;
	uint8_t payload[8192];
	size_t len; /* of the payload */
	int fds[8];
	size_t n_fds;
};

static void describe(struct fixture *f)
{
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
	f->regions[RIG_PCI_CONFIG] =
		(struct rig_region) { 256, RIG_REGION_READ | RIG_REGION_WRITE };
	f->irqs[RIG_PCI_INTX_IRQ] = (struct rig_irq) { 1, RIG_IRQ_EVENTFD | RIG_IRQ_MASKABLE };
	f->irqs[RIG_PCI_MSIX_IRQ] = (struct rig_irq) { 4, RIG_IRQ_EVENTFD | RIG_IRQ_NORESIZE };
	f->irqs[RIG_PCI_ERR_IRQ] = (struct rig_irq) { 1, RIG_IRQ_EVENTFD };
	f->description = (struct rig_device) {
		.struct_size = sizeof(f->description),
		.flags = RIG_DEVICE_RESET | RIG_DEVICE_PCI,
		.regions = f->regions,
		.n_regions = RIG_PCI_REGIONS,
		.irqs = f->irqs,
		.n_irqs = RIG_PCI_IRQS,
		.ops = &ops,
		.opaque = &f->device,
		.max_dma_maps = 8,
	};
}

static void pump(struct client *c)
{
	while (c->conn) {
		struct pollfd p = { rig_conn_fd(c->conn), rig_conn_events(c->conn), 0 };

		if (poll(&p, 1, 0) == 0)
			return;
		c->result = rig_conn_dispatch(c->conn, p.revents);
		if (c->result < 0) {
			rig_conn_free(c->conn);
			c->conn = NULL;
		}
	}
}

static void client_open(struct fixture *f, struct client *c)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	c->fd = pair[0];
	c->result = 0;
	assert_int_equal(rig_server_connect(f->server, pair[1], &c->conn), 0);
}

static void client_hang_up(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	pump(c);
}

static void send_bytes(struct client *c, const void *bytes, size_t len, const int *fds,
		       size_t n_fds)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)bytes, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0) {
		struct cmsghdr *cmsg;

		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&m);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(c->fd, &m, MSG_NOSIGNAL), len);
}

/* A message in the client's hands, to be sent or bent. */
struct message {
	struct wire_header header;
	uint8_t payload[8192];
} __attribute__((packed));

static struct message message(uint16_t command, uint32_t flags, const void *payload, size_t len)
{
	struct message m = { .header = { 7, command, (uint32_t)(sizeof(m.header) + len), flags,
					 0 } };

	if (len > 0)
		memcpy(m.payload, payload, len);
	return m;
}

static void send_command(struct client *c, uint16_t command, uint32_t flags, const void *payload,
			 size_t len, const int *fds, size_t n_fds)
{
	struct message m = message(command, flags, payload, len);

	send_bytes(c, &m, m.header.size, fds, n_fds);
	pump(c);
}

/* What one recvmsg brings up to len bytes; fds are added to the answer's. */
static ssize_t receive(struct client *c, void *buf, size_t len, struct answer *a)
{
	char control[CMSG_SPACE(sizeof(a->fds))];
	struct iovec iov = { buf, len };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	for (struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&m) : NULL; cmsg;
	     cmsg = CMSG_NXTHDR(&m, cmsg)) {
		size_t n_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		assert_true(a->n_fds + n_fds <= 8);
		memcpy(&a->fds[a->n_fds], CMSG_DATA(cmsg), n_fds * sizeof(int));
		a->n_fds += n_fds;
	}
	return n;
}

static void receive_answer(struct client *c, struct answer *a)
{
	memset(a, 0, sizeof(*a));
	assert_int_equal(receive(c, &a->header, sizeof(a->header), a), sizeof(a->header));
	a->len = a->header.size - sizeof(a->header);
	assert_true(a->len <= sizeof(a->payload));
	if (a->len > 0)
		assert_int_equal(receive(c, a->payload, a->len, a), a->len);
}

static bool nothing_came(struct client *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static bool server_closed(struct client *c)
{
	char byte;
	ssize_t n = recv(c->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	return !c->conn && (n == 0 || (n < 0 && errno == ECONNRESET));
}

/* Send, and return the reply's errno, 0 for success. */
static int ask_fds(struct client *c, uint16_t command, const void *payload, size_t len,
		   const int *fds, size_t n_fds, struct answer *a)
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

static int ask(struct client *c, uint16_t command, const void *payload, size_t len,
	       struct answer *a)
{
	return ask_fds(c, command, payload, len, NULL, 0, a);
}

static int ask_version(struct client *c, uint16_t major, uint16_t minor, const char *json,
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

/* struct wire_region_io and its data */
struct region_io {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[4096];
} __attribute__((packed));

#define IO_HEAD sizeof(struct wire_region_io)

static int map(struct client *c, uint64_t address, uint64_t size, uint32_t flags, int fd)
{
	const struct wire_dma_map m = { sizeof(m), flags, 0, address, size };
	struct answer a;

	return ask_fds(c, WIRE_DMA_MAP, &m, sizeof(m), &fd, fd >= 0, &a);
}

static int unmap(struct client *c, uint64_t address, uint64_t size, uint32_t flags)
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

static int write_register(struct client *c, uint64_t offset, uint32_t value)
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

static int access_region(struct client *c, uint16_t command, uint32_t region, uint64_t offset,
			 uint32_t count, struct answer *a)
{
	const struct region_io m = { offset, region, count, { 0 } };

	return ask(c, command, &m, IO_HEAD + (command == WIRE_REGION_WRITE ? count : 0), a);
}

/* Whatever happened before: the connection still answers. */
static void assert_usable(struct client *c)
{
	const struct wire_device_info info = { .argsz = sizeof(info) };
	struct answer a;

	assert_non_null(c->conn);
	assert_int_equal(ask(c, WIRE_DEVICE_GET_INFO, &info, sizeof(info), &a), 0);
}

static int setup_unconnected(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->open_before = fds_open();
	f->memory = test_memfd(8 * PAGE);
	f->client.fd = -1;
	describe(f);
	assert_int_equal(rig_server_new(&f->description, &f->server), 0);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	struct fixture *f;
	struct answer a;

	setup_unconnected(state);
	f = *state;
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, qemu_json, &a), 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	client_hang_up(&f->client);
	rig_server_free(f->server);
	close(f->memory);
	assert_int_equal(f->device.mapped, f->device.unmapped);
	assert_int_equal(f->device.connected, f->device.disconnected);
	assert_int_equal(fds_open(), f->open_before);
	free(f);
	return 0;
}

/* --- VERSION --- */

static void qemus_proposal_gets_a_shorter_answer_with_16_fds(void **state)
{
	struct fixture *f = *state;
	struct wire_version version;
	struct answer a;

	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, qemu_json, &a), 0);
	memcpy(&version, a.payload, sizeof(version));
	assert_int_equal(version.major, 0);
	assert_int_equal(version.minor, 0);
	assert_true(a.len <= sizeof(version) + sizeof(qemu_json));
	assert_int_equal(a.payload[a.len - 1], 0);
	assert_non_null(strstr((char *)a.payload + 4, "\"max_msg_fds\":16"));
	assert_null(strstr((char *)a.payload + 4, "write_multiple"));
	assert_int_equal(a.n_fds, 0);
	assert_int_equal(f->device.connected, 1);
}

static void the_minor_is_the_smaller_of_both(void **state)
{
	static const uint16_t asked[] = { 0, 1, 2, 3, 65535 };
	struct fixture *f = *state;

	for (size_t i = 0; i < 5; i++) {
		struct answer a;
		uint16_t minor;

		client_open(f, &f->client);
		assert_int_equal(ask_version(&f->client, 0, asked[i], NULL, &a), 0);
		memcpy(&minor, a.payload + 2, sizeof(minor));
		assert_int_equal(minor, asked[i] < 2 ? asked[i] : 2);
		client_hang_up(&f->client);
	}
}

static void a_bad_handshake_gets_an_errno_and_the_end(void **state)
{
	static const char *const bad[] = { "", "{", "[]",
					   "{\"capabilities\":{\"max_msg_fds\":-1}}" };
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < 4; i++) {
		client_open(f, &f->client);
		assert_int_equal(ask_version(&f->client, 0, 0, bad[i], &a), EINVAL);
		assert_true(server_closed(&f->client));
		client_hang_up(&f->client);
	}
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 1, 0, NULL, &a), EINVAL);
	assert_true(server_closed(&f->client));
	assert_int_equal(f->device.connected, 0);
}

static void anything_before_version_is_refused_and_the_end(void **state)
{
	const struct wire_device_info info = { .argsz = sizeof(info) };
	struct fixture *f = *state;
	struct message m[2];
	struct answer a;

	client_open(f, &f->client);
	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_INFO, &info, sizeof(info), &a), EINVAL);
	assert_true(server_closed(&f->client));
	client_hang_up(&f->client);

	/* What follows in the same bytes is not executed either. */
	client_open(f, &f->client);
	m[0] = message(WIRE_DEVICE_RESET, COMMAND, NULL, 0);
	send_bytes(&f->client, &m[0], m[0].header.size, NULL, 0);
	send_bytes(&f->client, &m[0], m[0].header.size, NULL, 0);
	pump(&f->client);
	receive_answer(&f->client, &a);
	assert_true(server_closed(&f->client));
	assert_int_equal(f->device.resets, 0);
}

static void a_second_version_is_refused_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(ask_version(&f->client, 0, 0, qemu_json, &a), EINVAL);
	assert_int_equal(f->device.connected, 1);
	assert_usable(&f->client);
}

static void fds_with_version_are_closed(void **state)
{
	const struct wire_version version = { 0, 0 };
	struct fixture *f = *state;
	struct answer a;
	int before;

	client_open(f, &f->client);
	before = fds_open();
	assert_int_equal(
		ask_fds(&f->client, WIRE_VERSION, &version, sizeof(version), &f->memory, 1, &a),
		EINVAL);
	assert_int_equal(fds_open(), before);
}

/* --- one client at a time --- */

static void a_second_client_is_told_EBUSY_and_the_first_not_disturbed(void **state)
{
	struct fixture *f = *state;
	struct client second;
	struct answer a;

	client_open(f, &second);
	assert_int_equal(ask_version(&second, 0, 0, qemu_json, &a), EBUSY);
	assert_true(server_closed(&second));
	client_hang_up(&second);
	assert_usable(&f->client);
}

/* QEMU was killed and started again; the loop has not looked at the old connection yet. */
static void a_client_that_died_unnoticed_makes_room(void **state)
{
	struct fixture *f = *state;
	struct client second;
	struct answer a;

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	close(f->client.fd);
	f->client.fd = -1;

	client_open(f, &second);
	assert_int_equal(ask_version(&second, 0, 0, qemu_json, &a), 0);
	assert_int_equal(f->device.disconnected, 1);
	assert_int_equal(f->device.unmapped, 1);
	/* The old connection learns of it when its turn comes, and takes nothing with it. */
	pump(&f->client);
	assert_null(f->client.conn);
	assert_usable(&second);
	client_hang_up(&second);
}

static void what_a_dead_client_said_last_is_still_done(void **state)
{
	const struct region_io posted = { 3, REGISTERS, 1, { 42 } };
	struct fixture *f = *state;
	struct message m = message(WIRE_REGION_WRITE, NO_REPLY, &posted, IO_HEAD + 1);
	struct client second;
	struct answer a;

	send_bytes(&f->client, &m, m.header.size, NULL, 0);
	close(f->client.fd);
	f->client.fd = -1;
	client_open(f, &second);
	assert_int_equal(ask_version(&second, 0, 0, qemu_json, &a), 0);
	assert_int_equal(f->device.registers[3], 42);
	client_hang_up(&second);
}

static void silent_connections_do_not_keep_a_client_out_nor_grow_without_bound(void **state)
{
	struct fixture *f = *state;
	struct client silent[32];
	int n = 0, pair[2], r;

	do {
		struct rig_conn *conn;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		r = rig_server_connect(f->server, pair[1], &conn);
		silent[n] = (struct client) { .fd = pair[0], .conn = r == 0 ? conn : NULL };
		n++;
	} while (r == 0 && n < 32);
	assert_int_equal(r, -EAGAIN);
	assert_usable(&f->client);
	while (n > 0)
		client_hang_up(&silent[--n]);
}

/* What the client lent is gone, the registers are not. */
static void a_client_that_is_gone_leaves_no_map_and_no_fd_but_the_state(void **state)
{
	const struct wire_irq_set set = { sizeof(set),
					  RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
					  RIG_PCI_MSIX_IRQ, 0, 1 };
	struct fixture *f = *state;
	int irq = test_eventfd();
	int before = fds_open();
	struct iovec iov;
	struct answer a;

	assert_int_equal(write_register(&f->client, 8, 0xfeed), 0);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(ask_fds(&f->client, WIRE_DEVICE_SET_IRQS, &set, sizeof(set), &irq, 1, &a),
			 0);
	assert_int_equal(fds_open(), before + 1);
	client_hang_up(&f->client);
	assert_int_equal(f->device.disconnected, 1);
	assert_int_equal(f->device.unmapped, 1);
	assert_int_equal(fds_open(), before - 2); /* and the socketpair */
	assert_int_equal(rig_dma_translate(f->server, 0, 1, RIG_DMA_READ, &iov, 1), -EFAULT);
	assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_MSIX_IRQ, 0), 0);
	assert_int_equal(eventfd_take(irq), 0);

	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, qemu_json, &a), 0);
	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, REGISTERS, 8, 2, &a), 0);
	assert_memory_equal(a.payload + 16, "\xed\xfe", 2);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	close(irq);
}

static void hanging_up_at_any_byte_leaves_nothing(void **state)
{
	const struct wire_dma_map dma = { sizeof(dma), RIG_DMA_READ, 0, 0, PAGE };
	struct fixture *f = *state;
	struct message m = message(WIRE_DMA_MAP, COMMAND, &dma, sizeof(dma));
	int before;

	client_hang_up(&f->client);
	before = fds_open();
	for (size_t n = 1; n <= m.header.size; n++) {
		struct answer a;

		client_open(f, &f->client);
		assert_int_equal(ask_version(&f->client, 0, 0, NULL, &a), 0);
		send_bytes(&f->client, &m, n, &f->memory, 1);
		client_hang_up(&f->client);
		assert_int_equal(fds_open(), before);
	}
}

static void memory_truncated_under_us_ends_that_client_with_a_reason(void **state)
{
	struct fixture *f = *state;
	struct iovec iov;

	sigbus_give_back();
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ | RIG_DMA_WRITE, f->memory), 0);
	assert_int_equal(rig_dma_translate(f->server, 0, PAGE, RIG_DMA_WRITE, &iov, 1), 1);
	assert_int_equal(ftruncate(f->memory, 0), 0);
	*(volatile char *)iov.iov_base = 1;
	assert_int_equal(rig_conn_dispatch(f->client.conn, 0), -EFAULT);
	assert_int_equal(f->device.disconnected, 1);
	assert_non_null(strstr(f->device.reason, "truncated"));
	assert_int_equal(rig_conn_dispatch(f->client.conn, POLLIN), -EFAULT);
}

static void a_server_may_go_before_its_connections(void **state)
{
	struct fixture *f = *state;

	rig_server_free(f->server);
	f->server = NULL;
	assert_int_equal(f->device.disconnected, 1);
	assert_int_equal(rig_conn_dispatch(f->client.conn, POLLIN), -ESHUTDOWN);
}

/* --- messages --- */

static void a_message_cut_at_every_byte_is_one_message(void **state)
{
	const struct wire_device_info info = { .argsz = sizeof(info) };
	struct fixture *f = *state;
	struct message m = message(WIRE_DEVICE_GET_INFO, COMMAND, &info, sizeof(info));
	struct answer a;

	for (size_t cut = 1; cut < m.header.size; cut++) {
		send_bytes(&f->client, &m, cut, NULL, 0);
		pump(&f->client);
		assert_true(nothing_came(&f->client));
		send_bytes(&f->client, (char *)&m + cut, m.header.size - cut, NULL, 0);
		pump(&f->client);
		receive_answer(&f->client, &a);
		assert_int_equal(a.header.flags, WIRE_TYPE_REPLY);
		assert_true(nothing_came(&f->client));
	}
}

static void unknown_and_foreign_commands_are_refused(void **state)
{
	static const uint16_t commands[] = { 0, 11, 12, 14, 19, 65535 };
	struct fixture *f = *state;
	const uint8_t payload[64] = { 0 };
	struct answer a;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_int_not_equal(ask(&f->client, commands[i], payload, sizeof(payload), &a), 0);
		assert_usable(&f->client);
	}
}

/* Each command with a payload of every length below its fixed part. */
static void every_command_cut_short_is_refused(void **state)
{
	static const struct {
		uint16_t command;
		size_t fixed;
	} rules[] = {
		{ WIRE_VERSION, 4 },
		{ WIRE_DMA_MAP, 32 },
		{ WIRE_DMA_UNMAP, 24 },
		{ WIRE_DEVICE_GET_INFO, 16 },
		{ WIRE_DEVICE_GET_REGION_INFO, 32 },
		{ WIRE_DEVICE_GET_REGION_IO_FDS, 16 },
		{ WIRE_DEVICE_GET_IRQ_INFO, 16 },
		{ WIRE_DEVICE_SET_IRQS, 20 },
		{ WIRE_REGION_READ, 16 },
		{ WIRE_REGION_WRITE, 16 },
		{ WIRE_REGION_WRITE_MULTI, 8 },
		{ WIRE_DEVICE_FEATURE, 8 },
		{ WIRE_MIG_DATA_READ, 8 },
		{ WIRE_MIG_DATA_WRITE, 8 },
	};
	struct fixture *f = *state;
	uint8_t payload[64];
	struct answer a;

	memset(payload, 0xff, sizeof(payload));
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		for (size_t n = 0; n < rules[i].fixed; n++)
			assert_int_equal(ask(&f->client, rules[i].command, payload, n, &a), EINVAL);
	assert_usable(&f->client);
}

static void a_refused_no_reply_command_says_nothing(void **state)
{
	const struct wire_region_io io = { 0, 99, 4 };
	struct fixture *f = *state;

	send_command(&f->client, WIRE_REGION_READ, NO_REPLY, &io, sizeof(io), NULL, 0);
	send_command(&f->client, 77, NO_REPLY, &io, sizeof(io), NULL, 0);
	assert_true(nothing_came(&f->client));
	assert_usable(&f->client);
}

static void a_hostile_client_fills_no_log(void **state)
{
	const struct wire_region_io io = { 0, 99, 4 };
	struct fixture *f = *state;
	struct answer a;

	for (int i = 0; i < 1000; i++)
		ask(&f->client, WIRE_REGION_READ, &io, sizeof(io), &a);
	assert_true(f->device.logged > 0 && f->device.logged < 50);
}

/* --- DMA --- */

static void mapped_memory_is_the_clients(void **state)
{
	struct fixture *f = *state;
	struct iovec iov;
	int before = fds_open();

	assert_int_equal(pwrite(f->memory, "hull", 4, 5), 4);
	assert_int_equal(map(&f->client, 0x10000, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(fds_open(), before);
	assert_int_equal(rig_dma_translate(f->server, 0x10005, 4, RIG_DMA_READ, &iov, 1), 1);
	assert_memory_equal(iov.iov_base, "hull", 4);
	assert_int_equal(f->device.mapped, 1);
	assert_int_equal(unmap(&f->client, 0x10000, PAGE, 0), 0);
	assert_int_equal(f->device.unmapped, 1);
	assert_int_equal(rig_dma_translate(f->server, 0x10005, 4, RIG_DMA_READ, &iov, 1), -EFAULT);
	assert_int_equal(map(&f->client, 0x10000, PAGE, RIG_DMA_READ, f->memory), 0);
}

static void bad_maps_are_refused_and_their_fd_closed(void **state)
{
	struct fixture *f = *state;
	const int two[] = { f->memory, f->memory };
	const struct wire_dma_map short_argsz = { 31, RIG_DMA_READ, 0, 0, PAGE };
	const struct wire_dma_map fine = { 32, RIG_DMA_READ, 0, 0, PAGE };
	int before = fds_open(), p[2];
	struct answer a;

	assert_int_equal(map(&f->client, 0, 0, RIG_DMA_READ, f->memory), EINVAL);
	assert_int_equal(map(&f->client, UINT64_MAX - PAGE + 1, 2 * PAGE, RIG_DMA_READ, f->memory),
			 EINVAL);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ | RIG_DMA_ACCESS_MMAP, -1), EINVAL);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ | 1u << 4, f->memory), EINVAL);
	assert_int_equal(map(&f->client, 0, 16 * PAGE, RIG_DMA_READ, f->memory), EINVAL);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, p[0]), EINVAL);
	close(p[0]);
	close(p[1]);
	assert_int_equal(ask_fds(&f->client, WIRE_DMA_MAP, &short_argsz, 32, &f->memory, 1, &a),
			 EINVAL);
	assert_int_equal(ask_fds(&f->client, WIRE_DMA_MAP, &fine, 32, two, 2, &a), EINVAL);
	assert_int_equal(f->device.mapped, 0);
	assert_int_equal(fds_open(), before);
}

static void overlaps_are_EEXIST_and_too_many_ENOSPC(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(map(&f->client, i * PAGE, PAGE, RIG_DMA_READ, -1), 0);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, -1), EEXIST);
	assert_int_equal(map(&f->client, 9 * PAGE, PAGE, RIG_DMA_READ, -1), ENOSPC);
	assert_int_equal(unmap(&f->client, 3 * PAGE, PAGE, 0), 0);
	assert_int_equal(map(&f->client, 9 * PAGE, PAGE, RIG_DMA_READ, -1), 0);
}

static void unmap_takes_exactly_one_map_or_all(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(unmap(&f->client, 0, 0, RIG_DMA_UNMAP_ALL), 0);
	assert_int_equal(map(&f->client, 0, 2 * PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(map(&f->client, 8 * PAGE, PAGE, RIG_DMA_READ, -1), 0);
	assert_int_equal(unmap(&f->client, 0, PAGE, 0), ENOENT);
	assert_int_equal(unmap(&f->client, 0, 3 * PAGE, 0), ENOENT);
	assert_int_equal(unmap(&f->client, 4 * PAGE, PAGE, 0), ENOENT);
	assert_int_equal(unmap(&f->client, 0, 2 * PAGE, RIG_DMA_UNMAP_ALL), EINVAL);
	assert_int_equal(unmap(&f->client, 0, 2 * PAGE, 1), EINVAL);
	assert_int_equal(unmap(&f->client, 0, 0, RIG_DMA_UNMAP_ALL | 1u << 2), EINVAL);
	assert_int_equal(f->device.unmapped, 0);
	assert_int_equal(unmap(&f->client, 0, 0, RIG_DMA_UNMAP_ALL), 0);
	assert_int_equal(f->device.unmapped, 2);
	assert_int_equal(unmap(&f->client, 0, 2 * PAGE, 0), ENOENT);
}

/* --- what the device is --- */

static void device_info_is_16_bytes_whatever_there_is_room_for(void **state)
{
	struct fixture *f = *state;
	struct wire_device_info info = { .argsz = 15 };
	struct answer a;

	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_INFO, &info, sizeof(info), &a), EINVAL);
	info.argsz = 4096;
	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_INFO, &info, sizeof(info), &a), 0);
	assert_int_equal(a.len, sizeof(info));
	memcpy(&info, a.payload, sizeof(info));
	assert_int_equal(info.argsz, sizeof(info));
	assert_int_equal(info.flags, RIG_DEVICE_RESET | RIG_DEVICE_PCI);
	assert_int_equal(info.num_regions, RIG_PCI_REGIONS);
	assert_int_equal(info.num_irqs, RIG_PCI_IRQS);
}

static int region_info(struct fixture *f, uint32_t index, uint32_t argsz, struct answer *a,
		       struct wire_region_info *ret)
{
	const struct wire_region_info asked = { .argsz = argsz, .index = index };
	int r = ask(&f->client, WIRE_DEVICE_GET_REGION_INFO, &asked, sizeof(asked), a);

	if (r == 0) {
		assert_true(a->len >= sizeof(*ret) && a->len <= argsz);
		memcpy(ret, a->payload, sizeof(*ret));
		assert_int_equal(ret->index, index);
	}
	return r;
}

static void regions_are_described(void **state)
{
	struct fixture *f = *state;
	struct wire_region_info info;
	struct answer a;

	assert_int_equal(region_info(f, REGISTERS, 32, &a, &info), 0);
	assert_int_equal(info.size, PAGE);
	assert_int_equal(info.flags, RIG_REGION_READ | RIG_REGION_WRITE);
	assert_int_equal(info.argsz, 32);
	assert_int_equal(a.n_fds, 0);
	assert_int_equal(region_info(f, ABSENT, 32, &a, &info), 0);
	assert_int_equal(info.size, 0);
	assert_int_equal(info.flags, 0);

	assert_int_equal(region_info(f, RIG_PCI_REGIONS, 32, &a, &info), EINVAL);
	assert_int_equal(region_info(f, UINT32_MAX, 32, &a, &info), EINVAL);
	assert_int_equal(region_info(f, REGISTERS, 31, &a, &info), EINVAL);
}

static void mappable_areas_come_with_an_fd_once_there_is_room(void **state)
{
	struct fixture *f = *state;
	struct wire_region_info info;
	struct wire_sparse_area areas[2];
	struct wire_cap_sparse_mmap cap;
	struct answer a;

	/* QEMU 10.1 checks cap_offset before argsz if the capability flag is set. */
	assert_int_equal(region_info(f, MEMORY, 32, &a, &info), 0);
	assert_int_equal(a.len, 32);
	assert_int_equal(info.argsz, 32 + 16 + 2 * 16);
	assert_int_equal(info.flags, RIG_REGION_READ | RIG_REGION_MMAP);
	assert_int_equal(info.cap_offset, 0);
	assert_int_equal(a.n_fds, 0);

	assert_int_equal(region_info(f, MEMORY, info.argsz, &a, &info), 0);
	assert_int_equal(a.len, info.argsz);
	assert_int_equal(info.flags, RIG_REGION_READ | RIG_REGION_MMAP | RIG_REGION_CAPS);
	assert_int_equal(info.offset, PAGE);
	memcpy(&cap, a.payload + info.cap_offset, sizeof(cap));
	assert_int_equal(cap.header.id, RIG_REGION_CAP_SPARSE_MMAP);
	assert_int_equal(cap.header.version, 1);
	assert_int_equal(cap.header.next, 0);
	assert_int_equal(cap.nr_areas, 2);
	memcpy(areas, a.payload + info.cap_offset + sizeof(cap), sizeof(areas));
	assert_int_equal(areas[1].offset, 2 * PAGE);
	assert_int_equal(areas[1].size, 2 * PAGE);
	assert_int_equal(a.n_fds, 1);
	close(a.fds[0]);
}

static void a_region_that_may_be_mapped_whole_has_no_capability(void **state)
{
	struct fixture *f = *state;
	struct wire_region_info info;
	struct answer a;

	assert_int_equal(region_info(f, WHOLE, 4096, &a, &info), 0);
	assert_int_equal(a.len, 32);
	assert_int_equal(info.flags, RIG_REGION_READ | RIG_REGION_MMAP);
	assert_int_equal(a.n_fds, 1);
	close(a.fds[0]);
}

static void a_client_that_takes_no_fds_gets_no_mmap(void **state)
{
	struct fixture *f = *state;
	struct wire_region_info info;
	struct answer a;

	client_open(f, &f->client);
	assert_int_equal(
		ask_version(&f->client, 0, 0, "{\"capabilities\":{\"max_msg_fds\":0}}", &a), 0);
	assert_int_equal(region_info(f, MEMORY, 4096, &a, &info), 0);
	assert_int_equal(info.flags, RIG_REGION_READ);
	assert_int_equal(a.len, 32);
	assert_int_equal(a.n_fds, 0);
}

static void no_region_has_io_fds(void **state)
{
	struct fixture *f = *state;
	struct wire_region_io_fds io = { .argsz = 64, .index = REGISTERS };
	struct answer a;

	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_REGION_IO_FDS, &io, sizeof(io), &a), 0);
	assert_int_equal(a.len, sizeof(io));
	memcpy(&io, a.payload, sizeof(io));
	assert_int_equal(io.argsz, sizeof(io));
	assert_int_equal(io.count, 0);
	io = (struct wire_region_io_fds) { .argsz = 64, .index = ABSENT };
	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_REGION_IO_FDS, &io, sizeof(io), &a),
			 EINVAL);
	io.index = RIG_PCI_REGIONS;
	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_REGION_IO_FDS, &io, sizeof(io), &a),
			 EINVAL);
}

static void irq_indexes_are_described(void **state)
{
	struct fixture *f = *state;
	struct wire_irq_info info = { .argsz = 16, .index = RIG_PCI_MSIX_IRQ };
	struct answer a;

	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_IRQ_INFO, &info, sizeof(info), &a), 0);
	assert_int_equal(a.len, sizeof(info));
	memcpy(&info, a.payload, sizeof(info));
	assert_int_equal(info.count, 4);
	assert_int_equal(info.flags, RIG_IRQ_EVENTFD | RIG_IRQ_NORESIZE);
	info.index = RIG_PCI_IRQS;
	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_IRQ_INFO, &info, sizeof(info), &a),
			 EINVAL);
	info = (struct wire_irq_info) { .argsz = 15 };
	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_IRQ_INFO, &info, sizeof(info), &a),
			 EINVAL);
}

/* --- region accesses --- */

static void what_was_written_is_read_at_any_size(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 4, 8, 255, 256, 257, 4096 };
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < sizeof(f->device.registers); i++)
		f->device.registers[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct wire_region_io io = { PAGE - sizes[i], REGISTERS, sizes[i] };

		assert_int_equal(ask(&f->client, WIRE_REGION_READ, &io, sizeof(io), &a), 0);
		assert_int_equal(a.len, sizeof(io) + sizes[i]);
		assert_memory_equal(a.payload, &io, sizeof(io));
		assert_memory_equal(a.payload + sizeof(io), f->device.registers + io.offset,
				    sizes[i]);
	}
	assert_int_equal(write_register(&f->client, 13, 0x01020304), 0);
	assert_int_equal(f->device.registers[13], 4);
}

static void bytes_that_the_device_left_alone_are_zero(void **state)
{
	struct fixture *f = *state;
	const uint8_t zeros[64] = { 0 };
	struct answer a;

	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, STATUS, 0, 64, &a), 0);
	assert_memory_equal(a.payload + 16, zeros, 64);
}

static void an_access_that_leaves_its_region_is_refused(void **state)
{
	static const struct {
		uint32_t region;
		uint64_t offset;
		uint32_t count;
	} bad[] = {
		{ REGISTERS, PAGE, 1 },
		{ REGISTERS, PAGE - 1, 2 },
		{ REGISTERS, UINT64_MAX, 1 },
		{ REGISTERS, UINT64_MAX - 3, 8 },
		{ ABSENT, 0, 1 },
		{ RIG_PCI_REGIONS, 0, 1 },
		{ UINT32_MAX, 0, 1 },
	};
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(access_region(&f->client, WIRE_REGION_READ, bad[i].region,
					       bad[i].offset, bad[i].count, &a),
				 EINVAL);
		assert_int_equal(access_region(&f->client, WIRE_REGION_WRITE, bad[i].region,
					       bad[i].offset, bad[i].count, &a),
				 EINVAL);
	}
}

static void count_zero_succeeds_without_asking_the_device(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, BROKEN, 0, 0, &a), 0);
	assert_int_equal(access_region(&f->client, WIRE_REGION_WRITE, BROKEN, 64, 0, &a), 0);
}

static void more_than_the_limit_is_refused(void **state)
{
	const struct wire_region_io io = { 0, REGISTERS, (1u << 20) + 1 };
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(ask(&f->client, WIRE_REGION_READ, &io, sizeof(io), &a), E2BIG);
	assert_usable(&f->client);
}

static void a_write_that_lies_about_its_length_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t m[64] = { 0 };
	struct wire_region_io io = { 0, REGISTERS, 8 };
	struct answer a;

	memset(m + sizeof(io), 0xaa, sizeof(m) - sizeof(io));
	memcpy(m, &io, sizeof(io));
	for (size_t data = 0; data < 16; data++)
		assert_int_equal(ask(&f->client, WIRE_REGION_WRITE, m, sizeof(io) + data, &a),
				 data == 8 ? 0 : EINVAL);
	assert_int_equal(f->device.registers[8], 0);
}

static void accesses_against_the_regions_flags_are_EACCES(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(access_region(&f->client, WIRE_REGION_WRITE, STATUS, 0, 1, &a), EACCES);
	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, DOORBELL, 0, 1, &a), EACCES);
	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, STATUS, 0, 1, &a), 0);
	assert_int_equal(access_region(&f->client, WIRE_REGION_WRITE, DOORBELL, 0, 1, &a), 0);
}

static void the_devices_errno_reaches_the_client(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, BROKEN, 0, 4, &a), EIO);
	assert_int_equal(access_region(&f->client, WIRE_REGION_WRITE, BROKEN, 0, 4, &a), EIO);
}

static void a_posted_write_is_done_before_the_next_answer(void **state)
{
	const struct region_io posted = { 0, REGISTERS, 1, { 9 } };
	const struct wire_region_io read = { 0, REGISTERS, 1 };
	struct fixture *f = *state;
	struct message m = message(WIRE_REGION_WRITE, NO_REPLY, &posted, IO_HEAD + 1);
	struct answer a;

	send_bytes(&f->client, &m, m.header.size, NULL, 0);
	assert_int_equal(ask(&f->client, WIRE_REGION_READ, &read, sizeof(read), &a), 0);
	assert_int_equal(a.payload[16], 9);
}

/* --- WRITE_MULTI --- */

struct multi {
	uint64_t n;
	struct wire_write_multi_entry entries[200];
} __attribute__((packed));

static void many_writes_in_one_keep_their_order(void **state)
{
	struct fixture *f = *state;
	struct multi m = { .n = 200 };
	struct answer a;

	for (uint32_t i = 0; i < 200; i++)
		m.entries[i] =
			(struct wire_write_multi_entry) { i / 2, REGISTERS, 1, { (uint8_t)i } };
	assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, sizeof(m), &a), 0);
	assert_int_equal(a.len, 8);
	assert_memory_equal(a.payload, &m.n, 8);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(f->device.registers[i], i * 2 + 1);

	f->device.registers[0] = 0;
	m.n = 1;
	send_command(&f->client, WIRE_REGION_WRITE_MULTI, NO_REPLY, &m, 8 + 24, NULL, 0);
	assert_true(nothing_came(&f->client));
}

static void the_reply_counts_up_to_the_first_failure(void **state)
{
	struct fixture *f = *state;
	struct multi m = { .n = 3 };
	struct answer a;
	uint64_t done;

	m.entries[0] = (struct wire_write_multi_entry) { 0, REGISTERS, 1, { 1 } };
	m.entries[1] = (struct wire_write_multi_entry) { 0, BROKEN, 1, { 1 } };
	m.entries[2] = (struct wire_write_multi_entry) { 2, REGISTERS, 1, { 1 } };
	assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, 8 + 3 * 24, &a), 0);
	memcpy(&done, a.payload, sizeof(done));
	assert_int_equal(done, 1);
	assert_int_equal(f->device.registers[2], 0);

	/* Posted: each for itself. */
	send_command(&f->client, WIRE_REGION_WRITE_MULTI, NO_REPLY, &m, 8 + 3 * 24, NULL, 0);
	assert_int_equal(f->device.registers[2], 1);

	m.entries[0].region = BROKEN;
	assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, 8 + 3 * 24, &a), EIO);
}

static void a_malformed_write_multi_applies_nothing(void **state)
{
	static const uint64_t counts[] = { 0, 1, 3, UINT64_C(1) << 61, UINT64_MAX };
	struct fixture *f = *state;
	struct multi m = { 0 };
	struct answer a;

	for (int i = 0; i < 2; i++)
		m.entries[i] = (struct wire_write_multi_entry) { 0, REGISTERS, 1, { 1 } };
	for (size_t i = 0; i < 5; i++) {
		m.n = counts[i];
		assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, 8 + 2 * 24, &a),
				 EINVAL);
	}
	m.n = 2;
	for (size_t n = 8; n < 8 + 2 * 24; n++)
		assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, n, &a), EINVAL);
	m.entries[1].count = 9;
	assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, 8 + 2 * 24, &a), EINVAL);
	assert_int_equal(f->device.registers[0], 0);
}

/* --- reset, IRQs, features --- */

static void reset_keeps_maps_and_irqs(void **state)
{
	const struct wire_irq_set set = { sizeof(set),
					  RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
					  RIG_PCI_MSIX_IRQ, 0, 1 };
	struct fixture *f = *state;
	int irq = test_eventfd();
	struct answer a;

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(ask_fds(&f->client, WIRE_DEVICE_SET_IRQS, &set, sizeof(set), &irq, 1, &a),
			 0);
	assert_int_equal(write_register(&f->client, 0, 1), 0);
	assert_int_equal(ask(&f->client, WIRE_DEVICE_RESET, NULL, 0, &a), 0);
	assert_int_equal(a.len, 0);
	assert_int_equal(f->device.registers[0], 0);
	assert_int_equal(f->device.unmapped, 0);
	assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_MSIX_IRQ, 0), 0);
	assert_int_equal(eventfd_take(irq), 1);
	close(irq);
}

static void a_device_without_reset_refuses_it(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	rig_server_free(f->server);
	f->description.flags = RIG_DEVICE_PCI;
	assert_int_equal(rig_server_new(&f->description, &f->server), 0);
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, NULL, &a), 0);
	assert_int_equal(ask(&f->client, WIRE_DEVICE_RESET, NULL, 0, &a), EINVAL);
	assert_int_equal(f->device.resets, 0);
}

static void refused_irq_fds_are_closed(void **state)
{
	const struct wire_irq_set two_for_one = { sizeof(two_for_one),
						  RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
						  RIG_PCI_MSIX_IRQ, 0, 1 };
	const struct wire_irq_set with_none = { sizeof(with_none),
						RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER,
						RIG_PCI_MSIX_IRQ, 0, 1 };
	const struct wire_irq_set fine = { sizeof(fine),
					   RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
					   RIG_PCI_MSIX_IRQ, 0, 1 };
	struct fixture *f = *state;
	const int irq = test_eventfd();
	const int two[] = { irq, irq };
	int before = fds_open();
	struct answer a;

	assert_int_equal(ask_fds(&f->client, WIRE_DEVICE_SET_IRQS, &two_for_one,
				 sizeof(two_for_one), two, 2, &a),
			 EINVAL);
	assert_int_equal(ask_fds(&f->client, WIRE_DEVICE_SET_IRQS, &with_none, sizeof(with_none),
				 &irq, 1, &a),
			 EINVAL);
	/* The fd of a memory file is no eventfd. */
	assert_int_equal(
		ask_fds(&f->client, WIRE_DEVICE_SET_IRQS, &fine, sizeof(fine), &f->memory, 1, &a),
		EINVAL);
	assert_int_equal(fds_open(), before);
	close(irq);
}

static void features_that_are_not_there_are_refused_without_closing(void **state)
{
	struct fixture *f = *state;
	struct wire_mig_data data = { 8, 0 };
	struct answer a;

	for (uint32_t index = 0; index < 16; index++) {
		const struct wire_feature feature = { 64, index | WIRE_FEATURE_PROBE };

		assert_int_equal(
			ask(&f->client, WIRE_DEVICE_FEATURE, &feature, sizeof(feature), &a),
			EINVAL);
	}
	assert_int_equal(ask(&f->client, WIRE_MIG_DATA_READ, &data, sizeof(data), &a), EINVAL);
	assert_int_equal(ask(&f->client, WIRE_MIG_DATA_WRITE, &data, sizeof(data), &a), EINVAL);
	assert_usable(&f->client);
}

/* --- descriptions --- */

static void assert_refused(struct fixture *f)
{
	struct rig_server *server;

	assert_int_equal(rig_server_new(&f->description, &server), -EINVAL);
	describe(f);
}

static void a_description_that_contradicts_itself_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct rig_device_ops no_read = { .region_write = region_write };

	f->description.struct_size = 8;
	assert_refused(f);
	f->description.ops = NULL;
	assert_refused(f);
	f->description.ops = &no_read;
	assert_refused(f);
	f->description.n_regions = RIG_PCI_REGIONS - 1;
	assert_refused(f);
	f->description.n_irqs = RIG_PCI_IRQS - 1;
	assert_refused(f);
	f->description.flags |= 1u << 2;
	assert_refused(f);
	f->regions[MEMORY].mmap_fd = -1;
	assert_refused(f);
	f->regions[MEMORY].flags |= RIG_REGION_CAPS;
	assert_refused(f);
	f->areas[1].offset = 0;
	assert_refused(f);
	f->areas[1].size = 3 * PAGE;
	assert_refused(f);
	f->irqs[RIG_PCI_INTX_IRQ].flags |= RIG_IRQ_AUTOMASKED;
	assert_refused(f);
	f->irqs[RIG_PCI_MSI_IRQ].count = UINT32_MAX;
	assert_refused(f);
}

static void only_unix_stream_sockets_are_served(void **state)
{
	struct fixture *f = *state;
	struct rig_conn *conn;
	int pair[2];

	assert_int_equal(rig_server_connect(f->server, test_memfd(1), &conn), -EINVAL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(rig_server_connect(f->server, pair[0], &conn), -EINVAL);
	close(pair[1]);
}

int main(void)
{
#define test(name)	  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define unconnected(name) cmocka_unit_test_setup_teardown(name, setup_unconnected, teardown)
	const struct CMUnitTest tests[] = {
		unconnected(qemus_proposal_gets_a_shorter_answer_with_16_fds),
		unconnected(the_minor_is_the_smaller_of_both),
		unconnected(a_bad_handshake_gets_an_errno_and_the_end),
		unconnected(anything_before_version_is_refused_and_the_end),
		test(a_second_version_is_refused_and_changes_nothing),
		unconnected(fds_with_version_are_closed),
		test(a_second_client_is_told_EBUSY_and_the_first_not_disturbed),
		test(a_client_that_died_unnoticed_makes_room),
		test(what_a_dead_client_said_last_is_still_done),
		test(silent_connections_do_not_keep_a_client_out_nor_grow_without_bound),
		test(a_client_that_is_gone_leaves_no_map_and_no_fd_but_the_state),
		test(hanging_up_at_any_byte_leaves_nothing),
		test(memory_truncated_under_us_ends_that_client_with_a_reason),
		test(a_server_may_go_before_its_connections),
		test(a_message_cut_at_every_byte_is_one_message),
		test(unknown_and_foreign_commands_are_refused),
		test(every_command_cut_short_is_refused),
		test(a_refused_no_reply_command_says_nothing),
		test(a_hostile_client_fills_no_log),
		test(mapped_memory_is_the_clients),
		test(bad_maps_are_refused_and_their_fd_closed),
		test(overlaps_are_EEXIST_and_too_many_ENOSPC),
		test(unmap_takes_exactly_one_map_or_all),
		test(device_info_is_16_bytes_whatever_there_is_room_for),
		test(regions_are_described),
		test(mappable_areas_come_with_an_fd_once_there_is_room),
		test(a_region_that_may_be_mapped_whole_has_no_capability),
		unconnected(a_client_that_takes_no_fds_gets_no_mmap),
		test(no_region_has_io_fds),
		test(irq_indexes_are_described),
		test(what_was_written_is_read_at_any_size),
		test(bytes_that_the_device_left_alone_are_zero),
		test(an_access_that_leaves_its_region_is_refused),
		test(count_zero_succeeds_without_asking_the_device),
		test(more_than_the_limit_is_refused),
		test(a_write_that_lies_about_its_length_is_refused),
		test(accesses_against_the_regions_flags_are_EACCES),
		test(the_devices_errno_reaches_the_client),
		test(a_posted_write_is_done_before_the_next_answer),
		test(many_writes_in_one_keep_their_order),
		test(the_reply_counts_up_to_the_first_failure),
		test(a_malformed_write_multi_applies_nothing),
		test(reset_keeps_maps_and_irqs),
		unconnected(a_device_without_reset_refuses_it),
		test(refused_irq_fds_are_closed),
		test(features_that_are_not_there_are_refused_without_closing),
		unconnected(a_description_that_contradicts_itself_is_refused),
		unconnected(only_unix_stream_sockets_are_served),
	};

	sigbus_remember();
	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
