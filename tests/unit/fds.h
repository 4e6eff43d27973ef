/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fds.h - file descriptors that tests make and count
 */
#ifndef TESTS_FDS_H
#define TESTS_FDS_H

#include <dirent.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* How many this process has open (and one more, for looking: always the same one). */
static inline int fds_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline int test_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* What was added to it since the last look. */
static inline uint64_t eventfd_take(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count = 0;

	if (poll(&p, 1, 0) == 1 && read(fd, &count, sizeof(count)) != sizeof(count))
		return UINT64_MAX;
	return count;
}

static inline int test_memfd(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	return fd >= 0 && ftruncate(fd, (off_t)size) == 0 ? fd : -1;
}

#endif
