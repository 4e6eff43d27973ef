/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state_file.c - written to a name of its own, then renamed: a crash leaves the old or the new one
 */
#include "net/kernel/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int path_of(const char *dir, const char *name, const char *suffix, char ret[PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s/%s%s", dir, name, suffix) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static long read_all(int fd, char *ret, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, ret + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			ret[have] = '\0';
			return (long)have;
		}
		have += (size_t)n;
	}
	return -EFBIG;
}

long state_file_read(const char *dir, const char *name, char *ret, size_t size)
{
	char path[PATH_MAX];
	long r;
	int fd;

	if (!dir)
		return 0;
	r = path_of(dir, name, "", path);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = read_all(fd, ret, size);
	close(fd);
	return r;
}

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int state_file_write(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX], new_path[PATH_MAX];
	int fd, r;

	if (!dir)
		return 0;
	r = path_of(dir, name, "", path);
	if (r >= 0)
		r = path_of(dir, name, ".new", new_path);
	if (r < 0)
		return r;
	fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text);
	if (close(fd) < 0 && r >= 0)
		r = -errno;
	if (r >= 0 && rename(new_path, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(new_path);
	return r;
}
