/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * failing_alloc.c - one allocation that fails, chosen by its number
 */
#include "failing_alloc.h"

#include <stddef.h>

static _Thread_local bool counting, failed;
static _Thread_local unsigned int until_failure;

/* The linker's names, of --wrap. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void alloc_fail_after(unsigned int n)
{
	until_failure = n;
	failed = false;
}

void alloc_count(bool on)
{
	counting = on;
}

bool alloc_failed(void)
{
	return failed;
}

static bool fails(void)
{
	if (!counting || failed || until_failure-- > 0)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}
