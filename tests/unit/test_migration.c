/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_migration.c - every way from every state to every number, with and without pre-copy
 *
 * Two oracles: the specification's table, written down as strings, and its arcs, over which a
 * breadth-first search must not find anything shorter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "vfio_user/migration.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define STATES	      (RIG_MIGRATION_PRE_COPYING + 1)
#define FOREVER	      8 /* arcs: no path has so many */

#define STOP_COPY     RIG_MIGRATION_STOP_COPY
#define PRE_COPY      (RIG_MIGRATION_STOP_COPY | RIG_MIGRATION_PRE_COPY)

static const char names[STATES + 1] = "ESRCM-P";

/* From each state to each: the initials of what it passes and reaches. NULL: there is no way. */
static const char *const paths[STATES][STATES] = {
	[RIG_MIGRATION_STOP] = { NULL, "", "R", "C", "M", NULL, "RP" },
	[RIG_MIGRATION_RUNNING] = { NULL, "S", "", "SC", "SM", NULL, "P" },
	[RIG_MIGRATION_STOP_COPYING] = { NULL, "S", "SR", "", "SM", NULL, NULL },
	[RIG_MIGRATION_RESUMING] = { NULL, "S", "SR", "SC", "", NULL, "SRP" },
	[RIG_MIGRATION_PRE_COPYING] = { NULL, "RS", "R", "C", "RSM", NULL, "" },
};

static const struct {
	enum rig_migration_state from, to;
} arcs[] = {
	{ RIG_MIGRATION_RUNNING, RIG_MIGRATION_STOP },
	{ RIG_MIGRATION_STOP, RIG_MIGRATION_RUNNING },
	{ RIG_MIGRATION_STOP, RIG_MIGRATION_STOP_COPYING },
	{ RIG_MIGRATION_STOP_COPYING, RIG_MIGRATION_STOP },
	{ RIG_MIGRATION_STOP, RIG_MIGRATION_RESUMING },
	{ RIG_MIGRATION_RESUMING, RIG_MIGRATION_STOP },
	{ RIG_MIGRATION_RUNNING, RIG_MIGRATION_PRE_COPYING },
	{ RIG_MIGRATION_PRE_COPYING, RIG_MIGRATION_RUNNING },
	{ RIG_MIGRATION_PRE_COPYING, RIG_MIGRATION_STOP_COPYING },
};

static const uint32_t numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 0x10002, UINT32_MAX };

static struct migration at(enum rig_migration_state state, uint64_t flags)
{
	struct migration m;

	migration_init(&m, flags);
	m.state = state;
	m.target = state;
	return m;
}

static bool exists(uint32_t state, uint64_t flags)
{
	return state < STATES && paths[state][RIG_MIGRATION_STOP] != NULL &&
	       (state != RIG_MIGRATION_PRE_COPYING || (flags & RIG_MIGRATION_PRE_COPY));
}

static bool is_arc(enum rig_migration_state from, enum rig_migration_state to)
{
	for (size_t i = 0; i < ARRAY_SIZE(arcs); i++)
		if (arcs[i].from == from && arcs[i].to == to)
			return true;
	return false;
}

/* Arcs from one state to another that neither stop in a state that saves on their way. */
static int distance(enum rig_migration_state from, enum rig_migration_state to, int limit)
{
	int best = from == to ? 0 : FOREVER;

	for (size_t i = 0; i < ARRAY_SIZE(arcs) && limit > 0 && from != to; i++) {
		enum rig_migration_state via = arcs[i].to;
		bool saves = via == RIG_MIGRATION_PRE_COPYING || via == RIG_MIGRATION_STOP_COPYING;
		int rest;

		if (arcs[i].from != from || (saves && via != to))
			continue;
		rest = distance(via, to, limit - 1);
		if (rest + 1 < best)
			best = rest + 1;
	}
	return best;
}

/* Go there, every arc a success. */
static void walk(struct migration *m, uint32_t to, char *ret_path)
{
	assert_int_equal(migration_go(m, to), 0);
	while (migration_moving(m)) {
		enum rig_migration_state next = migration_next(m);

		assert_true(is_arc(m->state, next));
		*ret_path++ = names[next];
		migration_arrived(m, 0);
		assert_int_equal(m->state, next);
	}
	*ret_path = '\0';
}

static void check_path(enum rig_migration_state from, enum rig_migration_state to, uint64_t flags)
{
	struct migration m = at(from, flags);
	char path[FOREVER];

	walk(&m, to, path);
	assert_string_equal(path, paths[from][to]);
	assert_int_equal(strlen(path), distance(from, to, FOREVER));
	assert_int_equal(m.state, to);
}

static void s090_a_device_starts_running(void **state)
{
	struct migration m;

	migration_init(&m, PRE_COPY);
	assert_int_equal(m.state, RIG_MIGRATION_RUNNING);
	assert_false(migration_moving(&m));
}

static void check_all_paths(uint64_t flags)
{
	for (uint32_t from = 0; from < STATES; from++)
		for (uint32_t to = 0; to < STATES; to++)
			if (exists(from, flags) && exists(to, flags) && paths[from][to] != NULL)
				check_path((enum rig_migration_state)from,
					   (enum rig_migration_state)to, flags);
}

static void s090_each_path_is_the_listed_one_with_pre_copy(void **state)
{
	check_all_paths(PRE_COPY);
}

static void s090_each_path_is_the_listed_one_without_pre_copy(void **state)
{
	check_all_paths(STOP_COPY);
}

static void check_refused(enum rig_migration_state from, uint32_t to, uint64_t flags)
{
	struct migration m = at(from, flags), before = m;

	assert_int_equal(migration_go(&m, to), -EINVAL);
	assert_memory_equal(&m, &before, sizeof(m));
}

static void check_all_refusals(uint64_t flags)
{
	for (uint32_t from = 0; from < STATES; from++)
		for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
			uint32_t to = numbers[i];

			if (!exists(from, flags) && from != RIG_MIGRATION_ERROR)
				continue;
			if (!exists(to, flags) || paths[from][to] == NULL)
				check_refused((enum rig_migration_state)from, to, flags);
		}
}

static void s091_what_is_no_target_is_refused_and_changes_nothing(void **state)
{
	check_all_refusals(PRE_COPY);
}

static void s091_pre_copy_is_no_target_of_a_device_without_it(void **state)
{
	check_all_refusals(STOP_COPY);
	check_refused(RIG_MIGRATION_RUNNING, RIG_MIGRATION_PRE_COPYING, STOP_COPY);
	check_refused(RIG_MIGRATION_STOP, RIG_MIGRATION_PRE_COPYING, STOP_COPY);
}

static void s091_stop_copy_does_not_lead_to_pre_copy(void **state)
{
	check_refused(RIG_MIGRATION_STOP_COPYING, RIG_MIGRATION_PRE_COPYING, PRE_COPY);
}

static void s092_the_same_state_is_no_move(void **state)
{
	for (uint32_t s = 0; s < STATES; s++) {
		struct migration m = at((enum rig_migration_state)s, PRE_COPY);

		if (!exists(s, PRE_COPY))
			continue;
		assert_int_equal(migration_go(&m, s), 0);
		assert_false(migration_moving(&m));
	}
}

static void s097_no_target_leads_out_of_error(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		check_refused(RIG_MIGRATION_ERROR, numbers[i], PRE_COPY);
}

static void s097_a_reset_leads_from_everywhere_to_running(void **state)
{
	for (uint32_t s = 0; s < STATES; s++) {
		struct migration m = at((enum rig_migration_state)s, PRE_COPY);

		migration_reset(&m);
		assert_int_equal(m.state, RIG_MIGRATION_RUNNING);
		assert_false(migration_moving(&m));
	}
}

static void a_path_may_be_given_up(void **state)
{
	struct migration m = at(RIG_MIGRATION_RESUMING, PRE_COPY);

	assert_int_equal(migration_go(&m, RIG_MIGRATION_RUNNING), 0);
	migration_arrived(&m, 0);
	migration_stay(&m);
	assert_int_equal(m.state, RIG_MIGRATION_STOP);
	assert_false(migration_moving(&m));
}

/* RESUMING -> STOP -> RUNNING -> PRE_COPYING, with an error in each of the three. */
static void s090_a_failed_arc_ends_the_path_where_it_got_to(void **state)
{
	static const enum rig_migration_state reached[] = {
		RIG_MIGRATION_RESUMING,
		RIG_MIGRATION_STOP,
		RIG_MIGRATION_RUNNING,
	};

	for (size_t n = 0; n < ARRAY_SIZE(reached); n++) {
		struct migration m = at(RIG_MIGRATION_RESUMING, PRE_COPY);

		assert_int_equal(migration_go(&m, RIG_MIGRATION_PRE_COPYING), 0);
		for (size_t i = 0; i < n; i++)
			migration_arrived(&m, 0);
		migration_arrived(&m, -EIO);
		assert_int_equal(m.state, reached[n]);
		assert_false(migration_moving(&m));
	}
}

static void s097_only_the_device_itself_says_that_it_is_in_error(void **state)
{
	struct migration m = at(RIG_MIGRATION_RUNNING, STOP_COPY);

	assert_int_equal(migration_go(&m, RIG_MIGRATION_STOP_COPYING), 0);
	migration_arrived(&m, 0);
	migration_arrived(&m, -ENOTRECOVERABLE);
	assert_int_equal(m.state, RIG_MIGRATION_ERROR);
	assert_false(migration_moving(&m));
}

static void s095_data_is_read_where_it_is_saved_and_written_where_it_is_resumed(void **state)
{
	for (uint32_t s = 0; s < STATES; s++) {
		struct migration m = at((enum rig_migration_state)s, PRE_COPY);

		assert_int_equal(migration_readable(&m),
				 s == RIG_MIGRATION_STOP_COPYING || s == RIG_MIGRATION_PRE_COPYING);
		assert_int_equal(migration_writable(&m), s == RIG_MIGRATION_RESUMING);
	}
}

static void states_have_the_names_of_the_specification(void **state)
{
	assert_string_equal(migration_state_name(RIG_MIGRATION_STOP_COPYING), "STOP_COPY");
	assert_string_equal(migration_state_name(RIG_MIGRATION_ERROR), "ERROR");
	assert_string_equal(migration_state_name((enum rig_migration_state)5), "unknown");
	assert_string_equal(migration_state_name((enum rig_migration_state)7), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s090_a_device_starts_running),
		cmocka_unit_test(s090_each_path_is_the_listed_one_with_pre_copy),
		cmocka_unit_test(s090_each_path_is_the_listed_one_without_pre_copy),
		cmocka_unit_test(s090_a_failed_arc_ends_the_path_where_it_got_to),
		cmocka_unit_test(a_path_may_be_given_up),
		cmocka_unit_test(s091_what_is_no_target_is_refused_and_changes_nothing),
		cmocka_unit_test(s091_pre_copy_is_no_target_of_a_device_without_it),
		cmocka_unit_test(s091_stop_copy_does_not_lead_to_pre_copy),
		cmocka_unit_test(s092_the_same_state_is_no_move),
		cmocka_unit_test(
			s095_data_is_read_where_it_is_saved_and_written_where_it_is_resumed),
		cmocka_unit_test(s097_no_target_leads_out_of_error),
		cmocka_unit_test(s097_a_reset_leads_from_everywhere_to_running),
		cmocka_unit_test(s097_only_the_device_itself_says_that_it_is_in_error),
		cmocka_unit_test(states_have_the_names_of_the_specification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
