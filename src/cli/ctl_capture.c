/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl_capture.c - `outrigger ctl PATH capture`: frames into a file or a pipe
 *
 * The network writes to one end of a socket pair, which it gets with the request; we copy from the
 * other to what we have opened with our own rights. A signal, or a pipe that nobody reads any more, ends
 * it: the network is asked to stop, and what it still sends is written, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ctl.h"
#include "cli/ctl_table.h"
#include "net/settings/spec.h"
#include "sys/json_build.h"

#define BUFFER_BYTES (1u << 18)

struct pump {
	struct ctl *ctl;
	const char *name; /* of the file; "-" */
	int out;
	int from; /* our end of the pair */
	int signals;
	uint64_t number;
	bool stopping;
	bool reader_gone; /* of the pipe */
	char *buffer;
};

/* Arguments: the file, then options with a value each. */
static int parse(int argc, char **argv, struct json_object *params)
{
	for (int i = 1; i < argc; i += 2) {
		bool is_number =
			strcmp(argv[i], "--limit") == 0 || strcmp(argv[i], "--snap-len") == 0;
		uint64_t number;
		char *why = NULL;

		if (!is_number && strcmp(argv[i], "--port") != 0 &&
		    strcmp(argv[i], "--filter") != 0)
			return ctl_refuse(
				"capture: %s: unknown option; there are --port, --filter, "
				"--limit and --snap-len",
				argv[i]);
		if (i + 1 == argc)
			return ctl_refuse("capture: %s: its value is missing", argv[i]);
		if (!is_number) {
			json_put_text(params, argv[i] + 2, argv[i + 1]);
		} else if (spec_number(argv[i + 1], 1, INT64_MAX, &number, &why) < 0) {
			ctl_refuse("capture: %s %s: %s", argv[i], argv[i + 1], why ? why : "");
			free(why);
			return CLI_EXIT_USAGE;
		} else {
			json_put_number(params, argv[i] + 2, number);
		}
	}
	return EXIT_SUCCESS;
}

static int check_out(struct pump *pump)
{
	if (strcmp(pump->name, "-") != 0)
		return EXIT_SUCCESS;
	if (isatty(STDOUT_FILENO))
		return ctl_refuse("capture -: standard output is a terminal; pipe it into "
				  "tcpdump -r - or give a file");
	pump->out = STDOUT_FILENO;
	return EXIT_SUCCESS;
}

/* Once the network has agreed: a file is not emptied for nothing. */
static int open_out(struct pump *pump)
{
	if (pump->out >= 0)
		return EXIT_SUCCESS;
	pump->out = open(pump->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (pump->out >= 0)
		return EXIT_SUCCESS;
	ctl_refuse("%s: %s", pump->name, strerror(errno));
	return EXIT_FAILURE;
}

/* From here on signals are read, and a pipe without a reader is an error of write(). */
static int take_signals(struct pump *pump)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	pump->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (pump->signals < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
		ctl_refuse("signals: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static int start(struct pump *pump, struct json_object *params)
{
	struct json_object *result = NULL;
	int pair[2], status;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		ctl_refuse("a socket pair: %s", strerror(errno));
		json_object_put(params);
		return EXIT_FAILURE;
	}
	status = ctl_ask(pump->ctl, "capture-start", params, pair[1], &result);
	close(pair[1]);
	pump->from = pair[0];
	if (status == EXIT_SUCCESS)
		pump->number = json_object_get_uint64(ctl_member(result, "capture"));
	json_object_put(result);
	return status;
}

static int stop(struct pump *pump)
{
	struct json_object *params = json_object_new_object(), *result = NULL;
	int status;

	if (pump->stopping)
		return EXIT_SUCCESS;
	pump->stopping = true;
	json_put_number(params, "capture", pump->number);
	status = ctl_ask(pump->ctl, "capture-stop", params, -1, &result);
	json_object_put(result);
	return status;
}

/* Return: exit status; nobody reading a pipe is none to speak of */
static int write_all(struct pump *pump, size_t len)
{
	size_t done = 0;

	while (done < len && !pump->reader_gone) {
		ssize_t n = write(pump->out, pump->buffer + done, len - done);

		if (n < 0 && errno == EPIPE) {
			pump->reader_gone = true;
		} else if (n < 0 && errno != EINTR) {
			ctl_refuse("%s: %s", pump->name, strerror(errno));
			return EXIT_FAILURE;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	return EXIT_SUCCESS;
}

/* Return: 1 there is more to come, 0 the end, -1 an error that was said */
static int copy(struct pump *pump)
{
	ssize_t n = read(pump->from, pump->buffer, BUFFER_BYTES);

	if (n < 0 && errno == EINTR)
		return 1;
	if (n <= 0)
		return 0;
	return write_all(pump, (size_t)n) == EXIT_SUCCESS ? 1 : -1;
}

/* The second signal has its own effect again. */
static int on_signal(struct pump *pump)
{
	struct signalfd_siginfo info;
	sigset_t set;

	if (read(pump->signals, &info, sizeof(info)) < 0)
		return EXIT_SUCCESS;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return stop(pump);
}

/* Return: exit status */
static int pump_all(struct pump *pump)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = pump->from, .events = POLLIN },
			{ .fd = pump->signals, .events = POLLIN },
			{ .fd = pump->reader_gone ? -1 : pump->out },
		};
		int r = 1;

		if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
			continue;
		if (fds[1].revents && on_signal(pump) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		if (fds[2].revents & POLLERR)
			pump->reader_gone = true;
		if (pump->reader_gone)
			return stop(pump);
		if (fds[0].revents)
			r = copy(pump);
		if (r <= 0)
			return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	}
}

static void say_end(const struct pump *pump, struct json_object *params)
{
	if (pump->ctl->json && pump->out != STDOUT_FILENO)
		ctl_print_json(params);
	else
		fprintf(stderr, "%s frames, %s of them left out; %s bytes; the end: %s\n",
			ctl_text(params, "frames"), ctl_text(params, "dropped"),
			ctl_text(params, "bytes"), ctl_text(params, "why"));
}

/* Why it ended is told by an event; if the network has ended, there is none. */
static int report(struct pump *pump)
{
	struct json_object *event = NULL;
	char *error = NULL;
	int r = ctl_event(pump->ctl->client, &event, &error);

	if (r < 0)
		ctl_refuse("%s", error ? error : strerror(-r));
	else
		say_end(pump, ctl_member(event, "params"));
	free(error);
	json_object_put(event);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(struct pump *pump, int argc, char **argv)
{
	struct json_object *params = json_object_new_object();
	int status = parse(argc, argv, params);

	if (status == EXIT_SUCCESS)
		status = check_out(pump);
	if (status == EXIT_SUCCESS)
		status = take_signals(pump);
	if (status != EXIT_SUCCESS) {
		json_object_put(params);
		return status;
	}
	status = start(pump, params);
	if (status == EXIT_SUCCESS)
		status = open_out(pump);
	if (status == EXIT_SUCCESS)
		status = pump_all(pump);
	if (status != EXIT_SUCCESS || pump->reader_gone)
		return status;
	return report(pump);
}

int ctl_capture(struct ctl *ctl, int argc, char **argv)
{
	struct pump pump = { .ctl = ctl,
			     .name = argv[0],
			     .out = -1,
			     .from = -1,
			     .signals = -1,
			     .buffer = malloc(BUFFER_BYTES) };
	int status = EXIT_FAILURE;

	if (pump.buffer)
		status = run(&pump, argc, argv);
	else
		ctl_refuse("%s", strerror(ENOMEM));
	if (pump.out >= 0 && pump.out != STDOUT_FILENO && close(pump.out) < 0) {
		ctl_refuse("%s: %s", pump.name, strerror(errno));
		status = EXIT_FAILURE;
	}
	if (pump.from >= 0)
		close(pump.from);
	if (pump.signals >= 0)
		close(pump.signals);
	free(pump.buffer);
	return status;
}
