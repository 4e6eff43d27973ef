/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - `outrigger COMMAND ...`: find the command and hand over
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "config.h"

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "net", "serve a network and the network cards that are plugged into it", cmd_net },
	{ "ctl", "look at a running network, change it", cmd_ctl },
	{ "inspect", "show what a vfio-user device is, or act on it", cmd_inspect },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(void)
{
	puts("Usage: outrigger COMMAND [ARGUMENTS]\n"
	     "       outrigger --help | --version\n"
	     "\n"
	     "Devices for virtual machines that live outside the virtual machine monitor.\n"
	     "\n"
	     "Commands:");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].summary);
	puts("\n"
	     "`outrigger COMMAND --help` says more.");
}

static int usage_error(const char *what, const char *argument)
{
	fprintf(stderr, "outrigger: %s%s; `outrigger --help` lists the commands\n", what, argument);
	return CLI_EXIT_USAGE;
}

/* Started without one of fds 0 to 2, a socket would take its number, and get our messages. */
static void fill_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			exit(EXIT_FAILURE); /* and nowhere to say so */
	}
}

int main(int argc, char **argv)
{
	fill_standard_fds();
	if (argc < 2)
		return usage_error("no command given", "");
	if (strcmp(argv[1], "--help") == 0) {
		help();
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("outrigger " OUTRIGGER_VERSION);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return usage_error(argv[1][0] == '-' ? "unknown option " : "unknown command ", argv[1]);
}
