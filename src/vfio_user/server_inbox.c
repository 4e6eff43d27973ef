/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_inbox.c - what other threads leave to a server's own
 *
 * The descriptor is a timer: "now" is a time too. It is set when something changes what it is to
 * say, and read only if it may have run out. So a dispatch without news costs no system call, and
 * without a time to wait for not even a lock.
 */
#include "vfio_user/server_inbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* A time in the past: "now". 0 would disarm the timer. */
#define LONG_AGO ((rig_time)1)

struct server_inbox {
	atomic_uint refs;
	int fd; /* -1: none */
	void (*woken)(void *opaque);
	void *woken_opaque;
	pthread_mutex_t lock; /* of all below */
	struct server_task *first;
	struct server_task **end;
	rig_time expires; /* that the timer is set to */
	bool closed;
	atomic_bool news;  /* written with the lock, as is */
	atomic_bool timed; /* expires is a time */
};

int server_inbox_new(void (*woken)(void *opaque), void *opaque, struct server_inbox **ret)
{
	struct server_inbox *inbox = calloc(1, sizeof(*inbox));

	if (!inbox)
		return -ENOMEM;
	inbox->fd = woken ? -1 : timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (!woken && inbox->fd < 0) {
		int error = errno;

		free(inbox);
		return -error;
	}
	inbox->woken = woken;
	inbox->woken_opaque = opaque;
	atomic_init(&inbox->refs, 1);
	pthread_mutex_init(&inbox->lock, NULL);
	inbox->end = &inbox->first;
	inbox->expires = RIG_FOREVER;
	*ret = inbox;
	return 0;
}

void server_inbox_ref(struct server_inbox *inbox)
{
	atomic_fetch_add(&inbox->refs, 1);
}

void server_inbox_unref(struct server_inbox *inbox)
{
	if (!inbox || atomic_fetch_sub(&inbox->refs, 1) > 1)
		return;
	if (inbox->fd >= 0)
		close(inbox->fd);
	pthread_mutex_destroy(&inbox->lock);
	free(inbox);
}

int server_inbox_fd(const struct server_inbox *inbox)
{
	return inbox->fd;
}

static void set_timer(struct server_inbox *inbox, rig_time expires)
{
	const struct itimerspec spec = {
		.it_value = { .tv_sec = (time_t)(expires / 1000000),
			      .tv_nsec = (long)(expires % 1000000) * 1000 },
	};

	inbox->expires = expires;
	atomic_store(&inbox->timed, true);
	if (inbox->fd >= 0)
		timerfd_settime(inbox->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* Return: was it not awake before? */
static bool wake_locked(struct server_inbox *inbox)
{
	if (atomic_exchange(&inbox->news, true))
		return false;
	set_timer(inbox, LONG_AGO);
	return true;
}

static void unlock_and_tell(struct server_inbox *inbox, bool woken)
{
	pthread_mutex_unlock(&inbox->lock);
	if (woken && inbox->woken)
		inbox->woken(inbox->woken_opaque);
}

void server_inbox_put(struct server_inbox *inbox, struct server_task *task)
{
	bool woken;

	task->next = NULL;
	pthread_mutex_lock(&inbox->lock);
	if (inbox->closed) {
		pthread_mutex_unlock(&inbox->lock);
		task->run(task, NULL);
		return;
	}
	*inbox->end = task;
	inbox->end = &task->next;
	woken = wake_locked(inbox);
	unlock_and_tell(inbox, woken);
}

void server_inbox_wake(struct server_inbox *inbox)
{
	bool woken;

	pthread_mutex_lock(&inbox->lock);
	woken = !inbox->closed && wake_locked(inbox);
	unlock_and_tell(inbox, woken);
}

bool server_inbox_has_news(struct server_inbox *inbox)
{
	return atomic_load(&inbox->news);
}

void server_inbox_expect(struct server_inbox *inbox, rig_time time)
{
	bool earlier;

	if (time == RIG_FOREVER)
		return;
	pthread_mutex_lock(&inbox->lock);
	earlier = !inbox->closed && time < inbox->expires;
	if (earlier)
		set_timer(inbox, time < LONG_AGO ? LONG_AGO : time);
	unlock_and_tell(inbox, earlier);
}

rig_time server_inbox_expected(struct server_inbox *inbox)
{
	rig_time expires;

	pthread_mutex_lock(&inbox->lock);
	expires = inbox->expires;
	pthread_mutex_unlock(&inbox->lock);
	return expires;
}

static struct server_task *take_locked(struct server_inbox *inbox)
{
	struct server_task *first = inbox->first;

	inbox->first = NULL;
	inbox->end = &inbox->first;
	return first;
}

static void timer_over(struct server_inbox *inbox)
{
	uint64_t count;

	if (inbox->fd >= 0)
		(void)!read(inbox->fd, &count, sizeof(count));
	inbox->expires = RIG_FOREVER;
	atomic_store(&inbox->timed, false);
}

static void run_tasks(struct server_task *task, struct rig_server *server)
{
	while (task) {
		struct server_task *next = task->next;

		task->run(task, server);
		task = next;
	}
}

void server_inbox_run(struct server_inbox *inbox, struct rig_server *server)
{
	struct server_task *tasks;

	if (!atomic_load(&inbox->timed)) /* which news are, too */
		return;
	pthread_mutex_lock(&inbox->lock);
	tasks = take_locked(inbox);
	atomic_store(&inbox->news, false);
	if (inbox->expires <= rig_now())
		timer_over(inbox);
	pthread_mutex_unlock(&inbox->lock);
	run_tasks(tasks, server);
}

void server_inbox_close(struct server_inbox *inbox)
{
	struct server_task *tasks;

	pthread_mutex_lock(&inbox->lock);
	inbox->closed = true;
	tasks = take_locked(inbox);
	pthread_mutex_unlock(&inbox->lock);
	run_tasks(tasks, NULL);
}
