/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_op.c - operations: a row of messages, each with its reply
 *
 * What a kind says (next, accept, over) serves both ways of doing it. Blocking: send, wait, until
 * next() has no more. Asynchronous: each reply's completion sends the message that follows, so an
 * operation has one message in flight and needs memory for one, however long it is.
 *
 * An asynchronous operation is reachable by its rig_call until it is finished, and kept by
 * references: its own, and one of each thread that is about to send or cancel. These two exclude each
 * other by op->lock, under which fronts are called, which call nothing back from there.
 */
#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/clock.h"
#include "vfio_user/client_internal.h"

int op_wrong(struct op *op, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(op->why, sizeof(op->why), format, args);
	va_end(args);
	return -EPROTO;
}

int op_no_memory(struct op *op)
{
	op_wrong(op, "out of memory");
	return -ENOMEM;
}

void op_init(struct op *op, const struct op_kind *kind)
{
	op->kind = kind;
	op->sent = false;
	op->why[0] = '\0';
	op->done = (struct rig_completion) { 0 };
	op->id = 0;
	op->cancelled = false;
}

static int on_reply(struct front_call *call, const struct link_reply *reply)
{
	struct op *op = (struct op *)call;

	if (reply->error < 0)
		return reply->error;
	if (reply->len < op->reply_min)
		return op_wrong(op, "a reply of %zu bytes, at least %zu are due", reply->len,
				op->reply_min);
	return op->kind->accept ? op->kind->accept(op, reply->payload, reply->len, reply->fds) : 0;
}

/* The session's reference is the operation's from here. */
static void op_begin(struct op *op, struct session *session, rig_time deadline)
{
	op->session = session;
	op->client = session->client;
	op->started = clock_coarse(); /* for people, if it fails */
	op->deadline = deadline;
	op->call.accept = on_reply;
	op->call.done = NULL;
	op->call.data = NULL;
}

/* Asynchronous: its on_done() follows. */
static int op_send(struct op *op, const struct op_message *m)
{
	int r;

	op->reply_min = m->reply_min;
	r = front_start(op->session->front, &op->call, op->kind->command, m->iov, m->n_iov, m->fds,
			m->n_fds, m->reply_max, m->reply_fds_max, op->deadline);
	op->sent = r == 0;
	return r;
}

static int op_end(struct op *op, int result)
{
	if (result < 0)
		client_explain(op, result);
	return op->kind->over ? op->kind->over(op, result) : result;
}

/* Blocking */

/* Return: 0: there was a reply, or something else in its place: op->call.result; else: nothing was sent */
static int op_ask(struct op *op, const struct op_message *m)
{
	int r;

	op->reply_min = m->reply_min;
	r = front_exchange(op->session->front, &op->call, op->kind->command, m->iov, m->n_iov,
			   m->fds, m->n_fds, m->reply_max, m->reply_fds_max, op->deadline);
	op->sent = r == 0;
	return r;
}

/* One message and its reply. Return: 1: and there may be more */
static int op_exchange(struct op *op)
{
	struct op_message m = { 0 };
	int r = op->kind->next(op, &m);

	if (r <= 0)
		return r;
	r = op_ask(op, &m);
	while (r == -EAGAIN) {
		r = front_room(op->session->front, op->deadline);
		if (r == 0)
			r = op_ask(op, &m);
	}
	if (r == 0)
		r = op->call.result;
	return r < 0 ? r : 1;
}

int op_run_in(struct session *session, struct op *op, rig_time deadline)
{
	int r;

	op_begin(op, session, deadline);
	do
		r = op_exchange(op);
	while (r > 0);
	return op_end(op, r);
}

int op_run(struct rig_client *client, struct op *op, rig_time deadline)
{
	struct session *session;
	int r;

	if (client_forked(client))
		return -ENOTCONN;
	session = session_current(client);
	r = op_run_in(session, op, deadline);
	session_unref(session);
	return r;
}

/* Asynchronous */

static int compare_ids(const void *a, const void *b)
{
	const struct op *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

static int op_register(struct op *op)
{
	struct rig_client *client = op->client;
	void *node;

	pthread_mutex_lock(&client->lock);
	op->id = ++client->last_call;
	node = tsearch(op, &client->calls, compare_ids);
	pthread_mutex_unlock(&client->lock);
	return node ? 0 : -ENOMEM;
}

static void op_unregister(struct op *op)
{
	struct rig_client *client = op->client;

	pthread_mutex_lock(&client->lock);
	tdelete(op, &client->calls, compare_ids);
	pthread_mutex_unlock(&client->lock);
}

static struct op *op_find(struct rig_client *client, rig_call id)
{
	const struct op key = { .id = id };
	struct op **node, *op = NULL;

	pthread_mutex_lock(&client->lock);
	node = tfind(&key, &client->calls, compare_ids);
	if (node) {
		op = *node;
		atomic_fetch_add(&op->refs, 1);
	}
	pthread_mutex_unlock(&client->lock);
	return op;
}

static void op_unref(struct op *op)
{
	if (atomic_fetch_sub(&op->refs, 1) > 1)
		return;
	pthread_mutex_destroy(&op->lock);
	if (op->kind->clear)
		op->kind->clear(op);
	session_unref(op->session);
	free(op);
}

void op_drop(void *opaque)
{
	struct op *op = opaque;

	if (op->kind->clear)
		op->kind->clear(op);
	free(op);
}

static int op_step_locked(struct op *op)
{
	struct op_message m = { 0 };
	int r;

	if (op->cancelled)
		return -ECANCELED;
	r = op->kind->next(op, &m);
	if (r <= 0)
		return r;
	r = op_send(op, &m);
	return r < 0 ? r : 1;
}

/*
 * The next message. Return: 1: it is on its way, and op no longer the caller's; 0: there is none
 */
static int op_step(struct op *op)
{
	int r;

	atomic_fetch_add(&op->refs, 1);
	pthread_mutex_lock(&op->lock);
	r = op_step_locked(op);
	pthread_mutex_unlock(&op->lock);
	if (r > 0)
		op_unref(op);
	else
		atomic_fetch_sub(&op->refs, 1); /* nothing is in flight: the caller has one, too */
	return r;
}

static void on_done(struct front_call *call, int result)
{
	struct op *op = (struct op *)call;

	if (result == 0)
		result = op_step(op);
	if (result > 0)
		return;
	result = op_end(op, result);
	op_unregister(op);
	if (op->done.run)
		op->done.run(op->done.opaque, result);
	op_unref(op);
}

int op_submit(struct rig_client *client, struct op *op, rig_time deadline,
	      struct rig_completion done, rig_call *ret_call)
{
	if (client_forked(client)) {
		op_drop(op);
		return -ENOTCONN;
	}
	return op_submit_in(session_current(client), op, deadline, done, ret_call);
}

int op_submit_in(struct session *session, struct op *op, rig_time deadline,
		 struct rig_completion done, rig_call *ret_call)
{
	rig_call id;
	int r;

	op_begin(op, session, deadline);
	op->call.done = on_done;
	op->done = done;
	atomic_init(&op->refs, 1);
	pthread_mutex_init(&op->lock, NULL);
	r = op_register(op);
	id = op->id;
	if (r == 0)
		r = op_step(op);
	if (r > 0) {
		if (ret_call)
			*ret_call = id;
		return 0;
	}
	r = op_end(op, r);
	op_unregister(op);
	op_unref(op);
	return r;
}

void rig_client_cancel(struct rig_client *client, rig_call call)
{
	struct op *op;

	if (client_forked(client))
		return;
	op = op_find(client, call);
	if (!op)
		return;
	pthread_mutex_lock(&op->lock);
	op->cancelled = true;
	if (op->sent)
		front_cancel(op->session->front, &op->call);
	pthread_mutex_unlock(&op->lock);
	op_unref(op);
}

/* One message, one reply */

struct ask_op {
	struct op op;
	const struct client_ask *ask;
	bool asked;
};

static int ask_next(struct op *op, struct op_message *ret)
{
	struct ask_op *self = (struct ask_op *)op;
	const struct client_ask *ask = self->ask;

	if (self->asked)
		return 0;
	self->asked = true;
	for (size_t i = 0; i < ask->n_iov; i++)
		ret->iov[i] = ask->iov[i];
	ret->n_iov = ask->n_iov;
	ret->reply_min = ask->reply_min;
	ret->reply_max = ask->reply_max;
	ret->reply_fds_max = ask->reply_fds_max;
	return 1;
}

static int ask_accept(struct op *op, const void *payload, size_t len, struct link_fds *fds)
{
	const struct client_ask *ask = ((struct ask_op *)op)->ask;

	return ask->accept ? ask->accept(op, ask->opaque, payload, len, fds) : 0;
}

int client_ask_in(struct session *session, const struct client_ask *ask, rig_time deadline)
{
	const struct op_kind kind = { ask->command, ask_next, ask_accept, NULL, NULL };
	struct ask_op self = { .op.kind = &kind, .ask = ask };

	return op_run_in(session, &self.op, deadline);
}

int client_ask(struct rig_client *client, const struct client_ask *ask, rig_time deadline)
{
	const struct op_kind kind = { ask->command, ask_next, ask_accept, NULL, NULL };
	struct ask_op self = { .op.kind = &kind, .ask = ask };

	return op_run(client, &self.op, deadline);
}
