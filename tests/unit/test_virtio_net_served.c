/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_virtio_net_served.c - the network device on its real bus: a vfio-user server
 *
 * client (messages by hand, guest memory in a memfd) <--socketpair--> rig_server -- vnet -- backend
 *
 * What test_virtio_net.c cannot see: that registers, guest memory, interrupts, reset and
 * disconnection reach the device through the protocol. One thread; posted writes are followed by a
 * read, which orders them.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "../send_fds.h"
#include "fds.h"
#include "guest.h"
#include "vfio_user/wire.h"
#include "virtio/net.h"
#include "virtio/pci.h"
#include "virtio/spec.h"

#define TX	1u
#define RINGS	(GUEST_BASE + 0x10000)
#define FRAME	(GUEST_BASE + 0x80000)
#define VECTORS 4u

struct served {
	struct vnet *vnet;
	size_t transmitted, connects, disconnects;
	bool kicked;

	/* the client */
	struct rig_conn *conn;
	int fd, memfd, irqs[VECTORS];
	struct guest guest;
	struct ring ring;
};

static size_t transmit(void *opaque, const struct frame *frames, size_t n)
{
	((struct served *)opaque)->transmitted += n;
	return n;
}

static size_t peek(void *opaque, struct frame *frames, size_t n)
{
	return 0;
}

static void consume(void *opaque, size_t n)
{
}

static void kicked(void *opaque)
{
	((struct served *)opaque)->kicked = true;
}

static void connected(void *opaque)
{
	((struct served *)opaque)->connects++;
}

static void disconnected(void *opaque, int error, const char *reason)
{
	((struct served *)opaque)->disconnects++;
}

static const struct vnet_backend_ops backend_ops = {
	.transmit = transmit,
	.peek = peek,
	.consume = consume,
	.kicked = kicked,
	.connected = connected,
	.disconnected = disconnected,
};

static int set_up(void **state)
{
	struct served *s = calloc(1, sizeof(*s));
	struct vnet_config config = { .mac = { 2 }, .mtu = 1500, .queue_pairs = 1 };

	assert_int_equal(vnet_new(&config, &backend_ops, s, &s->vnet), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct served *s = *state;

	vnet_free(s->vnet);
	free(s);
	return 0;
}

/*
 * The client
 */

static void pump(struct served *s)
{
	struct pollfd p = { .fd = s->conn ? rig_conn_fd(s->conn) : -1 };

	for (;;) {
		p.events = s->conn ? rig_conn_events(s->conn) : 0;
		if (!s->conn || poll(&p, 1, 0) <= 0)
			return;
		if (rig_conn_dispatch(s->conn, p.revents) < 0) {
			rig_conn_free(s->conn);
			s->conn = NULL;
		}
	}
}

static void send_message(struct served *s, uint16_t command, uint32_t flags, const void *payload,
			 size_t len, const int *fds, size_t n_fds)
{
	struct wire_header header = { .command = command,
				      .flags = flags,
				      .size = (uint32_t)(sizeof(header) + len) };
	struct iovec iov[2] = { { &header, sizeof(header) }, { (void *)payload, len } };

	assert_int_equal(send_fds(s->fd, iov, 2, fds, n_fds, 0), header.size);
	pump(s);
}

/* Send, and expect a success reply; its payload goes to ret. */
static void ask(struct served *s, uint16_t command, const void *payload, size_t len, const int *fds,
		size_t n_fds, void *ret, size_t max)
{
	uint8_t reply[sizeof(struct wire_header) + 512];
	struct wire_header header;
	ssize_t n;

	send_message(s, command, WIRE_TYPE_COMMAND, payload, len, fds, n_fds);
	n = recv(s->fd, reply, sizeof(reply), MSG_DONTWAIT);
	assert_true(n >= (ssize_t)sizeof(header));
	memcpy(&header, reply, sizeof(header));
	assert_int_equal(header.command, command);
	assert_int_equal(header.flags, WIRE_TYPE_REPLY);
	assert_int_equal(header.size, n);
	assert_true(n - sizeof(header) <= max || max == 0);
	if (max > 0)
		memcpy(ret, reply + sizeof(header), (size_t)n - sizeof(header));
}

static uint64_t get(struct served *s, uint32_t region, uint64_t offset, uint32_t count)
{
	struct wire_region_io io = { .offset = offset, .region = region, .count = count };
	uint8_t reply[sizeof(io) + 8];
	uint64_t value = 0;

	ask(s, WIRE_REGION_READ, &io, sizeof(io), NULL, 0, reply, sizeof(reply));
	memcpy(&value, reply + sizeof(io), count);
	return value;
}

/* As QEMU writes to a BAR: nobody waits for a reply. */
static void set(struct served *s, uint64_t offset, uint32_t count, uint64_t value)
{
	struct wire_region_io io = { .offset = offset, .region = VPCI_BAR, .count = count };
	uint8_t message[sizeof(io) + 8];

	memcpy(message, &io, sizeof(io));
	memcpy(message + sizeof(io), &value, count);
	send_message(s, WIRE_REGION_WRITE, WIRE_TYPE_COMMAND | WIRE_FLAG_NO_REPLY, message,
		     sizeof(io) + count, NULL, 0);
}

static void map_memory(struct served *s)
{
	struct wire_dma_map map = { .argsz = sizeof(map),
				    .flags = RIG_DMA_READ | RIG_DMA_WRITE,
				    .address = GUEST_BASE,
				    .size = GUEST_SIZE };

	ask(s, WIRE_DMA_MAP, &map, sizeof(map), &s->memfd, 1, NULL, 0);
}

static void unmap_memory(struct served *s)
{
	struct wire_dma_unmap unmap = { .argsz = sizeof(unmap),
					.address = GUEST_BASE,
					.size = GUEST_SIZE };

	ask(s, WIRE_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0, NULL, 0);
}

static void attach_irqs(struct served *s)
{
	struct wire_irq_set irqs = { .argsz = sizeof(irqs),
				     .flags = RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
				     .index = RIG_PCI_MSIX_IRQ,
				     .count = VECTORS };

	for (unsigned int i = 0; i < VECTORS; i++)
		s->irqs[i] = test_eventfd();
	ask(s, WIRE_DEVICE_SET_IRQS, &irqs, sizeof(irqs), s->irqs, VECTORS, NULL, 0);
}

static void client_arrives(struct served *s)
{
	static const struct {
		uint16_t major, minor;
		char json[48];
	} __attribute__((packed)) hello = { 0, 0, "{\"capabilities\":{\"max_msg_fds\":16}}" };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s->fd = pair[0];
	assert_int_equal(rig_server_connect(vnet_server(s->vnet), pair[1], &s->conn), 0);
	ask(s, WIRE_VERSION, &hello, offsetof(struct wire_version, json) + strlen(hello.json) + 1,
	    NULL, 0, NULL, 0);

	memset(&s->guest, 0, sizeof(s->guest));
	s->memfd = test_memfd(GUEST_SIZE);
	s->guest.memory = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->memfd, 0);
	assert_ptr_not_equal(s->guest.memory, MAP_FAILED);
	map_memory(s);
	attach_irqs(s);
}

/* As when QEMU is killed: the kernel closes all it had. */
static void client_dies(struct served *s)
{
	munmap(s->guest.memory, GUEST_SIZE);
	close(s->memfd);
	close(s->fd);
	for (unsigned int i = 0; i < VECTORS; i++)
		close(s->irqs[i]);
	pump(s);
	assert_null(s->conn);
}

static uint8_t status(struct served *s)
{
	return (uint8_t)get(s, VPCI_BAR, VIRTIO_COMMON_STATUS, 1);
}

static void driver_starts(struct served *s)
{
	set(s, VIRTIO_COMMON_STATUS, 1, 0);
	set(s, VIRTIO_COMMON_STATUS, 1, 3);
	set(s, VIRTIO_COMMON_DRIVER_FEATURE_SELECT, 4, 1);
	set(s, VIRTIO_COMMON_DRIVER_FEATURE, 4, VIRTIO_F_VERSION_1 >> 32);
	set(s, VIRTIO_COMMON_STATUS, 1, 11);
	ring_init(&s->ring, &s->guest, RINGS, 64, false);
	set(s, VIRTIO_COMMON_QUEUE_SELECT, 2, TX);
	set(s, VIRTIO_COMMON_QUEUE_SIZE, 2, 64);
	set(s, VIRTIO_COMMON_QUEUE_VECTOR, 2, 2);
	set(s, VIRTIO_COMMON_QUEUE_DESC, 4, s->ring.desc);
	set(s, VIRTIO_COMMON_QUEUE_DRIVER, 4, s->ring.avail);
	set(s, VIRTIO_COMMON_QUEUE_DEVICE, 4, s->ring.used);
	set(s, VIRTIO_COMMON_QUEUE_ENABLE, 2, 1);
	set(s, VIRTIO_COMMON_STATUS, 1, 15);
	assert_int_equal(status(s), 15);
}

/* A frame, a kick, the owner's turn. Return: how often the vector of the queue fired. */
static uint64_t send_frame(struct served *s)
{
	s->kicked = false;
	ring_offer_one(&s->ring, s->ring.avail_idx % 64, FRAME, 12 + 60, 0);
	set(s, VPCI_NOTIFY + TX * VPCI_PAGE, 2, TX);
	while (vnet_run(s->vnet))
		;
	vnet_sleep(s->vnet);
	return eventfd_take(s->irqs[2]);
}

static void a_kick_sends_and_the_vector_of_the_queue_fires(void **state)
{
	struct served *s = *state;

	client_arrives(s);
	assert_int_equal(s->connects, 1);
	assert_int_equal(get(s, RIG_PCI_CONFIG, 0, 4), 0x10411af4);
	driver_starts(s);
	assert_int_equal(send_frame(s), 1);
	assert_true(s->kicked);
	assert_int_equal(s->transmitted, 1);
	client_dies(s);
}

static void a_killed_client_leaves_the_device_to_the_next(void **state)
{
	struct served *s = *state;

	for (unsigned int i = 1; i <= 3; i++) {
		int before = fds_open();

		client_arrives(s);
		if (i > 1)
			assert_int_equal(status(s), 15 | VIRTIO_STATUS_NEEDS_RESET);
		driver_starts(s);
		assert_int_equal(send_frame(s), 1);
		assert_int_equal(s->transmitted, i);
		client_dies(s);
		assert_int_equal(s->disconnects, i);
		assert_false(vnet_run(s->vnet));
		assert_true(vnet_sleep(s->vnet));
		assert_int_equal(fds_open(), before);
	}
}

static void memory_that_goes_and_comes_is_waited_for(void **state)
{
	struct served *s = *state;

	client_arrives(s);
	driver_starts(s);
	unmap_memory(s);
	assert_int_equal(send_frame(s), 0);
	assert_int_equal(status(s), 15);
	s->kicked = false;
	map_memory(s);
	assert_true(s->kicked);
	assert_true(vnet_run(s->vnet));
	assert_int_equal(s->transmitted, 1);
	assert_int_equal(eventfd_take(s->irqs[2]), 1);
	client_dies(s);
}

static void a_device_reset_keeps_memory_and_interrupts(void **state)
{
	struct served *s = *state;

	client_arrives(s);
	driver_starts(s);
	ask(s, WIRE_DEVICE_RESET, NULL, 0, NULL, 0, NULL, 0);
	assert_int_equal(status(s), 0);
	driver_starts(s);
	assert_int_equal(send_frame(s), 1);
	client_dies(s);
}

static void a_device_may_be_freed_under_its_client(void **state)
{
	struct served *s = *state;

	client_arrives(s);
	driver_starts(s);
	send_frame(s);
	rig_conn_free(s->conn);
	s->conn = NULL;
	assert_int_equal(s->disconnects, 1);
	client_dies(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_kick_sends_and_the_vector_of_the_queue_fires),
		TEST(a_killed_client_leaves_the_device_to_the_next),
		TEST(memory_that_goes_and_comes_is_waited_for),
		TEST(a_device_reset_keeps_memory_and_interrupts),
		TEST(a_device_may_be_freed_under_its_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
