/* SPDX-License-Identifier: BSD-3-Clause */
/* fork_guard.c - did this process fork since? See fork_guard.h */
#include "sys/fork_guard.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Written where there is one thread only: in a child, before its fork() returns. */
static _Atomic(unsigned int) generation;

static void in_child(void)
{
	atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void install(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

void fork_guard_init(void)
{
	pthread_once(&once, install);
}

unsigned int fork_guard_generation(void)
{
	return atomic_load_explicit(&generation, memory_order_relaxed);
}
