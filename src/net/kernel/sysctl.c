/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sysctl.c - numbers in /proc/sys/net; the namespace is that of who opens them
 */
#include "net/kernel/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int open_setting(const char *family, const char *interface, const char *name, int flags)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, interface, name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysctl_get(const char *family, const char *interface, const char *name)
{
	int fd = open_setting(family, interface, name, O_RDONLY);
	char text[16] = "";
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n < 0 ? -EIO : atoi(text);
}

int sysctl_set(const char *family, const char *interface, const char *name, int value)
{
	char text[16];
	int fd, len, r = 0;

	if (sysctl_get(family, interface, name) == value)
		return 0;
	fd = open_setting(family, interface, name, O_WRONLY);
	if (fd < 0)
		return fd;
	len = snprintf(text, sizeof(text), "%d\n", value);
	if (write(fd, text, (size_t)len) < 0)
		r = -errno;
	close(fd);
	return r;
}
