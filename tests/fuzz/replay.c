/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay.c - runs a fuzzer as an ordinary test
 *
 *   fuzz_xyz              seeds, then mutations of them
 *   fuzz_xyz file...      these inputs, say what crashed it elsewhere
 */
#include "fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 4096
#ifndef MUTATIONS
#define MUTATIONS 20000u
#endif

static const uint32_t interesting[] = {
	0,  1,	  2,   4,   8,	  15,	      16,	  17,	      20,
	32, 0x21, 255, 256, 4096, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
};

static unsigned int dice(unsigned int *seed, size_t sides)
{
	return (unsigned int)((size_t)rand_r(seed) % sides);
}

/* One change: a bit, a byte, a number, a piece left out or doubled. Return: the new length */
static size_t mutate(uint8_t *buf, size_t len, unsigned int *seed)
{
	size_t at = dice(seed, len);
	size_t n = 1 + dice(seed, len - at);
	uint32_t number = interesting[dice(seed, sizeof(interesting) / sizeof(interesting[0]))];

	switch (dice(seed, 5)) {
	case 0:
		buf[at] ^= (uint8_t)(1u << dice(seed, 8));
		return len;
	case 1:
		buf[at] = (uint8_t)dice(seed, 256);
		return len;
	case 2:
		memcpy(buf + at, &number, len - at < sizeof(number) ? len - at : sizeof(number));
		return len;
	case 3:
		memmove(buf + at, buf + at + n, len - at - n);
		return len - n > 0 ? len - n : 1;
	default:
		if (len + n > INPUT_MAX)
			return len;
		memmove(buf + at + n, buf + at, len - at);
		return len + n;
	}
}

/* From memory of exactly this size, so that AddressSanitizer sees a byte more. */
static void run(const uint8_t *buf, size_t len)
{
	uint8_t *exact = calloc(1, len + (len == 0));

	if (exact == NULL)
		abort();
	memcpy(exact, buf, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static bool run_file(const char *path)
{
	static uint8_t buf[1u << 20];
	FILE *file = fopen(path, "rb");
	size_t len;

	if (file == NULL) {
		perror(path);
		return false;
	}
	len = fread(buf, 1, sizeof(buf), file);
	fclose(file);
	run(buf, len);
	return true;
}

static void run_seeds(void)
{
	uint8_t seed_input[INPUT_MAX], buf[INPUT_MAX] = { 0 };
	unsigned int n = 0, seed = 1;
	size_t len;

	run(buf, 0);
	while (fuzz_seed(n, buf, sizeof(buf)) > 0)
		n++;
	for (unsigned int i = 0; n > 0 && i < n + MUTATIONS; i++) {
		len = fuzz_seed(i % n, seed_input, sizeof(seed_input));
		memcpy(buf, seed_input, len);
		for (unsigned int k = i < n ? 0 : 1 + dice(&seed, 6); k > 0; k--)
			len = mutate(buf, len, &seed);
		run(buf, len);
	}
}

int main(int argc, char **argv)
{
	bool ok = true;

	if (argc == 1)
		run_seeds();
	for (int i = 1; i < argc; i++)
		ok &= run_file(argv[i]);
	return ok ? 0 : 1;
}
