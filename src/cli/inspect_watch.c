/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_watch.c - --watch-irqs: a line for each interrupt
 *
 * The eventfds are attached before the first action of the command line: an interrupt that an earlier
 * action causes is one of those that are told.
 *
 * Nobody handles what the device interrupts for. So an automasked index (INTx) is not unmasked: a
 * device that still asserts its line would interrupt again at once, for ever.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cli/inspect_action.h"
#include "cli/inspect_irqs.h"
#include "cli/inspect_stop.h"
#include "sys/explain.h"

#define EVENTS_MAX	 64

/* What an epoll event tells of, besides the number of a vector. */
#define EVENT_STOP	 UINT64_MAX
#define EVENT_CONNECTION (UINT64_MAX - 1)

/** struct watch - one --watch-irqs */
struct watch {
	const struct inspect_session *s;
	struct inspect_action *action;
	const struct inspect_irqs *irqs;
	uint64_t *counts; /* by vector: of those that came */
	uint64_t total;
	rig_time started;
	bool over;
};

static void print_watched(const struct watch *w)
{
	const char *between = "watching";
	char buf[IRQ_NAME_MAX];

	for (uint32_t i = 0; i < w->s->in->device.num_irqs; i++) {
		if (!w->irqs->attached[i])
			continue;
		printf("%s %s (%" PRIu32 ")", between, inspect_irq_label(i, buf),
		       w->s->in->irqs[i].count);
		between = ",";
	}
	printf("\n");
	fflush(stdout);
}

static void print_interrupt(const struct watch *w, const struct irq_vector *v, uint64_t count)
{
	const double at = (double)(rig_now() - w->started) / 1e6;
	char buf[IRQ_NAME_MAX];

	printf("%12.6f  %s %" PRIu32, at, inspect_irq_label(v->index, buf), v->number);
	if (count > 1)
		printf(", %" PRIu64 " times", count);
	printf("\n");
	fflush(stdout);
}

/* A device may write anything to an eventfd. */
static uint64_t add_counts(uint64_t a, uint64_t b)
{
	return a < UINT64_MAX - b ? a + b : UINT64_MAX;
}

static void take_interrupt(struct watch *w, size_t which)
{
	const struct irq_vector *v = &w->irqs->vectors[which];
	uint64_t count;

	if (read(v->fd, &count, sizeof(count)) != sizeof(count))
		return;
	w->counts[which] = add_counts(w->counts[which], count);
	w->total = add_counts(w->total, count);
	if (!w->s->quiet)
		print_interrupt(w, v, count);
	if (w->action->max_count > 0 && w->total >= w->action->max_count)
		w->over = true;
}

static int take_event(struct watch *w, uint64_t what)
{
	int r;

	if (what == EVENT_STOP) {
		w->over = true;
		return 0;
	}
	if (what != EVENT_CONNECTION) {
		take_interrupt(w, (size_t)what);
		return ferror(stdout) ? -EPIPE : 0;
	}
	r = rig_client_dispatch(w->s->client);
	return r < 0 ? inspect_device_failed(w->s, w->action, r) : 0;
}

/* -1: for ever. Rounded up: who wakes early would look again at once. */
static int ms_left(rig_time end)
{
	const rig_time now = rig_now();

	if (end == RIG_FOREVER)
		return -1;
	return end <= now ? 0 : (int)((end - now + 999) / 1000);
}

static int wait_for_events(struct watch *w)
{
	const rig_time end = w->action->for_ms ? rig_after_ms(w->action->for_ms) : RIG_FOREVER;
	struct epoll_event events[EVENTS_MAX];
	int r = 0;

	while (r == 0 && !w->over && rig_now() < end) {
		int n = epoll_wait(w->irqs->epoll, events, EVENTS_MAX, ms_left(end));

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && r == 0; i++)
			r = take_event(w, events[i].data.u64);
	}
	return r;
}

/* For who reads the results later. */
static int keep_tallies(struct watch *w)
{
	struct inspect_action *action = w->action;

	action->tallies = calloc(w->irqs->n, sizeof(*action->tallies));
	if (!action->tallies)
		return -ENOMEM;
	for (size_t i = 0; i < w->irqs->n; i++) {
		const struct irq_vector *v = &w->irqs->vectors[i];

		if (w->counts[i] > 0)
			action->tallies[action->n_tallies++] =
				(struct inspect_tally) { v->index, v->number, w->counts[i] };
	}
	return 0;
}

static int watch(struct watch *w)
{
	int r = inspect_irqs_add(w->irqs, stop_fd(), EVENT_STOP);

	if (r < 0)
		return r;
	if (!w->s->quiet)
		print_watched(w);
	r = wait_for_events(w);
	if (r == 0)
		r = keep_tallies(w);
	if (r == 0 && w->total < w->action->max_count)
		r = explain(&w->action->error, -ETIME, "%" PRIu64 " of %" PRIu64 " interrupts came",
			    w->total, w->action->max_count);
	return r;
}

/* The connection stays in the epoll for the next one; what is closed leaves it. */
static int watch_connection(const struct watch *w)
{
	int fd = rig_client_fd(w->s->client);
	int r = fd < 0 ? fd : inspect_irqs_add(w->irqs, fd, EVENT_CONNECTION);

	return r == -EEXIST ? 0 : r;
}

int inspect_run_watch_irqs(const struct inspect_session *s, struct inspect_action *action)
{
	struct watch w = { .s = s, .action = action, .irqs = s->irqs, .started = rig_now() };
	int r;

	w.counts = calloc(w.irqs->n, sizeof(*w.counts));
	r = w.counts ? watch_connection(&w) : -ENOMEM;
	if (r == 0)
		r = stop_begin(NULL);
	if (r == 0) {
		r = watch(&w);
		stop_end();
	}
	free(w.counts);
	return r;
}
