/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_token_bucket.c - so many bytes a second, to the byte, by a clock that the test winds
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/policy/token_bucket.h"

#define SECOND 1000000u
#define BURST  TOKEN_BUCKET_BURST_MIN
#define START  123456789u

static void what_passes_is_the_burst_and_what_the_rate_gives(void **state)
{
	static const uint64_t rates[] = { 1, 999, 1000, 12345, 125000, 1250000, 3327997 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct token_bucket bucket;
		uint64_t now = START, passed = 0;

		token_bucket_init(&bucket, rates[i], now);
		/* Asked at odd moments, so that each leaves a fraction of a byte. */
		for (unsigned int step = 0; step < 1000; step++) {
			uint64_t level = token_bucket_level(&bucket, now);

			token_bucket_spend(&bucket, level);
			passed += level;
			assert_int_equal(passed, BURST + (now - START) * rates[i] / SECOND);
			now += 1 + step * 7 % 1009;
		}
	}
}

static void an_idle_time_gives_a_burst_and_no_more(void **state)
{
	static const uint64_t idle[] = { 7 * SECOND, 3600ull * SECOND, UINT32_MAX, 1ull << 62,
					 UINT64_MAX - START };

	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		struct token_bucket bucket;

		token_bucket_init(&bucket, 10000, START);
		token_bucket_spend(&bucket, BURST);
		assert_int_equal(token_bucket_level(&bucket, START), 0);
		assert_int_equal(token_bucket_level(&bucket, START + idle[i]), BURST);
	}
}

static void the_burst_grows_with_the_rate(void **state)
{
	struct token_bucket bucket;

	token_bucket_init(&bucket, 1250000000, START);
	assert_int_equal(token_bucket_level(&bucket, START), 1250000000 / 50);
	token_bucket_init(&bucket, 1, START);
	assert_true(token_bucket_level(&bucket, START) >= FRAME_MAX);
}

/* Once the time is over it passes, a microsecond before that it does not. */
static void the_wait_is_told_to_the_microsecond(void **state)
{
	static const uint64_t rates[] = { 1, 7, 1000, 125000, 1000003, 12500000 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct token_bucket bucket;
		uint64_t wait;

		token_bucket_init(&bucket, rates[i], START);
		assert_int_equal(token_bucket_wait_us(&bucket, 1514), 0);
		token_bucket_spend(&bucket, token_bucket_level(&bucket, START));
		token_bucket_level(&bucket, START + 3); /* a fraction */
		wait = token_bucket_wait_us(&bucket, 1514);
		assert_true(wait > 0);
		assert_true(token_bucket_level(&bucket, START + 3 + wait - 1) < 1514);
		assert_true(token_bucket_level(&bucket, START + 3 + wait) >= 1514);
	}
}

static void what_is_longer_than_the_burst_waits_for_a_full_bucket(void **state)
{
	struct token_bucket bucket;

	token_bucket_init(&bucket, 1000, START);
	assert_int_equal(token_bucket_wait_us(&bucket, UINT64_MAX), 0);
	token_bucket_spend(&bucket, 1000);
	assert_int_equal(token_bucket_wait_us(&bucket, UINT64_MAX), SECOND);
}

static void time_that_goes_back_gives_nothing(void **state)
{
	struct token_bucket bucket;

	token_bucket_init(&bucket, 1000, START);
	token_bucket_spend(&bucket, BURST);
	assert_int_equal(token_bucket_level(&bucket, START - 1000), 0);
	assert_int_equal(token_bucket_level(&bucket, START + SECOND), 1000);
}

static void without_a_rate_there_is_no_limit(void **state)
{
	struct token_bucket bucket;

	token_bucket_init(&bucket, 0, START);
	assert_int_equal(token_bucket_level(&bucket, START), UINT64_MAX);
	token_bucket_spend(&bucket, UINT64_MAX);
	assert_int_equal(token_bucket_level(&bucket, START), UINT64_MAX);
	assert_int_equal(token_bucket_wait_us(&bucket, UINT64_MAX), 0);
}

static void a_new_rate_counts_from_now_on(void **state)
{
	struct token_bucket bucket;

	token_bucket_init(&bucket, 1000, START);
	token_bucket_spend(&bucket, BURST);
	token_bucket_set_rate(&bucket, 2000, START + SECOND);
	assert_int_equal(token_bucket_level(&bucket, START + SECOND), 1000);
	assert_int_equal(token_bucket_level(&bucket, START + 2 * SECOND), 3000);
	token_bucket_set_rate(&bucket, 0, START + 2 * SECOND);
	token_bucket_set_rate(&bucket, 1000, START + 2 * SECOND);
	assert_int_equal(token_bucket_level(&bucket, START + 2 * SECOND), BURST);
}

static void what_did_not_pass_after_all_is_given_back(void **state)
{
	struct token_bucket bucket;

	token_bucket_init(&bucket, 1000, START);
	token_bucket_spend(&bucket, 1500);
	token_bucket_give_back(&bucket, 500);
	assert_int_equal(token_bucket_level(&bucket, START), BURST - 1000);
	token_bucket_give_back(&bucket, UINT64_MAX);
	assert_int_equal(token_bucket_level(&bucket, START), BURST);
}

static void rates_beyond_any_machine_do_not_wrap(void **state)
{
	struct token_bucket bucket;
	uint64_t burst = TOKEN_BUCKET_RATE_MAX / TOKEN_BUCKET_BURST_PART;

	token_bucket_init(&bucket, UINT64_MAX, 0);
	assert_int_equal(token_bucket_level(&bucket, 0), burst);
	token_bucket_spend(&bucket, burst);
	assert_int_equal(token_bucket_wait_us(&bucket, burst), SECOND / TOKEN_BUCKET_BURST_PART);
	assert_int_equal(token_bucket_level(&bucket, 1), TOKEN_BUCKET_RATE_MAX / SECOND);
	assert_int_equal(token_bucket_level(&bucket, SECOND - 1), burst);
	assert_int_equal(token_bucket_level(&bucket, UINT64_MAX), burst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_passes_is_the_burst_and_what_the_rate_gives),
		cmocka_unit_test(an_idle_time_gives_a_burst_and_no_more),
		cmocka_unit_test(the_burst_grows_with_the_rate),
		cmocka_unit_test(the_wait_is_told_to_the_microsecond),
		cmocka_unit_test(what_is_longer_than_the_burst_waits_for_a_full_bucket),
		cmocka_unit_test(time_that_goes_back_gives_nothing),
		cmocka_unit_test(without_a_rate_there_is_no_limit),
		cmocka_unit_test(a_new_rate_counts_from_now_on),
		cmocka_unit_test(what_did_not_pass_after_all_is_given_back),
		cmocka_unit_test(rates_beyond_any_machine_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
