/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * activation.h - sockets that a service manager made for us (systemd's LISTEN_FDS)
 *
 * They are fds 3 and up, of which the environment says how many there are (LISTEN_FDS), for whom
 * (LISTEN_PID) and, separated by colons, what they are called (LISTEN_FDNAMES). All of them stay
 * open as long as the process lives, and users work on duplicates: a socket can be given up and
 * taken again. Any thread, while nobody changes the environment.
 */
#ifndef SYS_ACTIVATION_H
#define SYS_ACTIVATION_H

#include <stdbool.h>

/**
 * activation_start() - once, before any child is started: none shall inherit them
 * @ret_error: a sentence; the caller frees
 * Return: 0, also if there are none; -EINVAL the environment makes no sense; -EBADF one of them is
 * not open
 */
int activation_start(char **ret_error);

/**
 * activation_number() - of what FileDescriptorName= of a socket unit calls so; not to be closed
 * Return: an fd; -ENOENT; -EEXIST several have that name; -EINVAL as above
 */
int activation_number(const char *name);

/** activation_has() - is this fd one of them? */
bool activation_has(int fd);

/**
 * activation_fd_by_path() - the UNIX socket that is bound to this path, however it is spelled
 * @type: SOCK_STREAM (then it listens) or SOCK_DGRAM
 * Return: a new close-on-exec fd, the caller's; -ENOENT; -EPROTOTYPE it is of another kind; -errno
 */
int activation_fd_by_path(const char *path, int type);

#endif
