/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * late.c - one list of jobs, each with the time when it is due
 *
 * A job that waits for late_release() is due never, until that makes it due at once. Jobs run with
 * the lock not held: they may call back in.
 */
#include "late.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct late_job {
	struct late_job *next;
	rig_time due; /* RIG_FOREVER: waits for late_release() */
	struct rig_request *request;
	int error;
	void (*run)(void *opaque); /* instead of a request */
	void *opaque;
};

static void do_job(struct late_job *job)
{
	if (job->run)
		job->run(job->opaque);
	else
		rig_request_done(job->request, job->error);
	free(job);
}

/* Unlink the oldest job that is due at this time. Lock held. */
static struct late_job *take_due(struct late *late, rig_time now)
{
	for (struct late_job **at = &late->jobs; *at; at = &(*at)->next) {
		struct late_job *job = *at;

		if (job->due <= now) {
			*at = job->next;
			return job;
		}
	}
	return NULL;
}

static rig_time earliest(const struct late *late)
{
	rig_time due = RIG_FOREVER;

	for (const struct late_job *job = late->jobs; job; job = job->next)
		due = job->due < due ? job->due : due;
	return due;
}

static void wait_until(struct late *late, rig_time due)
{
	struct timespec at = {
		.tv_sec = (time_t)(due / 1000000),
		.tv_nsec = (long)(due % 1000000 * 1000),
	};

	if (due == RIG_FOREVER)
		pthread_cond_wait(&late->changed, &late->lock);
	else
		pthread_cond_timedwait(&late->changed, &late->lock, &at);
}

static void *work(void *opaque)
{
	struct late *late = opaque;

	pthread_mutex_lock(&late->lock);
	while (!late->stopping) {
		struct late_job *job = take_due(late, rig_now());

		if (!job) {
			wait_until(late, earliest(late));
			continue;
		}
		pthread_mutex_unlock(&late->lock);
		do_job(job);
		pthread_mutex_lock(&late->lock);
	}
	pthread_mutex_unlock(&late->lock);
	return NULL;
}

int late_start(struct late *late, bool threaded)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&late->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC); /* as rig_time is */
	pthread_cond_init(&late->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	late->jobs = NULL;
	late->stopping = false;
	late->threaded = false;
	if (threaded) {
		int error = pthread_create(&late->thread, NULL, work, late);

		if (error)
			return -error;
	}
	late->threaded = threaded;
	return 0;
}

void late_stop(struct late *late)
{
	struct late_job *job;

	pthread_mutex_lock(&late->lock);
	late->stopping = true;
	pthread_cond_signal(&late->changed);
	pthread_mutex_unlock(&late->lock);
	if (late->threaded)
		pthread_join(late->thread, NULL);
	while ((job = take_due(late, RIG_FOREVER)))
		do_job(job);
	pthread_cond_destroy(&late->changed);
	pthread_mutex_destroy(&late->lock);
}

static void add(struct late *late, uint32_t ms, const struct late_job *description)
{
	struct late_job *job = malloc(sizeof(*job)), **end = &late->jobs;

	if (!job) {
		if (description->run)
			description->run(description->opaque);
		else
			rig_request_done(description->request, -ENOMEM);
		return;
	}
	*job = *description;
	job->due = ms ? rig_after_ms(ms < LATE_MAX_MS ? ms : LATE_MAX_MS) : RIG_FOREVER;

	pthread_mutex_lock(&late->lock);
	while (*end)
		end = &(*end)->next;
	*end = job;
	pthread_cond_signal(&late->changed);
	pthread_mutex_unlock(&late->lock);
}

void late_answer(struct late *late, struct rig_request *request, uint32_t ms, int error)
{
	add(late, ms, &(struct late_job) { .request = request, .error = error });
}

void late_call(struct late *late, uint32_t ms, void (*run)(void *opaque), void *opaque)
{
	add(late, ms ? ms : 1, &(struct late_job) { .run = run, .opaque = opaque });
}

void late_release(struct late *late, size_t n)
{
	pthread_mutex_lock(&late->lock);
	for (struct late_job *job = late->jobs; job && n; job = job->next) {
		if (job->due != RIG_FOREVER)
			continue;
		job->due = 0;
		n--;
	}
	pthread_cond_signal(&late->changed);
	pthread_mutex_unlock(&late->lock);
}

uint32_t late_waiting(struct late *late)
{
	uint32_t n = 0;

	pthread_mutex_lock(&late->lock);
	for (const struct late_job *job = late->jobs; job; job = job->next)
		n += job->due == RIG_FOREVER;
	pthread_mutex_unlock(&late->lock);
	return n;
}

rig_time late_due(struct late *late)
{
	rig_time due = RIG_FOREVER;

	if (late->threaded)
		return due;
	pthread_mutex_lock(&late->lock);
	due = earliest(late);
	pthread_mutex_unlock(&late->lock);
	return due;
}

void late_run(struct late *late)
{
	struct late_job *job;

	if (late->threaded)
		return;
	do {
		pthread_mutex_lock(&late->lock);
		job = take_due(late, rig_now());
		pthread_mutex_unlock(&late->lock);
		if (job)
			do_job(job);
	} while (job);
}
