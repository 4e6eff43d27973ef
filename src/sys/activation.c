/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * activation.c - sockets that a service manager made for us (systemd's LISTEN_FDS)
 */
#include "sys/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/explain.h"
#include "sys/sock.h"

#define FIRST_FD 3
#define FDS_MAX	 4096 /* more is a mistake of whoever set the environment */

static int number_of(const char *text, long max, long *ret)
{
	char *end;
	long number;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	number = strtol(text, &end, 10);
	if (*end || errno || number > max)
		return -EINVAL;
	*ret = number;
	return 0;
}

/* Return: how many there are, 0 if they are not for this process; -EINVAL */
static int passed(void)
{
	const char *pid_text = getenv("LISTEN_PID"), *n_text = getenv("LISTEN_FDS");
	long pid, n;

	if (!pid_text || !n_text)
		return 0;
	if (number_of(pid_text, INT32_MAX, &pid) < 0)
		return -EINVAL;
	if (pid != getpid())
		return 0;
	if (number_of(n_text, FDS_MAX, &n) < 0)
		return -EINVAL;
	return (int)n;
}

/* Above all that were passed: whoever is told their numbers finds what he was told. */
static int duplicate(int fd, int n)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD + n);

	return copy < 0 ? -errno : copy;
}

int activation_start(char **ret_error)
{
	int n = passed();

	if (n < 0)
		return explain(ret_error, n,
			       "LISTEN_PID=%s LISTEN_FDS=%s: not numbers; they are set by the "
			       "service manager, unset them otherwise",
			       getenv("LISTEN_PID"), getenv("LISTEN_FDS"));
	for (int fd = FIRST_FD; fd < FIRST_FD + n; fd++) {
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return explain(ret_error, -errno,
				       "LISTEN_FDS=%d: fd %d is not open; the service manager "
				       "passes fds from %d on",
				       n, fd, FIRST_FD);
	}
	return 0;
}

int activation_number(const char *name)
{
	const char *at = getenv("LISTEN_FDNAMES");
	int n = passed(), found = -1;

	if (n < 0 || !at)
		return n < 0 ? n : -ENOENT;
	for (int i = 0; i < n; i++) {
		size_t len = strcspn(at, ":");

		if (strlen(name) == len && memcmp(at, name, len) == 0) {
			if (found >= 0)
				return -EEXIST;
			found = FIRST_FD + i;
		}
		if (!at[len])
			break;
		at += len + 1;
	}
	return found < 0 ? -ENOENT : found;
}

bool activation_has(int fd)
{
	return fd >= FIRST_FD && fd < FIRST_FD + passed();
}

/* Does this name lead to the same file? Both exist then. */
static bool same_file(const char *a, const char *b)
{
	struct stat st_a, st_b;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 && st_a.st_dev == st_b.st_dev &&
	       st_a.st_ino == st_b.st_ino;
}

static bool is_bound_to(int fd, const char *path)
{
	struct {
		struct sockaddr_un address;
		char end; /* a path of 108 bytes has none of its own */
	} bound = { .end = '\0' };
	socklen_t len = sizeof(bound.address);

	return getsockname(fd, (struct sockaddr *)&bound.address, &len) == 0 &&
	       bound.address.sun_family == AF_UNIX &&
	       len > offsetof(struct sockaddr_un, sun_path) && bound.address.sun_path[0] &&
	       same_file(bound.address.sun_path, path);
}

static bool is_of_type(int fd, int type)
{
	int is_type;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &is_type, &len) < 0 || is_type != type)
		return false;
	return type != SOCK_STREAM || sock_is_listening(fd);
}

int activation_fd_by_path(const char *path, int type)
{
	int n = passed();

	for (int fd = FIRST_FD; fd < FIRST_FD + n; fd++) {
		if (is_bound_to(fd, path))
			return is_of_type(fd, type) ? duplicate(fd, n) : -EPROTOTYPE;
	}
	return n < 0 ? n : -ENOENT;
}
