/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * late.h - things to be done after a while, or when somebody says so
 *
 * Above all answers to deferred requests. They are done by a thread of their own, or, without one,
 * by whoever calls late_run(). Any thread may call everything but late_start() and late_stop().
 */
#ifndef TEST_DEVICE_LATE_H
#define TEST_DEVICE_LATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <outrigger/common.h>

#define LATE_MAX_MS 60000u

struct late_job;

struct late {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct late_job *jobs; /* oldest first */
	bool threaded, stopping;
	pthread_t thread;
};

/** late_start() - Return: 0 or a negative errno */
int late_start(struct late *late, bool threaded);

/** late_stop() - everything that is left is done now */
void late_stop(struct late *late);

/**
 * late_answer() - rig_request_done(request, error)
 * @ms: from now; 0: when late_release() reaches it
 *
 * Without memory for that at once, with -ENOMEM.
 */
void late_answer(struct late *late, struct rig_request *request, uint32_t ms, int error);

/** late_call() - run something, ms from now. Without memory at once */
void late_call(struct late *late, uint32_t ms, void (*run)(void *opaque), void *opaque);

/** late_release() - the n oldest answers that wait for this; SIZE_MAX: all */
void late_release(struct late *late, size_t n);

/** late_waiting() - how many wait for late_release() */
uint32_t late_waiting(struct late *late);

/** late_due() - when late_run() is to be called; RIG_FOREVER: not (with a thread: never) */
rig_time late_due(struct late *late);

void late_run(struct late *late);

#endif
