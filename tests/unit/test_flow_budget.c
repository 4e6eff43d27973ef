/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_flow_budget.c - guests share what the process has of file descriptors
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>

#include "net/user/flow_budget.h"

#define LIMIT  80u /* of open files: 20 are kept back, 60 are to share, 15 are one guest's */
#define SHARE  15u
#define IN_ALL 60u

#define SYN    0x02u
#define ACK    0x10u

static struct rlimit usual;

static int setup(void **state)
{
	struct rlimit few;
	struct flow_budget *budget;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	few = usual;
	few.rlim_cur = LIMIT;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(flow_budget_new(&budget), 0);
	*state = budget;
	return 0;
}

static int teardown(void **state)
{
	setrlimit(RLIMIT_NOFILE, &usual);
	flow_budget_free(*state);
	return 0;
}

static bool ask(struct flow_budget *budget, uint64_t owner, uint8_t protocol, uint8_t tcp_flags)
{
	uint8_t frame[60] = { [12] = 8, [14] = 0x45, [17] = 46, [22] = 64, [23] = protocol };

	frame[14 + 20 + 13] = tcp_flags;
	return flow_budget_ask(budget, owner, frame, sizeof(frame));
}

/* As libslirp does: the socket is made while it looks at the frame. Return: was it let? */
static bool open_flow(struct flow_budget *budget, uint64_t owner, int fd)
{
	bool may = ask(budget, owner, IPPROTO_UDP, 0);

	if (may)
		flow_budget_opened(budget, fd);
	flow_budget_answered(budget);
	return may;
}

static unsigned int open_all(struct flow_budget *budget, uint64_t owner, int from)
{
	unsigned int n = 0;

	while (open_flow(budget, owner, from + (int)n))
		n++;
	return n;
}

static void a_guest_has_no_more_than_its_share(void **state)
{
	assert_int_equal(open_all(*state, 1, 3), SHARE);
	assert_int_equal(flow_budget_used(*state), SHARE);
	assert_int_equal(flow_budget_refused(*state), 1);
	assert_true(open_flow(*state, 2, 70));
}

static void what_opens_nothing_passes_beyond_the_share(void **state)
{
	open_all(*state, 1, 3);
	assert_false(ask(*state, 1, IPPROTO_TCP, SYN));
	assert_true(ask(*state, 1, IPPROTO_TCP, ACK));
	assert_true(ask(*state, 1, IPPROTO_TCP, SYN | ACK));
}

static void a_flow_that_ends_makes_room_for_the_next(void **state)
{
	open_all(*state, 1, 3);
	flow_budget_closed(*state, 5);
	assert_true(open_flow(*state, 1, 5));
	assert_false(open_flow(*state, 1, 6));
}

static void all_guests_together_leave_what_is_kept_back(void **state)
{
	unsigned int n = 0;

	for (uint64_t owner = 1; owner <= 6; owner++)
		n += open_all(*state, owner, (int)n);
	assert_int_equal(n, IN_ALL);
	assert_true(flow_budget_is_full(*state));
	flow_budget_closed(*state, 0);
	assert_false(flow_budget_is_full(*state));
}

static void connections_from_outside_are_nobodys_and_count(void **state)
{
	for (int fd = 0; fd < (int)IN_ALL; fd++)
		flow_budget_opened(*state, fd);
	assert_true(flow_budget_is_full(*state));
	assert_false(open_flow(*state, 1, 70));
	for (int fd = 0; fd < (int)IN_ALL; fd++)
		flow_budget_closed(*state, fd);
	assert_int_equal(flow_budget_used(*state), 0);
	assert_int_equal(open_all(*state, 1, 3), SHARE);
}

static void descriptors_that_are_none_and_those_told_twice_count_for_nothing(void **state)
{
	flow_budget_opened(*state, -1);
	flow_budget_closed(*state, -1);
	flow_budget_opened(*state, LIMIT);
	flow_budget_opened(*state, 7);
	flow_budget_opened(*state, 7);
	assert_int_equal(flow_budget_used(*state), 1);
	flow_budget_closed(*state, 7);
	flow_budget_closed(*state, 7);
	assert_int_equal(flow_budget_used(*state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_guest_has_no_more_than_its_share),
		TEST(what_opens_nothing_passes_beyond_the_share),
		TEST(a_flow_that_ends_makes_room_for_the_next),
		TEST(all_guests_together_leave_what_is_kept_back),
		TEST(connections_from_outside_are_nobodys_and_count),
		TEST(descriptors_that_are_none_and_those_told_twice_count_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
