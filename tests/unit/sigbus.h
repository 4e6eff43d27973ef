/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sigbus.h - give SIGBUS back to guarded_map.c
 *
 * cmocka takes it away before each test (and the library, like any, installs its handler once).
 */
#ifndef TESTS_SIGBUS_H
#define TESTS_SIGBUS_H

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/guarded_map.h"

static struct sigaction sigbus_guard;

/* Before cmocka runs: has the handler installed and remembers it. */
static inline void sigbus_remember(void)
{
	struct guarded_map *map;
	int fd = memfd_create("first", MFD_CLOEXEC);

	if (ftruncate(fd, 1) == 0 && guarded_map_new(fd, 0, 1, PROT_READ, &map) == 0)
		guarded_map_free(map);
	close(fd);
	sigaction(SIGBUS, NULL, &sigbus_guard);
}

/* First thing in a test that may fault. */
static inline void sigbus_give_back(void)
{
	sigaction(SIGBUS, &sigbus_guard, NULL);
}

#endif
