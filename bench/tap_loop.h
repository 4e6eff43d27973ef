/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tap_loop.h - the least that frames between a process and a bridge can cost
 *
 *   read() <-- TAP y <-- bridge <-- TAP x <-- write(), of what was read
 *
 * Frames go round: each is written to one TAP, crosses the bridge, is read from the other and written
 * again. Nobody else is at the ends, so that all the time is the kernel's and two system calls'.
 *
 * Single-threaded; in a network namespace of the caller's own, with which it ends.
 */
#ifndef TAP_LOOP_H
#define TAP_LOOP_H

#include <stddef.h>

/** struct tap_loop - @in: read from, @out: written to */
struct tap_loop {
	int in, out;
};

/** tap_loop_open() - a bridge and two TAPs, set up as `outrigger net --network kernel` does its own */
void tap_loop_open(struct tap_loop *loop);

/**
 * tap_loop_start() - so many frames are under way from now on
 * @lens, @n_lens: of frames, in turns
 */
void tap_loop_start(struct tap_loop *loop, const size_t *lens, size_t n_lens, size_t n);

/** struct rate - how fast frames went, and what each cost whom forwarded it */
struct rate {
	double frames_per_s, cpu_ns_per_frame;
};

/** tap_loop_run() - let them go round for so many ms */
struct rate tap_loop_run(struct tap_loop *loop, unsigned int ms);

/** tap_loop_stop() - take the frames out, @n of them */
void tap_loop_stop(struct tap_loop *loop, size_t n);

#endif
