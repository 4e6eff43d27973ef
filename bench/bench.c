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
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vfio_user/wire.h"

#define READY_MS 10000
#define STOP_MS	 5000

static struct served *running; /* to be stopped when we die */

static void remove_dir(struct served *s)
{
	unlink(s->nic); /* only there if the server did not remove it */
	rmdir(s->dir);
}

/* Async-signal-safe. */
static _Noreturn void give_up(void)
{
	if (running) {
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
static _Noreturn void become_server(char *binary, char *nic, int out)
{
	char *argv[] = { binary, (char *)"net",		(char *)"host",	   (char *)"--nic",
			 nic,	 (char *)"--log-level", (char *)"warning", NULL };

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(out, STDOUT_FILENO);
	execv(binary, argv);
	fprintf(stderr, "bench: cannot start %s: %s\n", binary, strerror(errno));
	_exit(127);
}

void serve(struct served *s)
{
	char *binary = getenv("OUTRIGGER");
	int out[2];

	if (!binary)
		die("OUTRIGGER is not set: it names the binary to measure");
	strcpy(s->dir, "/tmp/outrigger-bench.XXXXXX");
	if (!mkdtemp(s->dir))
		die("cannot make a directory in /tmp: %s", strerror(errno));
	snprintf(s->nic, sizeof(s->nic), "%s/nic", s->dir);
	if (pipe2(out, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));

	uint64_t start = now_ns();

	s->pid = fork();
	if (s->pid < 0)
		die("fork: %s", strerror(errno));
	if (!s->pid)
		become_server(binary, s->nic, out[1]);
	close(out[1]);
	s->out = out[0];
	running = s;
	wait_ready(s, start);
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
	running = NULL;
	close(s->out);
	remove_dir(s);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		die("the server failed (wait status %#x)", (unsigned int)status);
}

static void send_all(int fd, const void *data, size_t len)
{
	if (send(fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("send: %s", strerror(errno));
}

static void recv_all(int fd, void *data, size_t len)
{
	ssize_t n = recv(fd, data, len, MSG_WAITALL);

	if (n != (ssize_t)len)
		die("recv: %s", n < 0 ? strerror(errno) : "the server hung up");
}

int nic_connect(const char *path)
{
	static const char json[] = "{\"capabilities\":{\"max_msg_fds\":16}}";
	static const struct wire_version version = { .major = 0, .minor = 0 };
	struct wire_header header = { .id = 1, .command = WIRE_VERSION };
	char request[sizeof(header) + sizeof(version) + sizeof(json)];
	struct wire_header reply;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char rest[4096];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	header.size = sizeof(request);
	memcpy(request, &header, sizeof(header));
	memcpy(request + sizeof(header), &version, sizeof(version));
	memcpy(request + sizeof(header) + sizeof(version), json, sizeof(json));
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die("cannot connect to %s: %s", path, strerror(errno));
	send_all(fd, request, sizeof(request));
	recv_all(fd, &reply, sizeof(reply));
	if (reply.flags != WIRE_TYPE_REPLY || reply.size < sizeof(reply) ||
	    reply.size - sizeof(reply) > sizeof(rest))
		die("the server refused the version (flags %#x, error %u)", reply.flags,
		    reply.error);
	recv_all(fd, rest, reply.size - sizeof(reply));
	return fd;
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
