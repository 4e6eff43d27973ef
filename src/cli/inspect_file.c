/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_file.c - files that are there whole or not at all
 */
#include "cli/inspect_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/inspect_stop.h"
#include "sys/explain.h"

static int cannot(const char *verb, const char *path, char **ret_error)
{
	int error = errno;

	return explain(ret_error, -error, "cannot %s %s: %s", verb, path, strerror(error));
}

static bool is_stream(const char *path)
{
	return strcmp(path, "-") == 0;
}

/* Is it there, and nothing that another file could take the place of? */
static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static bool directory_writable(const char *path)
{
	char *copy = strdup(path);
	bool writable = copy && access(dirname(copy), W_OK | X_OK) == 0;

	free(copy);
	return writable;
}

int out_file_check(const char *path, char **ret_error)
{
	char *target;
	struct stat st;
	int r = 0;

	if (is_stream(path))
		return 0;
	target = realpath(path, NULL);
	if (target && stat(target, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		r = cannot("write", path, ret_error);
	} else if (is_special(path) ? access(path, W_OK) < 0
				    : !directory_writable(target ? target : path)) {
		r = cannot("write", path, ret_error);
	}
	free(target);
	return r;
}

/* PATH, or what it leads to: links stay links. */
static int name_target(struct out_file *file, const char *path)
{
	file->target = realpath(path, NULL);
	if (!file->target)
		file->target = strdup(path);
	if (!file->target || asprintf(&file->tmp, "%s.tmp", file->target) < 0) {
		file->tmp = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int open_tmp(struct out_file *file, char **ret_error)
{
	int error;

	stop_hold(); /* once it is there it is ours to remove */
	file->fd = open(file->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	error = errno;
	if (file->fd >= 0)
		stop_removes(file->tmp);
	stop_release();
	errno = error;
	if (file->fd >= 0)
		return 0;
	if (errno == EEXIST)
		return explain(
			ret_error, -EEXIST,
			"%s is there: it is being written, or was when its writer was killed; "
			"remove it if nobody writes it",
			file->tmp);
	return cannot("make", file->tmp, ret_error);
}

/* So that nothing is removed: it is complete, or was not made. */
static void forget_names(struct out_file *file)
{
	stop_removes(NULL);
	free(file->target);
	free(file->tmp);
	file->target = file->tmp = NULL;
}

int out_file_open(struct out_file *file, const char *path, char **ret_error)
{
	int r;

	*file = (struct out_file) { .fd = -1 };
	if (is_stream(path) || is_special(path)) {
		file->fd = is_stream(path) ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
					   : open(path, O_WRONLY | O_CLOEXEC);
		return file->fd < 0 ? cannot("write", path, ret_error) : 0;
	}
	r = name_target(file, path);
	if (r < 0)
		explain(ret_error, r, "cannot write %s: %s", path, strerror(-r));
	else
		r = open_tmp(file, ret_error);
	if (r < 0)
		forget_names(file);
	return r;
}

int out_file_write(struct out_file *file, const void *data, size_t len, char **ret_error)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n;
		int r = stop_wait(file->fd, POLLOUT);

		if (r < 0)
			return explain(ret_error, r, "interrupted");
		n = write(file->fd, at, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return cannot("write", file->tmp ? file->tmp : "to it", ret_error);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int out_file_commit(struct out_file *file, char **ret_error)
{
	int r = 0;

	if (file->tmp && fsync(file->fd) < 0)
		r = cannot("write", file->tmp, ret_error);
	if (r == 0 && file->tmp && rename(file->tmp, file->target) < 0)
		r = cannot("write", file->target, ret_error);
	if (r == 0)
		forget_names(file);
	out_file_abandon(file);
	return r;
}

void out_file_abandon(struct out_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	if (file->tmp)
		unlink(file->tmp);
	forget_names(file);
}

int in_file_check(const char *path, char **ret_error)
{
	struct stat st;

	if (is_stream(path))
		return 0;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		errno = EISDIR;
	else if (access(path, R_OK) == 0)
		return 0;
	return cannot("read", path, ret_error);
}

int in_file_open(const char *path, char **ret_error)
{
	int fd = is_stream(path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
				 : open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? cannot("read", path, ret_error) : fd;
}
