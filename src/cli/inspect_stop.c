/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_stop.c - a flag, an eventfd that is readable once it is set, and a signal handler for both
 *
 * Handlers run without SA_RESTART: a read or write that waits ends with EINTR. One that is about to
 * begin does not, which is what stop_wait() is for.
 */
#include "cli/inspect_stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const int signals[] = { SIGINT, SIGTERM, SIGPIPE };

static struct sigaction before[ARRAY_SIZE(signals)];
static int event = -1;
static const char *volatile message, *volatile half_file;
static volatile sig_atomic_t asked;

static void tell(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n; /* nowhere to say so */
}

static void on_signal(int number)
{
	static const uint64_t one = 1;
	int error = errno;

	if (asked) {
		if (half_file)
			unlink(half_file);
		signal(number, SIG_DFL);
		raise(number);
		return;
	}
	asked = 1;
	if (write(event, &one, sizeof(one)) < 0)
		tell("outrigger: inspect: the signal is noticed late\n");
	if (message)
		tell(message);
	errno = error;
}

int stop_begin(const char *say)
{
	struct sigaction action = { .sa_handler = on_signal };

	event = eventfd(0, EFD_CLOEXEC);
	if (event < 0)
		return -errno;
	asked = 0;
	message = say;
	half_file = NULL;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		sigaction(signals[i], NULL, &before[i]);
		action.sa_handler = signals[i] == SIGPIPE ? SIG_IGN : on_signal;
		if (before[i].sa_handler != SIG_IGN) /* who started us wants it so */
			sigaction(signals[i], &action, NULL);
	}
	return 0;
}

void stop_end(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &before[i], NULL);
	close(event);
	event = -1;
}

bool stop_asked(void)
{
	return asked;
}

int stop_fd(void)
{
	return event;
}

int stop_wait(int fd, short events)
{
	struct pollfd p[] = { { .fd = fd, .events = events }, { .fd = event, .events = POLLIN } };

	while (!asked) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents)
			break;
	}
	return asked ? -EINTR : 0;
}

static void change_mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(how, &set, NULL);
}

void stop_hold(void)
{
	change_mask(SIG_BLOCK);
}

void stop_release(void)
{
	change_mask(SIG_UNBLOCK);
}

void stop_removes(const char *path)
{
	half_file = path;
}
