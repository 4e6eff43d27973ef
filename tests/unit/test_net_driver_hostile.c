/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_net_driver_hostile.c - devices that break the rules, and the driver that survives them
 *
 * At first each is our own device, spoilt; once it is set up its thread is stopped and the test
 * writes what it likes into the rings, which it finds by the driver's own struct.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fds.h"
#include "nic_end.h"
#include "pci/config.h"
#include "virtio/driver/internal.h"
#include "virtio/net_device.h"
#include "virtio/pci_internal.h"

#define WAIT_MS 20000

static const struct vnet_config card = { .mac = { 2 }, .mtu = 1500, .queue_pairs = 1 };

struct fixture {
	struct nic_end end;
	struct net_driver *driver;
	int fds_before;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->fds_before = fds_open();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	/* Nobody answers: what the driver does at its end must not depend on that. */
	nic_end_pause(&f->end);
	if (f->driver && f->end.conn) {
		rig_conn_free(f->end.conn);
		f->end.conn = NULL;
	}
	net_driver_free(f->driver);
	nic_end_stop(&f->end);
	assert_int_equal(fds_open(), f->fds_before);
	free(f);
	return 0;
}

/* A driver of 4 entries, in the middle of its life, whose device is played from here on. */
static void plug(struct fixture *f)
{
	static const struct net_driver_config config = { .queue_size = 4 };
	int fd = nic_end_start(&f->end, &card, NULL);

	assert_int_equal(net_driver_new(fd, &config, rig_after_ms(WAIT_MS), &f->driver, NULL), 0);
	nic_end_pause(&f->end);
}

static void use(struct vring *ring, uint16_t at, uint32_t id, uint32_t len)
{
	ring->used->ring[at & (ring->size - 1)] = (struct virtq_used_elem) { le32(id), le32(len) };
}

static void set_used_idx(struct vring *ring, uint16_t idx)
{
	__atomic_store_n(&ring->used->idx, le16(idx), __ATOMIC_RELEASE);
}

static void send_frames(struct net_driver *driver, size_t n)
{
	static const uint8_t bytes[60];
	const struct iovec iov = { (void *)bytes, sizeof(bytes) };
	const struct frame frame = { .iov = &iov, .n_iov = 1, .len = sizeof(bytes) };

	for (size_t i = 0; i < n; i++)
		assert_int_equal(net_driver_send(driver, &frame, 1), 1);
}

/* The first look finds it, every later call says it, who sleeps wakes up. */
static void expect_receiver_broken(struct net_driver *driver)
{
	struct pollfd p = { .fd = net_driver_event_fd(driver), .events = POLLIN };
	struct frame frame;

	assert_int_equal(net_driver_peek(driver, &frame, 1), 0);
	assert_int_equal(net_driver_error(driver), -EPROTO);
	assert_int_equal(poll(&p, 1, 0), 1);
	net_driver_handle_event(driver);
	assert_false(net_driver_arm(driver));
	assert_int_equal(net_driver_peek(driver, &frame, 1), 0);
	assert_int_equal(net_driver_send(driver, &frame, 1), -EPROTO);
	assert_int_equal(net_driver_waiting(driver), 0);
}

/* The receive ring: 4 buffers, all the device's */

static void receive_of_an_honest_device_works_here_too(void **state)
{
	struct fixture *f = *state;
	struct frame frame;

	plug(f);
	use(&f->driver->rx.ring, 0, 2, 12 + 60);
	set_used_idx(&f->driver->rx.ring, 1);
	assert_int_equal(net_driver_waiting(f->driver), 1);
	assert_int_equal(net_driver_peek(f->driver, &frame, 1), 1);
	assert_int_equal(frame.len, 60);
	assert_int_equal(net_driver_error(f->driver), 0);
}

static void a_used_index_too_far_ahead(void **state)
{
	struct fixture *f = *state;

	plug(f);
	set_used_idx(&f->driver->rx.ring, 5);
	expect_receiver_broken(f->driver);
}

static void a_used_index_that_goes_back(void **state)
{
	struct fixture *f = *state;

	plug(f);
	set_used_idx(&f->driver->rx.ring, 0xffff);
	assert_int_equal(net_driver_waiting(f->driver), 0);
	expect_receiver_broken(f->driver);
}

static void more_used_than_the_device_has(void **state)
{
	struct fixture *f = *state;
	struct frame frames[4];

	plug(f);
	for (uint16_t i = 0; i < 4; i++)
		use(&f->driver->rx.ring, i, i, 12 + 60);
	set_used_idx(&f->driver->rx.ring, 4);
	assert_int_equal(net_driver_peek(f->driver, frames, 4), 4);
	net_driver_consume(f->driver, 2);
	/* Two went back. */
	set_used_idx(&f->driver->rx.ring, 7);
	assert_int_equal(net_driver_peek(f->driver, frames, 2), 2);
	net_driver_consume(f->driver, 2);
	set_used_idx(&f->driver->rx.ring, 9);
	expect_receiver_broken(f->driver);
}

static void an_id_out_of_range(void **state)
{
	struct fixture *f = *state;

	plug(f);
	use(&f->driver->rx.ring, 0, 4, 12 + 60);
	set_used_idx(&f->driver->rx.ring, 1);
	expect_receiver_broken(f->driver);
}

static void an_id_whose_lower_half_is_in_range(void **state)
{
	struct fixture *f = *state;

	plug(f);
	use(&f->driver->rx.ring, 0, 0x10001, 12 + 60);
	set_used_idx(&f->driver->rx.ring, 1);
	expect_receiver_broken(f->driver);
}

static void an_id_that_is_used_twice(void **state)
{
	struct fixture *f = *state;
	struct frame frames[2];

	plug(f);
	use(&f->driver->rx.ring, 0, 1, 12 + 60);
	use(&f->driver->rx.ring, 1, 1, 12 + 60);
	set_used_idx(&f->driver->rx.ring, 2);
	assert_int_equal(net_driver_peek(f->driver, frames, 1), 1);
	assert_int_equal(net_driver_peek(f->driver, frames, 2), 0);
	assert_int_equal(net_driver_error(f->driver), -EPROTO);
}

static void lengths_that_lie(void **state)
{
	static const uint32_t lens[] = { 0,	    11,		  12,	      12 + 13,
					 12 + 1519, 0x10000 + 72, 0x80000000, 0xffffffff };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		plug(f);
		use(&f->driver->rx.ring, 0, 0, lens[i]);
		set_used_idx(&f->driver->rx.ring, 1);
		expect_receiver_broken(f->driver);
		if (i + 1 == sizeof(lens) / sizeof(lens[0]))
			return;
		tear_down(state);
		set_up(state);
		f = *state;
	}
}

/* What was checked is not read again. */
static void a_length_that_changes_after_it_was_shown(void **state)
{
	struct fixture *f = *state;
	struct frame frame;

	plug(f);
	use(&f->driver->rx.ring, 0, 3, 12 + 60);
	set_used_idx(&f->driver->rx.ring, 1);
	assert_int_equal(net_driver_peek(f->driver, &frame, 1), 1);
	use(&f->driver->rx.ring, 0, 77, 0xffffffff);
	assert_int_equal(net_driver_peek(f->driver, &frame, 1), 1);
	assert_int_equal(frame.len, 60);
	net_driver_consume(f->driver, 1);
	assert_int_equal(net_driver_error(f->driver), 0);
}

static void what_the_driver_wrote_is_not_believed(void **state)
{
	struct fixture *f = *state;
	struct vring *rx;
	struct frame frames[4];

	plug(f);
	rx = &f->driver->rx.ring;
	memset(rx->desc, 0xff, 4 * sizeof(*rx->desc));
	rx->avail->idx = le16(999);
	memset(rx->avail->ring, 0xff, 4 * sizeof(rx->avail->ring[0]));
	for (uint16_t i = 0; i < 4; i++)
		use(rx, i, 3u - i, 12 + 60);
	set_used_idx(rx, 4);
	assert_int_equal(net_driver_peek(f->driver, frames, 4), 4);
	net_driver_consume(f->driver, 4);
	assert_int_equal(le16(rx->avail->idx), 8);
	assert_int_equal(net_driver_error(f->driver), 0);
}

/* The transmit ring */

static void transmit_done_before_anything_was_sent(void **state)
{
	struct fixture *f = *state;

	plug(f);
	set_used_idx(&f->driver->tx.ring, 1);
	assert_int_equal(net_driver_waiting(f->driver), 0);
	send_frames(f->driver, 4);
	assert_int_equal(net_driver_wait_room(f->driver, rig_after_ms(WAIT_MS)), 0);
}

static void transmit_done_too_often(void **state)
{
	struct fixture *f = *state;

	plug(f);
	send_frames(f->driver, 4);
	set_used_idx(&f->driver->tx.ring, 5);
	assert_int_equal(net_driver_wait_room(f->driver, rig_after_ms(WAIT_MS)), -EPROTO);
	assert_int_equal(net_driver_error(f->driver), -EPROTO);
}

static void transmit_done_for_a_frame_that_was_not_sent(void **state)
{
	struct fixture *f = *state;
	const struct frame frame = { .len = 60 };

	plug(f);
	send_frames(f->driver, 4);
	use(&f->driver->tx.ring, 0, 0xffffffff, 0);
	set_used_idx(&f->driver->tx.ring, 1);
	assert_int_equal(net_driver_send(f->driver, &frame, 1), -EPROTO);
	assert_int_equal(net_driver_error(f->driver), -EPROTO);
}

static void transmit_done_in_any_order_with_any_length(void **state)
{
	struct fixture *f = *state;

	plug(f);
	send_frames(f->driver, 4);
	use(&f->driver->tx.ring, 0, 3, 0xffffffff);
	use(&f->driver->tx.ring, 1, 1, 12);
	set_used_idx(&f->driver->tx.ring, 2);
	send_frames(f->driver, 2);
	assert_int_equal(net_driver_error(f->driver), 0);
}

/* A device that never sets its index, and moves its wish for kicks: bounded, and nobody waits. */
static void kicks_are_posted_however_often_they_are_asked_for(void **state)
{
	struct fixture *f = *state;
	struct vring *tx;

	plug(f);
	tx = &f->driver->tx.ring;
	for (uint16_t i = 0; i < 2000; i++) {
		tx->used->ring[4].id = le32(i); /* avail_event, behind the last element */
		send_frames(f->driver, 1);
		net_driver_flush(f->driver);
		use(tx, i, i % 4u, 0);
		set_used_idx(tx, (uint16_t)(i + 1));
	}
	assert_int_equal(net_driver_error(f->driver), 0);
}

/* Registers */

static void refuse(struct fixture *f, void (*spoil)(struct nic_end *end), int error)
{
	struct net_driver *driver = NULL;
	char *text = NULL;
	int fd = nic_end_start(&f->end, &card, spoil);

	assert_int_equal(net_driver_new(fd, NULL, rig_after_ms(WAIT_MS), &driver, &text), error);
	assert_null(driver);
	assert_non_null(text);
	free(text);
}

#define SPOILT(test, error, what)                     \
	static void spoil_##test(struct nic_end *end) \
	{                                             \
		struct vpci *pci = &end->vnet->pci;   \
		uint8_t *config = pci->config.value;  \
                                                      \
		(void)config;                         \
		what;                                 \
	}                                             \
	static void test(void **state)                \
	{                                             \
		refuse(*state, spoil_##test, error);  \
	}

/* Where the capability of a type of virtio's is. */
static uint8_t *cap_of(struct vpci *pci, uint8_t type)
{
	uint8_t *value = pci->config.value;
	uint8_t at = value[PCI_REG_CAPABILITIES];

	while (value[at] != 0x09 || value[at + CAP_TYPE] != type) {
		at = value[at + 1];
		assert_int_not_equal(at, 0);
	}
	return value + at;
}

SPOILT(another_device_is_refused, -ENODEV, pci_put16(config + PCI_REG_DEVICE, 0x1042))
SPOILT(a_device_of_another_vendor_is_refused, -ENODEV, pci_put16(config + PCI_REG_VENDOR, 0x8086))
SPOILT(without_capabilities_no_driver, -ENODEV, config[PCI_REG_CAPABILITIES] = 0)
SPOILT(capabilities_that_point_to_themselves_end, -ENODEV,
       config[config[PCI_REG_CAPABILITIES] + 1] = config[PCI_REG_CAPABILITIES])
SPOILT(registers_behind_the_end_of_their_bar_are_none, -ENODEV,
       pci_put32(cap_of(pci, VIRTIO_PCI_CAP_COMMON) + CAP_OFFSET, 0xfffffff0))
SPOILT(registers_that_are_too_few_are_none, -ENODEV,
       pci_put32(cap_of(pci, VIRTIO_PCI_CAP_COMMON) + CAP_LENGTH, 24))
SPOILT(registers_in_no_bar_are_none, -ENODEV, cap_of(pci, VIRTIO_PCI_CAP_DEVICE)[CAP_BAR] = 9)
SPOILT(a_kick_outside_of_its_registers_is_refused, -EPROTO,
       pci_put32(cap_of(pci, VIRTIO_PCI_CAP_NOTIFY) + CAP_EXTRA, 0xffffffff))
SPOILT(an_mtu_below_ipv4s_is_refused, -EPROTO, end->vnet->mtu = 67)
SPOILT(a_ring_of_no_power_of_two_is_refused, -EPROTO, pci->queues[0].max_size = 255)
SPOILT(a_ring_that_is_not_there_is_refused, -EPROTO, pci->queues[1].max_size = 0)
SPOILT(without_virtio_1_no_driver, -ENODEV, pci->offered &= ~VIRTIO_F_VERSION_1)
SPOILT(vectors_that_cannot_be_had_are_noticed, -EPROTO, pci->msix.vectors = 1)

/* NEEDS_RESET at the driver's first look, or later. */
static void a_device_that_gives_up_is_done_with(void **state)
{
	struct fixture *f = *state;
	struct pollfd p;
	int fd = nic_end_start(&f->end, &card, NULL);

	assert_int_equal(net_driver_new(fd, NULL, rig_after_ms(WAIT_MS), &f->driver, NULL), 0);
	p = (struct pollfd) { .fd = net_driver_event_fd(f->driver), .events = POLLIN };
	/* A descriptor chain that loops is what breaks our device's queue. */
	f->driver->tx.ring.desc[0].addr = le64(UINT64_MAX);
	f->driver->tx.ring.avail->ring[0] = 0;
	__atomic_store_n(&f->driver->tx.ring.avail->idx, le16(1), __ATOMIC_SEQ_CST);
	driver_kick(f->driver, DRIVER_TX_QUEUE);
	while (net_driver_error(f->driver) == 0) {
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		net_driver_handle_event(f->driver);
	}
	assert_int_equal(net_driver_error(f->driver), -ENODEV);
}

static void nonsense_from_the_application_closes_the_socket(void **state)
{
	static const struct net_driver_config configs[] = {
		{ .queue_size = 3 },
		{ .queue_size = 2048 },
		{ .max_frame = 13 },
		{ .max_frame = FRAME_MAX + 1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		struct net_driver *driver;
		int pair[2];
		char c;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		assert_int_equal(net_driver_new(pair[0], &configs[i], RIG_FOREVER, &driver, NULL),
				 -EINVAL);
		assert_int_equal(read(pair[1], &c, 1), 0);
		close(pair[1]);
	}
	close(nic_end_start(&f->end, &card, NULL));
}

static void who_says_nothing_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	struct net_driver *driver;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(net_driver_new(pair[0], NULL, rig_after_ms(50), &driver, NULL),
			 -ETIMEDOUT);
	close(pair[1]);
	close(nic_end_start(&f->end, &card, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(receive_of_an_honest_device_works_here_too),
		TEST(a_used_index_too_far_ahead),
		TEST(a_used_index_that_goes_back),
		TEST(more_used_than_the_device_has),
		TEST(an_id_out_of_range),
		TEST(an_id_whose_lower_half_is_in_range),
		TEST(an_id_that_is_used_twice),
		TEST(lengths_that_lie),
		TEST(a_length_that_changes_after_it_was_shown),
		TEST(what_the_driver_wrote_is_not_believed),
		TEST(transmit_done_before_anything_was_sent),
		TEST(transmit_done_too_often),
		TEST(transmit_done_for_a_frame_that_was_not_sent),
		TEST(transmit_done_in_any_order_with_any_length),
		TEST(kicks_are_posted_however_often_they_are_asked_for),
		TEST(another_device_is_refused),
		TEST(a_device_of_another_vendor_is_refused),
		TEST(without_capabilities_no_driver),
		TEST(capabilities_that_point_to_themselves_end),
		TEST(registers_behind_the_end_of_their_bar_are_none),
		TEST(registers_that_are_too_few_are_none),
		TEST(registers_in_no_bar_are_none),
		TEST(a_kick_outside_of_its_registers_is_refused),
		TEST(an_mtu_below_ipv4s_is_refused),
		TEST(a_ring_of_no_power_of_two_is_refused),
		TEST(a_ring_that_is_not_there_is_refused),
		TEST(without_virtio_1_no_driver),
		TEST(vectors_that_cannot_be_had_are_noticed),
		TEST(a_device_that_gives_up_is_done_with),
		TEST(nonsense_from_the_application_closes_the_socket),
		TEST(who_says_nothing_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
