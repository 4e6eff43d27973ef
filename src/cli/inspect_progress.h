/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_progress.h - how far it is: one line on stderr, if that is a terminal, of what takes longer
 * than a second
 */
#ifndef CLI_INSPECT_PROGRESS_H
#define CLI_INSPECT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <outrigger/common.h>

struct progress {
	const char *what;
	rig_time next; /* RIG_FOREVER: never */
	bool shown;
};

/** progress_begin() - @what: static */
void progress_begin(struct progress *p, const char *what);
void progress_show(struct progress *p, uint64_t bytes);

/** progress_end() - takes the line away */
void progress_end(struct progress *p);

#endif
