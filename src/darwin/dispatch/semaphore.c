/* SPDX-License-Identifier: BSD-3-Clause */
/* semaphore.c - counting semaphores, moments of the monotonic clock, references; any thread */
#include <dispatch/dispatch.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "darwin/object.h"

struct dispatch_semaphore_s {
	struct darwin_object object;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t more;
	intptr_t value; /* what can be taken */
	intptr_t waiting;
};

static void semaphore_free(struct darwin_object *object)
{
	dispatch_semaphore_t semaphore = (dispatch_semaphore_t)object;

	pthread_cond_destroy(&semaphore->more);
	pthread_mutex_destroy(&semaphore->lock);
	free(semaphore);
}

static const struct darwin_class semaphore_class = { .free = semaphore_free };

dispatch_semaphore_t dispatch_semaphore_create(intptr_t value)
{
	dispatch_semaphore_t semaphore;
	pthread_condattr_t monotonic;

	if (value < 0)
		return NULL;
	semaphore = darwin_alloc(sizeof(*semaphore));
	darwin_object_init(&semaphore->object, &semaphore_class);
	semaphore->value = value;
	pthread_mutex_init(&semaphore->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&semaphore->more, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return semaphore;
}

/* With the lock held. Return: 0, also on a wake-up without reason, or ETIMEDOUT. */
static int wait_until(dispatch_semaphore_t semaphore, dispatch_time_t when)
{
	const struct timespec until = {
		.tv_sec = (time_t)(when / NSEC_PER_SEC),
		.tv_nsec = (long)(when % NSEC_PER_SEC),
	};

	if (when == DISPATCH_TIME_FOREVER)
		return pthread_cond_wait(&semaphore->more, &semaphore->lock);
	return pthread_cond_timedwait(&semaphore->more, &semaphore->lock, &until);
}

intptr_t dispatch_semaphore_wait(dispatch_semaphore_t semaphore, dispatch_time_t timeout)
{
	int r = timeout == DISPATCH_TIME_NOW ? ETIMEDOUT : 0;
	bool taken;

	pthread_mutex_lock(&semaphore->lock);
	semaphore->waiting++;
	while (semaphore->value == 0 && r != ETIMEDOUT)
		r = wait_until(semaphore, timeout);
	semaphore->waiting--;
	taken = semaphore->value > 0;
	if (taken)
		semaphore->value--;
	pthread_mutex_unlock(&semaphore->lock);
	return taken ? 0 : ETIMEDOUT;
}

intptr_t dispatch_semaphore_signal(dispatch_semaphore_t semaphore)
{
	bool awaited;

	/* Whoever this wakes may release the semaphore before this thread has unlocked it. */
	darwin_object_get(&semaphore->object);
	pthread_mutex_lock(&semaphore->lock);
	awaited = semaphore->waiting > semaphore->value;
	if (semaphore->value == INTPTR_MAX)
		darwin_die("a semaphore was signalled more often than it can count");
	semaphore->value++;
	pthread_cond_signal(&semaphore->more);
	pthread_mutex_unlock(&semaphore->lock);
	darwin_object_put(&semaphore->object);
	return awaited;
}

dispatch_time_t dispatch_time(dispatch_time_t when, int64_t delta)
{
	struct timespec now;
	uint64_t back;

	if (when == DISPATCH_TIME_FOREVER)
		return when;
	if (when == DISPATCH_TIME_NOW) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		when = (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
	}
	if (delta >= 0) {
		return __builtin_add_overflow(when, (uint64_t)delta, &when) ? DISPATCH_TIME_FOREVER
									    : when;
	}
	back = 0 - (uint64_t)delta;
	return when > back ? when - back : 1; /* 0 would say now */
}

void dispatch_retain(dispatch_object_t object)
{
	darwin_object_get((struct darwin_object *)object.object);
}

void dispatch_release(dispatch_object_t object)
{
	darwin_object_put((struct darwin_object *)object.object);
}
