/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dispatch/dispatch.h - queues of work and semaphores, as programs written for vmnet use them
 *
 * A small part of the API that macOS calls libdispatch, with its names, types and rules, made for
 * libvmnet's callers on Linux. There are no main queue, global queues, groups, sources, timers,
 * priorities, barriers or target queues; a program that needs them wants the real one. Not to
 * be linked into one program with that: the symbols are the same.
 *
 * Work runs on threads of the library, which are made when there is work and end when there was none
 * for a while. All signals that a program can wait for are blocked in them.
 * At most 512 serial queues and 64 blocks of concurrent queues run at a time (as on macOS); what is
 * beyond waits. After fork() the child must not use what its parent created.
 *
 * Any thread may call any of these, from within queued work, too. Objects are counted: the creator
 * holds one reference. A queue with work stays until that has run, even if nobody holds it.
 * NULL where an object is wanted is a fault of the program, but for the release of NULL.
 * Memory that cannot be had for queued work, or a thread, ends the program with a sentence: none of
 * these functions could report it.
 */
#ifndef OUTRIGGER_DISPATCH_H
#define OUTRIGGER_DISPATCH_H

#include <Availability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include <dispatch/base.h>

DISPATCH_BEGIN_DECLS

typedef struct dispatch_queue_s *dispatch_queue_t;
typedef struct dispatch_queue_attr_s *dispatch_queue_attr_t;
typedef struct dispatch_semaphore_s *dispatch_semaphore_t;

/* A queue or a semaphore. */
#ifdef __cplusplus
typedef void *dispatch_object_t;
#else
typedef union {
	struct dispatch_object_s *object;
	struct dispatch_queue_s *queue;
	struct dispatch_semaphore_s *semaphore;
} dispatch_object_t __attribute__((transparent_union));
#endif

typedef void (*dispatch_function_t)(void *context);
#ifdef __BLOCKS__
typedef void (^dispatch_block_t)(void);
#else
typedef void *dispatch_block_t;
#endif

/* ---- references -------------------------------------------------------------------- */

/** dispatch_retain(), dispatch_release() - one reference more or less; the last one frees.
 * A queue may be released from within its own work. */
DISPATCH_API void dispatch_retain(dispatch_object_t object);
DISPATCH_API void dispatch_release(dispatch_object_t object);

/* ---- time -------------------------------------------------------------------------- */

/* A moment of the monotonic clock; only what dispatch_time() returned, or one of these two. */
typedef uint64_t dispatch_time_t;

#define DISPATCH_TIME_NOW     (0ull)
#define DISPATCH_TIME_FOREVER (~0ull)

#ifndef NSEC_PER_SEC
#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define USEC_PER_SEC  1000000ull
#define NSEC_PER_USEC 1000ull
#endif

/** dispatch_time() - @delta nanoseconds, which may be negative, after @when. FOREVER stays FOREVER,
 * and so does what would be later than the clock can say. */
DISPATCH_API dispatch_time_t dispatch_time(dispatch_time_t when, int64_t delta);

/* ---- queues ------------------------------------------------------------------------ */

/* One after the other, in the order of submission; or many at a time, begun in that order. */
#define DISPATCH_QUEUE_SERIAL	  ((dispatch_queue_attr_t)0)
#define DISPATCH_QUEUE_CONCURRENT (&_dispatch_queue_attr_concurrent)
DISPATCH_API extern struct dispatch_queue_attr_s _dispatch_queue_attr_concurrent;

/** dispatch_queue_create() - @label is copied and may be NULL; @attr is one of the two above.
 * Returns a reference that dispatch_release() lets go. */
DISPATCH_API dispatch_queue_t dispatch_queue_create(const char *label, dispatch_queue_attr_t attr);

/** dispatch_queue_get_label() - as it was given, "" for NULL; the queue's. */
DISPATCH_API const char *dispatch_queue_get_label(dispatch_queue_t queue);

/** dispatch_async(), dispatch_async_f() - run @block, or @function with @context, later on @queue.
 * Never waits. The block is copied, and released after it ran, on its thread. */
DISPATCH_API void dispatch_async(dispatch_queue_t queue, dispatch_block_t block);
DISPATCH_API void dispatch_async_f(dispatch_queue_t queue, void *context,
				   dispatch_function_t function);

/** dispatch_sync(), dispatch_sync_f() - the same in its turn, on this thread, and return after it.
 * From within the serial queue's own work this would wait for itself: the program is ended with
 * a sentence. */
DISPATCH_API void dispatch_sync(dispatch_queue_t queue, dispatch_block_t block);
DISPATCH_API void dispatch_sync_f(dispatch_queue_t queue, void *context,
				  dispatch_function_t function);

/* ---- semaphores -------------------------------------------------------------------- */

/** dispatch_semaphore_create() - with @value to begin with; NULL if that is negative. */
DISPATCH_API dispatch_semaphore_t dispatch_semaphore_create(intptr_t value);

/** dispatch_semaphore_wait() - take one, waiting until @timeout for it (DISPATCH_TIME_NOW: not at
 * all). Returns 0, or non-zero if there was none in time. */
DISPATCH_API intptr_t dispatch_semaphore_wait(dispatch_semaphore_t semaphore,
					      dispatch_time_t timeout);

/** dispatch_semaphore_signal() - add one. Returns non-zero if a thread was waiting for it. Whom this
 * wakes may release the semaphore at once. */
DISPATCH_API intptr_t dispatch_semaphore_signal(dispatch_semaphore_t semaphore);

DISPATCH_END_DECLS

#endif
