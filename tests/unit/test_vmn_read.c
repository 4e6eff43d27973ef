/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vmn_read.c - packets from vmnet to a port, and its event: what reviewers asked of QEMU's
 * netdevs, and what is left wrong in these
 *
 * rN: a review's remark, number N; f: a fault that is left. docs/vmnet.md has them all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "vmn_end.h"

static unsigned int wanted;

static bool got_wanted(struct vmn_end *end)
{
	return end->n_got >= wanted;
}

static void wait_for_packets(struct vmn_end *end, unsigned int n)
{
	wanted = n;
	vmn_until(end, got_wanted);
	assert_int_equal(end->n_got, n);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(end->got[i], i);
}

static void arrive(uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		double_arrive(VMN_PORT, i, 60 + i % 1000);
}

static void packets_reach_the_port_in_order_and_whole(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	arrive(0, 300);
	wait_for_packets(end, 300);
	for (unsigned int i = 0; i < 300; i++)
		assert_int_equal(end->got_len[i], 60 + i % 1000);
	assert_int_equal(channel_stats(end->channel)->received_frames, 300);
}

static void r1_many_events_are_one_call_of_the_port(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.no_level = true;
	end->n_ready = 0;
	for (int i = 0; i < 100; i++)
		double_fire(VMN_PORT);
	double_idle();
	uv_run(&end->loop, UV_RUN_NOWAIT);
	uv_run(&end->loop, UV_RUN_NOWAIT);
	assert_int_equal(end->n_ready, 1);
}

static void r2_more_than_one_call_brings_is_read_until_there_is_nothing(void **state)
{
	struct vmn_end *end = *state;

	double_script.read_max = 8;
	vmn_ready(end);
	double_script.no_level = true;
	arrive(0, 100);
	wait_for_packets(end, 100);
	assert_true(double_counts().largest_read <= 8);
	assert_int_equal(double_unread(VMN_PORT), 0);
}

static void r2_a_call_that_brings_less_than_there_is_does_not_end_reading(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.read_short = 1;
	double_script.no_level = true;
	arrive(0, 50);
	wait_for_packets(end, 50);
}

static bool was_told(struct vmn_end *end)
{
	return end->n_ready > 0;
}

/* The event comes between the read that finds nothing and whatever follows it. */
static void r11_a_packet_that_comes_right_after_the_last_read_is_told(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.no_level = true;
	for (uint32_t i = 0; i < 200; i++) {
		end->n_ready = 0;
		assert_int_equal(vmn_pull(end), 0);
		arrive(i, 1);
		vmn_until(end, was_told);
		vmn_turn(end);
	}
	wait_for_packets(end, 200);
}

static void r12_what_is_shown_stays_until_it_is_taken_and_nothing_overtakes_it(void **state)
{
	struct vmn_end *end = *state;
	struct frame frames[4];

	vmn_ready(end);
	end->stuck = true;
	arrive(0, 10);
	vmn_turn(end);
	assert_int_equal(channel_peek(end->channel, frames, 4), 4);
	arrive(10, 10);
	vmn_turn(end);
	assert_int_equal(channel_peek(end->channel, frames, 4), 4);
	assert_int_equal(frames[0].len, 60);
	assert_int_equal(frames[3].len, 63);
	vmn_pull(end);
	wait_for_packets(end, 20);
}

static void r13_events_behind_the_switching_off_are_harmless(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	channel_set_link(end->channel, false);
	end->n_ready = 0;
	double_fire(VMN_PORT);
	vmn_turn(end);
	assert_int_equal(end->n_ready, 0);
	vmn_unplug(end);
	double_fire(VMN_PORT);
	vmn_turn(end);
	assert_int_equal(double_counts().reads_after_stop, 0);
}

static void r13_events_behind_the_stop_are_harmless(void **state)
{
	struct vmn_end *end = *state;

	double_script.stop_held = true;
	vmn_ready(end);
	vmn_unplug(end);
	for (int i = 0; i < 10; i++)
		double_fire(VMN_PORT);
	vmn_turn(end);
	double_release_stop();
	double_script.stop_held = false;
	vmn_turn(end);
	assert_int_equal(double_counts().reads_after_stop, 0);
}

static void r14_a_guest_that_takes_nothing_stops_the_event_and_then_gets_all_in_order(void **state)
{
	struct vmn_end *end = *state;
	unsigned int events;

	vmn_ready(end);
	end->stuck = true;
	arrive(0, 500);
	vmn_turn(end);
	vmn_turn(end);
	assert_int_equal(vmn_counter(end, "vmnet_event_stopped_total"), 1);
	events = double_counts().events;
	arrive(500, 200);
	vmn_turn(end);
	assert_int_equal(double_counts().events, events);
	assert_int_equal(end->n_ready, 1);
	end->stuck = false;
	vmn_pull(end);
	wait_for_packets(end, 700);
}

static void r14_what_waits_for_a_stuck_guest_is_bounded(void **state)
{
	struct vmn_end *end = *state;
	struct frame frames[1];

	vmn_ready(end);
	end->stuck = true;
	arrive(0, 1000);
	for (int i = 0; i < 50; i++) {
		vmn_turn(end);
		assert_int_equal(channel_peek(end->channel, frames, 1), 1);
	}
	assert_true(double_unread(VMN_PORT) >= 1000 - 256);
}

static void r15_what_came_while_the_event_was_off_is_read_after_it_is_on(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.no_level = true;
	end->stuck = true;
	arrive(0, 10);
	vmn_turn(end);
	double_fire(VMN_PORT);
	vmn_turn(end);
	assert_int_equal(vmn_counter(end, "vmnet_event_stopped_total"), 1);
	arrive(10, 10); /* nobody is told */
	end->stuck = false;
	vmn_pull(end);
	wait_for_packets(end, 20);
	arrive(20, 1);
	wait_for_packets(end, 21);
}

/* QEMU's netdevs: a stopped VM made the event fire without pause. */
static void f_a_link_that_is_down_costs_no_events(void **state)
{
	struct vmn_end *end = *state;
	unsigned int events;

	vmn_ready(end);
	channel_set_link(end->channel, false);
	vmn_turn(end);
	events = double_counts().events;
	arrive(0, 100);
	vmn_turn(end);
	assert_int_equal(double_counts().events, events);
	channel_set_link(end->channel, true);
	vmn_turn(end);
	assert_int_equal(end->n_got, 0); /* these were for nobody */
	double_arrive(VMN_PORT, 0, 60);
	wait_for_packets(end, 1);
}

static void f_an_event_with_nothing_to_read_is_no_packet(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	for (int i = 0; i < 20; i++) {
		double_fire(VMN_PORT);
		vmn_turn(end);
	}
	assert_int_equal(end->n_got, 0);
	arrive(0, 1);
	wait_for_packets(end, 1);
}

/* QEMU's netdevs: a NIC without buffers made a DHCP offer vanish. */
static void f_a_batch_that_is_not_taken_is_not_lost(void **state)
{
	struct vmn_end *end = *state;
	struct frame frames[16];

	vmn_ready(end);
	end->stuck = true;
	arrive(0, 5);
	vmn_turn(end);
	for (int i = 0; i < 5; i++)
		assert_int_equal(channel_peek(end->channel, frames, 16), 5);
	vmn_pull(end);
	wait_for_packets(end, 5);
}

static bool has_failed(struct vmn_end *end)
{
	return end->n_failed > 0;
}

static bool read_has_failed(struct vmn_end *end)
{
	return vmn_counter(end, "vmnet_read_failed_total") > 0;
}

static void a_read_that_fails_is_counted_and_tried_again(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.read_status = VMNET_BUFFER_EXHAUSTED;
	arrive(0, 3);
	vmn_turn(end);
	assert_true(read_has_failed(end));
	double_script.read_status = 0;
	wait_for_packets(end, 3);
}

static void reads_that_always_fail_are_the_end_of_the_network_and_not_a_flood(void **state)
{
	struct vmn_end *end = *state;
	unsigned int events;

	vmn_ready(end);
	double_script.read_status = VMNET_FAILURE;
	arrive(0, 3);
	vmn_until(end, read_has_failed);
	double_idle();
	events = double_counts().events;
	vmn_until(end, has_failed);
	assert_non_null(strstr(end->why, "lost its interface"));
	assert_true(double_counts().reads < 200);
	assert_int_equal(double_counts().events, events);
}

static void an_event_that_cannot_be_had_is_tried_again(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	channel_set_link(end->channel, false);
	double_script.watch_status = VMNET_FAILURE;
	channel_set_link(end->channel, true);
	arrive(0, 1);
	vmn_turn(end);
	assert_true(vmn_counter(end, "vmnet_read_failed_total") >= 1);
	double_script.watch_status = 0;
	wait_for_packets(end, 1);
}

static void more_packets_than_there_was_room_for_are_not_believed(void **state)
{
	struct vmn_end *end = *state;
	struct frame frames[256];

	vmn_ready(end);
	end->stuck = true;
	double_script.read_lie = 1000;
	arrive(0, 100);
	vmn_turn(end);
	assert_true(channel_peek(end->channel, frames, 256) <= 128);
	double_script.read_lie = 0;
}

static void a_negative_number_of_packets_is_none(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.read_lie = -1000;
	double_fire(VMN_PORT);
	vmn_turn(end);
	assert_int_equal(end->n_got, 0);
	double_script.read_lie = 0;
	arrive(0, 1);
	wait_for_packets(end, 1);
}

static void sizes_that_no_packet_can_have_are_dropped_and_counted(void **state)
{
	static const size_t sizes[] = { 13, 1, 1515, SIZE_MAX };
	struct vmn_end *end = *state;

	vmn_ready(end);
	for (size_t i = 0; i < 4; i++) {
		double_script.read_size = sizes[i];
		double_arrive(VMN_PORT, 77, 60);
		vmn_turn(end);
		assert_int_equal(end->n_got, 0);
		assert_int_equal(vmn_counter(end, "vmnet_bad_packets_total"), i + 1);
	}
	double_script.read_size = 0;
	arrive(0, 40);
	wait_for_packets(end, 40);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vmn_setup, vmn_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(packets_reach_the_port_in_order_and_whole),
		TEST(r1_many_events_are_one_call_of_the_port),
		TEST(r2_more_than_one_call_brings_is_read_until_there_is_nothing),
		TEST(r2_a_call_that_brings_less_than_there_is_does_not_end_reading),
		TEST(r11_a_packet_that_comes_right_after_the_last_read_is_told),
		TEST(r12_what_is_shown_stays_until_it_is_taken_and_nothing_overtakes_it),
		TEST(r13_events_behind_the_switching_off_are_harmless),
		TEST(r13_events_behind_the_stop_are_harmless),
		TEST(r14_a_guest_that_takes_nothing_stops_the_event_and_then_gets_all_in_order),
		TEST(r14_what_waits_for_a_stuck_guest_is_bounded),
		TEST(r15_what_came_while_the_event_was_off_is_read_after_it_is_on),
		TEST(f_a_link_that_is_down_costs_no_events),
		TEST(f_an_event_with_nothing_to_read_is_no_packet),
		TEST(f_a_batch_that_is_not_taken_is_not_lost),
		TEST(a_read_that_fails_is_counted_and_tried_again),
		TEST(reads_that_always_fail_are_the_end_of_the_network_and_not_a_flood),
		TEST(an_event_that_cannot_be_had_is_tried_again),
		TEST(more_packets_than_there_was_room_for_are_not_believed),
		TEST(a_negative_number_of_packets_is_none),
		TEST(sizes_that_no_packet_can_have_are_dropped_and_counted),
	};

	return cmocka_run_group_tests_name("vmn_read", tests, NULL, NULL);
}
