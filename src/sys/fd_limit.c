/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fd_limit.c - how many files the process may have open
 */
#include "sys/fd_limit.h"

#include <errno.h>
#include <sys/resource.h>

int fd_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur >= FD_LIMIT_WANTED || limit.rlim_cur == limit.rlim_max)
		return 0;
	limit.rlim_cur = limit.rlim_max < FD_LIMIT_WANTED ? limit.rlim_max : FD_LIMIT_WANTED;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}
