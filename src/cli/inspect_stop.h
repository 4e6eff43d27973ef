/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_stop.h - Ctrl-C, where something is to be put back first
 *
 * Between stop_begin() and stop_end() the first SIGINT or SIGTERM asks the program to stop, the
 * second ends it at once. At all other times they have their ordinary effect. One thread.
 */
#ifndef CLI_INSPECT_STOP_H
#define CLI_INSPECT_STOP_H

#include <stdbool.h>

/**
 * stop_begin()
 * @say: for stderr when the first signal comes, static; NULL: nothing
 *
 * Ignores SIGPIPE too: a pipe without a reader is an error to deal with. Return: 0, -errno
 */
int stop_begin(const char *say);
void stop_end(void);

/** stop_asked() - also after stop_end(), until the next stop_begin() */
bool stop_asked(void);

/** stop_fd() - readable once it was asked */
int stop_fd(void);

/** stop_wait() - until fd is ready for these poll() events. Return: 0, -EINTR: asked to stop, -errno */
int stop_wait(int fd, short events);

/** stop_hold() - signals wait until stop_release() */
void stop_hold(void);
void stop_release(void);

/** stop_removes() - a file that the second signal removes before it ends the program; NULL: none */
void stop_removes(const char *path);

#endif
