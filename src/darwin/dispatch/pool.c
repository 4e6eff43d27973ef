/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool.c - threads that take work from their lane's list; the lane's lock guards all of a lane
 *
 * Threads are detached and live until they are idle: a process that exits does not wait for them.
 */
#include "darwin/dispatch/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "darwin/object.h"

#define POOL_IDLE_S 5

struct lane {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct pool_work *first, **last;
	unsigned queued;  /* in the list */
	unsigned idle;	  /* threads that wait for more, the woken ones included */
	unsigned threads; /* all of them */
	unsigned most;
	const char *name; /* of its threads */
};

static struct lane lanes[POOL_LANES] = {
	[POOL_SERIAL] = { .most = 512, .name = "dispatch-serial" },
	[POOL_CONCURRENT] = { .most = 64, .name = "dispatch-conc" },
};
static pthread_once_t lanes_once = PTHREAD_ONCE_INIT;

static void lanes_init(void)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	for (size_t i = 0; i < POOL_LANES; i++) {
		pthread_mutex_init(&lanes[i].lock, NULL);
		pthread_cond_init(&lanes[i].more, &monotonic);
		lanes[i].last = &lanes[i].first;
	}
	pthread_condattr_destroy(&monotonic);
}

/* Waits for work with the lock held. Return: whether there is some; if not, the thread shall end. */
static bool wait_for_work(struct lane *lane)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += POOL_IDLE_S;
	lane->idle++;
	while (!lane->first && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&lane->more, &lane->lock, &until);
	lane->idle--;
	return lane->first != NULL;
}

static void *pool_thread(void *opaque)
{
	struct lane *lane = opaque;
	struct pool_work *work;

	pthread_setname_np(pthread_self(), lane->name);
	pthread_mutex_lock(&lane->lock);
	while (lane->first || wait_for_work(lane)) {
		work = lane->first;
		lane->first = work->next;
		if (!lane->first)
			lane->last = &lane->first;
		lane->queued--;
		pthread_mutex_unlock(&lane->lock);
		work->run(work);
		pthread_mutex_lock(&lane->lock);
	}
	lane->threads--;
	pthread_mutex_unlock(&lane->lock);
	return NULL;
}

/* Signals are for the program's own threads, but for those that a fault raises. */
static void block_signals(sigset_t *ret_old)
{
	static const int faults[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigdelset(&set, faults[i]);
	pthread_sigmask(SIG_SETMASK, &set, ret_old);
}

static int make_thread(struct lane *lane)
{
	pthread_attr_t detached;
	pthread_t thread;
	sigset_t old;
	int r;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	block_signals(&old);
	r = pthread_create(&thread, &detached, pool_thread, lane);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&detached);
	return r;
}

void pool_submit(enum pool_lane which, struct pool_work *work)
{
	struct lane *lane = &lanes[which];
	bool another;
	int r;

	pthread_once(&lanes_once, lanes_init);
	work->next = NULL;
	pthread_mutex_lock(&lane->lock);
	*lane->last = work;
	lane->last = &work->next;
	lane->queued++;
	another = lane->queued > lane->idle && lane->threads < lane->most;
	if (another)
		lane->threads++;
	else
		pthread_cond_signal(&lane->more);
	pthread_mutex_unlock(&lane->lock);
	if (!another)
		return;

	r = make_thread(lane);
	if (r == 0)
		return;
	pthread_mutex_lock(&lane->lock);
	/* Those that there are will come to it. */
	if (--lane->threads == 0)
		darwin_die("no thread for queued work: %s", strerror(r));
	pthread_mutex_unlock(&lane->lock);
}
