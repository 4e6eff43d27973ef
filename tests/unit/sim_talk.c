/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_talk.c - see sim_talk.h
 *
 * Parts: requests drawn by lot; the clock; a talk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim_talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fds.h"
#include "sim_talk_end.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define HURRY_US      3000u    /* the latest deadline */
#define TURNS_MAX     5000000u /* of a talk that comes to its end */

struct talk_tally talk_tally;

static int fds_before;

/* Requests. */

uint64_t talk_choose_deadline(struct talk *talk)
{
	if (!sim_chance(&talk->dice, talk->plan.hurried))
		return LINK_FOREVER;
	return talk->net.now_us + 1 + sim_roll(&talk->dice, HURRY_US);
}

void talk_ask(struct talk *talk, enum wire_side side, const struct ask *what)
{
	talk_end_ask(&talk->ends[side == WIRE_FROM_SERVER ? talk->n_socks - 1 : 0][side], what);
}

static int choose_refusal(struct talk *talk, enum wire_side side, struct ask *ask)
{
	if (!sim_chance(&talk->dice, talk->plan.odd))
		return 0;
	if (ask_wants_data(ask->command))
		return -E2BIG;
	if (ask->command == WIRE_DMA_MAP)
		return -EINVAL;
	ask->n_fds = 0;
	ask->command = side == WIRE_FROM_CLIENT ? WIRE_DMA_WRITE : WIRE_REGION_WRITE;
	return -ENOSYS;
}

void talk_ask_anything(struct talk *talk, enum wire_side side)
{
	static const enum wire_command commands[2][6] = {
		{ WIRE_REGION_READ, WIRE_REGION_WRITE, WIRE_DMA_MAP, WIRE_DEVICE_SET_IRQS,
		  WIRE_DEVICE_GET_REGION_INFO, WIRE_DEVICE_RESET },
		{ WIRE_DMA_READ, WIRE_DMA_WRITE, WIRE_DMA_READ, WIRE_DMA_WRITE, WIRE_DMA_READ,
		  WIRE_DMA_WRITE },
	};
	struct sim_dice *dice = &talk->dice;
	struct ask ask = { .command = commands[side][sim_roll(dice, 6)] };

	ask.data_len = sim_roll(dice, sim_chance(dice, 95) ? 200 : talk->plan.data_max);
	if (ask.command == WIRE_DMA_MAP)
		ask.n_fds = sim_roll(dice, 2);
	else if (ask.command == WIRE_DEVICE_SET_IRQS)
		ask.n_fds = 1 + sim_roll(dice, 4);
	else
		ask.post = ask_brings_data(ask.command) && sim_chance(dice, 25);
	ask.deadline_us = talk_choose_deadline(talk);
	ask.refusal = choose_refusal(talk, side, &ask);
	talk_ask(talk, side, &ask);
}

static void cancel_some(struct talk *talk)
{
	struct ask *ask;

	if (talk->n_asks == 0)
		return;
	ask = &talk->asks[sim_roll(&talk->dice, talk->n_asks)];
	if (ask->n_done > 0 || ask->post)
		return;
	ask->cancelled = true;
	link_cancel(ask->end->link, ask->id);
	assert_int_equal(ask->n_done, 1);
}

/* The clock. */

static uint64_t first_deadline(const struct talk *talk)
{
	uint64_t first = SIM_NEVER;

	for (unsigned int i = 0; i < talk->n_socks * 2; i++) {
		uint64_t deadline_us = talk->ends[i / 2][i % 2].wants.deadline_us;

		if (deadline_us < first)
			first = deadline_us;
	}
	return first;
}

/* No deadline is passed without a tick. */
static void pass_time(struct talk *talk, uint64_t until_us)
{
	uint64_t due_us;

	while ((due_us = first_deadline(talk)) <= until_us) {
		talk->net.now_us = due_us > talk->net.now_us ? due_us : talk->net.now_us;
		for (unsigned int i = 0; i < talk->n_socks * 2; i++)
			talk_end_tick(&talk->ends[i / 2][i % 2]);
	}
	talk->net.now_us = until_us;
}

/* When something happens that has not yet happened, or SIM_NEVER. */
static uint64_t next_event(const struct talk *talk)
{
	uint64_t next = first_deadline(talk);

	for (unsigned int i = 0; i < talk->n_socks * 2; i++) {
		const struct talk_end *end = &talk->ends[i / 2][i % 2];
		uint64_t at_us = sim_next_us(&talk->net, end->sock);

		next = at_us < next ? at_us : next;
		for (size_t k = 0; k < end->n_held; k++)
			next = end->held[k].due_us < next ? end->held[k].due_us : next;
	}
	return next;
}

/*
 * The latest that everything can be over: the worst network delivers each byte by itself, and each
 * request is answered as late as may be.
 */
static uint64_t latest_end(const struct talk *talk, uint64_t from_us)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < talk->n_socks * 2; i++)
		n += talk->ends[i / 2][i % 2].bytes;
	return from_us + (n + 1) * (talk->net.delay_us + 1) +
	       talk->n_asks * ((uint64_t)talk->plan.hold_us + HURRY_US + 1);
}

/* A talk. */

static void check_deadlines(const struct talk *talk)
{
	for (uint32_t i = 0; i < talk->n_asks; i++) {
		const struct ask *ask = &talk->asks[i];

		if (!ask->post && ask->n_done == 0)
			assert_true(link_deadline_us(ask->end->link) <= ask->deadline_us);
	}
}

void talk_step(struct talk *talk)
{
	struct sim_dice *dice = &talk->dice;
	struct talk_end *end = &talk->ends[sim_roll(dice, talk->n_socks)][sim_roll(dice, 2)];

	switch (sim_roll(dice, 8)) {
	case 0:
	case 1:
		talk_ask_anything(talk, end->side);
		break;
	case 2:
	case 3:
		talk_end_receive(end);
		break;
	case 4:
	case 5:
		talk_end_send(end);
		break;
	case 6:
		talk_end_answer_early(end);
		break;
	case 7:
		if (sim_chance(dice, 20))
			cancel_some(talk);
		pass_time(talk, talk->net.now_us + sim_roll(dice, talk->net.delay_us + 1));
		break;
	}
	check_deadlines(talk);
}

static bool turn(struct talk *talk)
{
	bool happened = false;

	for (unsigned int i = 0; i < talk->n_socks * 2; i++) {
		struct talk_end *end = &talk->ends[i / 2][i % 2];

		happened |= talk_end_receive(end);
		happened |= talk_end_answer_due(end);
		happened |= talk_end_send(end);
	}
	return happened;
}

void talk_settle(struct talk *talk)
{
	uint64_t from_us = talk->net.now_us, next;

	for (unsigned int turns = 0; turns < TURNS_MAX; turns++) {
		if (turn(talk))
			continue;
		check_deadlines(talk);
		next = next_event(talk);
		if (next == SIM_NEVER)
			return;
		assert_true(next <= latest_end(talk, from_us));
		pass_time(talk, next);
	}
	fail_msg("after %u turns there is no end in sight", TURNS_MAX);
}

void talk_break(struct talk *talk, bool reset)
{
	for (unsigned int i = 0; i < talk->n_socks; i++)
		sim_break(&talk->socks[i], reset);
}

static size_t put_false_header(struct sim_dice *dice, uint8_t *to)
{
	static const uint32_t sizes[] = { 0, 15, 16, 32, 40, 100, 5000, 1u << 20, UINT32_MAX };
	static const uint32_t flags[] = { 0, 1, 0x21, 0x10, 0x11, 0xf };
	struct wire_header header = {
		.id = (uint16_t)sim_roll(dice, 20),
		.command = (uint16_t)sim_roll(dice, WIRE_COMMANDS + 2),
		.size = sizes[sim_roll(dice, ARRAY_SIZE(sizes))],
		.flags = flags[sim_roll(dice, ARRAY_SIZE(flags))],
		.error = sim_roll(dice, 200),
	};

	memcpy(to, &header, sizeof(header));
	return sizeof(header);
}

void talk_lie(struct talk *talk)
{
	struct sim_dice *dice = &talk->dice;
	struct sim_socket *sock = &talk->socks[sim_roll(dice, talk->n_socks)];
	uint32_t side = sim_roll(dice, 2);
	uint8_t noise[96];
	size_t n = 0;
	int fds[3];

	talk->lied = true;
	if (sim_chance(dice, 30) && sim_flip_bit(&talk->net, sock, side))
		return;
	if (sim_chance(dice, 70))
		n = put_false_header(dice, noise);
	for (size_t more = n == 0 ? 1 + sim_roll(dice, 40) : sim_roll(dice, 80); more > 0; more--)
		noise[n++] = (uint8_t)sim_roll(dice, 256);
	sim_inject(&talk->net, sock, side, noise, n, fds,
		   ask_pick_files(0, sim_chance(dice, 20) ? ARRAY_SIZE(fds) : 0, fds));
}

struct talk *talk_new(uint64_t seed, const struct talk_plan *plan)
{
	struct talk *talk = calloc(1, sizeof(*talk));

	assert_non_null(talk);
	fds_before = fds_open();
	talk->plan = *plan;
	talk->dice.state = seed;
	talk->net = (struct sim_net) {
		.dice = &talk->dice,
		.delay_us = plan->delay_us,
		.capacity = plan->capacity,
		.ragged = plan->ragged,
	};
	talk->n_socks = plan->twin ? 2 : 1;
	for (unsigned int i = 0; i < talk->n_socks; i++) {
		sim_socket_init(&talk->socks[i]);
		talk_end_init(talk, i, WIRE_FROM_CLIENT);
		talk_end_init(talk, i, WIRE_FROM_SERVER);
	}
	return talk;
}

void talk_free(struct talk *talk)
{
	for (unsigned int i = 0; i < talk->n_socks * 2; i++) {
		struct talk_end *end = &talk->ends[i / 2][i % 2];

		link_free(end->link);
		end->link = NULL;
		assert_int_equal(end->n_dead, 1);
	}
	for (unsigned int i = 0; i < talk->n_socks; i++)
		sim_socket_free(&talk->socks[i]);
	for (uint32_t i = 0; i < talk->n_asks; i++)
		assert_int_equal(talk->asks[i].n_done, talk->asks[i].post ? 0 : 1);
	assert_int_equal(fds_open(), fds_before);
	free(talk);
}
