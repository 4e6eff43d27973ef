/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * migration.c - the states of a device that moves, as a table
 */
#include "vfio_user/migration.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define STOP	      RIG_MIGRATION_STOP
#define RUNNING	      RIG_MIGRATION_RUNNING
#define STOP_COPYING  RIG_MIGRATION_STOP_COPYING
#define RESUMING      RIG_MIGRATION_RESUMING
#define PRE_COPYING   RIG_MIGRATION_PRE_COPYING

/* RIG_MIGRATION_ERROR, which no arc leads to. */
#define NO_PATH	      0

/* The first stop on the way from a state (row) to another one (column). */
static const uint8_t next_stop[][PRE_COPYING + 1] = {
	[STOP] = {
		[STOP] = STOP,
		[RUNNING] = RUNNING,
		[STOP_COPYING] = STOP_COPYING,
		[RESUMING] = RESUMING,
		[PRE_COPYING] = RUNNING,
	},
	[RUNNING] = {
		[STOP] = STOP,
		[RUNNING] = RUNNING,
		[STOP_COPYING] = STOP,
		[RESUMING] = STOP,
		[PRE_COPYING] = PRE_COPYING,
	},
	[STOP_COPYING] = {
		[STOP] = STOP,
		[RUNNING] = STOP,
		[STOP_COPYING] = STOP_COPYING,
		[RESUMING] = STOP,
		[PRE_COPYING] = NO_PATH, /* the specification forbids it */
	},
	[RESUMING] = {
		[STOP] = STOP,
		[RUNNING] = STOP,
		[STOP_COPYING] = STOP,
		[RESUMING] = RESUMING,
		[PRE_COPYING] = STOP,
	},
	[PRE_COPYING] = {
		[STOP] = RUNNING,
		[RUNNING] = RUNNING,
		[STOP_COPYING] = STOP_COPYING,
		[RESUMING] = RUNNING,
		[PRE_COPYING] = PRE_COPYING,
	},
};
static_assert(ARRAY_SIZE(next_stop) == ARRAY_SIZE(next_stop[0]), "from every state to every one");

void migration_init(struct migration *migration, uint64_t flags)
{
	*migration = (struct migration) {
		.state = RUNNING,
		.target = RUNNING,
		.pre_copy = flags & RIG_MIGRATION_PRE_COPY,
	};
}

int migration_go(struct migration *migration, uint32_t target)
{
	assert(!migration_moving(migration));
	if (target >= ARRAY_SIZE(next_stop) || next_stop[migration->state][target] == NO_PATH)
		return -EINVAL;
	if (target == PRE_COPYING && !migration->pre_copy)
		return -EINVAL;
	migration->target = (enum rig_migration_state)target;
	return 0;
}

enum rig_migration_state migration_next(const struct migration *migration)
{
	assert(migration_moving(migration));
	return (enum rig_migration_state)next_stop[migration->state][migration->target];
}

void migration_arrived(struct migration *migration, int error)
{
	if (error == 0) {
		migration->state = migration_next(migration);
		return;
	}
	if (error == -ENOTRECOVERABLE)
		migration->state = RIG_MIGRATION_ERROR;
	migration_stay(migration);
}

void migration_stay(struct migration *migration)
{
	migration->target = migration->state;
}

void migration_reset(struct migration *migration)
{
	migration->state = RUNNING;
	migration->target = RUNNING;
}

bool migration_readable(const struct migration *migration)
{
	return migration->state == PRE_COPYING || migration->state == STOP_COPYING;
}

bool migration_writable(const struct migration *migration)
{
	return migration->state == RESUMING;
}

const char *migration_state_name(enum rig_migration_state state)
{
	static const char *const names[] = {
		[RIG_MIGRATION_ERROR] = "ERROR", [STOP] = "STOP",
		[RUNNING] = "RUNNING",		 [STOP_COPYING] = "STOP_COPY",
		[RESUMING] = "RESUMING",	 [PRE_COPYING] = "PRE_COPY",
	};

	return state < ARRAY_SIZE(names) && names[state] ? names[state] : "unknown";
}
