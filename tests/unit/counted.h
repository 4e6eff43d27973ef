/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * counted.h - counted(f): a test that ends with as many open fds as it began with
 *
 * After <cmocka.h>.
 */
#ifndef TESTS_COUNTED_H
#define TESTS_COUNTED_H

#include "fds.h"

#define counted(f) cmocka_unit_test_setup_teardown(f, count_before, count_after)

static int fds_before;

static int count_before(void **state)
{
	fds_before = fds_open();
	return 0;
}

static int count_after(void **state)
{
	assert_int_equal(fds_open(), fds_before);
	return 0;
}

#endif
