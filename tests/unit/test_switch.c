/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_switch.c - the learning switch, rule by rule, and random traffic against a simple model of
 * it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/user/switch.h"

#define MAX_FRAME 1518u
#define N_PORTS	  5u

/* A port with somebody behind it who only counts. */
struct host {
	struct channel *channel;
	unsigned int n_ready, n_link;
	bool in_call; /* a call of this channel runs: events must not */
	size_t takes; /* so many of what it is offered at once */
	size_t n_offered, n_taken;
	uint8_t last_taken; /* its last byte */
	bool uplink_up;
};

struct fixture {
	struct eth_switch *eth_switch;
	struct host hosts[N_PORTS];
	unsigned int n_pending;
};

static void on_pending(void *opaque)
{
	struct fixture *f = opaque;

	f->n_pending++;
}

static void on_ready(void *opaque)
{
	struct host *host = opaque;

	assert_false(host->in_call);
	host->n_ready++;
}

static void on_link(void *opaque, bool up)
{
	struct host *host = opaque;

	assert_false(host->in_call);
	host->n_link++;
	host->uplink_up = up;
}

static size_t on_take(void *opaque, const struct frame *frames, size_t n)
{
	struct host *host = opaque;
	size_t taken = n < host->takes ? n : host->takes;

	assert_false(host->in_call);
	host->n_offered += n;
	host->n_taken += taken;
	if (taken > 0)
		host->last_taken =
			((uint8_t *)frames[taken - 1].iov->iov_base)[frames[taken - 1].len - 1];
	return taken;
}

static const struct channel_events events = { .ready = on_ready, .link = on_link, .take = on_take };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct switch_config config = { .max_frame = MAX_FRAME,
					.pending = on_pending,
					.opaque = f };

	assert_non_null(f);
	assert_int_equal(switch_new(&config, &f->eth_switch), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < N_PORTS; i++)
		channel_close(f->hosts[i].channel);
	switch_free(f->eth_switch);
	free(f);
	return 0;
}

static void plug(struct fixture *f, unsigned int i, bool uplink, bool isolated)
{
	struct switch_port_config config = {
		.uplink = uplink, .isolated = isolated, .events = &events, .opaque = &f->hosts[i]
	};

	assert_int_equal(switch_open(f->eth_switch, &config, &f->hosts[i].channel), 0);
	channel_set_link(f->hosts[i].channel, true);
}

static void plug_many(struct fixture *f, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		plug(f, i, false, false);
}

static void mac_of(unsigned int n, uint8_t ret[FRAME_MAC])
{
	const uint8_t mac[FRAME_MAC] = {
		2, 0, 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n
	};

	memcpy(ret, mac, FRAME_MAC);
}

static void send_bytes(struct fixture *f, unsigned int from, const void *bytes, size_t len)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct frame frame = { .iov = &iov, .n_iov = 1, .len = len };

	f->hosts[from].in_call = true;
	assert_int_equal(channel_send(f->hosts[from].channel, &frame, 1), 1);
	f->hosts[from].in_call = false;
}

static void send_macs(struct fixture *f, unsigned int from, const uint8_t destination[FRAME_MAC],
		      const uint8_t source[FRAME_MAC])
{
	uint8_t bytes[60] = { 0 };

	memcpy(bytes, destination, FRAME_MAC);
	memcpy(bytes + FRAME_MAC, source, FRAME_MAC);
	send_bytes(f, from, bytes, sizeof(bytes));
}

/* destination 0: broadcast */
static void send_to(struct fixture *f, unsigned int from, unsigned int destination,
		    unsigned int source)
{
	uint8_t to[FRAME_MAC] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, by[FRAME_MAC];

	if (destination)
		mac_of(destination, to);
	mac_of(source, by);
	send_macs(f, from, to, by);
}

/* Take everything that waits. Return: how many */
static unsigned int drain(struct fixture *f, unsigned int i)
{
	struct frame frames[7];
	unsigned int total = 0;
	size_t n;

	while ((n = channel_peek(f->hosts[i].channel, frames, 7)) > 0) {
		channel_consume(f->hosts[i].channel, n);
		total += (unsigned int)n;
	}
	return total;
}

static uint64_t dropped_of(struct fixture *f, unsigned int i)
{
	return channel_stats(f->hosts[i].channel)->sent_dropped;
}

static void a_frame_to_an_unknown_address_reaches_all_but_its_sender(void **state)
{
	struct fixture *f = *state;

	plug_many(f, 3);
	send_to(f, 0, 9, 1);
	assert_int_equal(drain(f, 0), 0);
	assert_int_equal(drain(f, 1), 1);
	assert_int_equal(drain(f, 2), 1);
}

static void a_frame_to_a_known_address_reaches_its_port_only(void **state)
{
	struct fixture *f = *state;

	plug_many(f, 3);
	send_to(f, 1, 0, 11);
	drain(f, 0);
	drain(f, 2);
	send_to(f, 0, 11, 10);
	assert_int_equal(drain(f, 1), 1);
	assert_int_equal(drain(f, 2), 0);
}

/* Frames 2 and 8 have the destination of the one before; behind frame 5 it is another's. */
static void each_frame_of_a_batch_goes_where_its_own_addresses_say(void **state)
{
	static const unsigned int pairs[][2] = { { 11, 10 }, { 11, 10 }, { 12, 10 }, { 11, 10 },
						 { 0, 11 },  { 11, 10 }, { 12, 10 }, { 12, 13 } };
	enum { N = sizeof(pairs) / sizeof(pairs[0]) };
	struct fixture *f = *state;
	struct frame frames[N];
	struct iovec iov[N];
	uint8_t bytes[N][60];

	plug_many(f, 3);
	send_to(f, 1, 0, 11);
	send_to(f, 2, 0, 12);
	for (unsigned int i = 0; i < 3; i++)
		drain(f, i);
	for (size_t i = 0; i < N; i++) {
		memset(bytes[i], 0xff, sizeof(bytes[i]));
		if (pairs[i][0])
			mac_of(pairs[i][0], bytes[i]);
		mac_of(pairs[i][1], bytes[i] + FRAME_MAC);
		iov[i] = (struct iovec) { bytes[i], sizeof(bytes[i]) };
		frames[i] = (struct frame) { .iov = &iov[i], .n_iov = 1, .len = sizeof(bytes[i]) };
	}
	assert_int_equal(channel_send(f->hosts[0].channel, frames, N), N);
	assert_int_equal(drain(f, 1), 4);
	assert_int_equal(drain(f, 2), 4);
	assert_int_equal(dropped_of(f, 0), 1);
	send_to(f, 1, 13, 14);
	assert_int_equal(drain(f, 0), 1);
	assert_int_equal(drain(f, 2), 0);
}

static void a_frame_to_an_address_behind_its_own_port_goes_nowhere(void **state)
{
	struct fixture *f = *state;

	plug_many(f, 2);
	send_to(f, 0, 0, 10);
	send_to(f, 0, 0, 11);
	drain(f, 1);
	send_to(f, 0, 11, 10);
	assert_int_equal(drain(f, 0), 0);
	assert_int_equal(drain(f, 1), 0);
	assert_int_equal(dropped_of(f, 0), 1);
}

static void an_address_that_moved_is_followed(void **state)
{
	struct fixture *f = *state;

	plug_many(f, 3);
	send_to(f, 1, 0, 11);
	send_to(f, 2, 0, 11);
	for (unsigned int i = 0; i < 3; i++)
		drain(f, i);
	send_to(f, 0, 11, 10);
	assert_int_equal(drain(f, 1), 0);
	assert_int_equal(drain(f, 2), 1);
}

static void an_address_not_heard_of_is_forgotten_after_its_age(void **state)
{
	struct fixture *f = *state;

	plug_many(f, 3);
	send_to(f, 1, 0, 11);
	switch_tick(f->eth_switch, SWITCH_AGE_MS);
	drain(f, 2);
	send_to(f, 0, 11, 10);
	assert_int_equal(drain(f, 2), 0);
	switch_tick(f->eth_switch, SWITCH_AGE_MS + 1);
	send_to(f, 0, 11, 10);
	assert_int_equal(drain(f, 2), 1);
}

static void a_port_that_goes_down_loses_its_addresses_and_frames(void **state)
{
	struct fixture *f = *state;

	plug_many(f, 3);
	send_to(f, 1, 0, 11);
	send_to(f, 0, 11, 10);
	channel_set_link(f->hosts[1].channel, false);
	channel_set_link(f->hosts[1].channel, true);
	assert_int_equal(drain(f, 1), 0);
	drain(f, 2);
	send_to(f, 0, 11, 10);
	assert_int_equal(drain(f, 2), 1);
}

static void a_port_that_is_down_neither_sends_nor_receives(void **state)
{
	struct fixture *f = *state;

	plug_many(f, 2);
	channel_set_link(f->hosts[1].channel, false);
	send_to(f, 0, 0, 10);
	assert_int_equal(drain(f, 1), 0);
	send_to(f, 1, 0, 11);
	assert_int_equal(drain(f, 0), 0);
	assert_int_equal(dropped_of(f, 1), 1);
}

static void a_source_that_is_a_group_or_zero_is_dropped_and_not_learned(void **state)
{
	static const uint8_t sources[][FRAME_MAC] = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
						      { 0x03, 0, 0, 0, 0, 1 },
						      { 0 } };
	struct fixture *f = *state;

	plug_many(f, 3);
	for (size_t i = 0; i < 3; i++) {
		send_macs(f, 1, (const uint8_t[]) { 2, 0, 0, 0, 0, 9 }, sources[i]);
		assert_int_equal(drain(f, 0) + drain(f, 2), 0);
		assert_int_equal(dropped_of(f, 1), i + 1);
	}
	/* the second as a destination: still a group */
	send_macs(f, 0, sources[1], (const uint8_t[]) { 2, 0, 0, 0, 0, 1 });
	assert_int_equal(drain(f, 2), 1);
}

static void frames_for_the_bridge_itself_are_not_forwarded(void **state)
{
	struct fixture *f = *state;

	plug_many(f, 2);
	send_macs(f, 0, (const uint8_t[]) { 1, 0x80, 0xc2, 0, 0, 0x0f },
		  (const uint8_t[]) { 2, 0, 0, 0, 0, 1 });
	assert_int_equal(drain(f, 1), 0);
	send_macs(f, 0, (const uint8_t[]) { 1, 0x80, 0xc2, 0, 0, 0x10 },
		  (const uint8_t[]) { 2, 0, 0, 0, 0, 1 });
	assert_int_equal(drain(f, 1), 1);
}

static void runts_and_oversized_frames_are_dropped_and_counted(void **state)
{
	static const size_t lengths[] = { 0, 1, 13, MAX_FRAME + 1 };
	struct fixture *f = *state;
	uint8_t bytes[MAX_FRAME + 1] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1 };

	plug_many(f, 2);
	for (size_t i = 0; i < 4; i++)
		send_bytes(f, 0, bytes, lengths[i]);
	assert_int_equal(drain(f, 1), 0);
	assert_int_equal(dropped_of(f, 0), 4);
	send_bytes(f, 0, bytes, 14);
	send_bytes(f, 0, bytes, MAX_FRAME);
	assert_int_equal(drain(f, 1), 2);
	assert_int_equal(dropped_of(f, 0), 4);
}

static void a_frame_in_pieces_arrives_whole_with_its_header(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[64];
	struct iovec iov[64];
	struct frame frame = {
		.header = { .flags = 1, .csum_start = 14 }, .iov = iov, .n_iov = 64, .len = 64
	};
	struct frame got;

	for (size_t i = 0; i < 64; i++) {
		bytes[i] = (uint8_t)(2 * i);
		iov[i] = (struct iovec) { &bytes[i], 1 };
	}
	plug_many(f, 2);
	assert_int_equal(channel_send(f->hosts[0].channel, &frame, 1), 1);
	assert_int_equal(channel_peek(f->hosts[1].channel, &got, 1), 1);
	assert_int_equal(got.len, 64);
	assert_memory_equal(got.iov->iov_base, bytes, 64);
	assert_memory_equal(&got.header, &frame.header, sizeof(got.header));
}

static void shown_frames_stay_until_consumed_and_come_in_order(void **state)
{
	struct fixture *f = *state;
	struct frame first[3], again[3];

	plug_many(f, 2);
	for (unsigned int i = 0; i < 3; i++)
		send_to(f, 0, 0, 100 + i);
	assert_int_equal(channel_peek(f->hosts[1].channel, first, 3), 3);
	for (unsigned int i = 0; i < 2000; i++) /* fills chunks behind them */
		send_to(f, 0, 0, 103);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(((uint8_t *)first[i].iov->iov_base)[11], 100 + i);
	channel_consume(f->hosts[1].channel, 1);
	assert_int_equal(channel_peek(f->hosts[1].channel, again, 2), 2);
	assert_ptr_equal(again[0].iov->iov_base, first[1].iov->iov_base);
}

#define MANY 40u

/* At once, numbered in their last byte; the one at @odd goes to another address, or is too long. */
static void send_many(struct fixture *f, unsigned int from, unsigned int to, unsigned int n,
		      unsigned int odd, size_t odd_len)
{
	static uint8_t bytes[MANY][MAX_FRAME + 1];
	struct iovec iov[MANY];
	struct frame frames[MANY];

	for (unsigned int i = 0; i < n; i++) {
		size_t len = i == odd ? odd_len : 60;

		memset(bytes[i], 0, sizeof(bytes[i]));
		mac_of(i == odd && odd_len == 60 ? to + 1 : to, bytes[i]);
		mac_of(100 + from, bytes[i] + FRAME_MAC);
		bytes[i][len - 1] = (uint8_t)i;
		iov[i] = (struct iovec) { bytes[i], len };
		frames[i] = (struct frame) { .iov = &iov[i], .n_iov = 1, .len = len };
	}
	f->hosts[from].in_call = true;
	assert_int_equal(channel_send(f->hosts[from].channel, frames, n), n);
	f->hosts[from].in_call = false;
}

/* Ports 0, 1, 2 with addresses 100, 101, 102, which are known; nothing waits. */
static void plug_known(struct fixture *f)
{
	plug_many(f, 3);
	for (unsigned int i = 0; i < 3; i++)
		send_to(f, i, 0, 100 + i);
	for (unsigned int i = 0; i < 3; i++)
		drain(f, i);
}

static void many_frames_at_once_are_offered_to_a_port_that_has_none_waiting(void **state)
{
	struct fixture *f = *state;
	const struct channel_stats *stats;
	uint64_t before;

	plug_known(f);
	stats = channel_stats(f->hosts[1].channel);
	before = stats->received_frames;
	f->hosts[1].takes = MANY;
	send_many(f, 0, 101, MANY, MANY, 0);
	assert_int_equal(f->hosts[1].n_taken, MANY);
	assert_int_equal(f->hosts[1].last_taken, MANY - 1);
	assert_int_equal(stats->received_frames, before + MANY);
	assert_int_equal(channel_stats(f->hosts[0].channel)->sent_frames, 1 + MANY);
	assert_int_equal(drain(f, 1), 0);
	assert_int_equal(drain(f, 2), 0);
}

static void what_a_port_does_not_take_at_once_waits_behind_it(void **state)
{
	struct fixture *f = *state;
	struct frame frame;

	plug_known(f);
	f->hosts[1].takes = 7;
	send_many(f, 0, 101, MANY, MANY, 0);
	assert_int_equal(f->hosts[1].n_taken, 7);
	assert_int_equal(channel_peek(f->hosts[1].channel, &frame, 1), 1);
	assert_int_equal(((uint8_t *)frame.iov->iov_base)[59], 7);
	/* No frame overtakes those. */
	send_many(f, 0, 101, MANY, MANY, 0);
	assert_int_equal(f->hosts[1].n_taken, 7);
	assert_int_equal(drain(f, 1), 2 * MANY - 7);
	send_many(f, 0, 101, MANY, MANY, 0);
	assert_int_equal(f->hosts[1].n_taken, 14);
}

static void frames_are_not_offered_unless_all_of_them_are_for_that_port(void **state)
{
	struct fixture *f = *state;

	plug_known(f);
	f->hosts[1].takes = f->hosts[2].takes = MANY;
	for (unsigned int odd = 0; odd < MANY; odd++) {
		send_many(f, 0, 101, MANY, odd, 60);
		assert_int_equal(f->hosts[1].n_offered + f->hosts[2].n_offered, 0);
		assert_int_equal(drain(f, 1), MANY - 1);
		assert_int_equal(drain(f, 2), 1);
		send_many(f, 0, 101, MANY, odd, MAX_FRAME + 1);
		assert_int_equal(f->hosts[1].n_offered, 0);
		assert_int_equal(drain(f, 1), MANY - 1);
		assert_int_equal(dropped_of(f, 0), odd + 1);
	}
}

static void few_frames_or_those_for_nobody_known_are_not_offered(void **state)
{
	struct fixture *f = *state;

	plug_known(f);
	f->hosts[1].takes = f->hosts[2].takes = MANY;
	send_many(f, 0, 101, 4, MANY, 0);
	assert_int_equal(drain(f, 1), 4);
	send_many(f, 0, 99, MANY, MANY, 0);
	assert_int_equal(drain(f, 1), MANY);
	assert_int_equal(drain(f, 2), MANY);
	/* Nor those for its own side, or for a port that is down. */
	send_many(f, 0, 100, MANY, MANY, 0);
	assert_int_equal(dropped_of(f, 0), MANY);
	channel_set_link(f->hosts[1].channel, false);
	send_many(f, 0, 101, MANY, MANY, 0);
	assert_int_equal(f->hosts[1].n_offered + f->hosts[2].n_offered, 0);
}

static void a_slow_reader_loses_its_own_frames_and_delays_nobody(void **state)
{
	struct fixture *f = *state;
	unsigned int n = SWITCH_QUEUE_BYTES / 60 + 1, got_fast = 0, got_slow;

	plug_many(f, 3);
	for (unsigned int i = 0; i < n; i++) {
		send_to(f, 0, 0, 10);
		got_fast += drain(f, 1);
	}
	assert_int_equal(got_fast, n);
	assert_int_equal(channel_stats(f->hosts[1].channel)->received_dropped, 0);
	got_slow = drain(f, 2);
	assert_in_range(got_slow, 1, n - 1);
	assert_int_equal(channel_stats(f->hosts[2].channel)->received_dropped, n - got_slow);
}

static void isolated_ports_reach_the_uplink_and_no_other_port(void **state)
{
	struct fixture *f = *state;

	plug(f, 0, true, false);
	plug(f, 1, false, true);
	plug(f, 2, false, true);
	plug(f, 3, false, false);
	send_to(f, 1, 0, 11);
	assert_int_equal(drain(f, 0), 1);
	assert_int_equal(drain(f, 2) + drain(f, 3), 0);
	send_to(f, 2, 11, 12); /* known, and still closed */
	assert_int_equal(drain(f, 0) + drain(f, 1) + drain(f, 3), 0);
	send_to(f, 3, 0, 13);
	assert_int_equal(drain(f, 0), 1);
	assert_int_equal(drain(f, 1) + drain(f, 2), 0);
	send_to(f, 0, 0, 10);
	assert_int_equal(drain(f, 1) + drain(f, 2) + drain(f, 3), 3);
}

static void nobody_takes_over_an_address_of_the_uplink(void **state)
{
	struct fixture *f = *state;

	plug(f, 0, true, false);
	plug(f, 1, false, false);
	plug(f, 2, false, false);
	send_to(f, 0, 0, 10);
	drain(f, 1);
	drain(f, 2);
	send_to(f, 1, 0, 10);
	assert_int_equal(drain(f, 2), 0);
	assert_int_equal(dropped_of(f, 1), 1);
	send_to(f, 2, 10, 12);
	assert_int_equal(drain(f, 0), 1);
	assert_int_equal(drain(f, 1), 0);
}

static void a_second_uplink_is_refused(void **state)
{
	struct fixture *f = *state;
	struct switch_port_config config = { .uplink = true, .events = &events };
	struct channel *channel = NULL;

	plug(f, 0, true, false);
	assert_int_equal(switch_open(f->eth_switch, &config, &channel), -EEXIST);
	assert_null(channel);
}

static void a_guest_that_makes_up_addresses_pushes_out_its_own_only(void **state)
{
	struct fixture *f = *state;

	plug_many(f, 3);
	send_to(f, 0, 0, 10);
	send_to(f, 1, 0, 11);
	for (unsigned int i = 0; i < 3 * SWITCH_ADDRESSES; i++) {
		send_to(f, 2, 0, 1000 + i);
		drain(f, 0);
		drain(f, 1);
	}
	drain(f, 2);
	send_to(f, 0, 11, 10);
	send_to(f, 1, 10, 11);
	assert_int_equal(drain(f, 0), 1);
	assert_int_equal(drain(f, 1), 1);
	assert_int_equal(drain(f, 2), 0);
	send_to(f, 0, 1000, 10); /* its first is gone, its last is known */
	assert_int_equal(drain(f, 1) + drain(f, 2), 2);
	send_to(f, 0, 1000 + 3 * SWITCH_ADDRESSES - 1, 10);
	assert_int_equal(drain(f, 1), 0);
	assert_int_equal(drain(f, 2), 1);
}

static void ready_comes_once_after_the_queue_was_seen_empty(void **state)
{
	struct fixture *f = *state;
	struct frame frame;

	plug_many(f, 2);
	send_to(f, 0, 0, 10);
	send_to(f, 0, 0, 10);
	assert_int_equal(f->hosts[1].n_ready, 0);
	assert_int_equal(f->n_pending, 1);
	assert_false(switch_dispatch(f->eth_switch));
	assert_int_equal(f->hosts[1].n_ready, 1);
	assert_int_equal(channel_peek(f->hosts[1].channel, &frame, 1), 1);
	channel_consume(f->hosts[1].channel, 1);
	send_to(f, 0, 0, 10); /* not seen empty yet */
	switch_dispatch(f->eth_switch);
	assert_int_equal(f->hosts[1].n_ready, 1);
	drain(f, 1);
	send_to(f, 0, 0, 10);
	switch_dispatch(f->eth_switch);
	assert_int_equal(f->hosts[1].n_ready, 2);
}

static uint64_t port_of(const struct fixture *f, unsigned int n)
{
	uint8_t mac[FRAME_MAC];

	mac_of(n, mac);
	return switch_port_of(f->eth_switch, mac);
}

static void the_port_behind_an_address_has_a_number_of_its_own(void **state)
{
	struct fixture *f = *state;
	uint64_t first;

	plug_many(f, 2);
	send_to(f, 0, 0, 10);
	send_to(f, 1, 0, 11);
	first = port_of(f, 10);
	assert_int_not_equal(first, 0);
	assert_int_not_equal(port_of(f, 11), 0);
	assert_int_not_equal(port_of(f, 11), first);
	assert_int_equal(port_of(f, 12), 0);
	channel_close(f->hosts[0].channel);
	assert_int_equal(port_of(f, 10), 0);
	plug(f, 0, false, false);
	send_to(f, 0, 0, 10);
	assert_int_not_equal(port_of(f, 10), 0);
	assert_int_not_equal(port_of(f, 10), first);
}

static void a_closed_port_gets_no_event_any_more(void **state)
{
	struct fixture *f = *state;

	plug_many(f, 3);
	send_to(f, 0, 0, 10);
	channel_close(f->hosts[1].channel);
	f->hosts[1].channel = NULL;
	switch_dispatch(f->eth_switch);
	assert_int_equal(f->hosts[1].n_ready, 0);
	assert_int_equal(f->hosts[2].n_ready, 1);
}

static void the_uplink_is_up_while_any_guest_is(void **state)
{
	struct fixture *f = *state;

	plug(f, 0, true, false);
	switch_dispatch(f->eth_switch);
	assert_int_equal(f->hosts[0].n_link, 0);
	plug(f, 1, false, false);
	plug(f, 2, false, false);
	switch_dispatch(f->eth_switch);
	assert_true(f->hosts[0].uplink_up);
	channel_set_link(f->hosts[1].channel, false);
	switch_dispatch(f->eth_switch);
	assert_true(f->hosts[0].uplink_up);
	channel_set_link(f->hosts[2].channel, false);
	switch_dispatch(f->eth_switch);
	assert_false(f->hosts[0].uplink_up);
	assert_int_equal(f->hosts[0].n_link, 2);
}

/*
 * The oracle: a list of everything ever heard, searched from its end. It knows nothing of capacity,
 * so the traffic stays below it.
 */
struct heard {
	unsigned int mac, port;
	uint64_t when_ms;
};

struct model {
	bool uplink[N_PORTS], isolated[N_PORTS], up[N_PORTS];
	unsigned int waiting[N_PORTS];
	struct heard heard[20000];
	size_t n_heard;
	uint64_t now_ms;
};

#define NOWHERE N_PORTS

static unsigned int model_find(const struct model *m, unsigned int mac)
{
	for (size_t i = m->n_heard; i-- > 0;) {
		if (m->heard[i].mac == mac)
			return m->now_ms - m->heard[i].when_ms > SWITCH_AGE_MS ? NOWHERE
									       : m->heard[i].port;
	}
	return NOWHERE;
}

static bool model_open(const struct model *m, unsigned int from, unsigned int to)
{
	if (from == to || !m->up[to])
		return false;
	return m->uplink[from] || m->uplink[to] || (!m->isolated[from] && !m->isolated[to]);
}

static void model_send(struct model *m, unsigned int from, unsigned int to_mac, unsigned int by_mac)
{
	unsigned int holder = model_find(m, by_mac), to;

	if (!m->up[from] || (holder != NOWHERE && holder != from && m->uplink[holder]))
		return;
	m->heard[m->n_heard++] = (struct heard) { by_mac, from, m->now_ms };
	to = to_mac ? model_find(m, to_mac) : NOWHERE;
	for (unsigned int i = 0; i < N_PORTS; i++) {
		if ((to == NOWHERE || to == i) && model_open(m, from, i))
			m->waiting[i]++;
	}
}

static void model_down(struct model *m, unsigned int port)
{
	size_t kept = 0;

	/* what was heard there is forgotten, also what it hid */
	for (size_t i = 0; i < m->n_heard; i++) {
		if (model_find(m, m->heard[i].mac) != port)
			m->heard[kept++] = m->heard[i];
	}
	m->n_heard = kept;
	m->waiting[port] = 0;
}

static void random_traffic_goes_where_a_simple_model_says(void **state)
{
	struct fixture *f = *state;
	struct model *m = calloc(1, sizeof(*m));
	const char *given = getenv("SEED"); /* to repeat a failure */
	unsigned int seed = given ? (unsigned int)atoi(given) : (unsigned int)time(NULL);

	assert_non_null(m);
	print_message("# SEED=%u\n", seed);
	srand(seed);
	for (unsigned int i = 0; i < N_PORTS; i++) {
		m->uplink[i] = i == 0;
		m->isolated[i] = i >= 3;
		m->up[i] = true;
		plug(f, i, m->uplink[i], m->isolated[i]);
	}
	for (unsigned int step = 0; step < 15000; step++) {
		unsigned int from = (unsigned int)rand() % N_PORTS;
		unsigned int to_mac = (unsigned int)rand() % 12,
			     by_mac = 1 + (unsigned int)rand() % 12;

		if (rand() % 50 == 0) {
			m->now_ms += (uint64_t)rand() % SWITCH_AGE_MS;
			switch_tick(f->eth_switch, m->now_ms);
		}
		if (rand() % 200 == 0) {
			if (m->up[from])
				model_down(m, from);
			m->up[from] = !m->up[from];
			channel_set_link(f->hosts[from].channel, m->up[from]);
		}
		model_send(m, from, to_mac, by_mac);
		send_to(f, from, to_mac, by_mac);
		if (rand() % 20)
			continue;
		switch_dispatch(f->eth_switch);
		for (unsigned int i = 0; i < N_PORTS; i++) {
			assert_int_equal(drain(f, i), m->waiting[i]);
			m->waiting[i] = 0;
		}
	}
	free(m);
}

#define RULE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(a_frame_to_an_unknown_address_reaches_all_but_its_sender),
		RULE(a_frame_to_a_known_address_reaches_its_port_only),
		RULE(each_frame_of_a_batch_goes_where_its_own_addresses_say),
		RULE(a_frame_to_an_address_behind_its_own_port_goes_nowhere),
		RULE(an_address_that_moved_is_followed),
		RULE(an_address_not_heard_of_is_forgotten_after_its_age),
		RULE(a_port_that_goes_down_loses_its_addresses_and_frames),
		RULE(a_port_that_is_down_neither_sends_nor_receives),
		RULE(a_source_that_is_a_group_or_zero_is_dropped_and_not_learned),
		RULE(frames_for_the_bridge_itself_are_not_forwarded),
		RULE(runts_and_oversized_frames_are_dropped_and_counted),
		RULE(a_frame_in_pieces_arrives_whole_with_its_header),
		RULE(shown_frames_stay_until_consumed_and_come_in_order),
		RULE(many_frames_at_once_are_offered_to_a_port_that_has_none_waiting),
		RULE(what_a_port_does_not_take_at_once_waits_behind_it),
		RULE(frames_are_not_offered_unless_all_of_them_are_for_that_port),
		RULE(few_frames_or_those_for_nobody_known_are_not_offered),
		RULE(a_slow_reader_loses_its_own_frames_and_delays_nobody),
		RULE(isolated_ports_reach_the_uplink_and_no_other_port),
		RULE(nobody_takes_over_an_address_of_the_uplink),
		RULE(a_second_uplink_is_refused),
		RULE(a_guest_that_makes_up_addresses_pushes_out_its_own_only),
		RULE(ready_comes_once_after_the_queue_was_seen_empty),
		RULE(the_port_behind_an_address_has_a_number_of_its_own),
		RULE(a_closed_port_gets_no_event_any_more),
		RULE(the_uplink_is_up_while_any_guest_is),
		RULE(random_traffic_goes_where_a_simple_model_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
