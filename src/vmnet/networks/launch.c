/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launch.c - start `outrigger net` for a network of the registry
 *
 *   posix_spawn ---> outrigger net --background ---> the network, in a session of its own
 *                    ends when that is ready, or has failed
 *
 * So this process gets no child that stays, has nothing to reap later, and its Ctrl-C is its own.
 * The network gets none of its fds and signal settings, and nothing of a service manager's: it is
 * not the service.
 *
 * What is waited for is the end of stdout, which the network closes when it is ready.
 */
#include "vmnet/networks/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/explain.h"
#include "vmnet/networks/launch_words.h"

#define READY_MS      30000
#define LOG_TAIL_MAX  2048u
#define EXIT_USAGE    2
#define KEPT_FDS_UPTO 3

struct launch {
	struct words words;
	char **environment; /* an array of its own, of others' strings */
	char *log;
	pid_t pid;
	int out;   /* its stdout */
	int alive; /* which it inherits as the fd behind stderr */
};

static bool is_service_managers(const char *variable)
{
	static const char *const names[] = { "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=",
					     "NOTIFY_SOCKET=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

static char **copy_environment(void)
{
	size_t n = 0, kept = 0;
	char **copy;

	while (environ[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++) {
		if (!is_service_managers(environ[i]))
			copy[kept++] = environ[i];
	}
	return copy;
}

static const char *program(void)
{
	const char *named = secure_getenv("OUTRIGGER_PROGRAM");

	return named && *named ? named : OUTRIGGER_PROGRAM;
}

static const char *kind_of(const struct backend_request *request)
{
	const char *wanted = secure_getenv("OUTRIGGER_VMNET_NETWORK");

	if (request->mode == VMNET_BRIDGED_MODE || (wanted && strcmp(wanted, "kernel") == 0))
		return "kernel";
	return "user";
}

/* Return: 0, an errno */
static int add_actions(posix_spawn_file_actions_t *actions, const struct launch *launch, int out)
{
	int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (!r)
		r = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
	if (!r)
		r = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, launch->log,
						     O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW,
						     0600);
	if (!r)
		r = posix_spawn_file_actions_adddup2(actions, launch->alive, KEPT_FDS_UPTO);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(actions, KEPT_FDS_UPTO + 1);
	return r;
}

static int add_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	r = posix_spawnattr_setsigdefault(attributes, &all);
	if (!r)
		r = posix_spawnattr_setsigmask(attributes, &none);
	if (!r)
		r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
								 POSIX_SPAWN_SETSIGMASK |
								 POSIX_SPAWN_SETSID);
	return r;
}

static int spawn_with(struct launch *launch, int out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	r = posix_spawnattr_init(&attributes);
	if (!r) {
		r = add_actions(&actions, launch, out);
		if (!r)
			r = add_attributes(&attributes);
		if (!r)
			r = posix_spawnp(&launch->pid, launch->words.argv[0], &actions, &attributes,
					 launch->words.argv, launch->environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int spawn(struct launch *launch)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	/* Where stdin, stdout or stderr are closed an end may have their number. */
	r = ends[1] > KEPT_FDS_UPTO ? ends[1] : fcntl(ends[1], F_DUPFD_CLOEXEC, KEPT_FDS_UPTO + 1);
	if (r >= 0) {
		int out = r;

		r = spawn_with(launch, out);
		if (out != ends[1])
			close(out);
	}
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	launch->out = ends[0];
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Return: 0 stdout is at its end, -ETIMEDOUT, -errno */
static int wait_for_end(int out)
{
	int64_t end = now_ms() + READY_MS;
	char line[256];

	for (;;) {
		struct pollfd poll_fd = { .fd = out, .events = POLLIN };
		int64_t left = end - now_ms();
		int r = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;
		ssize_t n = r > 0 ? read(out, line, sizeof(line)) : -1;

		if (r == 0)
			return -ETIMEDOUT;
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/*
 * Return: its exit status; -ECHILD the program ignores SIGCHLD, or has waited for it itself; -EIO a
 * signal ended it
 */
static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

/* The last line that the network wrote. Return: NULL: none */
static char *log_tail(const char *path)
{
	char text[LOG_TAIL_MAX + 1], *newline;
	FILE *log = fopen(path, "re");
	size_t n;

	if (!log)
		return NULL;
	if (fseek(log, -(long)LOG_TAIL_MAX, SEEK_END) < 0)
		rewind(log);
	n = fread(text, 1, LOG_TAIL_MAX, log);
	fclose(log);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	newline = strrchr(text, '\n');
	return n ? strdup(newline ? newline + 1 : text) : NULL;
}

static int explain_end(const struct launch *launch, int status, char **ret_error)
{
	char *said = log_tail(launch->log);
	int r = status == EXIT_USAGE ? -EINVAL : -EIO;

	if (said)
		explain(ret_error, r, "%s", said);
	else
		explain(ret_error, r, "%s ended with status %d and no message",
			launch->words.argv[0], status);
	free(said);
	return r;
}

/*
 * Without a status, its socket's file says that it is ready. Not a connection: to the network that
 * would be its first holder, and the last.
 */
static bool has_socket(const struct registry *registry, const char *name)
{
	char *path = registry_path(registry, name, "control");
	bool there = path && access(path, F_OK) == 0;

	free(path);
	return there;
}

static int run(struct launch *launch, const struct registry *registry, const char *name,
	       char **ret_error)
{
	int r = spawn(launch), status;

	if (r < 0)
		return explain(ret_error, r,
			       "%s: cannot be started: %s; name the outrigger program by "
			       "OUTRIGGER_PROGRAM",
			       launch->words.argv[0], strerror(-r));
	r = wait_for_end(launch->out);
	close(launch->out);
	if (r < 0)
		kill(launch->pid, SIGKILL);
	status = reap(launch->pid);
	if (r < 0)
		return explain(ret_error, r, "the network is not ready: %s", strerror(-r));
	if (status == 0 || (status == -ECHILD && has_socket(registry, name)))
		return 0;
	return explain_end(launch, status, ret_error);
}

int launch_network(const struct registry *registry, const char *name, int alive,
		   const struct backend_request *request, const struct backend_range *range,
		   char **ret_error)
{
	struct launch launch = { .environment = copy_environment(),
				 .log = registry_path(registry, name, "log"),
				 .out = -1,
				 .alive = alive };
	char *control = registry_path(registry, name, "control");
	int r = -ENOMEM;

	if (launch.environment && launch.log && control)
		r = launch_words(program(), kind_of(request), control, request, range,
				 &launch.words);
	if (r >= 0)
		r = run(&launch, registry, name, ret_error);
	words_free(&launch.words);
	free(launch.environment);
	free(launch.log);
	free(control);
	return r;
}
