/* SPDX-License-Identifier: BSD-3-Clause */
/* test_dispatch_semaphore.c - semaphores and moments of liboutrigger-darwin */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <dispatch/dispatch.h>

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static dispatch_time_t in_a_minute(void)
{
	return dispatch_time(DISPATCH_TIME_NOW, 60 * (int64_t)NSEC_PER_SEC);
}

/* ---- counting ---------------------------------------------------------------------- */

static void a_negative_value_makes_no_semaphore(void **state)
{
	assert_null(dispatch_semaphore_create(-1));
	assert_null(dispatch_semaphore_create(INTPTR_MIN));
}

static void as_many_are_taken_as_there_were_and_were_added(void **state)
{
	dispatch_semaphore_t semaphore = dispatch_semaphore_create(2);

	dispatch_semaphore_signal(semaphore);
	for (int i = 0; i < 3; i++)
		assert_int_equal(dispatch_semaphore_wait(semaphore, DISPATCH_TIME_NOW), 0);
	assert_int_not_equal(dispatch_semaphore_wait(semaphore, DISPATCH_TIME_NOW), 0);
	dispatch_semaphore_signal(semaphore);
	assert_int_equal(dispatch_semaphore_wait(semaphore, DISPATCH_TIME_FOREVER), 0);
	dispatch_release(semaphore);
}

static void *wait_for_it(void *semaphore)
{
	return (void *)dispatch_semaphore_wait(semaphore, in_a_minute());
}

static void signal_tells_whether_somebody_was_waiting(void **state)
{
	dispatch_semaphore_t semaphore = dispatch_semaphore_create(0);
	const uint64_t deadline = now_ns() + 60 * NSEC_PER_SEC;
	pthread_t thread;
	void *result;

	assert_int_equal(dispatch_semaphore_signal(semaphore), 0);
	assert_int_equal(dispatch_semaphore_wait(semaphore, DISPATCH_TIME_NOW), 0);

	assert_int_equal(pthread_create(&thread, NULL, wait_for_it, semaphore), 0);
	/* Not there yet: take it back, unless that thread came first. */
	while (dispatch_semaphore_signal(semaphore) == 0 && now_ns() < deadline) {
		if (dispatch_semaphore_wait(semaphore, DISPATCH_TIME_NOW) != 0)
			break;
	}
	assert_true(now_ns() < deadline);
	pthread_join(thread, &result);
	assert_null(result);
	dispatch_release(semaphore);
}

static void *signal_thousand(void *semaphore)
{
	for (int i = 0; i < 1000; i++)
		dispatch_semaphore_signal(semaphore);
	return NULL;
}

static void *take_thousand(void *semaphore)
{
	intptr_t failed = 0;

	for (int i = 0; i < 1000; i++)
		failed |= dispatch_semaphore_wait(semaphore, in_a_minute());
	return (void *)failed;
}

static void no_signal_is_lost_between_threads(void **state)
{
	dispatch_semaphore_t semaphore = dispatch_semaphore_create(0);
	pthread_t threads[6];
	void *failed;

	for (int i = 0; i < 6; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL,
						i % 2 ? signal_thousand : take_thousand, semaphore),
				 0);
	}
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_not_equal(dispatch_semaphore_wait(semaphore, DISPATCH_TIME_NOW), 0);
	dispatch_release(semaphore);
}

static void signal_it(void *semaphore)
{
	dispatch_semaphore_signal(semaphore);
}

static void who_is_woken_may_release_the_semaphore_at_once(void **state)
{
	dispatch_queue_t queue = dispatch_queue_create("signals", NULL);
	dispatch_semaphore_t semaphore;

	for (int i = 0; i < 5000; i++) {
		semaphore = dispatch_semaphore_create(0);
		dispatch_async_f(queue, semaphore, signal_it);
		assert_int_equal(dispatch_semaphore_wait(semaphore, DISPATCH_TIME_FOREVER), 0);
		dispatch_release(semaphore);
	}
	dispatch_release(queue);
}

/* ---- time -------------------------------------------------------------------------- */

static void a_wait_ends_when_its_time_has_come_and_not_before(void **state)
{
	dispatch_semaphore_t semaphore = dispatch_semaphore_create(0);
	const int64_t delays[] = { 0, 1, 1000000, 20000000 };
	uint64_t before;

	for (size_t i = 0; i < sizeof(delays) / sizeof(*delays); i++) {
		before = now_ns();
		assert_int_not_equal(
			dispatch_semaphore_wait(semaphore,
						dispatch_time(DISPATCH_TIME_NOW, delays[i])),
			0);
		assert_true(now_ns() - before >= (uint64_t)delays[i]);
	}
	dispatch_release(semaphore);
}

static void a_moment_that_has_passed_takes_what_there_is_and_waits_for_nothing(void **state)
{
	dispatch_semaphore_t semaphore = dispatch_semaphore_create(1);

	assert_int_equal(dispatch_semaphore_wait(semaphore, 1), 0);
	assert_int_not_equal(dispatch_semaphore_wait(semaphore, 1), 0);
	assert_int_not_equal(
		dispatch_semaphore_wait(semaphore, dispatch_time(DISPATCH_TIME_NOW, INT64_MIN)), 0);
	dispatch_release(semaphore);
}

static void times_add_up_and_stop_at_the_ends_of_the_clock(void **state)
{
	const uint64_t before = now_ns();
	const dispatch_time_t now = dispatch_time(DISPATCH_TIME_NOW, 0);

	assert_in_range(now, before, now_ns());
	assert_int_equal(dispatch_time(now, 5), now + 5);
	assert_int_equal(dispatch_time(now, -5), now - 5);
	assert_int_equal(dispatch_time(UINT64_MAX - 10, 9), UINT64_MAX - 1);
	assert_int_equal(dispatch_time(UINT64_MAX - 10, 11), DISPATCH_TIME_FOREVER);
	assert_int_equal(dispatch_time(UINT64_MAX - 10, INT64_MAX), DISPATCH_TIME_FOREVER);
	assert_int_equal(dispatch_time(DISPATCH_TIME_FOREVER, 1), DISPATCH_TIME_FOREVER);
	assert_int_equal(dispatch_time(DISPATCH_TIME_FOREVER, INT64_MIN), DISPATCH_TIME_FOREVER);
	/* Long ago is not now. */
	assert_int_equal(dispatch_time(5, -5), 1);
	assert_int_equal(dispatch_time(5, INT64_MIN), 1);
	assert_int_equal(dispatch_time(DISPATCH_TIME_NOW, INT64_MIN), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_negative_value_makes_no_semaphore),
		cmocka_unit_test(as_many_are_taken_as_there_were_and_were_added),
		cmocka_unit_test(signal_tells_whether_somebody_was_waiting),
		cmocka_unit_test(no_signal_is_lost_between_threads),
		cmocka_unit_test(who_is_woken_may_release_the_semaphore_at_once),
		cmocka_unit_test(a_wait_ends_when_its_time_has_come_and_not_before),
		cmocka_unit_test(
			a_moment_that_has_passed_takes_what_there_is_and_waits_for_nothing),
		cmocka_unit_test(times_add_up_and_stop_at_the_ends_of_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
