/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_talk_end.c - see sim_talk_end.h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim_talk_end.h"

#include <errno.h>
#include <unistd.h>

#include "vfio_user/link_internal.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct wire_limits talk_limits = {
	.max_data_xfer_size = ASK_DATA_MAX,
	.max_msg_fds = SIM_MAX_FDS,
};

static struct talk_end *other_end(const struct talk_end *end)
{
	struct talk *talk = end->talk;

	return &talk->ends[end->sock - talk->socks][!end->side];
}

/* Message number said arrived: of one socket none is overtaken, of two some are. */
static void hear(struct talk_end *end, uint64_t said)
{
	uint64_t *heard = &end->talk->heard[end->side];

	assert_true(said > end->heard);
	end->heard = said;
	talk_tally.overtaken += said < *heard;
	if (said > *heard)
		*heard = said;
}

/* How requests are answered. */

struct answer {
	bool fails;
	int error;
	size_t len, n_fds;
};

/* What is said, and with it what the completion must get. */
static struct answer choose_answer(struct talk *talk, struct ask *ask)
{
	static const int errors[][2] = {
		{ ENOENT, -ENOENT }, { -EPERM, -EPERM }, { 0, -EIO }, { 70000, -EIO }
	};
	struct answer answer = { .len = ask_reply_len(ask) };
	uint32_t i = sim_roll(&talk->dice, ARRAY_SIZE(errors));

	if (ask_reply_fds_max(ask) > 0)
		answer.n_fds = sim_roll(&talk->dice, ASK_REPLY_FDS + 1);
	if (sim_chance(&talk->dice, talk->plan.odd)) {
		answer.fails = sim_roll(&talk->dice, 2);
		answer.error = errors[i][0];
		ask->answer_error = answer.fails ? errors[i][1] : -EPROTO;
		if (ask_reply_fds_max(ask) > 0)
			answer.n_fds = ASK_REPLY_FDS + 1;
		else
			answer.len += 1 + i;
	}
	ask->answer_fds = answer.n_fds;
	return answer;
}

static int answer_ask(const struct ask_held *held)
{
	struct talk_end *end = held->end;
	struct ask *ask = held->ask;
	struct answer answer = choose_answer(end->talk, ask);
	struct iovec iov = ask_put_reply(ask, answer.len);
	int fds[ASK_REPLY_FDS + 1];

	if (!ask->post) {
		talk_tally.late += ask->n_done > 0;
		ask->answer_said = ++end->talk->n_said;
		end->bytes += sizeof(struct wire_header) + (answer.fails ? 0 : answer.len);
		ask->reply_end = end->bytes;
	}
	if (answer.fails)
		return link_reply_error(end->link, held->token, answer.error);
	return link_reply_ok(end->link, held->token, &iov, 1, fds,
			     ask_pick_files(ask->serial, answer.n_fds, fds));
}

static void answer(struct ask_held held)
{
	struct link *link = held.end->link;
	bool dead = link == NULL || link_error(link) != 0;

	held.end->n_open--;
	if (!dead && held.ask != NULL)
		assert_int_equal(answer_ask(&held), 0);
	else if (!dead)
		assert_int_equal(link_reply_error(link, held.token, EIO), 0);
	if (link != NULL)
		assert_int_equal(link_reply_error(link, held.token, EIO), -ENOENT);
}

/* The server needs the client's memory before it can answer. Return: will it be told? */
static bool chain(struct talk *talk, const struct ask_held *held)
{
	const struct ask what = {
		.command = WIRE_DMA_READ,
		.data_len = sim_roll(&talk->dice, 100),
		.deadline_us = talk_choose_deadline(talk),
	};
	uint32_t i = talk->n_asks;

	talk_ask(talk, WIRE_FROM_SERVER, &what);
	if (talk->n_asks == i)
		return false;
	talk->asks[i].chained = *held;
	talk_tally.chained++;
	return true;
}

static void answer_some_time(struct ask_held *held)
{
	struct talk_end *end = held->end;
	struct talk *talk = end->talk;

	if (end->side == WIRE_FROM_SERVER && sim_chance(&talk->dice, talk->plan.chained) &&
	    chain(talk, held))
		return;
	if (!sim_chance(&talk->dice, talk->plan.hold)) {
		answer(*held);
		return;
	}
	held->due_us = SIM_NEVER;
	if (talk->plan.hold_us != TALK_NEVER)
		held->due_us = talk->net.now_us + sim_roll(&talk->dice, talk->plan.hold_us + 1);
	assert_true(end->n_held < TALK_HELD_MAX);
	end->held[end->n_held++] = *held;
}

/* What links call back. */

/* Some are taken, the others the link's to close. */
static void take_files(struct talk *talk, struct link_fds *fds)
{
	for (size_t i = 0; i < fds->n; i++) {
		if (sim_roll(&talk->dice, 2) == 0)
			continue;
		close(fds->fd[i]);
		fds->fd[i] = -1;
	}
}

/* Which ask this must be, and that it is. */
static struct ask *check_request(struct talk_end *end, const struct wire_request *request,
				 const struct link_fds *fds)
{
	struct talk_end *asker = other_end(end);
	struct ask *ask;

	while (asker->n_seen < asker->n_sent && asker->sent[asker->n_seen]->refusal != 0)
		asker->n_seen++;
	assert_true(asker->n_seen < asker->n_sent);
	ask = asker->sent[asker->n_seen++];
	assert_int_equal(++ask->n_seen, 1);
	ask_check_request(ask, request, fds);
	talk_tally.fds += ask->n_fds > 0;
	hear(end, ask->said);
	return ask;
}

static void on_request(void *opaque, link_token token, const struct wire_request *request,
		       struct link_fds *fds)
{
	struct talk_end *end = opaque;
	const struct talk_plan *plan = &end->talk->plan;
	struct ask_held held = { .end = end, .token = token };

	assert_true(link_error(end->link) == 0 && token != 0);
	assert_true(end->link->tx.queued[TX_REPLY] <= plan->max_queued[end->side]);
	assert_true(end->n_open++ < plan->max_outstanding[end->side]);
	if (!end->talk->lied)
		held.ask = check_request(end, request, fds);
	take_files(end->talk, fds);
	answer_some_time(&held);
}

static void check_result(const struct ask *ask, const struct link_reply *reply)
{
	struct talk_end *end = ask->end;

	assert_true((link_error(end->link) != 0) == (reply->error == -ENOTCONN));
	switch (reply->error) {
	case -ENOTCONN:
		assert_int_equal(end->n_dead, 1);
		talk_tally.lost++;
		break;
	case -ETIMEDOUT:
		assert_true(end->talk->net.now_us >= ask->deadline_us);
		talk_tally.timed_out++;
		break;
	case -ECANCELED:
		assert_true(ask->cancelled);
		talk_tally.cancelled++;
		break;
	case 0:
		hear(end, ask->answer_said);
		assert_int_equal(ask->answer_error, 0);
		ask_check_reply(ask, reply);
		talk_tally.fds += ask->answer_fds > 0;
		talk_tally.replies++;
		break;
	default:
		assert_int_equal(reply->error,
				 ask->refusal != 0 ? ask->refusal : ask->answer_error);
		talk_tally.refused += ask->refusal != 0;
		talk_tally.contradicted += reply->error == -EPROTO;
		talk_tally.errors++;
		if (ask->refusal == 0)
			hear(end, ask->answer_said);
	}
}

static void on_done(void *opaque, const struct link_reply *reply)
{
	struct ask *ask = opaque;
	struct talk *talk = ask->end->talk;

	assert_int_equal(++ask->n_done, 1);
	assert_true(talk->net.now_us <= ask->deadline_us);
	assert_true((reply->error == 0) == (reply->fds != NULL));
	ask->result = reply->error;
	if (!talk->lied)
		check_result(ask, reply);
	if (reply->fds != NULL)
		take_files(talk, reply->fds);
	if (ask->chained.token != 0)
		answer(ask->chained);
	if (sim_chance(&talk->dice, talk->plan.again))
		talk_ask_anything(talk, ask->end->side);
}

static void look(struct talk_end *end)
{
	end->wants.read = link_wants_read(end->link);
	end->wants.write = link_wants_write(end->link);
	end->wants.deadline_us = link_deadline_us(end->link);
}

static void on_changed(void *opaque)
{
	look(opaque);
}

/* Whoever loses one socket closes the other. */
static void on_dead(void *opaque, int error, const char *reason)
{
	struct talk_end *end = opaque;
	struct talk *talk = end->talk;

	assert_int_equal(++end->n_dead, 1);
	assert_true(error < 0 && reason[0] != '\0');
	look(end);
	talk_tally.died_of_lies += talk->lied && (error == -EPROTO || error == -EMSGSIZE);
	for (unsigned int i = 0; i < talk->n_socks; i++) {
		if (!talk->socks[i].broken)
			sim_break(&talk->socks[i], false);
		if (talk->ends[i][end->side].link != NULL)
			link_kill(talk->ends[i][end->side].link, error, reason);
	}
}

/* What owners do. */

static void check_buffers(const struct talk_end *end)
{
	assert_true(end->link->rx.cap <= wire_max_size(&talk_limits) + sizeof(struct wire_header));
}

static void lose(struct talk_end *end, const char *why)
{
	link_kill(end->link, -ECONNRESET, why);
	look(end);
}

static void feed(struct talk_end *end, size_t n, const int *fds, size_t n_fds)
{
	bool dead = link_error(end->link) != 0;
	int error = link_feed(end->link, n, fds, n_fds);

	assert_int_equal(error, dead ? -ENOTCONN : link_error(end->link));
	assert_true(n > 0 || error != 0);
}

/* Return: did anything happen? */
static bool receive(struct talk_end *end)
{
	struct talk *talk = end->talk;
	void *space = end->space;
	int fds[SIM_MAX_FDS];
	size_t n_fds;
	ssize_t n;

	end->space = NULL;
	n = sim_receive(&talk->net, end->sock, end->side, space, end->space_len, fds, &n_fds);
	if (n == -EAGAIN)
		return false;
	if (n < 0) {
		lose(end, "reset");
		return true;
	}
	if (sim_chance(&talk->dice, talk->plan.give_up))
		lose(end, "given up");
	feed(end, (size_t)n, fds, n_fds);
	look(end);
	check_buffers(end);
	return true;
}

bool talk_end_receive(struct talk_end *end)
{
	if (end->space != NULL)
		return receive(end);
	if (link_error(end->link) != 0)
		return false;
	if (!end->wants.read) {
		talk_tally.blocked++;
		if (end->sock->broken)
			lose(end, "hung up");
		return end->sock->broken;
	}
	end->space = link_space(end->link, &end->space_len);
	assert_true(end->space_len > 0);
	if (sim_chance(&end->talk->dice, end->talk->plan.slow))
		return true;
	return receive(end);
}

/* Of every 61st byte: that is enough to notice that they moved or went. */
static uint64_t sum_of(const struct talk_batch *batch)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < batch->n_iov; i++) {
		const uint8_t *p = batch->iov[i].iov_base;

		for (size_t k = 0; k < batch->iov[i].iov_len; k += 61)
			sum = sum * 31 + p[k];
	}
	return sum;
}

/* Return: did anything happen? */
static bool send_batch(struct talk_end *end)
{
	struct talk_batch *batch = &end->batch;
	ssize_t n;

	n = sim_send(&end->talk->net, end->sock, end->side, batch->iov, batch->n_iov, batch->fds,
		     batch->n_fds);
	batch->n_iov = 0;
	link_sent(end->link, n > 0 ? (size_t)n : 0);
	look(end);
	if (n != -EPIPE)
		return n > 0;
	/* What the peer said before it went is still heard. */
	while (talk_end_receive(end))
		;
	lose(end, "sent in vain");
	return true;
}

bool talk_end_send(struct talk_end *end)
{
	struct talk_batch *batch = &end->batch;

	if (batch->n_iov > 0) {
		talk_tally.lent += link_error(end->link) != 0;
		assert_true(sum_of(batch) == batch->sum);
		return send_batch(end);
	}
	if (!end->wants.write)
		return false;
	assert_true(link_pending(end->link, batch->iov, &batch->fds, &batch->n_fds));
	batch->n_iov = 1;
	if (!sim_chance(&end->talk->dice, end->talk->plan.slow))
		return send_batch(end);
	batch->sum = sum_of(batch);
	return true;
}

bool talk_end_answer_due(struct talk_end *end)
{
	for (size_t i = 0; i < end->n_held; i++) {
		struct ask_held held = end->held[i];

		if (held.due_us > end->talk->net.now_us)
			continue;
		end->held[i] = end->held[--end->n_held];
		answer(held);
		return true;
	}
	return false;
}

void talk_end_answer_early(struct talk_end *end)
{
	if (end->n_held > 0)
		end->held[sim_roll(&end->talk->dice, (uint32_t)end->n_held)].due_us = 0;
	talk_end_answer_due(end);
}

static int request_or_post(struct link *link, struct ask *ask, const struct iovec *iov)
{
	int fds[SIM_MAX_FDS];

	if (ask->post)
		return link_post(link, ask->command, iov, 1);
	return link_request(link, ask->command, iov, 1, fds,
			    ask_pick_files(ask->serial, ask->n_fds, fds), ask_reply_len(ask),
			    ask_reply_fds_max(ask), ask->deadline_us, on_done, ask, &ask->id);
}

/* It is sent, or will be. */
static void note_ask(struct talk_end *end, struct ask *ask, size_t size)
{
	end->bytes += size;
	ask->request_end = end->bytes;
	ask->said = ++end->talk->n_said;
	end->sent[end->n_sent++] = ask;
	end->talk->n_asks++;
}

void talk_end_ask(struct talk_end *end, const struct ask *what)
{
	struct talk *talk = end->talk;
	size_t max_queued = talk->plan.max_queued[end->side], size;
	struct ask *ask = &talk->asks[talk->n_asks];
	struct iovec iov;
	int r;

	if (talk->n_asks == TALK_ASKS || end->link == NULL)
		return;
	*ask = *what;
	ask->end = end;
	ask->serial = talk->n_asks + 1;
	iov = ask_put_request(ask);
	size = sizeof(struct wire_header) + iov.iov_len;
	r = request_or_post(end->link, ask, &iov);
	if (r == -EAGAIN) {
		assert_true(end->link->tx.queued[TX_REQUEST] > max_queued);
		talk_tally.again++;
		return;
	}
	assert_int_equal(r, link_error(end->link) != 0 ? -ENOTCONN : 0);
	if (r < 0)
		return;
	assert_true(end->link->tx.queued[TX_REQUEST] <= max_queued + size);
	note_ask(end, ask, size);
}

void talk_end_tick(struct talk_end *end)
{
	uint64_t now_us = end->talk->net.now_us;

	link_tick(end->link, now_us);
	assert_true(link_deadline_us(end->link) > now_us);
	look(end);
}

void talk_end_init(struct talk *talk, unsigned int sock, enum wire_side side)
{
	static const struct link_ops ops = {
		.request = on_request,
		.dead = on_dead,
		.wants_changed = on_changed,
	};
	struct talk_end *end = &talk->ends[sock][side];
	const struct link_config config = {
		.peer = side == WIRE_FROM_CLIENT ? WIRE_FROM_SERVER : WIRE_FROM_CLIENT,
		.accepts = talk_limits,
		.max_outstanding = talk->plan.max_outstanding[side],
		.max_queued = talk->plan.max_queued[side],
		.ops = &ops,
		.opaque = end,
	};

	end->talk = talk;
	end->sock = &talk->socks[sock];
	end->side = side;
	assert_int_equal(link_new(&config, &end->link), 0);
	look(end);
}
