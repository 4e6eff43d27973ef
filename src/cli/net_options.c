/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_options.c - the command line of `outrigger net`
 *
 * The mode, then options: "--name value", "--name=value", "--switch", "--switch=off". What they mean
 * is for src/net/settings/ to say.
 */
#include "cli/net_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sys/explain.h"

static const struct settings_origin command_line = { 0 };

/* Return: how many arguments it took, -errno */
static int parse_option(struct net_options *options, const char *argument, const char *next,
			char **ret_error)
{
	const char *equals = strchr(argument, '=');
	size_t len = equals ? (size_t)(equals - argument) : strlen(argument);
	const char *value = equals ? equals + 1 : NULL;
	int taken = 1, r;
	char *name;

	if (strncmp(argument, "--", 2) != 0)
		return explain(ret_error, -EINVAL, "%.*s: unknown option; see outrigger net --help",
			       (int)len, argument);
	name = strndup(argument + 2, len - 2);
	if (!name)
		return -ENOMEM;
	if (!equals && net_settings_takes_value(name)) {
		value = next;
		taken = 2;
	}
	if (strcmp(name, "help") == 0 && !equals) {
		options->help = true;
		r = 0;
	} else {
		r = net_settings_set(&options->settings, &command_line, name, value, ret_error);
	}
	free(name);
	return r < 0 ? r : taken;
}

static int parse_options(struct net_options *options, int argc, char **argv, char **ret_error)
{
	int taken;

	for (int i = 0; i < argc && !options->help; i += taken) {
		if (argv[i][0] != '-')
			return explain(ret_error, -EINVAL,
				       "%s: unexpected argument; options start with --, see "
				       "outrigger net --help",
				       argv[i]);
		taken = parse_option(options, argv[i], i + 1 < argc ? argv[i + 1] : NULL,
				     ret_error);
		if (taken < 0)
			return taken;
	}
	return 0;
}

/* The first argument, if it is no option. Return: how many arguments it took, -errno */
static int parse_mode(struct net_options *options, int argc, char **argv, char **ret_error)
{
	int r;

	if (argc < 2 || argv[1][0] == '-')
		return 0;
	r = net_settings_set(&options->settings, &command_line, "mode", argv[1], ret_error);
	return r < 0 ? r : 1;
}

int net_options_parse(int argc, char **argv, struct net_options *ret, char **ret_error)
{
	int r;

	*ret = (struct net_options) { 0 };
	*ret_error = NULL;
	r = parse_mode(ret, argc, argv, ret_error);
	if (r < 0)
		return r;
	r = parse_options(ret, argc - 1 - r, argv + 1 + r, ret_error);
	if (r < 0 || ret->help)
		return r;
	return net_settings_complete(&ret->settings, ret_error);
}

void net_options_free(struct net_options *options)
{
	net_settings_free(&options->settings);
}
