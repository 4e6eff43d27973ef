/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_loop.h - the least that forwarding can be: a process that reads from one socket and writes
 * what it got to another, knowing nothing of frames
 *
 * Its sockets are of the kind that a network has: stream sockets, or datagram sockets with a path,
 * of which the one that receives is not connected, as a guest may come again.
 */
#ifndef COPY_LOOP_H
#define COPY_LOOP_H

#include "bench.h"

/**
 * copy_loop_start() - in a process of its own, which ends by copy_loop_end(), or with us
 * @type: SOCK_STREAM or SOCK_DGRAM, which has its paths where @s has its own
 * @ret_from, @ret_to: what is sent into the one comes out of the other; the caller closes both
 */
pid_t copy_loop_start(const struct served *s, int type, int *ret_from, int *ret_to);
void copy_loop_end(pid_t pid);

#endif
