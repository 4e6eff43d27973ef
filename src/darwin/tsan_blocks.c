/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tsan_blocks.c - what ThreadSanitizer cannot see in libblocksruntime; built with it only
 *
 * Blocks and the variables they share (__block) are counted atomically there, but not by instrumented
 * code: a thread that uses one and lets go, and another that lets go last and frees, look like a
 * race. These two stand before the runtime's and say what its counting orders. The lock makes it
 * one step; it is not instrumented, so that it orders nothing else.
 *
 * Any thread. Letting go of a block lets go of what it captured: the lock is taken again by its owner.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DARWIN_TSAN
#endif
#elif defined(__SANITIZE_THREAD__)
#define DARWIN_TSAN
#endif

#ifdef DARWIN_TSAN
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <sched.h>
#include <stdbool.h>

#include <Block_private.h>
#include <dispatch/base.h>

DISPATCH_API void _Block_release(const void *block);
DISPATCH_API void _Block_object_dispose(const void *object, const int flags);

static bool taken;
static _Thread_local unsigned depth;

__attribute__((no_sanitize("thread"))) static void lock(void)
{
	if (depth++ > 0)
		return;
	while (__atomic_exchange_n(&taken, true, __ATOMIC_ACQUIRE))
		sched_yield();
}

__attribute__((no_sanitize("thread"))) static void unlock(void)
{
	if (--depth == 0)
		__atomic_store_n(&taken, false, __ATOMIC_RELEASE);
}

static void let_go(const void *counted)
{
	__tsan_release((void *)counted);
	__tsan_acquire((void *)counted);
}

void _Block_release(const void *block)
{
	void (*runtime)(const void *) = (void (*)(const void *))dlsym(RTLD_NEXT, "_Block_release");

	lock();
	let_go(block);
	runtime(block);
	unlock();
}

void _Block_object_dispose(const void *object, const int flags)
{
	void (*runtime)(const void *, int) =
		(void (*)(const void *, int))dlsym(RTLD_NEXT, "_Block_object_dispose");
	const void *counted = object;

	lock();
	if (flags & BLOCK_FIELD_IS_BYREF)
		counted = ((const struct Block_byref *)object)->forwarding;
	let_go(counted);
	runtime(object, flags);
	unlock();
}
#else
typedef int darwin_tsan_blocks; /* a file has to have something */
#endif
