/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vmnet_events.c - being told of packets: level-triggered, and safe to end from anywhere
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vmnet_fake.h"

#define EVENT VMNET_INTERFACE_PACKETS_AVAILABLE

static dispatch_queue_t queue, other;
static interface_ref interface;
static struct fake_block event, stopped;
static _Atomic(int) came;

static int set_up(void **state)
{
	fake_reset();
	fake_event_block(&event);
	fake_status_block(&stopped);
	came = 0;
	queue = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
	other = dispatch_queue_create("other", DISPATCH_QUEUE_SERIAL);
	interface = fake_started(queue, NULL);
	return 0;
}

static int tear_down(void **state)
{
	if (interface)
		fake_stopped(interface, queue);
	dispatch_release(queue);
	dispatch_release(other);
	return 0;
}

static int read_up_to(int n)
{
	static _Thread_local uint8_t bytes[8][1514];
	struct vmpktdesc packets[8];
	struct iovec iov[8];

	for (int i = 0; i < n; i++) {
		iov[i] = (struct iovec) { bytes[i], 1514 };
		packets[i] = (struct vmpktdesc) { 1514, &iov[i], 1, 0 };
	}
	return vmnet_read(interface, packets, &n) == VMNET_SUCCESS ? n : 0;
}

static void watch(struct fake_block *block)
{
	assert_int_equal(vmnet_interface_set_event_callback(interface, EVENT, queue, (void *)block),
			 VMNET_SUCCESS);
}

static void read_one(struct fake_block *block)
{
	came += read_up_to(1);
}

static void read_all(struct fake_block *block)
{
	int n;

	while ((n = read_up_to(8)) > 0)
		came += n;
}

static void wait_for_came(int n)
{
	rig_time deadline = rig_after_ms(10000);

	while (came < n)
		assert_true(rig_now() < deadline);
}

static void a_packet_makes_an_event_with_an_estimate(void **state)
{
	event.then = read_all;
	watch(&event);
	fake_deliver(1, 60);
	fake_wait(&event, 1);
	assert_int_equal(event.status, EVENT);
	assert_int_equal(event.estimate, 1);
	wait_for_came(1);
}

static void packets_that_came_before_the_callback_make_an_event(void **state)
{
	for (uint8_t i = 0; i < 5; i++)
		fake_deliver(i, 60);
	event.then = read_all;
	watch(&event);
	fake_wait(&event, 1);
	assert_int_equal(event.estimate, 5);
	wait_for_came(5);
}

/* One is read each time: without a new packet, the event must come again for each. */
static void what_is_left_unread_makes_another_event(void **state)
{
	for (uint8_t i = 0; i < 20; i++)
		fake_deliver(i, 60);
	event.then = read_one;
	watch(&event);
	wait_for_came(20);
	assert_true(event.told >= 19);
}

static void nothing_read_at_all_makes_another_event(void **state)
{
	fake_deliver(1, 60);
	watch(&event); /* reads nothing */
	fake_wait(&event, 5);
	assert_int_equal(event.estimate, 1);
}

/* Somebody else reads while the callback only hears of it: the next packet is told at once. */
static void a_read_elsewhere_makes_the_next_packet_an_event(void **state)
{
	watch(&event);
	for (int i = 0; i < 50; i++) {
		int before = event.told;

		fake_deliver(1, 60);
		fake_wait(&event, before + 1);
		while (read_up_to(8) == 0)
			;
	}
}

static void no_wakeup_is_lost_between_reading_and_waiting(void **state)
{
	event.then = read_all;
	watch(&event);
	for (int i = 0; i < 3000; i++) {
		while (fake_waiting() > 300)
			;
		fake_deliver((uint8_t)i, 60);
	}
	wait_for_came(3000);
}

static void arguments_come_both_or_neither(void **state)
{
	assert_int_equal(vmnet_interface_set_event_callback(interface, EVENT, queue, NULL),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_interface_set_event_callback(interface, EVENT, NULL, (void *)&event),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_interface_set_event_callback(interface, 0, queue, (void *)&event),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_interface_set_event_callback(interface, 2, queue, (void *)&event),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_interface_set_event_callback(interface, 0, NULL, NULL),
			 VMNET_SUCCESS);
	assert_int_equal(vmnet_interface_set_event_callback(interface, EVENT, NULL, NULL),
			 VMNET_SUCCESS);
}

static void nothing(void *context)
{
}

static void wait_for(void *semaphore)
{
	dispatch_semaphore_wait(semaphore, DISPATCH_TIME_FOREVER);
}

static void an_event_that_waits_is_not_told_after_unregistering(void **state)
{
	dispatch_semaphore_t hold = dispatch_semaphore_create(0);

	dispatch_async_f(queue, hold, wait_for);
	fake_deliver(1, 60);
	watch(&event); /* queued behind that */
	assert_int_equal(vmnet_interface_set_event_callback(interface, 0, NULL, NULL),
			 VMNET_SUCCESS);
	dispatch_semaphore_signal(hold);
	dispatch_sync_f(queue, NULL, nothing);
	fake_deliver(2, 60);
	dispatch_sync_f(queue, NULL, nothing);
	assert_int_equal(event.told, 0);
	dispatch_release(hold);
}

static struct fake_block second;

static void change_callback(struct fake_block *block)
{
	watch(&second);
}

static void a_callback_may_put_another_in_its_place(void **state)
{
	fake_event_block(&second);
	second.then = read_all;
	event.then = change_callback;
	fake_deliver(1, 60);
	watch(&event);
	fake_wait(&second, 1);
	fake_deliver(2, 60);
	wait_for_came(2);
	assert_int_equal(event.told, 1);
}

static void unregister(struct fake_block *block)
{
	assert_int_equal(vmnet_interface_set_event_callback(interface, 0, NULL, NULL),
			 VMNET_SUCCESS);
}

static void a_callback_may_end_itself(void **state)
{
	event.then = unregister;
	fake_deliver(1, 60);
	watch(&event);
	fake_wait(&event, 1);
	dispatch_sync_f(queue, NULL, nothing);
	assert_int_equal(event.told, 1);
}

static void stop_and_wait(struct fake_block *block)
{
	assert_int_equal(vmnet_stop_interface(interface, other, (void *)&stopped), VMNET_SUCCESS);
	fake_wait(&stopped, 1); /* on the other queue */
}

static void a_callback_may_stop_its_interface_and_wait_for_that(void **state)
{
	event.then = stop_and_wait;
	fake_deliver(1, 60);
	watch(&event);
	fake_wait(&event, 1);
	assert_int_equal(stopped.told, 1);
	assert_int_equal(event.told, 1);
	interface = NULL;
}

static dispatch_semaphore_t inside, leave;
static int at_stop;

static void stay(struct fake_block *block)
{
	dispatch_semaphore_signal(inside);
	dispatch_semaphore_wait(leave, DISPATCH_TIME_FOREVER);
}

static void look(struct fake_block *block)
{
	at_stop = event.told;
}

/* Who frees what the callback uses when the stop handler ran must not pull it from under it. */
static void the_stop_handler_waits_for_a_callback_on_another_queue(void **state)
{
	inside = dispatch_semaphore_create(0);
	leave = dispatch_semaphore_create(0);
	event.then = stay;
	stopped.then = look;
	fake_deliver(1, 60);
	watch(&event);
	dispatch_semaphore_wait(inside, DISPATCH_TIME_FOREVER);
	assert_int_equal(vmnet_stop_interface(interface, other, (void *)&stopped), VMNET_SUCCESS);
	while (fake.backends > 0) /* all but the handler is done */
		;
	dispatch_sync_f(other, NULL, nothing);
	assert_int_equal(stopped.told, 0);
	dispatch_semaphore_signal(leave);
	fake_wait(&stopped, 1);
	interface = NULL;
	dispatch_release(inside);
	dispatch_release(leave);
}

static _Atomic(bool) ended;

static void *keep_reading(void *unused)
{
	while (!ended)
		came += read_up_to(8);
	return unused;
}

static void *keep_writing(void *unused)
{
	uint8_t bytes[60] = { 0 };
	struct iovec iov = { bytes, sizeof(bytes) };
	struct vmpktdesc packet = { sizeof(bytes), &iov, 1, 0 };
	int n;

	while (!ended) {
		n = 1;
		vmnet_write(interface, &packet, &n);
		fake.n_sent = 0;
	}
	return unused;
}

static void stopping_while_others_read_and_write_is_safe(void **state)
{
	pthread_t reader, writer;

	ended = false;
	event.then = read_all;
	watch(&event);
	assert_int_equal(pthread_create(&reader, NULL, keep_reading, NULL), 0);
	assert_int_equal(pthread_create(&writer, NULL, keep_writing, NULL), 0);
	for (int i = 0; i < 200; i++)
		fake_deliver(1, 60);
	fake_stopped(interface, other);
	ended = true;
	pthread_join(reader, NULL);
	pthread_join(writer, NULL);
	interface = NULL;
}

static void a_lost_network_is_told_once(void **state)
{
	watch(&event);
	fake_break(-ENOTCONN);
	fake_wait(&event, 1);
	assert_int_equal(event.estimate, 0);
	dispatch_sync_f(queue, NULL, nothing);
	assert_int_equal(event.told, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_packet_makes_an_event_with_an_estimate),
		TEST(packets_that_came_before_the_callback_make_an_event),
		TEST(what_is_left_unread_makes_another_event),
		TEST(nothing_read_at_all_makes_another_event),
		TEST(a_read_elsewhere_makes_the_next_packet_an_event),
		TEST(no_wakeup_is_lost_between_reading_and_waiting),
		TEST(arguments_come_both_or_neither),
		TEST(an_event_that_waits_is_not_told_after_unregistering),
		TEST(a_callback_may_put_another_in_its_place),
		TEST(a_callback_may_end_itself),
		TEST(a_callback_may_stop_its_interface_and_wait_for_that),
		TEST(the_stop_handler_waits_for_a_callback_on_another_queue),
		TEST(stopping_while_others_read_and_write_is_safe),
		TEST(a_lost_network_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
