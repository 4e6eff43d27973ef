/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz.h - what each fuzzer has
 *
 * With clang -fsanitize=fuzzer a fuzzer is a program of its own; with replay.c it is an ordinary
 * test: the seeds below, then a bounded number of mutations of them, always the same.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** fuzz_seed() - the i-th input worth starting from. Return: its length, 0 after the last */
size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max);

/* Unlike assert() also there with NDEBUG: it is what a fuzzer is for. */
#define MUST(condition)                   \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

#endif
