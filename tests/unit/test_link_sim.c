/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_link_sim.c - two sides that talk through links, while the network does what it likes
 *
 * What is checked in every talk stands in sim_talk.h. Here: which talks there are.
 *
 * Random ones are a function of their seed, which is named when one fails:
 *
 *	LINK_SIM_SEED=n   only this one
 *	LINK_SIM_RUNS=n   so many seeds per test (from LINK_SIM_SEED or 0 on)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim_talk.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfio_user/link_internal.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define RUNS_DEFAULT  1000u
#define UNLIMITED     (1u << 30)

/* What goes on, for whoever sees it fail; empty between talks. */
static char running[128];

static void say_running(void)
{
	ssize_t written = write(STDERR_FILENO, running, strlen(running));

	if (written >= 0)
		running[0] = '\0';
}

static void on_abort(int number)
{
	say_running();
}

/* Sanitizers end a process without a signal. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static int setup(void **state)
{
	signal(SIGABRT, on_abort);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(say_running);
	return ask_setup(state);
}

static int after(void **state)
{
	say_running();
	return 0;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? strtoull(value, NULL, 0) : otherwise;
}

static bool default_seeds(void)
{
	return getenv("LINK_SIM_SEED") == NULL && getenv("LINK_SIM_RUNS") == NULL;
}

static void for_each_seed(void (*run)(uint64_t seed))
{
	uint64_t first = from_environment("LINK_SIM_SEED", 0);
	uint64_t runs = from_environment("LINK_SIM_RUNS",
					 getenv("LINK_SIM_SEED") != NULL ? 1 : RUNS_DEFAULT);

	for (uint64_t seed = first; seed < first + runs; seed++) {
		snprintf(running, sizeof(running), "# failed with LINK_SIM_SEED=%llu\n",
			 (unsigned long long)seed);
		run(seed);
	}
	running[0] = '\0';
}

/* Random talks. */

static uint32_t one_of(struct sim_dice *dice, const uint32_t *values, uint32_t n)
{
	return values[sim_roll(dice, n)];
}

#define ONE_OF(dice, ...)                                \
	one_of(dice, (const uint32_t[]) { __VA_ARGS__ }, \
	       ARRAY_SIZE(((const uint32_t[]) { __VA_ARGS__ })))

/*
 * On one socket two sides that both stop reading requests until their replies are gone wait for
 * each other, and a server without a token left, or with too much to answer already, waits for a reply
 * behind the requests that it cannot take (see the head of link.c). Only deadlines end that: such talks have them everywhere.
 */
static bool may_jam(const struct talk_plan *plan)
{
	return plan->hurried == 100;
}

static void prevent_jams(struct talk_plan *plan)
{
	plan->max_queued[WIRE_FROM_CLIENT] = UNLIMITED;
	if (plan->max_outstanding[WIRE_FROM_SERVER] < TALK_HELD_MAX ||
	    plan->max_queued[WIRE_FROM_SERVER] < UNLIMITED)
		plan->chained = 0;
}

static struct talk_plan draw_plan(struct sim_dice *dice)
{
	struct talk_plan plan = {
		.twin = sim_chance(dice, 50),
		.delay_us = ONE_OF(dice, 0, 20, 500),
		.capacity = ONE_OF(dice, 64, 300, 4096, 212992),
		.ragged = ONE_OF(dice, 0, 50, 95),
		.hold = ONE_OF(dice, 0, 50, 90),
		.hold_us = ONE_OF(dice, 10, 4000),
		.odd = ONE_OF(dice, 0, 10),
		.hurried = ONE_OF(dice, 0, 50, 90),
		.chained = ONE_OF(dice, 0, 30),
		.again = ONE_OF(dice, 0, 20),
		.slow = ONE_OF(dice, 0, 40),
	};

	plan.data_max = plan.capacity < 4096 ? 1000 : ASK_DATA_MAX / 2;
	for (unsigned int side = 0; side < 2; side++) {
		plan.max_outstanding[side] = ONE_OF(dice, 1, 2, 5, TALK_HELD_MAX);
		plan.max_queued[side] = ONE_OF(dice, 1, 300, 3000, UNLIMITED);
	}
	if (sim_chance(dice, 30))
		plan.hurried = 100;
	else if (!plan.twin)
		prevent_jams(&plan);
	return plan;
}

static struct talk *some_talk(struct sim_dice *dice, uint64_t seed, uint32_t steps)
{
	struct talk_plan plan;
	struct talk *talk;

	dice->state = ~seed;
	plan = draw_plan(dice);
	talk = talk_new(seed, &plan);
	steps = sim_roll(dice, steps);
	for (uint32_t i = 0; i < steps; i++)
		talk_step(talk);
	return talk;
}

static void assert_all_done(const struct talk *talk)
{
	for (uint32_t i = 0; i < talk->n_asks; i++)
		assert_int_equal(talk->asks[i].n_done, talk->asks[i].post ? 0 : 1);
}

/* Every id is free again, and nothing came for a request that wanted no reply. */
static void assert_no_calls(const struct talk_end *end)
{
	const struct link_calls *calls = &end->link->calls;
	size_t n_posts = 0;

	for (uint32_t id = 0; id < calls->n; id++)
		assert_int_equal(calls->slots[id].state, CALL_FREE);
	for (size_t i = 0; i < end->n_sent; i++)
		n_posts += end->sent[i]->post;
	assert_int_equal(calls->posts, n_posts);
}

/* Everything was said and heard, and everybody could go on. */
static void assert_idle(const struct talk *talk)
{
	for (uint32_t i = 0; i < talk->n_asks; i++) {
		const struct ask *ask = &talk->asks[i];

		assert_int_equal(ask->n_seen, ask->refusal != 0 ? 0 : 1);
		assert_int_not_equal(ask->result, -ENOTCONN);
	}
	for (unsigned int i = 0; i < talk->n_socks * 2; i++) {
		const struct talk_end *end = &talk->ends[i / 2][i % 2];

		assert_int_equal(link_error(end->link), 0);
		assert_true(link_wants_read(end->link) && !link_wants_write(end->link));
		assert_int_equal(link_deadline_us(end->link), LINK_FOREVER);
		assert_int_equal(end->n_open, 0);
		assert_no_calls(end);
	}
}

static void undisturbed(uint64_t seed)
{
	struct sim_dice dice;
	struct talk *talk = some_talk(&dice, seed, 600);

	talk_settle(talk);
	assert_all_done(talk);
	if (talk->plan.twin || !may_jam(&talk->plan))
		assert_idle(talk);
	talk_free(talk);
}

static void in_any_order_each_request_is_answered_once(void **state)
{
	for_each_seed(undisturbed);
}

static void assert_all_dead(const struct talk *talk)
{
	for (unsigned int i = 0; i < talk->n_socks * 2; i++)
		assert_int_not_equal(link_error(talk->ends[i / 2][i % 2].link), 0);
}

static void broken(uint64_t seed)
{
	struct sim_dice dice;
	struct talk *talk = some_talk(&dice, seed, 400);

	talk->plan.give_up = ONE_OF(&dice, 0, 20);
	talk_break(talk, sim_roll(&dice, 2));
	for (uint32_t i = sim_roll(&dice, 20); i > 0; i--)
		talk_step(talk);
	talk_settle(talk);
	assert_all_dead(talk);
	assert_all_done(talk);
	talk_free(talk);
}

static void a_break_at_any_moment_completes_everything_once(void **state)
{
	for_each_seed(broken);
}

static void freed(uint64_t seed)
{
	struct sim_dice dice;

	talk_free(some_talk(&dice, seed, 400));
}

static void a_link_freed_at_any_moment_leaves_nothing_behind(void **state)
{
	for_each_seed(freed);
}

/* Half a lie may leave a link waiting for the rest: that ends with the connection. */
static void lied_to(uint64_t seed)
{
	struct sim_dice dice;
	struct talk *talk = some_talk(&dice, seed, 400);

	for (uint32_t i = 1 + sim_roll(&dice, 3); i > 0; i--) {
		talk_lie(talk);
		for (uint32_t steps = sim_roll(&dice, 60); steps > 0; steps--)
			talk_step(talk);
	}
	talk_settle(talk);
	talk_break(talk, false);
	talk_settle(talk);
	assert_all_dead(talk);
	assert_all_done(talk);
	talk_free(talk);
}

static void a_peer_that_lies_at_any_moment_does_no_harm(void **state)
{
	for_each_seed(lied_to);
}

/* Talks in which one thing is the matter. */

static const struct talk_plan calm = {
	.delay_us = 10,
	.capacity = 212992,
	.max_outstanding = { TALK_HELD_MAX, TALK_HELD_MAX },
	.max_queued = { UNLIMITED, UNLIMITED },
	.data_max = 1000,
	.hold = 50,
	.hold_us = 100,
};

static void nobody_is_kept_beyond_the_deadline(const struct talk_plan *plan)
{
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct talk_plan hurried = *plan;
		struct talk *talk;

		hurried.twin = seed % 2;
		hurried.hurried = 100;
		talk = talk_new(seed, &hurried);
		for (uint32_t i = 0; i < 40; i++)
			talk_ask_anything(talk, i % 2);
		talk_settle(talk);
		for (uint32_t i = 0; i < talk->n_asks; i++)
			assert_int_equal(talk->asks[i].result, talk->asks[i].post ? 0 : -ETIMEDOUT);
		assert_all_done(talk);
		talk_free(talk);
	}
}

static void a_peer_that_never_answers_keeps_nobody_beyond_the_deadline(void **state)
{
	struct talk_plan plan = calm;

	plan.hold = 100;
	plan.hold_us = TALK_NEVER;
	nobody_is_kept_beyond_the_deadline(&plan);
}

static void a_network_that_takes_nothing_keeps_nobody_beyond_the_deadline(void **state)
{
	struct talk_plan plan = calm;

	plan.capacity = 0;
	nobody_is_kept_beyond_the_deadline(&plan);
}

/* More than fits into both queues and the network between them. */
static struct talk *talk_much_both_ways(bool twin, uint64_t deadline_us)
{
	struct talk_plan plan = calm;
	struct talk *talk;

	plan.twin = twin;
	plan.capacity = 4096;
	plan.max_queued[WIRE_FROM_CLIENT] = 1000;
	plan.max_queued[WIRE_FROM_SERVER] = 1000;
	talk = talk_new(1, &plan);
	for (uint32_t i = 0; i < 60; i++) {
		const struct ask ask = {
			.command = i % 2 == WIRE_FROM_CLIENT ? WIRE_REGION_READ : WIRE_DMA_READ,
			.data_len = 1000,
			.deadline_us = deadline_us,
		};

		talk_ask(talk, i % 2, &ask);
	}
	talk_settle(talk);
	assert_all_done(talk);
	return talk;
}

static void on_one_socket_two_full_sides_jam_until_the_deadlines(void **state)
{
	struct talk *talk = talk_much_both_ways(false, 3000);

	assert_int_equal(talk->net.now_us, 3000);
	for (unsigned int side = 0; side < 2; side++) {
		assert_int_equal(link_error(talk->ends[0][side].link), 0);
		assert_false(link_wants_read(talk->ends[0][side].link));
	}
	talk_free(talk);
}

static void on_two_sockets_two_full_sides_do_not_jam(void **state)
{
	struct talk *talk = talk_much_both_ways(true, LINK_FOREVER);

	assert_idle(talk);
	talk_free(talk);
}

static void a_server_without_a_token_left_hears_the_reply_it_needs(void **state)
{
	const struct ask read = { .command = WIRE_REGION_READ, .deadline_us = LINK_FOREVER };
	struct talk_plan plan = calm;
	struct talk *talk;

	plan.max_outstanding[WIRE_FROM_SERVER] = 1;
	plan.chained = 100;
	talk = talk_new(1, &plan);
	for (unsigned int i = 0; i < 20; i++) {
		talk_ask(talk, WIRE_FROM_CLIENT, &read);
		talk_settle(talk);
		assert_idle(talk);
	}
	assert_int_equal(talk->n_asks, 40);
	talk_free(talk);
}

/* Every shape of message: with and without data and fds, either way, with and without reply. */
static const struct ask script[2][8] = {
	{
		{ .command = WIRE_DMA_MAP, .n_fds = 1 },
		{ .command = WIRE_DEVICE_SET_IRQS, .n_fds = 2 },
		{ .command = WIRE_REGION_WRITE, .data_len = 9, .post = true },
		{ .command = WIRE_REGION_READ, .data_len = 20 },
		{ .command = WIRE_DEVICE_GET_REGION_INFO },
		{ .command = WIRE_REGION_WRITE, .data_len = 5 },
		{ .command = WIRE_DMA_MAP },
		{ .command = WIRE_DEVICE_RESET },
	},
	{
		{ .command = WIRE_DMA_READ, .data_len = 30 },
		{ .command = WIRE_DMA_WRITE, .data_len = 7 },
		{ .command = WIRE_DMA_WRITE, .data_len = 11, .post = true },
		{ .command = WIRE_DMA_READ, .data_len = 1 },
		{ .command = WIRE_DMA_READ },
		{ .command = WIRE_DMA_WRITE },
		{ .command = WIRE_DMA_READ, .data_len = 3 },
		{ .command = WIRE_DMA_WRITE, .data_len = 2 },
	},
};

/* A request is heard if it came whole, and answered if the reply did. */
static void assert_what_arrived_counts(const struct talk *talk)
{
	for (uint32_t i = 0; i < talk->n_asks; i++) {
		const struct ask *ask = &talk->asks[i];
		const struct sim_socket *sock = ask->end->sock;
		bool heard = ask->request_end <= sock->to[!ask->end->side].read;
		bool answered =
			ask->reply_end != 0 && ask->reply_end <= sock->to[ask->end->side].read;

		assert_int_equal(ask->n_seen, heard ? 1 : 0);
		if (!ask->post)
			assert_int_equal(ask->result, answered ? 0 : -ENOTCONN);
	}
}

/* Return: how many bytes went in this direction */
static uint64_t talk_by_script(const struct talk_plan *plan, unsigned int sock, unsigned int to,
			       uint64_t cut_at)
{
	struct talk *talk = talk_new(7, plan);
	struct sim_pipe *pipe = &talk->socks[sock].to[to];
	uint64_t written;

	pipe->cut_at = cut_at;
	for (unsigned int i = 0; i < 16; i++) {
		struct ask ask = script[i % 2][i / 2];

		ask.deadline_us = LINK_FOREVER;
		talk_ask(talk, i % 2, &ask);
	}
	talk_settle(talk);
	if (cut_at == SIM_NEVER)
		assert_idle(talk);
	else
		assert_all_dead(talk);
	assert_all_done(talk);
	assert_what_arrived_counts(talk);
	written = pipe->written;
	talk_free(talk);
	return written;
}

static void cut_everywhere(const struct talk_plan *plan, unsigned int sock, unsigned int to)
{
	uint64_t n = talk_by_script(plan, sock, to, SIM_NEVER);

	assert_true(n > 100);
	for (uint64_t cut_at = 0; cut_at <= n; cut_at++) {
		snprintf(running, sizeof(running),
			 "# failed with twin %d, ragged %u, socket %u to side %u cut at %llu\n",
			 plan->twin, plan->ragged, sock, to, (unsigned long long)cut_at);
		talk_by_script(plan, sock, to, cut_at);
	}
	running[0] = '\0';
}

static void a_cut_at_any_byte_loses_only_what_did_not_arrive(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct talk_plan plan = calm;

		plan.twin = i % 2;
		plan.ragged = i / 2 * 90;
		for (unsigned int direction = 0; direction < (plan.twin ? 4 : 2); direction++)
			cut_everywhere(&plan, direction / 2, direction % 2);
	}
}

/* What never happened in all these talks was not tested by them. Last of all tests. */
static void all_that_can_happen_happened(void **state)
{
	const struct talk_tally *t = &talk_tally;

	if (!default_seeds())
		skip();
	print_message("# %u replies, %u errors (%u refused, %u contradicted), %u timed out, "
		      "%u cancelled, %u lost, %u late, %u with fds, %u again, %u blocked, "
		      "%u overtaken, %u chained, %u lent at death, %u died of lies\n",
		      t->replies, t->errors, t->refused, t->contradicted, t->timed_out,
		      t->cancelled, t->lost, t->late, t->fds, t->again, t->blocked, t->overtaken,
		      t->chained, t->lent, t->died_of_lies);
	assert_true(t->replies > 0 && t->refused > 0 && t->contradicted > 0);
	assert_true(t->errors > t->refused + t->contradicted);
	assert_true(t->timed_out > 0 && t->cancelled > 0 && t->lost > 0 && t->late > 0);
	assert_true(t->fds > 0 && t->again > 0 && t->blocked > 0);
	assert_true(t->overtaken > 0 && t->chained > 0 && t->lent > 0 && t->died_of_lies > 0);
}

int main(void)
{
#define t(name) cmocka_unit_test_teardown(name, after)
	const struct CMUnitTest tests[] = {
		t(in_any_order_each_request_is_answered_once),
		t(a_break_at_any_moment_completes_everything_once),
		t(a_link_freed_at_any_moment_leaves_nothing_behind),
		t(a_peer_that_lies_at_any_moment_does_no_harm),
		t(a_peer_that_never_answers_keeps_nobody_beyond_the_deadline),
		t(a_network_that_takes_nothing_keeps_nobody_beyond_the_deadline),
		t(on_one_socket_two_full_sides_jam_until_the_deadlines),
		t(on_two_sockets_two_full_sides_do_not_jam),
		t(a_server_without_a_token_left_hears_the_reply_it_needs),
		t(a_cut_at_any_byte_loses_only_what_did_not_arrive),
		t(all_that_can_happen_happened),
	};

	return cmocka_run_group_tests(tests, setup, ask_teardown);
}
