/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_port_link.c - the link of a port, which its administrator sets down, and what of it the guest
 * is told
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/port_internal.h"
#include "port_ends.h"

#define LEN 100u

enum { A, B };

static struct port *a_of(struct ports_net *p)
{
	return port_find(p->table, "a");
}

static struct port_ends *plug(struct ports_net *p)
{
	static const struct port_config config;

	return port_ends_new(p, 2, &config);
}

static void send_to_all(struct port_end *end, uint8_t from)
{
	uint8_t frame[LEN];

	test_frame(frame, 0xff, from, 'l', sizeof(frame));
	assert_true(port_end_send(end, frame, sizeof(frame)));
}

static void a_link_is_up_to_begin_with_and_nobody_is_told(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p);

	ports_turn(p);
	assert_true(port_admin_is_up(a_of(p)));
	assert_true(port_is_up(a_of(p)));
	assert_int_equal(ends->ends[A]->n_link, 0);
	port_ends_free(ends);
}

static void a_change_is_told_to_the_guest_once(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p);

	port_set_admin(a_of(p), true);
	assert_int_equal(ends->ends[A]->n_link, 0);
	port_set_admin(a_of(p), false);
	port_set_admin(a_of(p), false);
	assert_int_equal(ends->ends[A]->n_link, 1);
	assert_false(ends->ends[A]->link);
	assert_false(port_admin_is_up(a_of(p)));
	assert_true(port_is_up(a_of(p))); /* somebody is there all the same */
	port_set_admin(a_of(p), true);
	assert_int_equal(ends->ends[A]->n_link, 2);
	assert_true(ends->ends[A]->link);
	assert_int_equal(ends->ends[B]->n_link, 0);
	port_ends_free(ends);
}

static void nothing_passes_while_it_is_down_and_all_does_after(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p);

	port_set_admin(a_of(p), false);
	send_to_all(ends->ends[A], 1);
	send_to_all(ends->ends[B], 2);
	ports_turn(p);
	assert_int_equal(ends->ends[A]->n_got, 0);
	assert_int_equal(ends->ends[B]->n_got, 0);
	assert_int_equal(ports_counters(p, "a").link_dropped, 1);
	port_set_admin(a_of(p), true);
	send_to_all(ends->ends[A], 1);
	send_to_all(ends->ends[B], 2);
	ports_turn(p);
	assert_int_equal(ends->ends[A]->n_got, 1);
	assert_int_equal(ends->ends[B]->n_got, 1);
	assert_int_equal(ports_counters(p, "a").link_dropped, 1);
	port_ends_free(ends);
}

static void what_waits_when_it_goes_down_is_dropped_and_counted(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p);
	struct port_counters counters;

	ends->ends[A]->stuck = true;
	for (int i = 0; i < 5; i++)
		send_to_all(ends->ends[B], 2);
	ports_turn(p);
	port_set_admin(a_of(p), false);
	port_set_admin(a_of(p), true);
	ends->ends[A]->stuck = false;
	port_end_pull(ends->ends[A]);
	assert_int_equal(ends->ends[A]->n_got, 0);
	counters = ports_counters(p, "a");
	assert_int_equal(counters.link_dropped, 5);
	assert_int_equal(counters.channel.received_dropped, 5);
	port_ends_free(ends);
}

static void a_socket_that_comes_while_it_is_down_waits_for_it(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p);

	channel_set_link(ends->ends[A]->channel, false);
	port_set_admin(a_of(p), false);
	channel_set_link(ends->ends[A]->channel, true);
	send_to_all(ends->ends[B], 2);
	ports_turn(p);
	assert_int_equal(ends->ends[A]->n_got, 0);
	port_set_admin(a_of(p), true);
	send_to_all(ends->ends[B], 2);
	ports_turn(p);
	assert_int_equal(ends->ends[A]->n_got, 1);
	port_ends_free(ends);
}

/* The network's end of the cable is down: the administrator's does not make it look well. */
static void a_network_that_is_down_stays_down_for_the_guest(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p);
	struct port_end *a = ends->ends[A];

	channel_tell_link(a_of(p)->network, false);
	assert_false(a->link);
	port_set_admin(a_of(p), false);
	port_set_admin(a_of(p), true);
	assert_false(a->link);
	port_set_admin(a_of(p), false);
	channel_tell_link(a_of(p)->network, true);
	assert_false(a->link);
	port_set_admin(a_of(p), true);
	assert_true(a->link);
	port_ends_free(ends);
}

static void a_port_s_address_is_the_one_it_sends_from_until_somebody_else_comes(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p);
	uint8_t mac[FRAME_MAC] = { 0 };

	assert_false(port_mac(a_of(p), mac));
	send_to_all(ends->ends[A], 1);
	send_to_all(ends->ends[A], 3);
	assert_true(port_mac(a_of(p), mac));
	assert_int_equal(mac[5], 1);
	channel_set_link(ends->ends[A]->channel, false);
	assert_false(port_mac(a_of(p), mac));
	port_ends_free(ends);
}

#define net_test(f) cmocka_unit_test_setup_teardown(f, ports_net_setup, ports_net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(a_link_is_up_to_begin_with_and_nobody_is_told),
		net_test(a_change_is_told_to_the_guest_once),
		net_test(nothing_passes_while_it_is_down_and_all_does_after),
		net_test(what_waits_when_it_goes_down_is_dropped_and_counted),
		net_test(a_socket_that_comes_while_it_is_down_waits_for_it),
		net_test(a_network_that_is_down_stays_down_for_the_guest),
		net_test(a_port_s_address_is_the_one_it_sends_from_until_somebody_else_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
