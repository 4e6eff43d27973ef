/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * child.h - one program run as a child, watched by the loop
 *
 * It dies with us, also when we are killed. What it writes to stdout and stderr is read line by
 * line. One thread: that of the loop, which must be the one that lives as long as the process.
 */
#ifndef NET_KERNEL_CHILD_H
#define NET_KERNEL_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct child;

struct child_events {
	void (*line)(void *opaque, const char *line); /* without its end */
	/* ok: exit status 0; else how: "exit status 2", "killed by SIGKILL" */
	void (*ended)(void *opaque, bool ok, const char *how);
};

/** struct child_program - what to run, as whom */
struct child_program {
	const char *path;
	char *const *argv;
	uid_t uid; /* if we are root */
	gid_t gid;
	uint32_t capabilities; /* by privilege_bit(): kept, as far as we have them */
	char *variable;	       /* "NAME=value", of an environment that is else fixed; or NULL */
};

/**
 * child_find() - a program in PATH, or where Debian has those for administrators
 * Return: its path, which the caller frees; NULL: there is none
 */
char *child_find(const char *name);

/** child_start() - Return: 0 or -errno; that it could not be run at all is told by ended() */
int child_start(uv_loop_t *loop, const struct child_program *program,
		const struct child_events *events, void *opaque, struct child **ret);

/**
 * child_wait_line() - read lines, telling of each, until one contains a text
 * Return: 0 found, -ETIMEDOUT, -EPIPE it closed its end (ended() follows in the loop)
 */
int child_wait_line(struct child *child, const char *text, unsigned int timeout_ms);

/**
 * child_wait_end() - read lines, telling of each, until it has ended, and tell of that as the loop
 * would. Return: 0, -ETIMEDOUT
 */
int child_wait_end(struct child *child, unsigned int timeout_ms);

int child_signal(struct child *child, int number); /* 0 or -errno */

/** child_free() - SIGTERM, SIGKILL when it takes too long; gone when this returns. No event runs */
void child_free(struct child *child);

#endif
