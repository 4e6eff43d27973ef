/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * failing_alloc.h - one allocation that fails, chosen by its number
 *
 * For programs linked with failing_alloc.c and alloc_wrap (meson.build), which put these in the place
 * of malloc() and its friends. Each thread has a count of its own, and counts nothing at first.
 */
#ifndef TESTS_FAILING_ALLOC_H
#define TESTS_FAILING_ALLOC_H

#include <stdbool.h>

/** alloc_fail_after() - of what is counted from here on n succeed, one fails, the rest succeed */
void alloc_fail_after(unsigned int n);

/** alloc_count() - whether what this thread allocates is counted; what the test needs itself is not */
void alloc_count(bool on);

/** alloc_failed() - did the one fail, since alloc_fail_after()? */
bool alloc_failed(void);

#endif
