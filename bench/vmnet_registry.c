/* SPDX-License-Identifier: BSD-3-Clause */
/* vmnet_registry.c - where libvmnet registers the networks of a measurement: see vmnet_registry.h */
#include "vmnet_registry.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END_NS	 UINT64_C(5000000000)
#define MAX_DIRS 8

void vmnet_registry_use(const struct served *s)
{
	const char *program = getenv("OUTRIGGER");
	char registry[96];

	if (!program)
		die("OUTRIGGER is not set: it names the binary to measure");
	served_path(s, "vmnet", registry, sizeof(registry));
	setenv("OUTRIGGER_PROGRAM", program, 1);
	setenv("OUTRIGGER_VMNET_DIR", registry, 1);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
	(void)info;
	(void)type;
	(void)where;
	(void)remove(path);
	return 0;
}

/* A network ends a moment after the last program that had it, and removes its files, too. */
void vmnet_registry_end(const struct served *s)
{
	uint64_t limit = now_ns() + END_NS;

	while (nftw(s->dir, remove_entry, MAX_DIRS, FTW_DEPTH | FTW_PHYS) == 0 ||
	       access(s->dir, F_OK) == 0) {
		if (now_ns() > limit)
			die("%s cannot be removed: %s", s->dir, strerror(errno));
		usleep(1000);
	}
}
