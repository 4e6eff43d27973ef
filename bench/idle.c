/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * idle.c - what a NIC costs that nobody uses
 *
 * - start: from just before the fork for `outrigger net host --nic PATH` to its ready line; median of 20.
 * - memory: VmRSS of /proc/PID/status, and its split into what is its own (RssAnon) and what the page
 *   cache holds anyway (RssFile).
 * - wake-ups: how often a thread of the process left the CPU of its own accord in 5 seconds
 *   (voluntary_ctxt_switches, summed over /proc/PID/task). Asleep all the time, it is never.
 *
 * Memory and wake-ups are taken twice: with no client, and with one that connected, negotiated
 * and then says nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define STARTS	 20
#define SETTLE_S 1 /* start-up work still going on is not idle */
#define IDLE_S	 5

/* The number behind "field:" in a file like /proc/PID/status */
static unsigned long proc_field(const char *path, const char *field)
{
	FILE *f = fopen(path, "re");
	size_t len = strlen(field);
	char line[256];

	if (!f)
		die("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, field, len) || line[len] != ':')
			continue;
		fclose(f);
		return strtoul(line + len + 1, NULL, 10);
	}
	die("%s has no %s", path, field);
}

static unsigned long status_field(pid_t pid, const char *field)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	return proc_field(path, field);
}

static unsigned long sleeps(pid_t pid)
{
	unsigned long sum = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);

	DIR *d = opendir(path);

	if (!d)
		die("%s: %s", path, strerror(errno));
	for (struct dirent *e; (e = readdir(d));) {
		char status[sizeof(path) + sizeof(e->d_name) + 8];

		if (e->d_name[0] == '.')
			continue;
		snprintf(status, sizeof(status), "%s/%s/status", path, e->d_name);
		sum += proc_field(status, "voluntary_ctxt_switches");
	}
	closedir(d);
	return sum;
}

static void start_time(void)
{
	double ms[STARTS];

	for (size_t i = 0; i < STARTS; i++) {
		struct served s;

		serve(&s);
		ms[i] = (double)s.ready_ns / 1e6;
		serve_end(&s);
	}
	report(&(struct result) {
		.bench = "idle",
		.name = "start",
		.what = "from fork to the ready line, median of 20; p99: the slowest",
		.unit = "ms",
		.ours = percentile(ms, STARTS, 50),
		.ours_p99 = percentile(ms, STARTS, 100),
		.reference = -1,
		.target = TARGET_AT_MOST,
		.limit = 20,
	});
}

static void memory(pid_t pid, const char *name, const char *clients)
{
	char note[96];

	snprintf(note, sizeof(note), "%s; anonymous %lu KiB, of files %lu KiB", clients,
		 status_field(pid, "RssAnon"), status_field(pid, "RssFile"));
	report(&(struct result) {
		.bench = "idle",
		.name = name,
		.what = "resident memory of a process with one NIC",
		.unit = "MiB",
		.ours = (double)status_field(pid, "VmRSS") / 1024,
		.reference = -1,
		.target = TARGET_LESS,
		.limit = 8,
		.note = note,
	});
}

static void wake_ups(pid_t pid, const char *name, const char *clients)
{
	sleep(SETTLE_S);

	unsigned long before = sleeps(pid);

	sleep(IDLE_S);
	report(&(struct result) {
		.bench = "idle",
		.name = name,
		.what = "wake-ups in 5 idle seconds, all threads",
		.unit = "count",
		.ours = (double)(sleeps(pid) - before),
		.reference = -1,
		.target = TARGET_AT_MOST,
		.limit = 0,
		.note = clients,
	});
}

int main(void)
{
	struct served s;
	int client;

	watchdog(90);
	start_time();

	serve(&s);
	wake_ups(s.pid, "idle_wakeups", "no client");
	memory(s.pid, "memory", "no client");

	client = nic_connect(s.nic);
	wake_ups(s.pid, "idle_wakeups_client", "an idle client");
	memory(s.pid, "memory_client", "an idle client");
	close(client);
	serve_end(&s);
	return 0;
}
