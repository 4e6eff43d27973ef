/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl.c - `outrigger ctl PATH COMMAND`: look at a running network and change it
 */
#include "cli/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const struct ctl_command commands[] = {
	{ "status", "", "mode, addresses, how much of everything there is", 0, 0, ctl_status },
	{ "ports", "", "ports, who is connected, limits, counters", 0, 0, ctl_ports },
	{ "leases", "", "who has which address", 0, 0, ctl_leases },
	{ "addresses", "", "which MAC address is behind which port", 0, 0, ctl_addresses },
	{ "forwards", "", "port forwards, and where they lead", 0, 0, ctl_forwards },
	{ "counters", "", "what is counted for the network and its sockets", 0, 0, ctl_counters },
	{ "metrics", "", "all that is counted, as OpenMetrics text", 0, 0, ctl_metrics },
	{ "capture", "FILE|-",
	  "frames as a pcap file until Ctrl-C; behind it\n"
	  "--port PORT (default: the network), --filter EXPRESSION\n"
	  "(as tcpdump has it), --limit BYTES of the file,\n"
	  "--snap-len BYTES of each frame",
	  1, 9, ctl_capture },
	{ "captures", "", "those that are running", 0, 0, ctl_captures },
	{ "capture-stop", "NUMBER", "end one of them", 1, 1, ctl_capture_stop },
	{ "add-port", "nic|stream|dgram SPEC", "as --nic, --stream and --dgram of outrigger net", 2,
	  2, ctl_add_port },
	{ "remove-port", "PORT", "its guests are disconnected", 1, 1, ctl_remove_port },
	{ "link", "PORT up|down", "as if its cable was pulled out", 2, 2, ctl_link },
	{ "limits", "PORT rate=RATE", "or rate-to-guest=, rate-from-guest=; 0: none", 2, 3,
	  ctl_limits },
	{ "add-forward", "FORWARD", "as --forward of outrigger net", 1, 1, ctl_add_forward },
	{ "remove-forward", "FORWARD", "the one with this protocol and host's side", 1, 1,
	  ctl_remove_forward },
	{ "reserve", "MAC=ADDR[,name=NAME]", "as --reserve of outrigger net", 1, 1, ctl_reserve },
	{ "unreserve", "MAC", "for guests that come from now on", 1, 1, ctl_unreserve },
	{ "reload", "", "read the file of --config again, apply what has changed", 0, 0,
	  ctl_reload },
};

#define N_COMMANDS  (sizeof(commands) / sizeof(commands[0]))
#define HELP_COLUMN 38

static void usage_command(const struct ctl_command *command)
{
	int column = printf("  %s%s%s", command->name, *command->arguments ? " " : "",
			    command->arguments);

	for (const char *line = command->help; line; column = 0) {
		int len = (int)strcspn(line, "\n");

		printf("%*s%.*s\n", column < HELP_COLUMN ? HELP_COLUMN - column : 1, "", len, line);
		line = line[len] ? line + len + 1 : NULL;
	}
}

static void usage(void)
{
	puts("Usage: outrigger ctl [--json] PATH COMMAND [ARGUMENTS]\n"
	     "\n"
	     "Looks at a running network and changes it, by the control socket that it has at PATH\n"
	     "(outrigger net --control PATH).\n"
	     "\n"
	     "  --json                              print answers as they come: docs/control.md\n"
	     "  --help                              this text; behind a command: of that one\n"
	     "\n"
	     "Commands:");
	for (size_t i = 0; i < N_COMMANDS; i++)
		usage_command(&commands[i]);
	puts("\n"
	     "Exit status: 0, 1 something failed, 2 the command line is wrong.");
}

int ctl_refuse(const char *format, ...)
{
	va_list args;

	fputs("outrigger: ctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return CLI_EXIT_USAGE;
}

int ctl_ask(struct ctl *ctl, const char *method, struct json_object *params, int fd,
	    struct json_object **ret)
{
	char *error = NULL;
	int r = ctl_call(ctl->client, method, params, fd, ret, &error);

	if (r < 0)
		ctl_refuse("%s", error ? error : strerror(-r));
	free(error);
	json_object_put(params);
	if (r == -EINVAL)
		return CLI_EXIT_USAGE;
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int ctl_print_json(struct json_object *result)
{
	const char *text = json_object_to_json_string_ext(
		result, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text) {
		ctl_refuse("%s", strerror(ENOMEM));
		return EXIT_FAILURE;
	}
	puts(text);
	return EXIT_SUCCESS;
}

int ctl_do(struct ctl *ctl, const char *method, struct json_object *params, int fd)
{
	struct json_object *result = NULL;
	int status = ctl_ask(ctl, method, params, fd, &result);

	if (status == EXIT_SUCCESS && ctl->json)
		status = ctl_print_json(result);
	json_object_put(result);
	return status;
}

static const struct ctl_command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int run(const struct ctl_command *command, const char *path, bool json, int argc,
	       char **argv)
{
	struct ctl ctl = { .json = json };
	char *error = NULL;
	int r = ctl_connect(path, &ctl.client, &error), status;

	if (r < 0) {
		ctl_refuse("%s", error ? error : strerror(-r));
		free(error);
		return EXIT_FAILURE;
	}
	status = command->run(&ctl, argc, argv);
	ctl_disconnect(ctl.client);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ctl_refuse("standard output: %s", strerror(errno));
		status = EXIT_FAILURE;
	}
	return status;
}

/* @argv: the command and what follows */
static int run_command(const char *path, bool json, int argc, char **argv)
{
	const struct ctl_command *command = argc > 0 ? find_command(argv[0]) : NULL;

	if (argc < 1)
		return ctl_refuse("no command given; see outrigger ctl --help");
	if (!command)
		return ctl_refuse("%s: unknown command; see outrigger ctl --help", argv[0]);
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		printf("Usage: outrigger ctl [--json] PATH %s %s\n\n%s.\n", command->name,
		       command->arguments, command->help);
		return EXIT_SUCCESS;
	}
	if (argc - 1 < command->n_min || argc - 1 > command->n_max)
		return ctl_refuse("%s: %s; it is used as: outrigger ctl PATH %s %s", command->name,
				  argc - 1 < command->n_min ? "an argument is missing"
							    : "too many arguments",
				  command->name, command->arguments);
	return run(command, path, json, argc - 1, argv + 1);
}

int cmd_ctl(int argc, char **argv)
{
	bool json = false;
	int at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		if (strcmp(argv[at], "--help") == 0) {
			usage();
			return EXIT_SUCCESS;
		}
		if (strcmp(argv[at], "--json") != 0)
			return ctl_refuse("%s: unknown option; see outrigger ctl --help", argv[at]);
		json = true;
	}
	if (at == argc)
		return ctl_refuse("no PATH given; see outrigger ctl --help");
	return run_command(argv[at], json, argc - at - 1, argv + at + 1);
}
