/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * child.c - fork, exec, and the end of it
 *
 * Not uv_spawn(): between fork and exec we give up privileges but keep some capabilities, and ask
 * the kernel to end the child when we end. The kernel forgets the latter when a process changes its
 * user, so dnsmasq must not do that by itself.
 *
 * No signal may reach a handler of ours in the child: libuv's would write into the pipe that the
 * parent reads its own signals from. And the child has a session of its own: the Ctrl-C in a
 * terminal is for us, who end the child when nothing needs it any more.
 *
 * Death is seen by a pidfd; nobody needs SIGCHLD.
 */
#include "net/kernel/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/kernel/privilege.h"

#define LINE_MAX_LEN 512u
#define READS_MAX    64u /* of 1024 bytes in a row: what a pipe holds */
#define TERM_MS	     2000
#define EXEC_FAILED  127
#define ADMIN_PATH   "/usr/local/sbin:/usr/sbin:/sbin"

struct child {
	const struct child_events *events;
	void *opaque;
	pid_t pid;
	int pidfd, output;
	bool reaped;
	uv_poll_t on_pidfd, on_output;
	unsigned int open_handles;
	char line[LINE_MAX_LEN];
	size_t line_len;
};

char *child_find(const char *name)
{
	const char *path =
		secure_getenv("PATH"); /* not of who runs us with setcap's capabilities */
	char *all = NULL, *found = NULL, *rest = NULL;

	if (asprintf(&all, "%s:%s", path ? path : "", ADMIN_PATH) < 0)
		return NULL;
	for (char *dir = strtok_r(all, ":", &rest); dir && !found;
	     dir = strtok_r(NULL, ":", &rest)) {
		if (dir[0] != '/' || asprintf(&found, "%s/%s", dir, name) < 0)
			found = NULL;
		else if (access(found, X_OK) < 0) {
			free(found);
			found = NULL;
		}
	}
	free(all);
	return found;
}

/* What was blocked until now is let in when no handler is left. */
static void reset_signals(void)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &standard, NULL); /* refused for SIGKILL and the like */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Between fork and exec, all signals blocked: async-signal-safe calls only. */
__attribute__((noreturn)) static void run(const struct child_program *program, int output,
					  pid_t parent)
{
	static char locale[] = "LC_ALL=C", path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const environment[] = { locale, path, program->variable, NULL };
	int null = open("/dev/null", O_RDWR);

	reset_signals();
	setsid();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(output, STDERR_FILENO) < 0)
		_exit(EXEC_FAILED);
	/* Among the rest may be sockets whose end must be seen when we end. */
	if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		_exit(EXEC_FAILED);
	if (privilege_become(program->uid, program->gid, program->capabilities) < 0)
		_exit(EXEC_FAILED);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == parent) /* else nobody would tell us any more */
		execve(program->path, program->argv, environment);
	_exit(EXEC_FAILED);
}

/* Output */

static void tell_line(struct child *child)
{
	child->line[child->line_len] = '\0';
	child->line_len = 0;
	if (child->line[0])
		child->events->line(child->opaque, child->line);
}

/* A line that is too long is told in pieces. Return: did one contain the text? */
static bool take_output(struct child *child, const char *bytes, size_t n, const char *text)
{
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		bool end = bytes[i] == '\n';

		if (!end && bytes[i])
			child->line[child->line_len++] = bytes[i];
		if (!end && child->line_len < LINE_MAX_LEN - 1)
			continue;
		child->line[child->line_len] = '\0';
		found |= text && strstr(child->line, text);
		tell_line(child);
	}
	return found;
}

static void on_output(uv_poll_t *poll, int status, int events)
{
	struct child *child = poll->data;
	unsigned int reads = 0;
	char bytes[1024];
	ssize_t n;

	do {
		n = read(child->output, bytes, sizeof(bytes));
		if (n > 0)
			take_output(child, bytes, (size_t)n, NULL);
	} while (n == (ssize_t)sizeof(bytes) && ++reads < READS_MAX);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		uv_poll_stop(poll);
}

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

int child_wait_line(struct child *child, const char *text, unsigned int timeout_ms)
{
	uint64_t end_ms = now_ms() + timeout_ms, now;

	while ((now = now_ms()) < end_ms) {
		struct pollfd poll_fd = { .fd = child->output, .events = POLLIN };
		char bytes[1024];
		ssize_t n;

		if (poll(&poll_fd, 1, (int)(end_ms - now)) <= 0)
			continue;
		n = read(child->output, bytes, sizeof(bytes));
		if (n == 0)
			return -EPIPE;
		if (n > 0 && take_output(child, bytes, (size_t)n, text))
			return 0;
	}
	return -ETIMEDOUT;
}

/* Its end */

static void describe_end(const siginfo_t *info, char *ret, size_t size)
{
	if (info->si_code == CLD_EXITED && info->si_status == EXEC_FAILED)
		snprintf(ret, size, "it could not be run");
	else if (info->si_code == CLD_EXITED)
		snprintf(ret, size, "exit status %d", info->si_status);
	else
		snprintf(ret, size, "killed by %s", strsignal(info->si_status));
}

static void on_pidfd(uv_poll_t *poll, int status, int events)
{
	struct child *child = poll->data;
	siginfo_t info = { 0 };
	char how[64];

	if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) < 0 || !info.si_pid)
		return;
	child->reaped = true;
	uv_poll_stop(poll);
	on_output(&child->on_output, 0, 0); /* its last words */
	describe_end(&info, how, sizeof(how));
	child->events->ended(child->opaque, info.si_code == CLD_EXITED && !info.si_status, how);
}

int child_wait_end(struct child *child, unsigned int timeout_ms)
{
	uint64_t end_ms = now_ms() + timeout_ms, now;
	struct pollfd poll_fd = { .fd = child->pidfd, .events = POLLIN };

	if (child_wait_line(child, NULL, timeout_ms) != -EPIPE)
		return -ETIMEDOUT;
	now = now_ms();
	if (poll(&poll_fd, 1, now < end_ms ? (int)(end_ms - now) : 0) <= 0)
		return -ETIMEDOUT;
	on_pidfd(&child->on_pidfd, 0, 0);
	return 0;
}

static void end(struct child *child)
{
	struct pollfd poll_fd = { .fd = child->pidfd, .events = POLLIN };

	if (child->reaped)
		return;
	child_signal(child, SIGTERM);
	/* Another user's, and CAP_KILL is not there: the kernel ends it when we end. */
	if (poll(&poll_fd, 1, TERM_MS) <= 0 && child_signal(child, SIGKILL) < 0)
		return;
	while (waitid(P_PID, (id_t)child->pid, NULL, WEXITED) < 0 && errno == EINTR)
		;
	child->reaped = true;
}

int child_signal(struct child *child, int number)
{
	if (child->reaped)
		return -ESRCH;
	return kill(child->pid, number) < 0 ? -errno : 0; /* not reaped: the pid is still its */
}

static void on_closed(uv_handle_t *handle)
{
	struct child *child = handle->data;

	if (--child->open_handles == 0)
		free(child);
}

void child_free(struct child *child)
{
	if (!child)
		return;
	end(child);
	uv_close((uv_handle_t *)&child->on_pidfd, on_closed);
	uv_close((uv_handle_t *)&child->on_output, on_closed);
	close(child->pidfd);
	close(child->output);
}

/* Its beginning */

static int start_process(struct child *child, const struct child_program *program)
{
	pid_t parent = getpid();
	sigset_t all, before;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	child->pid = fork();
	if (child->pid == 0)
		run(program, fds[1], parent);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(fds[1]);
	if (child->pid < 0) {
		close(fds[0]);
		return -EAGAIN;
	}
	child->output = fds[0];
	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd >= 0)
		return 0;
	r = -errno;
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	close(fds[0]);
	return r;
}

/* Both descriptors can be polled, so this does not fail. */
static void watch(uv_loop_t *loop, struct child *child)
{
	uv_poll_init(loop, &child->on_pidfd, child->pidfd);
	uv_poll_init(loop, &child->on_output, child->output);
	child->on_pidfd.data = child->on_output.data = child;
	child->open_handles = 2;
	uv_poll_start(&child->on_pidfd, UV_READABLE, on_pidfd);
	uv_poll_start(&child->on_output, UV_READABLE | UV_DISCONNECT, on_output);
}

int child_start(uv_loop_t *loop, const struct child_program *program,
		const struct child_events *events, void *opaque, struct child **ret)
{
	struct child *child = calloc(1, sizeof(*child));
	int r;

	if (!child)
		return -ENOMEM;
	child->events = events;
	child->opaque = opaque;
	r = start_process(child, program);
	if (r < 0) {
		free(child);
		return r;
	}
	watch(loop, child);
	*ret = child;
	return 0;
}
