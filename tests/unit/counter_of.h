/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * counter_of.h - one counter, found by its name, for what tells its counters one by one
 */
#ifndef TESTS_COUNTER_OF_H
#define TESTS_COUNTER_OF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct counter_sought {
	const char *name;
	uint64_t value;
	bool found;
};

/* What each_counter() calls. @opaque: a struct counter_sought */
static inline void counter_seek(void *opaque, const char *name, uint64_t value)
{
	struct counter_sought *sought = opaque;

	if (strcmp(sought->name, name) == 0) {
		sought->value = value;
		sought->found = true;
	}
}

#endif
