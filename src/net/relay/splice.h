/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * splice.h - two connected stream sockets as one
 *
 * What comes from one goes to the other, with one buffer each way: who does not read slows who
 * writes. The end of one direction is passed on, and leaves the other. One thread: the loop's.
 */
#ifndef NET_RELAY_SPLICE_H
#define NET_RELAY_SPLICE_H

#include <uv.h>

struct splice;

/**
 * splice_new()
 * @near_fd: a UNIX or TCP socket; @far_fd: a TCP socket, maybe not connected yet. Taken in any case
 * @ended: both directions are, or an error; splice_free() is called there, or later
 * Return: 0, -errno
 */
int splice_new(uv_loop_t *loop, int near_fd, int far_fd,
	       void (*ended)(void *opaque, struct splice *splice), void *opaque,
	       struct splice **ret);

/** splice_free() - close both; the loop must run once more */
void splice_free(struct splice *splice);

#endif
