/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * waitword.c - one thread sleeps until another gives it a number
 *
 * With futexes the setter stores the value and then wakes whoever sleeps at that address. The
 * sleeper may be gone by then and the memory be something else's: a wake-up that nobody waits for
 * does nothing, and who sleeps there for another reason looks again, as every futex user must.
 *
 * Elsewhere: a mutex and a condition. The setter signals before it unlocks, and the sleeper locks
 * before it returns, so the setter is out of both when the sleeper destroys them.
 */
#include "sys/waitword.h"

#include <errno.h>
#include <time.h>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

uint32_t waitword_take(struct waitword *word)
{
	/* Most looks are in vain: only a hit costs a locked instruction. */
	if (atomic_load_explicit(&word->value, memory_order_relaxed) == 0)
		return 0;
	return atomic_exchange_explicit(&word->value, 0, memory_order_acquire);
}

static struct timespec timespec_of(rig_time time)
{
	return (struct timespec) {
		.tv_sec = (time_t)(time / 1000000u),
		.tv_nsec = (long)(time % 1000000u) * 1000,
	};
}

#ifdef __linux__

void waitword_init(struct waitword *word)
{
	atomic_init(&word->value, 0);
}

void waitword_end(struct waitword *word)
{
}

uint32_t waitword_wait(struct waitword *word, rig_time deadline)
{
	struct timespec until = timespec_of(deadline);
	uint32_t value;

	while ((value = waitword_take(word)) == 0) {
		long r = syscall(SYS_futex, &word->value, FUTEX_WAIT_BITSET_PRIVATE, 0,
				 deadline == RIG_FOREVER ? NULL : &until, NULL,
				 FUTEX_BITSET_MATCH_ANY);

		if (r < 0 && errno == ETIMEDOUT)
			return waitword_take(word);
	}
	return value;
}

void waitword_set(struct waitword *word, uint32_t value)
{
	atomic_store_explicit(&word->value, value, memory_order_release);
	syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#else

void waitword_init(struct waitword *word)
{
	atomic_init(&word->value, 0);
	pthread_mutex_init(&word->lock, NULL);
	pthread_cond_init(&word->cond, NULL);
}

void waitword_end(struct waitword *word)
{
	/* The setter may still hold it. */
	pthread_mutex_lock(&word->lock);
	pthread_mutex_unlock(&word->lock);
	pthread_cond_destroy(&word->cond);
	pthread_mutex_destroy(&word->lock);
}

/* These conditions know the wall clock only: what is left is counted from its present. */
static struct timespec wall_time(rig_time deadline)
{
	rig_time now = rig_now(), left = deadline > now ? deadline - now : 0;
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return timespec_of((rig_time)wall.tv_sec * 1000000u + (rig_time)wall.tv_nsec / 1000u +
			   left);
}

uint32_t waitword_wait(struct waitword *word, rig_time deadline)
{
	struct timespec until = { 0 };
	uint32_t value;
	int r = 0;

	if (deadline != RIG_FOREVER)
		until = wall_time(deadline);
	pthread_mutex_lock(&word->lock);
	while ((value = waitword_take(word)) == 0 && r != ETIMEDOUT)
		r = deadline == RIG_FOREVER
			    ? pthread_cond_wait(&word->cond, &word->lock)
			    : pthread_cond_timedwait(&word->cond, &word->lock, &until);
	pthread_mutex_unlock(&word->lock);
	return value;
}

void waitword_set(struct waitword *word, uint32_t value)
{
	pthread_mutex_lock(&word->lock);
	atomic_store_explicit(&word->value, value, memory_order_release);
	pthread_cond_signal(&word->cond);
	pthread_mutex_unlock(&word->lock);
}

#endif
