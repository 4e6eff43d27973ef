/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_action.c - actions one after the other, and what is said when one fails
 */
#include "cli/inspect_action.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect_irqs.h"
#include "cli/inspect_stop.h"
#include "sys/explain.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct action_kind {
	const char *option, *name;
	int (*check)(const struct inspect_session *s, struct inspect_action *action);
	int (*run)(const struct inspect_session *s, struct inspect_action *action);
} kinds[] = {
	[INSPECT_READ] = { "--read", "read", inspect_check_region, inspect_run_read },
	[INSPECT_WRITE] = { "--write", "write", inspect_check_region, inspect_run_write },
	[INSPECT_DUMP_CONFIG] = { "--dump-config", "dump_config", inspect_check_config,
				  inspect_run_dump_config },
	[INSPECT_WATCH_IRQS] = { "--watch-irqs", "watch_irqs", inspect_check_irqs,
				 inspect_run_watch_irqs },
	[INSPECT_RESET] = { "--reset", "reset", inspect_check_reset, inspect_run_reset },
	[INSPECT_SAVE_STATE] = { "--save-state", "save_state", inspect_check_save,
				 inspect_run_save },
	[INSPECT_LOAD_STATE] = { "--load-state", "load_state", inspect_check_load,
				 inspect_run_load },
};
static_assert(ARRAY_SIZE(kinds) == INSPECT_KINDS, "one row per kind");

const char *inspect_action_option(enum inspect_kind kind)
{
	return kinds[kind].option;
}

const char *inspect_action_name(enum inspect_kind kind)
{
	return kinds[kind].name;
}

rig_time inspect_deadline(const struct inspect_session *s)
{
	return rig_after_ms((unsigned int)s->timeout_ms);
}

int inspect_device_failed(const struct inspect_session *s, struct inspect_action *action, int error)
{
	char reason[1024];

	if (rig_client_reason(s->client, reason, sizeof(reason)) > 0)
		return explain(&action->error, error, "%s", reason);
	return explain(&action->error, error, "%s", strerror(-error));
}

int inspect_late_stop(struct inspect_action *action, int r)
{
	if (r < 0 || !stop_asked())
		return r;
	return explain(&action->error, -EINTR, "interrupted, but it is done");
}

static void say_failed(const struct inspect_action *action, int error, const char *what_else)
{
	fprintf(stderr, "outrigger: inspect: %s%s%s: %s%s\n", kinds[action->kind].option,
		action->argument ? " " : "", action->argument ? action->argument : "",
		action->error ? action->error : strerror(-error), what_else);
}

int inspect_actions_check(const struct inspect_session *s, struct inspect_action *actions, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = kinds[actions[i].kind].check(s, &actions[i]);

		if (r == 0)
			continue;
		say_failed(&actions[i], r, "; nothing was done");
		return r;
	}
	return 0;
}

/* What was printed must have been written before the next action begins: it may be the last one. */
static int flush(struct inspect_action *action)
{
	if (fflush(stdout) != EOF && !ferror(stdout))
		return 0;
	return explain(&action->error, -EIO, "cannot print the result: %s", strerror(errno));
}

static int run_in_order(const struct inspect_session *s, struct inspect_action *actions, size_t n,
			size_t *ret_done)
{
	for (size_t i = 0; i < n; i++) {
		char left[64] = "";
		int r = kinds[actions[i].kind].run(s, &actions[i]);

		*ret_done = i + 1;
		if (r == 0)
			r = flush(&actions[i]);
		actions[i].failed = r < 0;
		if (r == 0)
			continue;
		if (i + 1 < n)
			snprintf(left, sizeof(left), "; not done: the %zu after it", n - i - 1);
		say_failed(&actions[i], r, left);
		return r;
	}
	return 0;
}

static struct inspect_action *find(struct inspect_action *actions, size_t n, enum inspect_kind kind)
{
	for (size_t i = 0; i < n; i++)
		if (actions[i].kind == kind)
			return &actions[i];
	return NULL;
}

/* Interrupts are watched from the beginning: an action may be what causes them. */
int inspect_actions_run(const struct inspect_session *s, struct inspect_action *actions, size_t n,
			size_t *ret_done)
{
	struct inspect_action *watch = find(actions, n, INSPECT_WATCH_IRQS);
	struct inspect_session session = *s;
	struct inspect_irqs irqs;
	int r;

	if (!watch)
		return run_in_order(s, actions, n, ret_done);
	r = inspect_irqs_attach(s, watch, &irqs);
	if (r < 0) {
		say_failed(watch, r, "; no action was done");
		return r;
	}
	session.irqs = &irqs;
	r = run_in_order(&session, actions, n, ret_done);
	inspect_irqs_detach(s, &irqs);
	return r;
}

void inspect_action_clear(struct inspect_action *action)
{
	free(action->bytes);
	free(action->config);
	free(action->tallies);
	free(action->error);
}
