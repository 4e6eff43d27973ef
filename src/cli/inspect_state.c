/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_state.c - --reset, --save-state, --load-state: the device as a whole
 *
 * rig_client_save() and rig_client_load() do the same in one go. Here one can watch, and stop: between
 * any two messages a signal is noticed.
 *
 * Whatever happens to a save, the device is brought back to where it was: reading its state changes
 * nothing in it. A load that fails leaves it where it is, since nobody can tell what it has taken by
 * then: saying RUNNING to it might make it run with half a state. Either way the last word is what state
 * the device is in.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/inspect_action.h"
#include "cli/inspect_file.h"
#include "cli/inspect_progress.h"
#include "cli/inspect_stop.h"
#include "sys/explain.h"
#include "vfio_user/migration.h"
#include <outrigger/vfio_user.h>

#define PIECE_MAX    65536u
/* A busy device always has something new to say while it runs. */
#define PRE_COPY_MAX (UINT64_C(256) << 20)

static const char say_stopping[] =
	"outrigger: inspect: stopping as soon as the device answers; the same again stops at once and "
	"leaves the device as it is\n";

int inspect_check_reset(const struct inspect_session *s, struct inspect_action *action)
{
	if (s->in->device.flags & RIG_DEVICE_RESET)
		return 0;
	return explain(&action->error, -EOPNOTSUPP, "the device says that it cannot be reset");
}

/* --- what state it is in --- */

static bool is_silent(int error)
{
	return error == -ENOTCONN || error == -ETIMEDOUT;
}

static void note_state(const struct inspect_session *s, struct inspect_action *action)
{
	action->has_state =
		rig_client_migration_get_state(s->client, &action->state, inspect_deadline(s)) == 0;
}

/* Does it have a part of a state, or none? After a load that failed it may have any. */
static bool is_lost(const struct inspect_action *action)
{
	return action->state == RIG_MIGRATION_RESUMING || action->state == RIG_MIGRATION_ERROR ||
	       (action->kind == INSPECT_LOAD_STATE && action->state != RIG_MIGRATION_RUNNING);
}

/* To why it failed. */
static void add_state(struct inspect_action *action, int error)
{
	char *why = action->error;

	if (!action->has_state)
		explain(&action->error, error, "%s; what state the device is in is not known",
			why ? why : strerror(-error));
	else
		explain(&action->error, error, "%s; the device is %s%s",
			why ? why : strerror(-error), migration_state_name(action->state),
			is_lost(action) ? ", --reset starts it anew" : "");
	free(why);
}

int inspect_run_reset(const struct inspect_session *s, struct inspect_action *action)
{
	int r = rig_client_reset(s->client, inspect_deadline(s));

	if (r == 0)
		return 0;
	inspect_device_failed(s, action, r);
	if (!is_silent(r))
		note_state(s, action);
	if (action->has_state || is_silent(r))
		add_state(action, r);
	return r;
}

/* --- moving it --- */

/** struct transfer - its state on its way; what failed is in action->error */
struct transfer {
	const struct inspect_session *s;
	struct inspect_action *action;
	struct progress progress;
	uint64_t flags;		      /* RIG_MIGRATION_... */
	enum rig_migration_state was; /* before */
	bool silent;		      /* the device does not answer any more */
	uint8_t buf[PIECE_MAX];
};

static int failed(struct transfer *t, int error)
{
	t->silent = is_silent(error);
	return inspect_device_failed(t->s, t->action, error);
}

static int go_to(struct transfer *t, enum rig_migration_state state)
{
	int r = rig_client_migration_set_state(t->s->client, state, inspect_deadline(t->s));

	t->silent = false;
	return r < 0 ? failed(t, r) : 0;
}

static int check_asked(struct transfer *t)
{
	return stop_asked() ? explain(&t->action->error, -EINTR, "interrupted") : 0;
}

static int check_migratable(const struct inspect_session *s, struct inspect_action *action)
{
	uint64_t flags;
	int r = rig_client_migration_flags(s->client, &flags, inspect_deadline(s));

	if (r == -EOPNOTSUPP)
		return explain(&action->error, r,
			       "the device cannot be migrated, so its state cannot be had or set");
	return r < 0 ? inspect_device_failed(s, action, r) : 0;
}

int inspect_check_save(const struct inspect_session *s, struct inspect_action *action)
{
	int r = check_migratable(s, action);

	return r < 0 ? r : out_file_check(action->file, &action->error);
}

/* The file may be one that an earlier action writes: then it is looked at when it is needed. */
int inspect_check_load(const struct inspect_session *s, struct inspect_action *action)
{
	int r = check_migratable(s, action);

	return r < 0 || action->file_comes ? r : in_file_check(action->file, &action->error);
}

/* --- saving --- */

/* What it has to say in the state that it is in, until there are max bytes or more. */
static int save_data(struct transfer *t, struct out_file *file, uint64_t max)
{
	while (t->action->state_len < max) {
		ssize_t n;
		int r = check_asked(t);

		if (r < 0)
			return r;
		n = rig_client_migration_read(t->s->client, t->buf, sizeof(t->buf),
					      inspect_deadline(t->s));
		if (n <= 0)
			return n < 0 ? failed(t, (int)n) : 0;
		r = out_file_write(file, t->buf, (size_t)n, &t->action->error);
		if (r < 0)
			return r;
		t->action->state_len += (uint64_t)n;
		progress_show(&t->progress, t->action->state_len);
	}
	return 0;
}

/* One that runs says as much as it can before it is stopped. */
static int save_running(struct transfer *t, struct out_file *file)
{
	int r;

	if (t->was != RIG_MIGRATION_RUNNING || !(t->flags & RIG_MIGRATION_PRE_COPY))
		return 0;
	r = go_to(t, RIG_MIGRATION_PRE_COPYING);
	return r < 0 ? r : save_data(t, file, PRE_COPY_MAX);
}

/* Data that somebody else has begun to read is started over: leaving the state ends that. */
static int save_to(struct transfer *t, struct out_file *file)
{
	int r = 0;

	if (t->was == RIG_MIGRATION_STOP_COPYING || t->was == RIG_MIGRATION_PRE_COPYING)
		r = go_to(t, RIG_MIGRATION_STOP);
	if (r == 0)
		r = save_running(t, file);
	if (r == 0)
		r = check_asked(t);
	if (r == 0)
		r = go_to(t, RIG_MIGRATION_STOP_COPYING);
	if (r == 0)
		r = save_data(t, file, UINT64_MAX);
	return r < 0 ? r : go_to(t, RIG_MIGRATION_STOP);
}

/*
 * Also if the device was late with an answer: it may be on its way to where it would stay. Return: as
 * the save went; why that failed is not to be forgotten for why this does.
 */
static int resume(struct transfer *t, int error)
{
	const bool stays = t->was == RIG_MIGRATION_STOP || (error == 0 && t->action->leave_stopped);
	char *why = t->action->error;
	int r = 0;

	if (error == -ENOTCONN)
		return error;
	t->action->error = NULL;
	if (error < 0 && !is_silent(error)) /* there may be no shorter way */
		r = rig_client_migration_set_state(t->s->client, RIG_MIGRATION_STOP,
						   inspect_deadline(t->s));
	if (error < 0 || !stays)
		r = go_to(t, stays ? RIG_MIGRATION_STOP : RIG_MIGRATION_RUNNING);
	if (error == 0)
		return r;
	free(t->action->error);
	t->action->error = why;
	return error;
}

static int save_begin(struct transfer *t)
{
	const struct inspect_session *s = t->s;
	int r = rig_client_migration_flags(s->client, &t->flags, inspect_deadline(s));

	if (r == 0)
		r = rig_client_migration_get_state(s->client, &t->was, inspect_deadline(s));
	if (r < 0)
		return failed(t, r);
	if (t->was == RIG_MIGRATION_RESUMING || t->was == RIG_MIGRATION_ERROR)
		return explain(&t->action->error, -EBUSY, "there is no whole state to save");
	return 0;
}

static int save_file(struct transfer *t)
{
	struct out_file file;
	int r = out_file_open(&file, t->action->file, &t->action->error);

	if (r < 0)
		return r;
	r = save_to(t, &file);
	if (r == 0)
		return out_file_commit(&file, &t->action->error);
	out_file_abandon(&file);
	return r;
}

static int save(struct transfer *t)
{
	int r = save_begin(t);

	if (r < 0)
		return r;
	r = save_file(t);
	progress_end(&t->progress);
	return resume(t, r);
}

/* --- loading --- */

/* Return: how many bytes, 0 at the end, -errno */
static ssize_t load_piece(struct transfer *t, int fd)
{
	ssize_t n;
	int r;

	do {
		r = stop_wait(fd, POLLIN);
		n = r < 0 ? r : read(fd, t->buf, sizeof(t->buf));
	} while (r == 0 && n < 0 && errno == EINTR);
	if (r == -EINTR)
		return explain(&t->action->error, r, "interrupted");
	if (r < 0 || n < 0)
		return explain(&t->action->error, -errno, "cannot read %s: %s", t->action->file,
			       strerror(errno));
	return n;
}

static int load_data(struct transfer *t, int fd)
{
	ssize_t n;

	while ((n = load_piece(t, fd)) > 0) {
		int r = rig_client_migration_write(t->s->client, t->buf, (size_t)n,
						   inspect_deadline(t->s));

		if (r < 0)
			return failed(t, r);
		t->action->state_len += (uint64_t)n;
		progress_show(&t->progress, t->action->state_len);
	}
	return (int)n;
}

static int load_from(struct transfer *t, int fd)
{
	int r = go_to(t, RIG_MIGRATION_RESUMING);

	if (r == 0)
		r = load_data(t, fd);
	progress_end(&t->progress);
	if (r == 0)
		r = go_to(t, RIG_MIGRATION_STOP);
	if (r == 0 && !t->action->leave_stopped)
		r = go_to(t, RIG_MIGRATION_RUNNING);
	return r;
}

static int load(struct transfer *t)
{
	int r, fd = in_file_open(t->action->file, &t->action->error);

	if (fd < 0)
		return fd;
	r = load_from(t, fd);
	close(fd);
	return r;
}

/* --- both --- */

static int run(const struct inspect_session *s, struct inspect_action *action,
	       int (*move)(struct transfer *t))
{
	struct transfer *t = calloc(1, sizeof(*t));
	int r = t ? stop_begin(say_stopping) : -ENOMEM;

	if (r < 0) {
		free(t);
		return r;
	}
	t->s = s;
	t->action = action;
	progress_begin(&t->progress, inspect_action_option(action->kind));
	r = inspect_late_stop(action, move(t));
	if (!t->silent)
		note_state(s, action);
	if (r < 0)
		add_state(action, r);
	stop_end();
	free(t);
	return r;
}

int inspect_run_save(const struct inspect_session *s, struct inspect_action *action)
{
	return run(s, action, save);
}

int inspect_run_load(const struct inspect_session *s, struct inspect_action *action)
{
	return run(s, action, load);
}
