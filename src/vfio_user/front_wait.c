/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front_wait.c - threads that wait: who reads, who follows, and how the role changes hands
 *
 * A thread that waits takes the role of the reader if it is free, else it becomes a follower and
 * sleeps on a word of its own. Why nobody sleeps for ever:
 *
 *  - There is a reader whenever there is a follower: one becomes a follower only while somebody reads,
 *    and who stops reading gives the role to a follower, if there is one, under the same lock.
 *  - The role is given, not offered: the new reader is chosen under the lock and woken after it. It
 *    may be woken late, or its call be over by then; it still is the reader, and passes the role on.
 *  - A follower leaves the list exactly once: when its call is over, when it is given the role, when there
 *    is something else for it to do, or by itself because its time is up. In the first three cases its word
 *    is set, and it does not return before: so the word of who is in front->woken is always there. When its
 *    time is up and it finds that it left the list already, it waits for the word.
 *
 * Each reply wakes one thread, in the order in which they came; the new reader, who just sleeps
 * elsewhere, comes last. The role goes to the youngest follower: its own reply is probably the
 * last to come, so it has the role for longest.
 *
 * The hooks: release() before the first sleep of a wait, take() when the wait is over or before
 * callbacks run; always without the lock, and never while this thread is the reader: it may take
 * long to get the application's lock back, and who has it may wait here.
 */
#include "vfio_user/front_internal.h"

#include <errno.h>
#include <sched.h>

#define RUN_AT_ONCE SIZE_MAX

void front_hook_release(struct front_waiter *w)
{
	const struct front_config *config = &w->front->config;

	if (!w->released && config->ops->release != NULL)
		w->released = config->ops->release(config->opaque);
}

void front_hook_take(struct front_waiter *w)
{
	const struct front_config *config = &w->front->config;

	if (w->released && config->ops->take != NULL)
		config->ops->take(config->opaque);
	w->released = false;
}

static bool has_room(const struct front *front)
{
	return front->error != 0 || link_has_room(front->socks[front->out].link);
}

bool front_waiter_over(const struct front_waiter *w)
{
	return w->call != NULL ? w->call->state == FRONT_CALL_OVER : has_room(w->front);
}

static void follow(struct front *front, struct front_waiter *w)
{
	w->following = true;
	w->next = NULL;
	w->prev = front->last_follower;
	if (w->prev != NULL)
		w->prev->next = w;
	else
		front->first_follower = w;
	front->last_follower = w;
}

static void unfollow(struct front *front, struct front_waiter *w)
{
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		front->first_follower = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	else
		front->last_follower = w->prev;
	w->following = false;
	if (front->sleeping_runner == w)
		front->sleeping_runner = NULL;
}

void front_wake(struct front *front, struct front_waiter *w, enum front_word verdict)
{
	unfollow(front, w);
	w->verdict = verdict;
	w->next_woken = NULL;
	if (front->woken != NULL)
		front->last_woken->next_woken = w;
	else
		front->woken = w;
	front->last_woken = w;
}

void front_wake_room(struct front *front)
{
	struct front_waiter *next;

	if (!has_room(front))
		return;
	for (struct front_waiter *w = front->first_follower; w != NULL; w = next) {
		next = w->next;
		if (w->call == NULL)
			front_wake(front, w, FRONT_WORD_LOOK);
	}
}

void front_pass_role(struct front *front, struct front_waiter *w)
{
	struct front_waiter *heir = front->last_follower;

	if (front->reader != w)
		return;
	front->reader = heir;
	if (heir != NULL)
		front_wake(front, heir, FRONT_WORD_LEAD);
}

/* As the reader looks at the socket before it sleeps: see front_read.c. */
static uint32_t look_at_word(struct front_waiter *w, uint32_t look_us)
{
	rig_time end = look_us > 0 ? rig_now() + look_us : 0;
	uint32_t word;

	while ((word = waitword_take(&w->word)) == 0 && end > 0 && rig_now() < end)
		sched_yield();
	return word;
}

/* Return: is its call over? Then the lock is not held, and nobody knows of w any more. */
static bool sleep_as_follower(struct front *front, struct front_waiter *w)
{
	uint32_t word, look_us = front->look_us;

	follow(front, w);
	if (front_runs_here(front, w))
		front->sleeping_runner = w;
	front_unlock(front);

	word = look_at_word(w, look_us);
	if (word == 0) {
		front_hook_release(w);
		word = waitword_wait(&w->word, w->deadline);
	}
	if (word == FRONT_WORD_OVER)
		return true;
	front_lock(front);
	if (word != 0)
		return false;
	w->late = true;
	if (w->following) {
		unfollow(front, w);
		return false;
	}
	front_unlock(front);
	word = waitword_wait(&w->word, RIG_FOREVER);
	if (word == FRONT_WORD_OVER)
		return true;
	front_lock(front);
	return false;
}

/* Callbacks first give away the role, and get the application's lock back. */
static void run_events(struct front *front, struct front_waiter *w)
{
	front_pass_role(front, w);
	if (w->released) {
		front_unlock(front);
		front_hook_take(w);
		front_lock(front);
	}
	if (front_may_run(front, w))
		front_run(front, w, RUN_AT_ONCE);
	w->napped = false;
}

/* Its time is up. link_cancel() completes it, and knows a late reply when it comes. */
static void give_up(struct front *front, struct front_waiter *w)
{
	struct front_call *call = w->call;

	if (call == NULL)
		return;
	call->state = FRONT_CALL_LATE;
	link_cancel(front->socks[call->sock].link, call->id);
}

/* Return: as sleep_as_follower() */
static bool wait_here(struct front *front, struct front_waiter *w)
{
	for (;;) {
		front_send(front);
		if (front_may_run(front, w) &&
		    !(front_waiter_over(w) && front->reader != NULL && front->reader != w)) {
			run_events(front, w);
			continue;
		}
		if (front_waiter_over(w))
			return false;
		if (w->late) {
			give_up(front, w);
			return false;
		}
		if (front->reader == NULL)
			front->reader = w;
		if (front->reader == w)
			front_read_turn(front, w);
		else if (sleep_as_follower(front, w))
			return true;
	}
}

/* Locked at first, not at the end. */
static void wait_for(struct front *front, struct front_waiter *w)
{
	w->front = front;
	w->nested = front->depth > 0 && pthread_equal(front->runner, pthread_self());
	w->dispatcher = pthread_equal(front->dispatcher, pthread_self());
	waitword_init(&w->word);
	if (!wait_here(front, w)) {
		front_pass_role(front, w);
		if (w->call != NULL)
			w->call->waiter = NULL;
		front_unlock(front);
	}
	waitword_end(&w->word);
	front_hook_take(w);
}

int front_wait(struct front *front, struct front_call *call)
{
	struct front_waiter w = { .call = call, .deadline = call->deadline };

	if (front_forked(front))
		return -ENOTCONN;
	front_lock(front);
	call->waiter = &w;
	wait_for(front, &w);
	return call->result;
}

int front_exchange(struct front *front, struct front_call *call, enum wire_command command,
		   const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds,
		   size_t reply_max, size_t reply_fds_max, rig_time deadline)
{
	struct front_waiter w = { .call = call, .deadline = deadline };
	int r;

	if (front_forked(front))
		return -ENOTCONN;
	front_lock(front);
	r = front_queue(front, call, command, iov, n_iov, fds, n_fds, reply_max, reply_fds_max,
			deadline);
	if (r < 0) {
		front_unlock(front);
		return r;
	}
	call->waiter = &w;
	wait_for(front, &w); /* which sends it first */
	return 0;
}

int front_room(struct front *front, rig_time deadline)
{
	struct front_waiter w = { .deadline = deadline };
	int r;

	if (front_forked(front))
		return -ENOTCONN;
	front_lock(front);
	front->n_room++;
	wait_for(front, &w);
	front_lock(front);
	front->n_room--;
	r = front->error != 0 ? -ENOTCONN : w.late ? -ETIMEDOUT : 0;
	front_unlock(front);
	return r;
}
