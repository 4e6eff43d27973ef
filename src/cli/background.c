/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * background.c - `outrigger net --background`: whoever starts it waits until guests may come
 *
 * The child is made before there is anything that a child could not have: no loop, no thread. A
 * session of its own: a Ctrl-C in the terminal is not for a network that others may use.
 */
#include "cli/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* One byte: ready. The end without it: the child has failed, and has said why. */
static int wait_for(pid_t child, int pipe_end)
{
	int status;
	ssize_t n;
	char byte;

	do
		n = read(pipe_end, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return EXIT_SUCCESS;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return EXIT_FAILURE;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int background_start(int *ret_ready, int *ret_status)
{
	int ends[2];
	pid_t child;

	if (pipe(ends) < 0)
		return -errno;
	for (size_t i = 0; i < 2; i++) /* not pipe2(), which not every system has */
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
	child = fork();
	if (child < 0) {
		int r = -errno;

		close(ends[0]);
		close(ends[1]);
		return r;
	}
	close(ends[child == 0 ? 0 : 1]);
	if (child == 0) {
		setsid();
		*ret_ready = ends[1];
		return 0;
	}
	*ret_status = wait_for(child, ends[0]);
	close(ends[0]);
	return 1;
}

void background_ready(int ready)
{
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	ssize_t n;

	if (nowhere >= 0) {
		dup2(nowhere, STDIN_FILENO);
		dup2(nowhere, STDOUT_FILENO);
		close(nowhere);
	}
	do
		n = write(ready, "", 1); /* who does not wait any more needs no answer */
	while (n < 0 && errno == EINTR);
	close(ready);
}
