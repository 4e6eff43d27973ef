/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vmn_start.c - the life of vmnet's interfaces: handlers that come, fail, come late, never come
 *
 * That nothing is left of any of these is checked by vmn_teardown() behind each test: handles, queues,
 * dictionaries, descriptors. rN: a review's remark, number N.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmn_end.h"

#define SOON_MS 50u

static void never_waits_long(struct vmn_end *end)
{
	end->times = (struct vmn_times) { SOON_MS, SOON_MS, SOON_MS };
}

static void assert_refused(const struct vmn_end *end, int error, const char *sentence)
{
	assert_int_equal(end->result, error);
	assert_non_null(end->error);
	if (!strstr(end->error, sentence))
		fail_msg("\"%s\" does not say \"%s\"", end->error, sentence);
	assert_null(strchr(end->error, '\n')); /* r6 */
}

static bool has_failed(struct vmn_end *end)
{
	return end->n_failed > 0;
}

/* The network */

static void r4_a_network_that_starts_lets_go_of_everything_at_its_end(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	assert_int_equal(double_counts().starts, 2);
	vmn_end_network(end);
	assert_int_equal(double_counts().stopped, 2);
}

static void what_vmnet_says_of_the_network_is_what_it_is(void **state)
{
	struct vmn_end *end = *state;
	const struct network_config *config;

	double_script.mtu = 1400;
	vmn_ready(end);
	config = network_config_of(end->network);
	assert_int_equal(config->start_address.s_addr, htonl(0xc0a84101));
	assert_int_equal(config->end_address.s_addr, htonl(0xc0a841fe));
	assert_int_equal(config->mtu, 1400);
}

static void r10_options_that_vmnet_would_not_have_are_errors(void **state)
{
	struct vmn_end *end = *state;

	double_script.start_null = true;
	vmn_network_of(end, NETWORK_SHARED, NULL);
	assert_refused(end, -EINVAL, "would not start an interface with these options");
	assert_int_equal(double_counts().stops, 0);
}

static void r5_a_handler_that_comes_though_start_failed_is_harmless(void **state)
{
	struct vmn_end *end = *state;

	double_script.start_null_and_handler = true;
	vmn_network_of(end, NETWORK_SHARED, NULL);
	assert_refused(end, -EINVAL, "would not");
}

static void r5_every_status_of_a_start_that_fails_is_said_in_words(void **state)
{
	static const char *const words[] = {
		"VMNET_FAILURE",	  "VMNET_MEM_FAILURE",	    "VMNET_INVALID_ARGUMENT",
		"VMNET_SETUP_INCOMPLETE", "VMNET_INVALID_ACCESS",   "VMNET_PACKET_TOO_BIG",
		"VMNET_BUFFER_EXHAUSTED", "VMNET_TOO_MANY_PACKETS", "VMNET_SHARING_SERVICE_BUSY",
		"VMNET_NOT_AUTHORIZED",	  "not documented",
	};
	struct vmn_end *end = *state;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		double_reset();
		double_script.start_fail_from = 1;
		double_script.start_status = (vmnet_return_t)(VMNET_FAILURE + i);
		vmn_network_of(end, NETWORK_SHARED, NULL);
		assert_true(end->result < 0);
		assert_refused(end, end->result, words[i]);
		free(end->error);
		end->error = NULL;
		uv_run(&end->loop, UV_RUN_DEFAULT);
	}
}

static void a_start_handler_that_never_comes_is_waited_for_no_longer_than_its_deadline(void **state)
{
	struct vmn_end *end = *state;

	never_waits_long(end);
	double_script.start_held = true;
	vmn_network_of(end, NETWORK_SHARED, NULL);
	assert_refused(end, -ETIMEDOUT, "has not answered the start");
	uv_run(&end->loop, UV_RUN_DEFAULT);
	double_release_start(); /* for nobody: it is stopped by its own handler */
	double_idle();
	double_idle();
	assert_int_equal(double_counts().stopped, 1);
}

/* The port */

static void the_link_is_down_until_the_interface_has_started(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_SHARED, NULL);
	double_script.start_held = true;
	vmn_plug(end);
	assert_int_equal(end->n_link, 0); /* never inside the call */
	vmn_turn(end);
	assert_int_equal(end->n_link, 1);
	assert_false(end->link);
	double_release_start();
	vmn_turn(end);
	assert_int_equal(end->n_link, 2);
	assert_true(end->link);
}

static void success_without_parameters_is_a_plain_interface(void **state)
{
	struct vmn_end *end = *state;

	double_script.no_parameters = true;
	vmn_ready(end);
	assert_int_equal(vmn_offer(end, 0, 1, 1514), 1);
	assert_int_equal(vmn_offer(end, 0, 1, 1515), 1);
	assert_int_equal(double_sent(VMN_PORT), 1);
}

static void a_port_that_cannot_start_leaves_the_others_alone(void **state)
{
	struct vmn_end *end = *state;

	double_script.start_fail_from = 2;
	double_script.start_status = VMNET_FAILURE;
	vmn_network_of(end, NETWORK_SHARED, NULL);
	vmn_plug(end);
	vmn_turn(end);
	assert_int_equal(end->n_failed, 0);
	assert_false(end->link);
	assert_int_equal(vmn_counter(end, "vmnet_start_failed_total"), 1);
	assert_int_equal(vmn_offer(end, 0, 1, 60), 1);
	assert_int_equal(vmn_pull(end), 0);
	channel_set_link(end->channel, false);
	channel_set_link(end->channel, true);
	assert_int_equal(double_counts().writes + double_counts().reads, 0);
}

static void bridge(struct network_config *config)
{
	double_script.names[0] = "en0";
}

static void a_network_of_which_nothing_starts_has_failed(void **state)
{
	struct vmn_end *end = *state;

	double_script.start_fail_from = 1;
	double_script.start_status = VMNET_FAILURE;
	vmn_network_of(end, NETWORK_BRIDGED, bridge);
	assert_int_equal(end->result, 0);
	vmn_plug(end);
	vmn_until(end, has_failed);
	assert_non_null(strstr(end->why, "VMNET_FAILURE"));
}

static void a_port_whose_start_handler_never_comes_has_failed_in_time(void **state)
{
	struct vmn_end *end = *state;

	never_waits_long(end);
	vmn_network_of(end, NETWORK_BRIDGED, bridge);
	double_script.start_held = true;
	vmn_plug(end);
	vmn_until(end, has_failed);
	assert_non_null(strstr(end->why, "has not answered the start"));
	vmn_end_network(end);
	double_release_start();
	double_idle();
	double_idle();
	assert_int_equal(double_counts().stopped, 1);
}

static void a_port_that_is_refused_at_once_is_not_opened(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_SHARED, NULL);
	double_script.start_null = true;
	vmn_plug(end);
	assert_int_equal(end->result, -EINVAL);
	assert_null(end->channel);
}

/* Stop */

static void a_port_that_is_closed_before_it_started_is_stopped_when_it_has(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_SHARED, NULL);
	double_script.start_held = true;
	vmn_plug(end);
	vmn_unplug(end);
	vmn_turn(end);
	assert_int_equal(double_counts().stops, 0);
	double_release_start();
	vmn_turn(end);
	assert_int_equal(double_counts().stopped, 1);
	assert_int_equal(end->n_link, 0);
}

static void a_port_that_is_closed_and_then_fails_to_start_is_gone(void **state)
{
	struct vmn_end *end = *state;

	double_script.start_fail_from = 2;
	double_script.start_status = VMNET_FAILURE;
	vmn_network_of(end, NETWORK_SHARED, NULL);
	double_script.start_held = true;
	vmn_plug(end);
	vmn_unplug(end);
	double_release_start();
	vmn_turn(end);
	assert_int_equal(double_counts().stops, 0);
}

static void a_port_that_is_closed_and_never_answered_ends_with_the_deadline(void **state)
{
	struct vmn_end *end = *state;

	never_waits_long(end);
	vmn_network_of(end, NETWORK_SHARED, NULL);
	double_script.start_held = true;
	vmn_plug(end);
	vmn_end_network(end); /* comes back */
	double_release_start();
	double_idle();
	double_idle();
	assert_int_equal(double_counts().stopped, 2);
}

/* r16: the loop does not wait for callbacks, nor they for it. */
static void r16_closing_waits_for_no_handler_and_no_block(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	end->stuck = true;
	double_arrive(VMN_PORT, 0, 60); /* fires without pause */
	double_script.stop_held = true;
	vmn_unplug(end); /* comes back, though the stop handler has not */
	assert_int_equal(double_counts().stopped, 0);
	double_script.stop_held = false;
	double_release_stop();
	vmn_turn(end);
	assert_int_equal(double_counts().stopped, 1);
}

static void r17_the_interface_is_stopped_first_and_nothing_is_read_or_written_behind(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	for (uint32_t i = 0; i < 100; i++)
		double_arrive(VMN_PORT, i, 60);
	vmn_unplug(end);
	vmn_turn(end);
	assert_int_equal(double_counts().reads_after_stop, 0);
	assert_int_equal(double_counts().writes_after_stop, 0);
	assert_int_equal(double_counts().handlers_after_stop, 0);
}

static void a_stop_handler_that_never_comes_is_waited_for_no_longer_than_its_deadline(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	vmn_end_network(end);
	never_waits_long(end);
	vmn_network_of(end, NETWORK_SHARED, NULL);
	double_script.stop_held = true;
	vmn_end_network(end);  /* comes back */
	double_release_stop(); /* the memory is still there */
	double_idle();
}

static void a_stop_that_is_refused_ends_all_the_same(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.stop_return = VMNET_INVALID_ARGUMENT;
	vmn_end_network(end); /* comes back */
	assert_int_equal(double_counts().stopped, 0);
}

/* r19: threads that arrive and close as they like; ThreadSanitizer judges. */
static void r19_packets_come_while_ports_are_plugged_in_and_out(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_SHARED, NULL);
	for (unsigned int i = 1; i < DOUBLE_IFACES; i++) {
		vmn_plug(end);
		for (uint32_t n = 0; n < 50; n++) {
			double_arrive(i, n, 60);
			uv_run(&end->loop, UV_RUN_NOWAIT);
		}
		vmn_unplug(end);
	}
}

static struct vmn_end *closing;

static void close_now(void *opaque)
{
	vmn_unplug(closing);
}

static void r17_a_port_may_close_while_it_is_told_of_packets(void **state)
{
	static const struct channel_events events = { .ready = close_now };
	struct vmn_end *end = closing = *state;

	vmn_ready(end);
	end->channel->events = &events;
	double_arrive(VMN_PORT, 0, 60);
	vmn_turn(end);
	assert_null(end->channel);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vmn_setup, vmn_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(r4_a_network_that_starts_lets_go_of_everything_at_its_end),
		TEST(what_vmnet_says_of_the_network_is_what_it_is),
		TEST(r10_options_that_vmnet_would_not_have_are_errors),
		TEST(r5_a_handler_that_comes_though_start_failed_is_harmless),
		TEST(r5_every_status_of_a_start_that_fails_is_said_in_words),
		TEST(a_start_handler_that_never_comes_is_waited_for_no_longer_than_its_deadline),
		TEST(the_link_is_down_until_the_interface_has_started),
		TEST(success_without_parameters_is_a_plain_interface),
		TEST(a_port_that_cannot_start_leaves_the_others_alone),
		TEST(a_network_of_which_nothing_starts_has_failed),
		TEST(a_port_whose_start_handler_never_comes_has_failed_in_time),
		TEST(a_port_that_is_refused_at_once_is_not_opened),
		TEST(a_port_that_is_closed_before_it_started_is_stopped_when_it_has),
		TEST(a_port_that_is_closed_and_then_fails_to_start_is_gone),
		TEST(a_port_that_is_closed_and_never_answered_ends_with_the_deadline),
		TEST(r16_closing_waits_for_no_handler_and_no_block),
		TEST(r17_the_interface_is_stopped_first_and_nothing_is_read_or_written_behind),
		TEST(r17_a_port_may_close_while_it_is_told_of_packets),
		TEST(a_stop_handler_that_never_comes_is_waited_for_no_longer_than_its_deadline),
		TEST(a_stop_that_is_refused_ends_all_the_same),
		TEST(r19_packets_come_while_ports_are_plugged_in_and_out),
	};

	return cmocka_run_group_tests_name("vmn_start", tests, NULL, NULL);
}
