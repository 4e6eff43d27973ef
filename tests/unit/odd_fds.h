/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * odd_fds.h - file descriptors that are not what a peer says they are
 */
#ifndef TESTS_ODD_FDS_H
#define TESTS_ODD_FDS_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "fds.h"

/** enum odd_fd - none can be mapped as said, and only ODD_EVENT is an eventfd */
enum odd_fd {
	ODD_DIRECTORY,
	ODD_PIPE,
	ODD_CLOSED_PIPE, /* nobody reads it any more */
	ODD_SOCKET,
	ODD_EPOLL,
	ODD_TIMER,
	ODD_DEVICE,
	ODD_PATH, /* O_PATH of a file */
	ODD_EVENT,
	ODD_SHORT_FILE, /* by a byte */
	ODD_EMPTY_FILE,
	ODD_KINDS
};

/* A second description of a file, with other flags. */
static inline int reopen_fd(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

/* A file whose content nobody may change: seals are F_SEAL_... */
static inline int sealed_memfd(uint64_t size, int seals)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd >= 0 && ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0
		       ? fd
		       : -1;
}

/* The first of two ends; the other one is closed. */
static inline int keep_end(int r, const int ends[2], int kept)
{
	if (r < 0)
		return -1;
	close(ends[!kept]);
	return ends[kept];
}

static inline int odd_path_fd(uint64_t size)
{
	int file = test_memfd(size), fd = reopen_fd(file, O_PATH);

	close(file);
	return fd;
}

/** odd_fd() - Return: an fd that the caller closes. size: what is expected of memory */
static inline int odd_fd(enum odd_fd kind, uint64_t size)
{
	int ends[2];

	switch (kind) {
	case ODD_DIRECTORY:
		return open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case ODD_PIPE:
		return keep_end(pipe2(ends, O_CLOEXEC), ends, 0);
	case ODD_CLOSED_PIPE:
		return keep_end(pipe2(ends, O_CLOEXEC), ends, 1);
	case ODD_SOCKET:
		return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case ODD_EPOLL:
		return epoll_create1(EPOLL_CLOEXEC);
	case ODD_TIMER:
		return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	case ODD_DEVICE:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	case ODD_PATH:
		return odd_path_fd(size);
	case ODD_EVENT:
		return test_eventfd();
	case ODD_SHORT_FILE:
		return test_memfd(size - 1);
	default:
		return test_memfd(0);
	}
}

#endif
