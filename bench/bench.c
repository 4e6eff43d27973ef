/* SPDX-License-Identifier: BSD-3-Clause */
/* bench.c - what the measuring programs share: see bench.h */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_MS 10000
#define STOP_MS	 5000

static struct served *running; /* and those before it: to be stopped when we die */

/* Its sockets are only there if the server did not remove them. Async-signal-safe. */
static void remove_dir(struct served *s)
{
	static const char *const names[] = { "nic", "nic-b",   "stream",  "idle", "a",
					     "b",   "guest-a", "guest-b", "copy", "copy-guest" };
	int dir = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(dir, names[i], 0);
	close(dir);
	rmdir(s->dir);
}

/* Async-signal-safe. */
static _Noreturn void give_up(void)
{
	for (; running; running = running->before) {
		kill(running->pid, SIGKILL);
		waitpid(running->pid, NULL, 0);
		remove_dir(running);
	}
	_exit(1);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\n", stderr);
	va_end(args);
	give_up();
}

static void on_alarm(int signal)
{
	static const char text[] = "bench: took too long: a reply never came\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	give_up();
}

void watchdog(unsigned int seconds)
{
	signal(SIGALRM, on_alarm);
	alarm(seconds);
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t process_cpu_ns(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
		die("process %d has no clock: did it end?", (int)pid);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double percentile(double *values, size_t n, double p)
{
	qsort(values, n, sizeof(*values), by_size);
	return values[(size_t)((double)(n - 1) * p / 100.0)];
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("cannot run on CPU %d: %s", cpu, strerror(errno));
}

void pin_apart(int n)
{
	static cpu_set_t allowed;

	if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		die("sched_getaffinity: %s", strerror(errno));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, &allowed) && n-- == 0)
			pin(cpu);
	}
}

/* The ready line is the first one on stdout; what it says is the command's business. */
static void wait_ready(struct served *s, uint64_t start)
{
	char line[256];
	size_t len = 0;

	while (!len || line[len - 1] != '\n') {
		struct pollfd p = { .fd = s->out, .events = POLLIN };

		if (poll(&p, 1, READY_MS) <= 0)
			die("the server was not ready after %d s", READY_MS / 1000);
		s->ready_ns = now_ns() - start;

		ssize_t got = read(s->out, line + len, sizeof(line) - len);

		if (got <= 0)
			die("the server ended before it was ready");
		len += (size_t)got;
		if (len == sizeof(line))
			die("the server's first line has no end: %.40s...", line);
	}
}

/* In the child: become the server, which ends with us however we end. */
static _Noreturn void become_server(const char *const *argv, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(out, STDOUT_FILENO);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "bench: cannot start %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void start(struct served *s, const char *const *argv)
{
	int out[2];

	if (!argv[0])
		die("OUTRIGGER is not set: it names the binary to measure");
	if (pipe2(out, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));

	uint64_t begin = now_ns();

	s->pid = fork();
	if (s->pid < 0)
		die("fork: %s", strerror(errno));
	if (!s->pid)
		become_server(argv, out[1]);
	close(out[1]);
	s->out = out[0];
	s->before = running;
	running = s;
	wait_ready(s, begin);
}

static void make_dir(struct served *s)
{
	strcpy(s->dir, "/tmp/outrigger-bench.XXXXXX");
	if (!mkdtemp(s->dir))
		die("cannot make a directory in /tmp: %s", strerror(errno));
	served_path(s, "nic", s->nic, sizeof(s->nic));
}

void serve(struct served *s)
{
	make_dir(s);
	start(s, (const char *[]) { getenv("OUTRIGGER"), "net", "host", "--nic", s->nic,
				    "--log-level", "warning", NULL });
}

void serve_sockets(struct served *s)
{
	char stream[96], idle[96], a[96], b[96];

	make_dir(s);
	served_path(s, "stream", stream, sizeof(stream));
	served_path(s, "idle", idle, sizeof(idle));
	served_path(s, "a", a, sizeof(a));
	served_path(s, "b", b, sizeof(b));
	start(s, (const char *[]) { getenv("OUTRIGGER"), "net", "host", "--stream", stream,
				    "--stream", idle, "--dgram", a, "--dgram", b, "--log-level",
				    "warning", NULL });
}

void serve_kernel_nics(struct served *s)
{
	char other[96];

	make_dir(s);
	served_path(s, "nic-b", other, sizeof(other));
	start(s, (const char *[]) { getenv("OUTRIGGER"), "net", "host", "--network", "kernel",
				    "--net-uuid", "5b2a8d5e-6d6a-4c5e-9a68-2f1b7f0c9d11", "--nic",
				    s->nic, "--nic", other, "--log-level", "warning", NULL });
}

void serve_nics(struct served *s)
{
	char other[96];

	make_dir(s);
	served_path(s, "nic-b", other, sizeof(other));
	start(s, (const char *[]) { getenv("OUTRIGGER"), "net", "host", "--nic", s->nic, "--nic",
				    other, "--log-level", "warning", NULL });
}

void serve_vmnet(struct served *s, const char *network)
{
	char stream[96];

	make_dir(s);
	served_path(s, "stream", stream, sizeof(stream));
	start(s, (const char *[]) { getenv("OUTRIGGER"), "net", "host", "--network", "vmnet",
				    "--net-uuid", network, "--stream", stream, "--log-level",
				    "warning", NULL });
}

void served_path(const struct served *s, const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", s->dir, name);
}

void serve_end(struct served *s)
{
	uint64_t limit = now_ns() + STOP_MS * UINT64_C(1000000);
	int status;

	kill(s->pid, SIGTERM);
	while (waitpid(s->pid, &status, WNOHANG) == 0) {
		if (now_ns() > limit)
			die("the server did not end within %d s of SIGTERM", STOP_MS / 1000);
		usleep(1000);
	}
	running = s->before;
	close(s->out);
	remove_dir(s);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		die("the server failed (wait status %#x)", (unsigned int)status);
}

bool is_asked_for(const char *name, char **names)
{
	bool found = !*names;

	for (; *names; names++)
		found |= strcmp(*names, name) == 0;
	return found;
}

static bool target_met(enum target target, double value, double limit)
{
	switch (target) {
	case TARGET_AT_MOST:
		return value <= limit;
	case TARGET_LESS:
		return value < limit;
	case TARGET_AT_LEAST:
		return value >= limit;
	case TARGET_NONE:
		break;
	}
	return true;
}

/* Strings are this program's own and need no escapes. */
void report(const struct result *r)
{
	static const char *const sign[] = { "", "<=", "<", ">=" };
	bool has_reference = r->reference >= 0;
	double judged = has_reference ? r->ratio : r->ours;

	printf("{\"bench\":\"%s\",\"name\":\"%s\",\"what\":\"%s\",\"unit\":\"%s\",\"ours\":%.6g",
	       r->bench, r->name, r->what, r->unit, r->ours);
	if (has_reference)
		printf(",\"reference\":%.6g,\"ratio\":%.4g", r->reference, r->ratio);
	if (r->ours_p99 > 0)
		printf(",\"ours_p99\":%.6g", r->ours_p99);
	if (r->reference_p99 > 0)
		printf(",\"reference_p99\":%.6g", r->reference_p99);
	if (r->target != TARGET_NONE)
		printf(",\"target\":\"%s %.*f\",\"met\":%s", sign[r->target], has_reference ? 2 : 0,
		       r->limit, target_met(r->target, judged, r->limit) ? "true" : "false");
	if (r->note)
		printf(",\"note\":\"%s\"", r->note);
	printf("}\n");
	fflush(stdout);
}

void skip(const char *bench, const char *name, const char *why)
{
	printf("{\"bench\":\"%s\",\"name\":\"%s\",\"skipped\":\"%s\"}\n", bench, name, why);
	fflush(stdout);
}
