/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_progress.c - how far it is
 */
#include "cli/inspect_progress.h"

#include <stdio.h>
#include <unistd.h>

#define FIRST_MS 1000
#define EVERY_MS 200
#define MIB	 1048576.0

void progress_begin(struct progress *p, const char *what)
{
	*p = (struct progress) { .what = what, .next = RIG_FOREVER };
	if (isatty(STDERR_FILENO))
		p->next = rig_after_ms(FIRST_MS);
}

void progress_show(struct progress *p, uint64_t bytes)
{
	if (rig_now() < p->next)
		return;
	fprintf(stderr, "\r%s: %.1f MiB", p->what, (double)bytes / MIB);
	p->next = rig_after_ms(EVERY_MS);
	p->shown = true;
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
