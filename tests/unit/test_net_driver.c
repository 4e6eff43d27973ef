/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_net_driver.c - the virtio-net driver in user space, against our own device (nic_end.h)
 *
 * test_net_driver_hostile.c has devices that break the rules.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
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

#define WAIT_MS	    20000  /* until a test has failed */
#define ROUNDS_MANY 70000u /* more than a ring's 16-bit index counts */

static const struct vnet_config card = { .mac = { 2, 0, 0, 1, 2, 3 },
					 .mtu = 1500,
					 .queue_pairs = 1 };

struct fixture {
	struct nic_end end;
	struct net_driver *driver;
	int fds_before;
};

static void plug(struct fixture *f, const struct vnet_config *device,
		 const struct net_driver_config *config)
{
	char *error = NULL;
	int fd = nic_end_start(&f->end, device);

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

	plug(f, &card, NULL);
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

	plug(f, &card, NULL);
	for (size_t len = FRAME_ETH_HEADER; len <= 1514; len++) {
		send_one(f->driver, len, (unsigned int)len);
		receive_one(f->driver, len, (unsigned int)len);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_device_says_is_known),
		TEST(frames_of_every_size_go_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
