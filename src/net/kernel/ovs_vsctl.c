/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ovs_vsctl.c - ovs-vsctl as a child
 */
#include "net/kernel/ovs_vsctl.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/kernel/privilege.h"

#define TIMEOUT "--timeout=5" /* s */

static char **argv_of(char *program, const char *const *words)
{
	size_t n = 0;
	char **argv;

	while (words[n])
		n++;
	argv = calloc(n + 3, sizeof(*argv));
	if (!argv)
		return NULL;
	argv[0] = program;
	argv[1] = (char *)TIMEOUT;
	for (size_t i = 0; i < n; i++)
		argv[i + 2] = (char *)words[i];
	return argv;
}

int ovs_vsctl_start(uv_loop_t *loop, const char *const *words, const struct child_events *events,
		    void *opaque, struct child **ret)
{
	const char *run_dir = secure_getenv("OVS_RUNDIR");
	char *path = child_find("ovs-vsctl");
	struct child_program program = { .path = path,
					 .uid = geteuid(),
					 .gid = getegid(),
					 .capabilities = privilege_bit(CAP_DAC_OVERRIDE) };
	char **argv = path ? argv_of(path, words) : NULL;
	int r = path ? -ENOMEM : -ENOENT;

	program.argv = argv;
	if (argv && (!run_dir || asprintf(&program.variable, "OVS_RUNDIR=%s", run_dir) >= 0))
		r = child_start(loop, &program, events, opaque, ret);
	free(program.variable);
	free(argv);
	free(path);
	return r;
}

/* Waiting */

struct run {
	FILE *output;
	bool ok;
};

static void on_line(void *opaque, const char *line)
{
	fprintf(((struct run *)opaque)->output, "%s\n", line);
}

static void on_ended(void *opaque, bool ok, const char *how)
{
	((struct run *)opaque)->ok = ok;
}

static const struct child_events events = { .line = on_line, .ended = on_ended };

int ovs_vsctl_wait(uv_loop_t *loop, const char *const *words, char **ret_output)
{
	struct run run = { 0 };
	struct child *child;
	size_t size;
	int r;

	*ret_output = NULL;
	run.output = open_memstream(ret_output, &size);
	if (!run.output)
		return -ENOMEM;
	r = ovs_vsctl_start(loop, words, &events, &run, &child);
	if (r >= 0) {
		if (child_wait_end(child, OVS_VSCTL_WAIT_MS) < 0)
			fputs("ovs-vsctl does not answer\n", run.output);
		child_free(child);
		r = run.ok ? 0 : -EIO;
	}
	fclose(run.output);
	return r;
}
