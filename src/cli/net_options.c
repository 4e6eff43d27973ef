/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_options.c - the command line of `outrigger net`
 *
 * The mode, then options: "--name value", "--name=value", "--switch", "--switch=off". What they mean
 * is for src/net/settings/ to say, but for --config, --check and --help, which are ours.
 */
#include "cli/net_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/settings/config_file.h"
#include "sys/explain.h"

static const struct settings_origin command_line = { 0 };

/** struct argument - one option and its value, which may be an argument of its own */
struct argument {
	char *name; /* freed by whoever cut it */
	const char *value;
	int taken; /* arguments */
};

/* Those that are about the command line itself; the others are settings. */
static bool is_ours(const char *name)
{
	return strcmp(name, "help") == 0 || strcmp(name, "check") == 0 ||
	       strcmp(name, "background") == 0 || strcmp(name, "config") == 0;
}

static int cut(const char *argument, const char *next, struct argument *ret, char **ret_error)
{
	const char *equals = strchr(argument, '=');
	size_t len = equals ? (size_t)(equals - argument) : strlen(argument);

	if (argument[0] != '-')
		return explain(
			ret_error, -EINVAL,
			"%s: unexpected argument; the mode is the first, options start with --, "
			"see outrigger net --help",
			argument);
	if (strncmp(argument, "--", 2) != 0)
		return explain(ret_error, -EINVAL, "%.*s: unknown option; see outrigger net --help",
			       (int)len, argument);
	*ret = (struct argument) {
		.name = strndup(argument + 2, len - 2),
		.value = equals ? equals + 1 : NULL,
		.taken = 1,
	};
	if (!ret->name)
		return -ENOMEM;
	if (!equals && (net_settings_takes_value(ret->name) || strcmp(ret->name, "config") == 0)) {
		ret->value = next;
		ret->taken = 2;
	}
	return 0;
}

static int set_config(struct net_options *options, const char *value, char **ret_error)
{
	if (!value || !*value)
		return explain(ret_error, -EINVAL, "--config: give the path of a file");
	if (options->config)
		return explain(ret_error, -EINVAL,
			       "--config %s: given already, as %s; give one file", value,
			       options->config);
	options->config = value;
	return 0;
}

static int set_ours(struct net_options *options, const struct argument *argument, char **ret_error)
{
	if (strcmp(argument->name, "config") == 0)
		return set_config(options, argument->value, ret_error);
	if (argument->value)
		return explain(ret_error, -EINVAL, "--%s: takes no value; leave out \"=%s\"",
			       argument->name, argument->value);
	if (strcmp(argument->name, "help") == 0)
		options->help = true;
	else if (strcmp(argument->name, "background") == 0)
		options->background = true;
	else
		options->check = true;
	return 0;
}

static int set_theirs(struct net_options *options, const struct argument *argument,
		      char **ret_error)
{
	return net_settings_set(&options->settings, &command_line, argument->name, argument->value,
				ret_error);
}

/* The file comes first wherever it is named, so there are two rounds. */
enum round {
	ROUND_OURS, /* and what there is not, or its value would be taken for an argument too much */
	ROUND_THEIRS,
};

static int parse_round(struct net_options *options, enum round round, int argc, char **argv,
		       char **ret_error)
{
	struct argument argument = { 0 };

	for (int i = 0; i < argc && !options->help; i += argument.taken) {
		int r = cut(argv[i], i + 1 < argc ? argv[i + 1] : NULL, &argument, ret_error);
		bool ours = r >= 0 && is_ours(argument.name);

		if (r < 0)
			return r;
		if (ours && round == ROUND_OURS)
			r = set_ours(options, &argument, ret_error);
		else if (!ours && (round == ROUND_THEIRS || !net_settings_knows(argument.name)))
			r = set_theirs(options, &argument, ret_error);
		free(argument.name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The mode may be the first argument. */
static int parse_settings(struct net_options *options, const char *mode, int argc, char **argv,
			  char **ret_error)
{
	int r = 0;

	if (options->config)
		r = config_file_read(&options->settings, options->config, ret_error);
	if (r >= 0 && mode)
		r = net_settings_set(&options->settings, &command_line, "mode", mode, ret_error);
	if (r >= 0)
		r = parse_round(options, ROUND_THEIRS, argc, argv, ret_error);
	return r < 0 ? r : net_settings_complete(&options->settings, ret_error);
}

int net_options_parse_again(int argc, char **argv, const struct net_settings *running,
			    struct net_options *ret, char **ret_error)
{
	const char *mode = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
	int skip = mode ? 2 : 1;
	int r;

	*ret = (struct net_options) { .settings = { .running = running } };
	*ret_error = NULL;
	r = parse_round(ret, ROUND_OURS, argc - skip, argv + skip, ret_error);
	if (r < 0 || ret->help)
		return r;
	r = parse_settings(ret, mode, argc - skip, argv + skip, ret_error);
	ret->settings.running = NULL;
	return r;
}

int net_options_parse(int argc, char **argv, struct net_options *ret, char **ret_error)
{
	return net_options_parse_again(argc, argv, NULL, ret, ret_error);
}

void net_options_free(struct net_options *options)
{
	net_settings_free(&options->settings);
}
