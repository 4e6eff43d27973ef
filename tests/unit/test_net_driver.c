/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_net_driver.c - the virtio-net driver in user space, against our own device (nic_end.h)
 *
 * test_net_driver_hostile.c has devices that break the rules.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fds.h"
#include "nic_end.h"
#include "virtio/driver/net_driver.h"
#include "virtio/iov.h"
#include "virtio/net_device.h"

#define WAIT_MS 20000  /* until a test has failed */
#define MANY	70000u /* more than a ring's 16-bit indexes count */

static const struct vnet_config card = { .mac = { 2, 0, 0, 1, 2, 3 },
					 .mtu = 1500,
					 .queue_pairs = 1 };

struct fixture {
	struct nic_end end;
	struct net_driver *driver;
	int fds_before;
};

static void plug(struct fixture *f, const struct vnet_config *device,
		 const struct net_driver_config *config, void (*spoil)(struct nic_end *end))
{
	char *error = NULL;
	int fd = nic_end_start(&f->end, device, spoil);

	assert_int_equal(net_driver_new(fd, config, rig_after_ms(WAIT_MS), &f->driver, &error), 0);
	assert_null(error);
}

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

	net_driver_free(f->driver);
	nic_end_stop(&f->end);
	assert_int_equal(fds_open(), f->fds_before);
	free(f);
	return 0;
}

/* Each byte depends on the frame and on where it is. */
static void fill(uint8_t *bytes, size_t len, unsigned int number)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(number * 7 + i * 3 + (i >> 8));
}

static void send_one(struct net_driver *driver, size_t len, unsigned int number)
{
	static _Thread_local uint8_t bytes[FRAME_MAX];
	/* In two pieces, as an application's frame may be. */
	const struct iovec iov[] = { { bytes, 5 }, { bytes + 5, len - 5 } };
	const struct frame frame = { .iov = iov, .n_iov = 2, .len = len };

	fill(bytes, len, number);
	while (net_driver_send(driver, &frame, 1) == 0)
		assert_int_equal(net_driver_wait_room(driver, rig_after_ms(WAIT_MS)), 0);
	net_driver_flush(driver);
}

static void wait_event(struct net_driver *driver)
{
	struct pollfd p = { .fd = net_driver_event_fd(driver), .events = POLLIN };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	net_driver_handle_event(driver);
}

/* Sleeps until there is a frame. Return: how many are shown */
static size_t wait_frames(struct net_driver *driver, struct frame *frames, size_t n)
{
	size_t shown;

	while ((shown = net_driver_peek(driver, frames, n)) == 0) {
		assert_int_equal(net_driver_error(driver), 0);
		if (net_driver_arm(driver))
			wait_event(driver);
	}
	return shown;
}

static void expect_frame(const struct frame *frame, size_t len, unsigned int number)
{
	uint8_t got[FRAME_MAX], wanted[FRAME_MAX];

	assert_int_equal(frame->len, len);
	assert_int_equal(iov_to_buf(frame->iov, frame->n_iov, 0, got, sizeof(got)), len);
	fill(wanted, len, number);
	assert_memory_equal(got, wanted, len);
}

static void receive_one(struct net_driver *driver, size_t len, unsigned int number)
{
	struct frame frame;

	assert_int_equal(wait_frames(driver, &frame, 1), 1);
	expect_frame(&frame, len, number);
	net_driver_consume(driver, 1);
}

/* What is settled */

static void what_the_device_says_is_known(void **state)
{
	struct fixture *f = *state;
	struct net_driver_info info;

	plug(f, &card, NULL, NULL);
	net_driver_info(f->driver, &info);
	assert_memory_equal(info.mac, card.mac, FRAME_MAC);
	assert_int_equal(info.mtu, 1500);
	assert_int_equal(info.max_frame, 1500 + 14 + 4);
	assert_int_equal(info.queue_size, 256);
	assert_true(net_driver_link(f->driver));
	assert_int_equal(net_driver_error(f->driver), 0);
	assert_int_equal(net_driver_waiting(f->driver), 0);
}

/* Frames */

static void frames_of_every_size_go_both_ways(void **state)
{
	struct fixture *f = *state;

	plug(f, &card, NULL, NULL);
	for (size_t len = FRAME_ETH_HEADER; len <= 1514; len++) {
		send_one(f->driver, len, (unsigned int)len);
		receive_one(f->driver, len, (unsigned int)len);
	}
}

static void the_longest_mtu_fits(void **state)
{
	static const size_t lens[] = { 14, 60, 1514, 9014, FRAME_ETH_HEADER + FRAME_MTU_MAX };
	struct vnet_config device = card;
	struct fixture *f = *state;

	device.mtu = FRAME_MTU_MAX;
	plug(f, &device, &(struct net_driver_config) { .queue_size = 16 }, NULL);
	for (unsigned int i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		send_one(f->driver, lens[i], i);
		receive_one(f->driver, lens[i], i);
	}
}

/* As many as fit at a time: each is a turn of the small ring, all of them one of its indexes. */
static void echo_many(struct fixture *f)
{
	unsigned int sent = 0, received = 0;
	struct frame frames[8];

	while (received < MANY) {
		for (unsigned int i = 0; i < 6 && sent < MANY; i++, sent++)
			send_one(f->driver, 60 + sent % 7, sent);
		while (received < sent) {
			size_t n = wait_frames(f->driver, frames, 8);

			for (size_t i = 0; i < n; i++, received++)
				expect_frame(&frames[i], 60 + received % 7, received);
			net_driver_consume(f->driver, n);
		}
	}
}

static void rings_and_their_indexes_wrap(void **state)
{
	struct fixture *f = *state;
	struct net_driver_info info;

	plug(f, &card, &(struct net_driver_config) { .queue_size = 8 }, NULL);
	net_driver_info(f->driver, &info);
	assert_int_equal(info.queue_size, 8);
	echo_many(f);
}

static void offers_no_event_index(struct nic_end *end)
{
	end->vnet->pci.offered &= ~VIRTIO_F_EVENT_IDX;
}

static void without_the_event_index_flags_do(void **state)
{
	struct fixture *f = *state;

	plug(f, &card, &(struct net_driver_config) { .queue_size = 8 }, offers_no_event_index);
	echo_many(f);
}

/* What the device counts as kicks are those that came as writes: two by DRIVER_OK, one for receive
 * buffers. */
static void an_eventfd_of_the_device_is_what_kicks(void **state)
{
	struct fixture *f = *state;

	plug(f, &card, NULL, nic_end_offer_io_fd);
	for (unsigned int i = 0; i < 100; i++) {
		send_one(f->driver, 60, i);
		receive_one(f->driver, 60, i);
	}
	net_driver_free(f->driver);
	f->driver = NULL;
	nic_end_pause(&f->end);
	assert_int_equal(vnet_stats(f->end.vnet)->kicks, 3);
}

static void what_is_shown_stays_until_it_is_consumed(void **state)
{
	struct fixture *f = *state;
	struct frame frames[4];

	plug(f, &card, NULL, NULL);
	for (unsigned int i = 0; i < 3; i++)
		send_one(f->driver, 60 + i, i);
	while (net_driver_peek(f->driver, frames, 4) < 3)
		if (net_driver_waiting(f->driver) < 3 && net_driver_arm(f->driver))
			wait_event(f->driver);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(net_driver_waiting(f->driver), 3 - i);
		assert_int_equal(net_driver_peek(f->driver, frames, 4), 3 - i);
		assert_false(net_driver_arm(f->driver));
		expect_frame(&frames[0], 60 + i, i);
		net_driver_consume(f->driver, 1);
	}
	assert_int_equal(net_driver_peek(f->driver, frames, 4), 0);
}

static void frames_that_cannot_be_sent_are_refused(void **state)
{
	static const uint8_t bytes[1600];
	const struct iovec iov = { (void *)bytes, sizeof(bytes) };
	struct frame frames[] = { { .iov = &iov, .n_iov = 1, .len = 13 },
				  { .iov = &iov, .n_iov = 1, .len = 1519 },
				  { .iov = &iov, .n_iov = 1, .len = 1601 },
				  { .iov = &iov, .n_iov = 1, .len = 60 } };
	struct fixture *f = *state;

	plug(f, &card, NULL, NULL);
	assert_int_equal(net_driver_send(f->driver, &frames[0], 2), -EINVAL);
	assert_int_equal(net_driver_send(f->driver, &frames[1], 2), -EMSGSIZE);
	frames[2].len = 1500;
	frames[2].n_iov = 0;
	assert_int_equal(net_driver_send(f->driver, &frames[2], 1), -EINVAL);
	frames[2] = frames[1];
	frames[1] = frames[3];
	assert_int_equal(net_driver_send(f->driver, &frames[1], 3), 1);
	assert_int_equal(net_driver_error(f->driver), 0);
}

/* Room */

/* Frames until nothing takes any more: the network and the ring are full. */
static unsigned int send_until_full(struct net_driver *driver)
{
	static const uint8_t bytes[60];
	const struct iovec iov = { (void *)bytes, sizeof(bytes) };
	const struct frame frame = { .iov = &iov, .n_iov = 1, .len = sizeof(bytes) };
	unsigned int n = 0;
	int r;

	do {
		while (net_driver_send(driver, &frame, 1) == 1)
			n++;
		r = net_driver_wait_room(driver, rig_after_ms(200));
	} while (r == 0);
	assert_int_equal(r, -ETIMEDOUT);
	return n;
}

/* Whoever frees the driver then has lost none. */
static void draining_waits_until_the_device_has_taken_all(void **state)
{
	struct fixture *f = *state;

	plug(f, &card, &(struct net_driver_config) { .queue_size = 64 }, NULL);
	assert_int_equal(net_driver_drain(f->driver, rig_after_ms(WAIT_MS)), 0); /* nothing */
	f->end.hold = true;
	for (unsigned int i = 0; i < NIC_END_HELD + 16; i++)
		send_one(f->driver, 60, i);
	assert_int_equal(net_driver_drain(f->driver, rig_after_ms(50)), -ETIMEDOUT);
	f->end.hold = false;
	nic_end_tell(&f->end);
	assert_int_equal(net_driver_drain(f->driver, rig_after_ms(WAIT_MS)), 0);
}

static void a_full_network_stops_the_sender_until_there_is_room(void **state)
{
	struct fixture *f = *state;
	struct frame frame;
	unsigned int n;

	plug(f, &card, &(struct net_driver_config) { .queue_size = 32 }, NULL);
	f->end.hold = true;
	n = send_until_full(f->driver);
	assert_int_equal(n, 32 + NIC_END_HELD);
	f->end.hold = false;
	nic_end_tell(&f->end);
	assert_int_equal(net_driver_wait_room(f->driver, rig_after_ms(WAIT_MS)), 0);
	for (unsigned int i = 0; i < n; i++) {
		wait_frames(f->driver, &frame, 1);
		net_driver_consume(f->driver, 1);
	}
}

/* Wake-ups */

static void nothing_armed_no_event(void **state)
{
	struct fixture *f = *state;
	struct pollfd p;

	plug(f, &card, NULL, NULL);
	p = (struct pollfd) { .fd = net_driver_event_fd(f->driver), .events = POLLIN };
	assert_true(net_driver_arm(f->driver));
	send_one(f->driver, 60, 0);
	wait_event(f->driver);
	receive_one(f->driver, 60, 0);
	for (unsigned int i = 1; i <= 100; i++) {
		struct frame frame;

		send_one(f->driver, 60, i);
		while (net_driver_peek(f->driver, &frame, 1) == 0)
			sched_yield();
		net_driver_consume(f->driver, 1);
	}
	assert_int_equal(poll(&p, 1, 0), 0);
}

#define DIALOGUE 30000u

static void *send_all(void *opaque)
{
	struct fixture *f = opaque;

	for (unsigned int i = 0; i < DIALOGUE; i++)
		send_one(f->driver, 60 + i % 1000, i);
	return NULL;
}

/* The receiver sleeps whenever nothing is there: a wake-up that is lost is never made up for. */
static void no_wake_up_is_lost_between_two_threads(void **state)
{
	struct fixture *f = *state;
	struct frame frames[3];
	pthread_t sender;

	plug(f, &card, &(struct net_driver_config) { .queue_size = 16 }, NULL);
	assert_int_equal(pthread_create(&sender, NULL, send_all, f), 0);
	for (unsigned int i = 0; i < DIALOGUE;) {
		size_t n = wait_frames(f->driver, frames, 3);

		for (size_t k = 0; k < n; k++, i++)
			expect_frame(&frames[k], 60 + i % 1000, i);
		net_driver_consume(f->driver, n);
	}
	pthread_join(sender, NULL);
}

static void a_change_of_the_link_is_an_event(void **state)
{
	struct fixture *f = *state;

	plug(f, &card, NULL, NULL);
	for (unsigned int i = 0; i < 4; i++) {
		bool up = i % 2;

		f->end.link = up;
		nic_end_tell(&f->end);
		while (net_driver_link(f->driver) != up)
			wait_event(f->driver);
	}
	send_one(f->driver, 60, 1);
	receive_one(f->driver, 60, 1);
}

/* The end */

static void a_device_that_is_gone_wakes_the_receiver(void **state)
{
	struct fixture *f = *state;
	struct frame frame;

	plug(f, &card, NULL, NULL);
	assert_true(net_driver_arm(f->driver));
	f->end.hang_up = true;
	nic_end_tell(&f->end);
	while (net_driver_error(f->driver) == 0)
		wait_event(f->driver);
	assert_int_equal(net_driver_error(f->driver), -ENOTCONN);
	assert_int_equal(net_driver_peek(f->driver, &frame, 1), 0);
	assert_false(net_driver_arm(f->driver));
	assert_int_equal(net_driver_send(f->driver, &frame, 1), -ENOTCONN);
	assert_int_equal(net_driver_wait_room(f->driver, rig_after_ms(WAIT_MS)), -ENOTCONN);
	assert_int_equal(net_driver_waiting(f->driver), 0);
}

static void *hang_up_soon(void *opaque)
{
	struct fixture *f = opaque;

	f->end.hang_up = true;
	nic_end_tell(&f->end);
	return NULL;
}

static void a_device_that_is_gone_wakes_the_sender(void **state)
{
	struct fixture *f = *state;
	pthread_t other;

	plug(f, &card, &(struct net_driver_config) { .queue_size = 4 }, NULL);
	f->end.hold = true;
	send_until_full(f->driver);
	assert_int_equal(pthread_create(&other, NULL, hang_up_soon, f), 0);
	assert_int_equal(net_driver_wait_room(f->driver, rig_after_ms(WAIT_MS)), -ENOTCONN);
	pthread_join(other, NULL);
	/* And whoever waits for events learns of it. */
	wait_event(f->driver);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_device_says_is_known),
		TEST(frames_of_every_size_go_both_ways),
		TEST(the_longest_mtu_fits),
		TEST(rings_and_their_indexes_wrap),
		TEST(without_the_event_index_flags_do),
		TEST(an_eventfd_of_the_device_is_what_kicks),
		TEST(what_is_shown_stays_until_it_is_consumed),
		TEST(frames_that_cannot_be_sent_are_refused),
		TEST(draining_waits_until_the_device_has_taken_all),
		TEST(a_full_network_stops_the_sender_until_there_is_room),
		TEST(nothing_armed_no_event),
		TEST(no_wake_up_is_lost_between_two_threads),
		TEST(a_change_of_the_link_is_an_event),
		TEST(a_device_that_is_gone_wakes_the_receiver),
		TEST(a_device_that_is_gone_wakes_the_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
