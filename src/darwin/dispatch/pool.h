/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool.h - the threads that queued work runs on
 *
 * Two lanes, so that blocks which wait for each other or for a socket (a program's connections on a
 * concurrent queue) cannot keep serial queues from running. A thread is made when work comes and none
 * of the lane's threads is idle, up to the lane's limit, and ends when it was idle for some seconds.
 *
 * Any thread.
 */
#ifndef DARWIN_POOL_H
#define DARWIN_POOL_H

#include <dispatch/dispatch.h>

enum pool_lane {
	POOL_SERIAL,	 /* 512 threads: a serial queue that has work each */
	POOL_CONCURRENT, /* 64: a block of a concurrent queue each */
	POOL_LANES
};

/**
 * struct pool_work - the caller's, the pool's from pool_submit() until @run is called
 * @run: on a thread of the lane; may free the work, may submit it again
 */
struct pool_work {
	struct pool_work *next;
	void (*run)(struct pool_work *work);
};

/** pool_submit() - run it, begun in the order of submission within the lane. Never waits. */
void pool_submit(enum pool_lane lane, struct pool_work *work);

#endif
