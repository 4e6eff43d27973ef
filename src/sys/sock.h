/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sock.h - UNIX sockets by path: listening without stealing, removing only what is ours
 */
#ifndef SYS_SOCK_H
#define SYS_SOCK_H

#include <stddef.h>

/**
 * struct sock_listener - a listening socket and the file that names it
 *
 * The file is removed at close only if it is still the one that was made here (device and inode).
 */
struct sock_listener {
	int fd;
	char *path;
	unsigned long long dev, ino;
};

/**
 * sock_listen() - listen at path (UNIX stream, non-blocking, close-on-exec, mode 0600)
 *
 * A socket that nobody listens on any more is taken over; one that answers, and a file of any
 * other kind, stay untouched. Of two processes that start at once one wins: each holds a lock on
 * the directory while it looks and binds (for microseconds; waits up to a second for others).
 *
 * Return: 0; -EADDRINUSE somebody listens there; -EEXIST a file that is no socket;
 * -ENAMETOOLONG longer than a socket address holds (107 bytes); -EBUSY the directory stayed
 * locked; or the errno of what failed
 */
int sock_listen(const char *path, struct sock_listener *ret);

/** sock_listener_close() - stop listening and remove the file, if it is ours. Safe on {-1, NULL} */
void sock_listener_close(struct sock_listener *listener);

/**
 * sock_accept() - the next waiting connection
 *
 * Return: a non-blocking, close-on-exec fd; -EAGAIN nobody waits (any more); -errno
 */
int sock_accept(int fd);

/**
 * sock_connect() - to a UNIX stream socket; waits for nobody
 *
 * Return: a non-blocking, close-on-exec fd, or -errno (-ENAMETOOLONG as above; -EAGAIN the
 * listener's queue is full)
 */
int sock_connect(const char *path);

#endif
