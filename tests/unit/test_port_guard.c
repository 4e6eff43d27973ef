/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_port_guard.c - guarded ports of a whole user network: what somebody else's name is on does not
 * arrive
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "net/port_internal.h"
#include "port_ends.h"

#define LEN 100u

enum { A, B, C };

static struct port_ends *plug(struct ports_net *p, bool guarded)
{
	static const struct port_config config;
	struct port_ends *ends = port_ends_new(p, 3, &config);

	/* As --source-guard has it; isolated ones would not see each other. */
	for (size_t i = 0; i < 3; i++)
		port_of_channel(ends->ends[i]->channel)->guarded = guarded;
	return ends;
}

static uint64_t dropped(struct ports_net *p, const char *name, enum source_guard_verdict why)
{
	return ports_counters(p, name).guard[why];
}

static void send_test(struct port_end *end, uint8_t to, uint8_t from)
{
	uint8_t frame[LEN];

	test_frame(frame, to, from, 'g', sizeof(frame));
	assert_true(port_end_send(end, frame, sizeof(frame)));
}

static void send_arp(struct ports_net *p, struct port_end *end, uint8_t from, uint8_t address)
{
	uint8_t frame[42];

	arp_request(p, frame, from, address, 200);
	assert_true(port_end_send(end, frame, sizeof(frame)));
}

static void a_frame_from_another_s_mac_does_not_arrive(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, true);

	send_test(ends->ends[A], 0xff, 1);
	send_test(ends->ends[B], 0xff, 2);
	ports_turn(p);
	assert_int_equal(ends->ends[C]->n_got, 2);
	send_test(ends->ends[B], 0xff, 1);
	ports_turn(p);
	assert_int_equal(ends->ends[C]->n_got, 2);
	assert_int_equal(dropped(p, "b", SOURCE_GUARD_MAC), 1);
	assert_int_equal(ports_counters(p, "b").guard_dropped, 1);
	assert_int_equal(ports_counters(p, "a").guard_dropped, 0);
	/* And the switch has not learned a's address at b. */
	send_test(ends->ends[C], 1, 3);
	ports_turn(p);
	assert_int_equal(ends->ends[A]->n_got, 2);
	assert_int_equal(ends->ends[B]->n_got, 1);
	port_ends_free(ends);
}

static void without_a_guard_it_does(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, false);

	send_test(ends->ends[A], 0xff, 1);
	send_test(ends->ends[B], 0xff, 1);
	ports_turn(p);
	assert_int_equal(ends->ends[C]->n_got, 2);
	assert_int_equal(ports_counters(p, "b").guard_dropped, 0);
	port_ends_free(ends);
}

static void a_batch_goes_on_behind_what_is_dropped(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, true);
	uint8_t bytes[5][LEN];
	struct iovec iov[5];
	struct frame frames[5];

	send_test(ends->ends[A], 0xff, 1);
	for (size_t i = 0; i < 5; i++) {
		test_frame(bytes[i], 0xff, i == 1 || i == 4 ? 9 : 1, (uint8_t)i, LEN);
		iov[i] = (struct iovec) { bytes[i], LEN };
		frames[i] = (struct frame) { .iov = &iov[i], .n_iov = 1, .len = LEN };
	}
	assert_int_equal(channel_send(ends->ends[A]->channel, frames, 5), 5);
	ports_turn(p);
	assert_int_equal(ends->ends[C]->n_got, 4);
	assert_int_equal(ends->ends[C]->kept[1][LEN - 1], 0);
	assert_int_equal(ends->ends[C]->kept[2][LEN - 1], 2);
	assert_int_equal(ends->ends[C]->kept[3][LEN - 1], 3);
	assert_int_equal(dropped(p, "a", SOURCE_GUARD_MAC), 2);
	port_ends_free(ends);
}

/* What the rate did not let through is judged again, and counted once. */
static void a_limit_and_a_guard_do_not_count_twice(void **state)
{
	const struct port_limits crawl = { .from_guest = 1 }, none = { 0 };
	enum { N = 80, BAD = 70 };
	static uint8_t bytes[N][1000];
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, true);
	struct iovec iov[N];
	struct frame frames[N];
	size_t taken;

	assert_int_equal(port_set_limits(port_find(p->table, "a"), &crawl), 0);
	for (size_t i = 0; i < N; i++) {
		test_frame(bytes[i], 0xff, i == BAD ? 9 : 1, (uint8_t)i, sizeof(bytes[i]));
		iov[i] = (struct iovec) { bytes[i], sizeof(bytes[i]) };
		frames[i] = (struct frame) { .iov = &iov[i], .n_iov = 1, .len = sizeof(bytes[i]) };
	}
	taken = channel_send(ends->ends[A]->channel, frames, N);
	assert_int_equal(taken, 66);
	assert_int_equal(channel_send(ends->ends[A]->channel, frames + taken, N - taken), 0);
	assert_int_equal(ports_counters(p, "a").guard_dropped, 0);
	assert_int_equal(port_set_limits(port_find(p->table, "a"), &none), 0);
	assert_int_equal(channel_send(ends->ends[A]->channel, frames + taken, N - taken),
			 N - taken);
	assert_int_equal(ports_counters(p, "a").guard_dropped, 1);
	ports_turn(p);
	assert_int_equal(ends->ends[C]->n_got, N - 1);
	port_ends_free(ends);
}

static void frames_in_pieces_are_judged_as_a_whole(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, true);
	uint8_t bytes[LEN];
	struct iovec iov[3] = { { bytes, 8 }, { bytes + 8, 3 }, { bytes + 11, LEN - 11 } };
	struct frame frame = { .iov = iov, .n_iov = 3, .len = LEN };

	send_test(ends->ends[A], 0xff, 1);
	test_frame(bytes, 0xff, 2, 'p', LEN);
	assert_int_equal(channel_send(ends->ends[A]->channel, &frame, 1), 1);
	assert_int_equal(dropped(p, "a", SOURCE_GUARD_MAC), 1);
	test_frame(bytes, 0xff, 1, 'p', LEN);
	assert_int_equal(channel_send(ends->ends[A]->channel, &frame, 1), 1);
	ports_turn(p);
	assert_int_equal(ends->ends[C]->n_got, 2);
	port_ends_free(ends);
}

static void the_gateway_s_names_are_nobody_s(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, true);
	uint8_t frame[42];

	send_arp(p, ends->ends[A], 1, 1);
	assert_int_equal(dropped(p, "a", SOURCE_GUARD_ADDRESS), 1);
	arp_request(p, frame, 2, 50, 200);
	frame[6] = frame[22] = 0x52;
	frame[7] = frame[23] = 0x55;
	assert_true(port_end_send(ends->ends[B], frame, sizeof(frame)));
	assert_int_equal(dropped(p, "b", SOURCE_GUARD_MAC), 1);
	send_arp(p, ends->ends[A], 1, 255); /* the subnet's own */
	send_arp(p, ends->ends[A], 1, 50);
	assert_int_equal(dropped(p, "a", SOURCE_GUARD_ADDRESS), 2);
	ports_turn(p);
	assert_int_equal(ends->ends[C]->n_got, 1);
	port_ends_free(ends);
}

static struct network_lease lease_of(struct ports_net *p, uint8_t mac, uint8_t address)
{
	const struct network_config *config = network_config_of(p->network);
	struct network_lease lease = { .mac = { 2, 0, 0, 0, 9, mac },
				       .address = config->start_address };

	((uint8_t *)&lease.address)[3] = address;
	return lease;
}

static void leases_are_honoured(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, true);
	struct network_lease lease = lease_of(p, 1, 77);

	port_table_lease(p->table, &lease, false);
	send_arp(p, ends->ends[B], 2, 77);
	assert_int_equal(dropped(p, "b", SOURCE_GUARD_ADDRESS), 1);
	send_arp(p, ends->ends[A], 1, 78);
	assert_int_equal(dropped(p, "a", SOURCE_GUARD_ADDRESS), 1);
	send_arp(p, ends->ends[A], 1, 77);
	ports_turn(p);
	assert_int_equal(ends->ends[C]->n_got, 1);
	port_table_lease(p->table, &lease, true);
	send_arp(p, ends->ends[A], 1, 78);
	assert_int_equal(dropped(p, "a", SOURCE_GUARD_ADDRESS), 1);
	port_ends_free(ends);
}

static void a_reserved_address_is_kept_when_its_lease_is_gone(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, true);
	struct network_lease lease = lease_of(p, 1, 77);

	lease.reserved = true;
	port_table_lease(p->table, &lease, false);
	port_table_lease(p->table, &lease, true);
	send_arp(p, ends->ends[B], 2, 77);
	assert_int_equal(dropped(p, "b", SOURCE_GUARD_ADDRESS), 1);
	port_ends_free(ends);
}

/* Told by the network, not by an event: nobody has leased it yet. */
static void reservations_are_known_when_they_change(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, true);
	struct network_lease lease = lease_of(p, 1, 77);
	struct network_reservation reservation = { .address = lease.address };
	char *error = NULL;

	memcpy(reservation.mac, lease.mac, FRAME_MAC);
	assert_int_equal(network_reserve(p->network, &reservation, &error), 0);
	port_table_leases_changed(p->table);
	send_arp(p, ends->ends[B], 2, 77);
	assert_int_equal(dropped(p, "b", SOURCE_GUARD_ADDRESS), 1);
	assert_int_equal(network_unreserve(p->network, lease.mac), 0);
	port_table_leases_changed(p->table);
	send_arp(p, ends->ends[B], 2, 77);
	assert_int_equal(dropped(p, "b", SOURCE_GUARD_ADDRESS), 1);
	port_ends_free(ends);
}

static void who_comes_next_to_a_port_starts_anew(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, true);

	send_arp(p, ends->ends[A], 1, 50);
	send_arp(p, ends->ends[A], 3, 50);
	assert_int_equal(dropped(p, "a", SOURCE_GUARD_MAC), 1);
	channel_set_link(ends->ends[A]->channel, false);
	channel_set_link(ends->ends[A]->channel, true);
	send_arp(p, ends->ends[A], 3, 50);
	assert_int_equal(dropped(p, "a", SOURCE_GUARD_MAC), 1);
	ports_turn(p);
	assert_int_equal(ends->ends[C]->n_got, 2);
	port_ends_free(ends);
}

static void an_isolated_port_is_guarded_and_no_other(void **state)
{
	struct port_config config = { .isolated = true };
	struct ports_net *p = *state;
	struct port_ends *ends = port_ends_new(p, 1, &config);

	assert_true(port_find(p->table, "a")->guarded);
	port_ends_free(ends);
	config.isolated = false;
	ends = port_ends_new(p, 1, &config);
	assert_false(port_find(p->table, "a")->guarded);
	port_ends_free(ends);
}

static void an_isolated_port_of_many_is_not_guarded(void **state)
{
	const struct port_config config = { .isolated = true, .no_guard = true };
	struct ports_net *p = *state;
	struct port_ends *ends = port_ends_new(p, 1, &config);

	send_test(ends->ends[A], 0xff, 1);
	send_test(ends->ends[A], 0xff, 2);
	assert_int_equal(dropped(p, "a", SOURCE_GUARD_MAC), 0);
	port_ends_free(ends);
}

/* What is dropped did not pass. */
static void captures_do_not_see_what_is_dropped(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, true);
	struct capture_counters counters;
	int fd;
	struct capture *capture = port_ends_capture(ends, &fd);

	send_test(ends->ends[A], 0xff, 1);
	send_test(ends->ends[A], 0xff, 2);
	capture_counters(capture, &counters);
	assert_int_equal(counters.frames, 1);
	port_table_capture_remove(p->table, capture);
	close(fd);
	port_ends_free(ends);
}

#define net_test(f) cmocka_unit_test_setup_teardown(f, ports_net_setup, ports_net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(a_frame_from_another_s_mac_does_not_arrive),
		net_test(without_a_guard_it_does),
		net_test(a_batch_goes_on_behind_what_is_dropped),
		net_test(a_limit_and_a_guard_do_not_count_twice),
		net_test(frames_in_pieces_are_judged_as_a_whole),
		net_test(the_gateway_s_names_are_nobody_s),
		net_test(leases_are_honoured),
		net_test(a_reserved_address_is_kept_when_its_lease_is_gone),
		net_test(reservations_are_known_when_they_change),
		net_test(who_comes_next_to_a_port_starts_anew),
		net_test(an_isolated_port_is_guarded_and_no_other),
		net_test(an_isolated_port_of_many_is_not_guarded),
		net_test(captures_do_not_see_what_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
