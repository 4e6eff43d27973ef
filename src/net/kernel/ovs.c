/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ovs.c - ovs-vsctl as a child, waited for
 *
 * Its database outlives us and our TAPs, so what we add is marked (external_ids) and found again
 * after a kill.
 */
#include "net/kernel/ovs.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/kernel/child.h"
#include "sys/explain.h"
#include "sys/log.h"

#define TIMEOUT	   "--timeout=5" /* s */
#define MARK	   "external_ids:outrigger=yes"
#define OUTPUT_MAX 65536u
#define ARGS_MAX   16u

extern char **environ;

static void read_all(int fd, char *ret, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size - 1 &&
	       ((n = read(fd, ret + have, size - 1 - have)) > 0 || (n < 0 && errno == EINTR)))
		have += n > 0 ? (size_t)n : 0;
	ret[have] = '\0';
}

static int spawn(const char *program, char *const *argv, int output, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	if (!r)
		r = posix_spawn(ret, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* @words: ended by NULL. Return: exit status, -ENOENT without ovs-vsctl, -errno */
static int vsctl(const char *const *words, char *output, size_t size)
{
	char *program = child_find("ovs-vsctl");
	char *argv[ARGS_MAX + 3] = { program, (char *)TIMEOUT };
	int fds[2], status = 0, r;
	pid_t pid;

	if (!program)
		return -ENOENT;
	for (size_t i = 0; i < ARGS_MAX && words[i]; i++)
		argv[i + 2] = (char *)words[i];
	if (pipe2(fds, O_CLOEXEC) < 0) {
		free(program);
		return -errno;
	}
	r = spawn(program, argv, fds[1], &pid);
	close(fds[1]);
	if (r >= 0) {
		read_all(fds[0], output, size);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		r = WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
	}
	close(fds[0]);
	free(program);
	return r;
}

bool ovs_has_bridge(const char *name)
{
	const char *const words[] = { "br-exists", name, NULL };
	char output[1024];

	return vsctl(words, output, sizeof(output)) == 0;
}

int ovs_add_port(const char *bridge, const char *port, bool isolated, char **ret_error)
{
	const char *const words[] = { "add-port",
				      bridge,
				      port,
				      "--",
				      "set",
				      "Interface",
				      port,
				      MARK,
				      "--",
				      "set",
				      "Port",
				      port,
				      isolated ? "other_config:protected=true"
					       : "other_config:protected=false",
				      NULL };
	char output[1024];
	int r;

	r = vsctl(words, output, sizeof(output));
	if (r < 0)
		return r;
	output[strcspn(output, "\n")] = '\0';
	if (r > 0)
		return explain(ret_error, -EIO, "cannot plug %s into %s: %s", port, bridge, output);
	return 0;
}

void ovs_remove_port(const char *port)
{
	const char *const words[] = { "--if-exists", "del-port", port, NULL };
	char output[1024];

	if (vsctl(words, output, sizeof(output)) != 0)
		log_warning("%s stays in Open vSwitch's database: %s", port, output);
}

void ovs_remove_leftovers(void)
{
	const char *const words[] = { "--bare", "--columns=name", "find", "Interface", MARK, NULL };
	char *output = malloc(OUTPUT_MAX), *rest = NULL;

	if (output && vsctl(words, output, OUTPUT_MAX) == 0) {
		for (char *name = strtok_r(output, "\n", &rest); name;
		     name = strtok_r(NULL, "\n", &rest)) {
			if (!if_nametoindex(name))
				ovs_remove_port(name);
		}
	}
	free(output);
}
