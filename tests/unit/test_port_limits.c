/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_port_limits.c - ports with a rate: who waits, who is told, what is lost where
 *
 * Rates are so low that nothing passes by the time that a test takes, or so high that all does; how
 * much passes in what time is test_token_bucket.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "net/policy/token_bucket.h"
#include "net/user/switch.h"
#include "port_ends.h"

#define LEN	1024u
#define BURST_N (TOKEN_BUCKET_BURST_MIN / LEN)
#define CRAWL	1u /* byte a second */
#define FAST	(TOKEN_BUCKET_BURST_MIN * 32u)

static_assert(TOKEN_BUCKET_BURST_MIN % LEN == 0, "a burst of whole frames");

enum { A, B };

static struct port *a_of(struct ports_net *p)
{
	return port_find(p->table, "a");
}

static bool offer(struct port_end *end, uint8_t from, uint8_t fill)
{
	uint8_t frame[LEN];

	test_frame(frame, 0xff, from, fill, sizeof(frame));
	return port_end_send(end, frame, sizeof(frame));
}

/* Two ports of which a has limits. */
static struct port_ends *plug(struct ports_net *p, uint64_t from_guest, uint64_t to_guest)
{
	static const struct port_config config;
	const struct port_limits limits = { .from_guest = from_guest, .to_guest = to_guest };
	struct port_ends *ends = port_ends_new(p, 2, &config);

	assert_int_equal(port_set_limits(a_of(p), &limits), 0);
	return ends;
}

static void set_limits(struct ports_net *p, uint64_t from_guest, uint64_t to_guest)
{
	const struct port_limits limits = { .from_guest = from_guest, .to_guest = to_guest };

	assert_int_equal(port_set_limits(a_of(p), &limits), 0);
}

static void count_timer(uv_handle_t *handle, void *n)
{
	if (handle->type == UV_TIMER && uv_is_active(handle))
		++*(unsigned int *)n;
}

static unsigned int timers(struct ports_net *p)
{
	unsigned int n = 0;

	uv_walk(&p->loop, count_timer, &n);
	return n;
}

static void a_guest_may_send_its_burst_and_then_waits(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, CRAWL, 0);

	for (unsigned int i = 0; i < BURST_N; i++)
		assert_true(offer(ends->ends[A], 1, 'a'));
	assert_false(offer(ends->ends[A], 1, 'a'));
	ports_turn(p);
	assert_int_equal(ends->ends[B]->n_got, BURST_N);
	assert_int_equal(ends->ends[A]->n_writable, 0);
	assert_int_equal(ports_counters(p, "a").channel.sent_frames, BURST_N);
	port_ends_free(ends);
}

static void one_direction_s_limit_is_none_for_the_other(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, CRAWL, 0);

	while (offer(ends->ends[A], 1, 'a'))
		;
	for (unsigned int i = 0; i < 2 * BURST_N; i++) {
		assert_true(offer(ends->ends[B], 2, 'b'));
		ports_turn(p);
	}
	assert_int_equal(ends->ends[A]->n_got, 2 * BURST_N);
	port_ends_free(ends);
}

/* Of a batch as many as may pass, the rest as if the network were full. */
static void a_batch_is_taken_in_part(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, CRAWL, 0);
	uint8_t bytes[LEN];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct frame frames[BURST_N + 3];

	test_frame(bytes, 0xff, 1, 'x', sizeof(bytes));
	for (size_t i = 0; i < BURST_N + 3; i++)
		frames[i] = (struct frame) { .iov = &iov, .n_iov = 1, .len = sizeof(bytes) };
	assert_int_equal(channel_send(ends->ends[A]->channel, frames, BURST_N + 3), BURST_N);
	ports_turn(p);
	assert_int_equal(ends->ends[B]->n_got, BURST_N);
	port_ends_free(ends);
}

static bool was_told_writable(void *opaque)
{
	return ((struct port_end *)opaque)->n_writable > 0;
}

static void who_waits_is_told_when_it_may_go_on(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, FAST, 0);
	unsigned int sent = 0;

	while (sent < 10 * BURST_N) {
		ends->ends[A]->n_writable = 0;
		if (offer(ends->ends[A], 1, 'a'))
			sent++;
		else
			assert_true(ports_until(p, was_told_writable, ends->ends[A]));
	}
	ports_turn(p);
	assert_int_equal(ends->ends[B]->n_got, sent);
	port_ends_free(ends);
}

static void a_new_limit_frees_who_waits(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, CRAWL, 0);

	while (offer(ends->ends[A], 1, 'a'))
		;
	set_limits(p, 0, 0);
	assert_int_equal(ends->ends[A]->n_writable, 0); /* not from inside of it */
	assert_true(ports_until(p, was_told_writable, ends->ends[A]));
	assert_true(offer(ends->ends[A], 1, 'a'));
	port_ends_free(ends);
}

static bool has_all(void *opaque)
{
	return ((struct port_end *)opaque)->n_got == 3 * BURST_N;
}

static void what_may_not_come_yet_waits_and_comes_in_order(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 0, CRAWL);
	struct port_end *a = ends->ends[A];

	for (unsigned int i = 0; i < 3 * BURST_N; i++)
		assert_true(offer(ends->ends[B], 2, (uint8_t)i));
	ports_turn(p);
	assert_int_equal(a->n_got, BURST_N);
	set_limits(p, 0, FAST);
	assert_true(ports_until(p, has_all, a));
	for (size_t n = a->n_got - PORT_END_KEPT; n < a->n_got; n++)
		assert_int_equal(a->kept[n % PORT_END_KEPT][LEN - 1], n % 256);
	assert_int_equal(ports_counters(p, "a").rate_dropped, 0);
	port_ends_free(ends);
}

/* In the network's queue for this port, and it is said why. */
static void what_finds_the_queue_full_is_dropped_and_counted(void **state)
{
	enum { N = 2 * SWITCH_QUEUE_BYTES / LEN };
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 0, CRAWL);
	struct port_counters counters;

	for (unsigned int i = 0; i < N; i++) {
		assert_true(offer(ends->ends[B], 2, 'b'));
		if (i < 2 * BURST_N)
			ports_turn(p);
	}
	counters = ports_counters(p, "a");
	assert_int_equal(ends->ends[A]->n_got, BURST_N);
	assert_true(counters.rate_dropped > 0);
	assert_int_equal(counters.rate_dropped, counters.channel.received_dropped);
	/* Who does not read although it might is another matter. */
	set_limits(p, 0, 0);
	ports_turn(p);
	counters = ports_counters(p, "a");
	assert_int_equal(counters.channel.received_frames + counters.rate_dropped, N);
	ends->ends[A]->stuck = true;
	for (unsigned int i = 0; i < N; i++)
		assert_true(offer(ends->ends[B], 2, 'b'));
	assert_int_equal(ports_counters(p, "a").rate_dropped, counters.rate_dropped);
	assert_true(ports_counters(p, "a").channel.received_dropped > counters.rate_dropped);
	port_ends_free(ends);
}

static void nothing_is_armed_while_nobody_waits(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 0, 0);
	unsigned int others;

	ports_turn(p);
	others = timers(p); /* the network's own */
	set_limits(p, CRAWL, CRAWL);
	assert_true(offer(ends->ends[A], 1, 'a'));
	assert_true(offer(ends->ends[B], 2, 'b'));
	ports_turn(p);
	assert_int_equal(timers(p), others);
	while (offer(ends->ends[A], 1, 'a'))
		;
	assert_int_equal(timers(p), others + 1);
	port_ends_free(ends);
}

static void a_waiting_port_may_be_closed(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, FAST, FAST);

	while (offer(ends->ends[A], 1, 'a'))
		;
	port_ends_free(ends);
	ports_turn(p);
}

static void limits_may_come_with_the_port(void **state)
{
	static const struct port_config config = { .limits = { .from_guest = CRAWL } };
	struct ports_net *p = *state;
	struct port_ends *ends = port_ends_new(p, 2, &config);

	for (unsigned int i = 0; i < BURST_N; i++)
		assert_true(offer(ends->ends[B], 2, 'b'));
	assert_false(offer(ends->ends[B], 2, 'b'));
	port_ends_free(ends);
}

static void captures_do_not_change_what_passes(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, CRAWL, CRAWL);
	int fd;
	struct capture *capture = port_ends_capture(ends, &fd);

	for (unsigned int i = 0; i < 2 * BURST_N; i++) {
		assert_true(offer(ends->ends[B], 2, 'b'));
		if (i % 16 == 0)
			ports_turn(p);
	}
	ports_turn(p);
	assert_int_equal(ends->ends[A]->n_got, BURST_N);
	port_table_capture_remove(p->table, capture);
	close(fd);
	port_ends_free(ends);
}

/* From b to a, which b knows: as many at once as a network would offer. */
static size_t offer_many(struct ports_net *p, struct port_ends *ends)
{
	enum { N = 32 };
	uint8_t bytes[LEN];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct frame frames[N];

	ends->ends[A]->n_offered = 0;
	test_frame(bytes, 1, 2, 'b', sizeof(bytes));
	for (size_t i = 0; i < N; i++)
		frames[i] = (struct frame) { .iov = &iov, .n_iov = 1, .len = sizeof(bytes) };
	assert_int_equal(channel_send(ends->ends[B]->channel, frames, N), N);
	ports_turn(p);
	return ends->ends[A]->n_offered;
}

/* Both count what is consumed. */
static void a_port_with_a_limit_or_a_capture_is_offered_nothing_at_once(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 0, 0);
	struct capture *capture;
	int fd;

	assert_true(offer(ends->ends[A], 1, 'a'));
	ports_turn(p);
	assert_int_equal(offer_many(p, ends), 32);
	capture = port_ends_capture(ends, &fd);
	assert_int_equal(offer_many(p, ends), 0);
	port_table_capture_remove(p->table, capture);
	close(fd);
	assert_int_equal(offer_many(p, ends), 32);
	set_limits(p, 0, FAST);
	assert_int_equal(offer_many(p, ends), 0);
	assert_int_equal(ends->ends[A]->n_got, 4 * 32);
	port_ends_free(ends);
}

static void without_a_limit_to_its_guest_a_port_is_offered_many_at_once(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, FAST, FAST);

	assert_true(offer(ends->ends[A], 1, 'a'));
	ports_turn(p);
	assert_int_equal(offer_many(p, ends), 0);
	set_limits(p, FAST, 0);
	assert_int_equal(offer_many(p, ends), 32);
	set_limits(p, 0, 0);
	assert_int_equal(offer_many(p, ends), 32);
	assert_int_equal(ends->ends[A]->n_got, 3 * 32);
	port_ends_free(ends);
}

#define net_test(f) cmocka_unit_test_setup_teardown(f, ports_net_setup, ports_net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(a_guest_may_send_its_burst_and_then_waits),
		net_test(one_direction_s_limit_is_none_for_the_other),
		net_test(a_batch_is_taken_in_part),
		net_test(who_waits_is_told_when_it_may_go_on),
		net_test(a_new_limit_frees_who_waits),
		net_test(what_may_not_come_yet_waits_and_comes_in_order),
		net_test(what_finds_the_queue_full_is_dropped_and_counted),
		net_test(nothing_is_armed_while_nobody_waits),
		net_test(a_waiting_port_may_be_closed),
		net_test(limits_may_come_with_the_port),
		net_test(captures_do_not_change_what_passes),
		net_test(a_port_with_a_limit_or_a_capture_is_offered_nothing_at_once),
		net_test(without_a_limit_to_its_guest_a_port_is_offered_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
