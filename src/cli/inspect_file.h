/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_file.h - files that are there whole or not at all
 *
 * Written as PATH.tmp, which becomes PATH when it is complete: a file that was there is replaced then,
 * and kept if anything fails. What is no regular file (a pipe, a terminal, /dev/null), and "-" for
 * standard output, is written directly. Between stop_begin() and stop_end() only.
 */
#ifndef CLI_INSPECT_FILE_H
#define CLI_INSPECT_FILE_H

#include <stddef.h>

struct out_file {
	int fd;
	char *target; /* what PATH leads to, if it is a link */
	char *tmp;    /* NULL: written directly */
};

/* All of them Return: 0, or a negative errno and in *ret_error why. Its caller frees that. */

/** out_file_check() - may one write there, as far as one can tell without doing it? */
int out_file_check(const char *path, char **ret_error);

/** out_file_open() - only the owner can read it: a device's memory may hold a guest's secrets */
int out_file_open(struct out_file *file, const char *path, char **ret_error);

/** out_file_write() - all of it; -EINTR: asked to stop */
int out_file_write(struct out_file *file, const void *data, size_t len, char **ret_error);

/** out_file_commit() - it is complete. Closes, whatever comes of it */
int out_file_commit(struct out_file *file, char **ret_error);

/** out_file_abandon() - remove what was written. No-op after out_file_commit() */
void out_file_abandon(struct out_file *file);

/** in_file_check(), in_file_open() - the same for a file that is read. Return: an fd */
int in_file_check(const char *path, char **ret_error);
int in_file_open(const char *path, char **ret_error);

#endif
