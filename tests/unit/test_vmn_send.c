/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vmn_send.c - frames of a port into vmnet: batches, what is refused, what vmnet would not have
 *
 * rN: a review's remark, number N; f: a fault that is left in QEMU's netdevs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmn_end.h"

static void frames_are_written_in_order_and_in_batches(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	assert_int_equal(vmn_offer(end, 0, 100, 60), 100);
	assert_int_equal(double_sent(VMN_PORT), 100);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(vmn_sent_number(VMN_PORT, i), i);
	assert_true(double_counts().writes <= 2);
	assert_int_equal(channel_stats(end->channel)->sent_frames, 100);
	assert_int_equal(channel_stats(end->channel)->sent_dropped, 0);
}

static void a_batch_is_as_large_as_vmnet_says(void **state)
{
	struct vmn_end *end = *state;

	double_script.write_max = 7;
	vmn_ready(end);
	assert_int_equal(vmn_offer(end, 0, 100, 60), 100);
	assert_int_equal(double_sent(VMN_PORT), 100);
	assert_int_equal(double_counts().largest_write, 7);
}

static void a_batch_is_no_longer_than_the_documented_bytes(void **state)
{
	struct vmn_end *end = *state;

	double_script.mtu = 9000;
	double_script.max_packet = 9014;
	vmn_ready(end);
	assert_int_equal(vmn_offer(end, 0, 120, 9014), 120);
	assert_int_equal(double_sent(VMN_PORT), 120);
	assert_int_equal(double_counts().largest_write, 256 * 1024 / 9014);
}

static void a_frame_in_pieces_is_one(void **state)
{
	struct vmn_end *end = *state;
	uint8_t bytes[100];
	struct iovec iov[3] = { { bytes, 14 }, { bytes + 14, 0 }, { bytes + 14, 86 } };
	const struct frame frame = { .iov = iov, .n_iov = 3, .len = 100 };
	size_t len;

	for (unsigned int i = 0; i < 100; i++)
		bytes[i] = (uint8_t)i;
	vmn_ready(end);
	assert_int_equal(channel_send(end->channel, &frame, 1), 1);
	assert_memory_equal(double_sent_packet(VMN_PORT, 0, &len), bytes, 100);
	assert_int_equal(len, 100);
}

static void a_part_of_a_batch_that_is_taken_is_followed_by_the_rest(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.write_short = 3;
	assert_int_equal(vmn_offer(end, 0, 20, 60), 20);
	assert_int_equal(double_sent(VMN_PORT), 20);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(vmn_sent_number(VMN_PORT, i), i);
}

static void more_sent_than_offered_is_not_believed(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.write_lie = 1000;
	assert_int_equal(vmn_offer(end, 0, 5, 60), 5);
	assert_int_equal(channel_stats(end->channel)->sent_frames, 5);
}

/* What is not offered to vmnet cannot take a batch along. */
static void runts_and_too_large_frames_are_dropped_and_counted(void **state)
{
	static const size_t lens[] = { 0, 4, 13, 1515, 4000 };
	struct vmn_end *end = *state;

	vmn_ready(end);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(vmn_offer(end, 0, 2, lens[i]), 2);
		assert_int_equal(double_sent(VMN_PORT), 0);
		assert_int_equal(channel_stats(end->channel)->sent_dropped, 2 * (i + 1));
	}
	assert_int_equal(vmn_counter(end, "vmnet_refused_frames_total"), 10);
	assert_int_equal(double_counts().writes, 0);
	assert_int_equal(vmn_offer(end, 0, 1, 14), 1);
	assert_int_equal(vmn_offer(end, 0, 1, 1514), 1);
	assert_int_equal(double_sent(VMN_PORT), 2);
}

static void a_frame_with_offloads_is_refused(void **state)
{
	struct vmn_end *end = *state;
	uint8_t bytes[60] = { 0 };
	struct iovec iov = { bytes, sizeof(bytes) };
	struct frame frame = { .iov = &iov, .n_iov = 1, .len = sizeof(bytes) };

	vmn_ready(end);
	frame.header.gso_type = 1;
	assert_int_equal(channel_send(end->channel, &frame, 1), 1);
	frame.header.gso_type = 0;
	frame.header.flags = 1;
	assert_int_equal(channel_send(end->channel, &frame, 1), 1);
	assert_int_equal(double_sent(VMN_PORT), 0);
	assert_int_equal(channel_stats(end->channel)->sent_dropped, 2);
}

static void what_vmnet_refuses_takes_nothing_else_along(void **state)
{
	struct vmn_end *end = *state;
	uint8_t bytes[20][100] = { { 0 } };
	struct iovec iov[20];
	struct frame frames[20];

	vmn_ready(end);
	double_script.write_refuses = 99;
	for (unsigned int i = 0; i < 20; i++) {
		iov[i] = (struct iovec) { bytes[i], i == 7 ? 99 : 60 };
		frames[i] = (struct frame) { .iov = &iov[i], .n_iov = 1, .len = iov[i].iov_len };
	}
	assert_int_equal(channel_send(end->channel, frames, 20), 20);
	assert_int_equal(double_sent(VMN_PORT), 19);
	assert_int_equal(vmn_counter(end, "vmnet_write_failed_frames_total"), 1);
	assert_int_equal(channel_stats(end->channel)->sent_dropped, 1);
}

/* r8: a failed write is an error. f: a negative result was counted as sent. */
static void r8_a_write_that_fails_is_never_sent_whatever_the_status(void **state)
{
	struct vmn_end *end = *state;
	unsigned int lost = 0;

	vmn_ready(end);
	for (unsigned int status = VMNET_FAILURE; status <= 1011; status++) {
		if (status == VMNET_BUFFER_EXHAUSTED)
			continue;
		double_script.write_status = (vmnet_return_t)status;
		assert_int_equal(vmn_offer(end, 0, 3, 60), 3);
		lost += 3;
		assert_int_equal(double_sent(VMN_PORT), 0);
		assert_int_equal(channel_stats(end->channel)->sent_dropped, lost);
		assert_int_equal(vmn_counter(end, "vmnet_write_failed_frames_total"), lost);
	}
	double_script.write_status = 0;
	assert_int_equal(vmn_offer(end, 0, 3, 60), 3);
	assert_int_equal(double_sent(VMN_PORT), 3);
}

static void too_many_packets_are_fewer_from_then_on(void **state)
{
	struct vmn_end *end = *state;
	unsigned int writes;

	vmn_ready(end);
	double_script.write_most = 20;
	assert_int_equal(vmn_offer(end, 0, 100, 60), 100);
	assert_int_equal(double_sent(VMN_PORT), 100);
	writes = double_counts().writes;
	assert_int_equal(vmn_offer(end, 100, 12, 60), 12);
	assert_int_equal(double_counts().writes, writes + 1);
	for (unsigned int i = 0; i < 112; i++)
		assert_int_equal(vmn_sent_number(VMN_PORT, i), i);
}

static bool may_write(struct vmn_end *end)
{
	return end->n_writable > 0;
}

static void full_buffers_stop_the_port_until_there_may_be_room(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.write_status = VMNET_BUFFER_EXHAUSTED;
	double_script.write_status_calls = 1;
	assert_int_equal(vmn_offer(end, 0, 10, 60), 0);
	vmn_until(end, may_write);
	assert_int_equal(vmn_offer(end, 0, 10, 60), 10);
	assert_int_equal(double_sent(VMN_PORT), 10);
	assert_int_equal(channel_stats(end->channel)->sent_frames, 10);
}

/* As libvmnet has it: what went is said with the status of what did not. */
static void what_went_before_buffers_were_full_does_not_go_again(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.write_full_part = 4;
	assert_int_equal(vmn_offer(end, 0, 10, 60), 10);
	assert_int_equal(double_sent(VMN_PORT), 10);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(vmn_sent_number(VMN_PORT, i), i);
}

/* A status of success for nothing is as good as full, and no endless loop. */
static void success_without_a_packet_is_full(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.write_lie = -10;
	assert_int_equal(vmn_offer(end, 0, 10, 60), 0);
	double_script.write_lie = 0;
	vmn_until(end, may_write);
}

static void buffers_that_stay_full_lose_frames_and_say_so_but_stop_nobody_for_ever(void **state)
{
	struct vmn_end *end = *state;
	unsigned int turns = 0;
	size_t taken;

	vmn_ready(end);
	double_script.write_status = VMNET_BUFFER_EXHAUSTED;
	while ((taken = vmn_offer(end, 0, 10, 60)) == 0 && turns++ < 100) {
		end->n_writable = 0;
		vmn_until(end, may_write);
	}
	assert_int_equal(taken, 10);
	assert_int_equal(turns, 10);
	assert_int_equal(vmn_counter(end, "vmnet_full_dropped_frames_total"), 10);
	assert_int_equal(channel_stats(end->channel)->sent_dropped, 10);
}

static void nothing_is_written_while_the_link_is_down(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	channel_set_link(end->channel, false);
	assert_int_equal(vmn_offer(end, 0, 3, 60), 3);
	assert_int_equal(double_sent(VMN_PORT), 0);
	assert_int_equal(channel_stats(end->channel)->sent_dropped, 3);
}

static void nothing_is_written_before_the_interface_has_started(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_SHARED, NULL);
	double_script.start_held = true;
	vmn_plug(end);
	assert_int_equal(vmn_offer(end, 0, 3, 60), 3);
	assert_int_equal(channel_stats(end->channel)->sent_dropped, 3);
	assert_int_equal(vmn_pull(end), 0);
	assert_int_equal(double_counts().writes + double_counts().reads, 0);
	double_release_start();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vmn_setup, vmn_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_are_written_in_order_and_in_batches),
		TEST(a_batch_is_as_large_as_vmnet_says),
		TEST(a_batch_is_no_longer_than_the_documented_bytes),
		TEST(a_frame_in_pieces_is_one),
		TEST(a_part_of_a_batch_that_is_taken_is_followed_by_the_rest),
		TEST(more_sent_than_offered_is_not_believed),
		TEST(runts_and_too_large_frames_are_dropped_and_counted),
		TEST(a_frame_with_offloads_is_refused),
		TEST(what_vmnet_refuses_takes_nothing_else_along),
		TEST(r8_a_write_that_fails_is_never_sent_whatever_the_status),
		TEST(too_many_packets_are_fewer_from_then_on),
		TEST(full_buffers_stop_the_port_until_there_may_be_room),
		TEST(what_went_before_buffers_were_full_does_not_go_again),
		TEST(success_without_a_packet_is_full),
		TEST(buffers_that_stay_full_lose_frames_and_say_so_but_stop_nobody_for_ever),
		TEST(nothing_is_written_while_the_link_is_down),
		TEST(nothing_is_written_before_the_interface_has_started),
	};

	return cmocka_run_group_tests_name("vmn_send", tests, NULL, NULL);
}
