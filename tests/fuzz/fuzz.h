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
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** fuzz_seed() - the i-th input worth starting from. Return: its length, 0 after the last */
size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max);

/* fuzz_seed() of inputs that are @n texts, without their terminating NUL */
static inline size_t fuzz_seed_text(const char *const *texts, size_t n, unsigned int i,
				    uint8_t *buf, size_t max)
{
	size_t len = i < n ? strlen(texts[i]) : 0;

	if (len == 0 || len > max)
		return 0;
	memcpy(buf, texts[i], len);
	return len;
}

/* Unlike assert() also there with NDEBUG: it is what a fuzzer is for. */
#define MUST(condition)                   \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

#endif
