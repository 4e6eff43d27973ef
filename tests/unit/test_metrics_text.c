/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_metrics_text.c - OpenMetrics text: families together, labels escaped, an end
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/control/metrics_text.h"

static void assert_text(struct metrics_text *text, const char *expected)
{
	char *printed;

	assert_int_equal(metrics_text_end(text, &printed), 0);
	assert_string_equal(printed, expected);
	free(printed);
	assert_null(text->samples);
}

static void nothing_is_an_end(void **state)
{
	struct metrics_text text = { 0 };

	assert_text(&text, "# EOF\n");
}

static void samples_of_a_family_stand_together(void **state)
{
	static const struct metric_label one[] = { { "a", "1" }, { "b", "x" }, { 0 } };
	static const struct metric_label two[] = { { "a", "2" }, { 0 } };
	struct metrics_text text = { 0 };

	metrics_text_add(&text, "z_total", "Of z.", one, 3);
	metrics_text_add(&text, "a", NULL, NULL, 0);
	metrics_text_add(&text, "z_total", "Of z.", two, UINT64_MAX);
	assert_text(&text, "# TYPE a gauge\na 0\n"
			   "# TYPE z counter\n# HELP z Of z.\n"
			   "z_total{a=\"1\",b=\"x\"} 3\nz_total{a=\"2\"} 18446744073709551615\n"
			   "# EOF\n");
}

static void samples_keep_their_order_in_a_family(void **state)
{
	struct metrics_text text = { 0 };
	char *printed, *at;

	for (int i = 0; i < 1000; i++)
		metrics_text_add(&text, i % 2 ? "a" : "b", NULL, NULL, (uint64_t)i);
	assert_int_equal(metrics_text_end(&text, &printed), 0);
	at = printed;
	for (int i = 1; i < 1000; i += 2) {
		at = strstr(at, "\na ");
		assert_non_null(at);
		assert_int_equal(atoi(at + 3), i);
		at++;
	}
	free(printed);
}

static void values_of_labels_are_escaped(void **state)
{
	static const struct metric_label labels[] = { { "a", "q\"b\\n\nx{}," }, { 0 } };
	struct metrics_text text = { 0 };

	metrics_text_add(&text, "m", NULL, labels, 1);
	assert_text(&text, "# TYPE m gauge\nm{a=\"q\\\"b\\\\n\\nx{},\"} 1\n# EOF\n");
}

static void names_have_only_what_names_can_have(void **state)
{
	struct metrics_text text = { 0 };

	metrics_text_add(&text, "9a-b c\n1_total", NULL, NULL, 1);
	assert_text(&text, "# TYPE _a_b_c_1 counter\n_a_b_c_1_total 1\n# EOF\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_an_end),
		cmocka_unit_test(samples_of_a_family_stand_together),
		cmocka_unit_test(samples_keep_their_order_in_a_family),
		cmocka_unit_test(values_of_labels_are_escaped),
		cmocka_unit_test(names_have_only_what_names_can_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
