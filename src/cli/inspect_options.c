/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_options.c - the command line of `outrigger inspect`
 *
 * Options are read in their order, as that is the order of the actions. Some say more about the
 * action before them, as --output does about --read. What takes several options to decide (two
 * actions that want the same file, or standard output for different things) comes last.
 */
#include "cli/inspect_options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect_range.h"
#include "sys/explain.h"

#define ARRAY_SIZE(a)	   (sizeof(a) / sizeof((a)[0]))
#define BIT(kind)	   (1u << (kind))
#define TIMEOUT_DEFAULT_MS 5000
#define SECONDS_MAX	   86400.0

static const char usage[] =
	"Usage: outrigger inspect [--json] [--timeout SECONDS] PATH [ACTION]...\n"
	"\n"
	"Connects to the vfio-user server that listens on the UNIX socket PATH and shows what its\n"
	"device is: protocol version and capabilities, regions, interrupts, PCI configuration.\n"
	"\n"
	"  --json              print one JSON document\n"
	"  --timeout SECONDS   how long to wait for each answer (default: 5)\n"
	"  --help              print this text\n"
	"\n"
	"With actions it does these instead, one after the other; with --json it shows both. None\n"
	"begins before all have been checked against the device, and the first that fails is the last.\n"
	"\n"
	"  --read REGION:OFFSET:LEN      show bytes of a region\n"
	"  --dump-config                 show the PCI configuration space, and what it says\n"
	"    --output FILE               (behind either) put the bytes there instead\n"
	"    --raw                       (behind either) print the bytes as they are\n"
	"  --write REGION:OFFSET:BYTES   write bytes, hexadecimal, in the order of their addresses\n"
	"  --watch-irqs                  print a line for each interrupt, until Ctrl-C\n"
	"    --count N                   (behind it) ... or until N came; fewer are a failure\n"
	"    --for SECONDS               (behind it) ... or for so long\n"
	"  --reset                       reset the device\n"
	"  --save-state FILE             stop the device, save its state, let it run again\n"
	"  --load-state FILE             give the device a state that was saved, let it run\n"
	"    --leave-stopped             (behind either) do not let it run\n"
	"\n"
	"REGION is bar0 to bar5, rom, config, vga or a number; OFFSET and LEN are numbers like 16 or\n"
	"0x10. FILE may be - for standard output or input. Files are replaced when all is written.\n"
	"\n"
	"Exit status: 0, 1 something failed, 2 the command line is wrong: nothing was done.\n";

const char *inspect_usage(void)
{
	return usage;
}

struct parser {
	struct inspect_options *options;
	char **ret_error;
};

static struct inspect_action *last_action(struct parser *parser)
{
	struct inspect_options *options = parser->options;

	return options->n_actions ? &options->actions[options->n_actions - 1] : NULL;
}

/* Actions */

static int add_action(struct parser *parser, enum inspect_kind kind, const char *argument)
{
	struct inspect_options *options = parser->options;
	struct inspect_action *actions =
		realloc(options->actions, (options->n_actions + 1) * sizeof(*actions));

	if (!actions)
		return -ENOMEM;
	options->actions = actions;
	actions[options->n_actions++] =
		(struct inspect_action) { .kind = kind, .argument = argument };
	return 0;
}

static int explain_argument(struct parser *parser, const char *option, const char *argument,
			    int error, char *why)
{
	if (error == -EINVAL)
		explain(parser->ret_error, error, "%s %s: %s", option, argument,
			why ? why : "wrong");
	free(why);
	return error;
}

static int add_region_action(struct parser *parser, enum inspect_kind kind, const char *argument)
{
	struct inspect_range range = { 0 };
	char *why = NULL;
	int r = kind == INSPECT_READ ? inspect_range_parse(argument, &range, &why)
				     : inspect_bytes_parse(argument, &range, &why);

	if (r < 0)
		return explain_argument(parser, inspect_action_option(kind), argument, r, why);
	r = add_action(parser, kind, argument);
	if (r < 0) {
		free(range.bytes);
		return r;
	}
	last_action(parser)->region = range.region;
	last_action(parser)->offset = range.offset;
	last_action(parser)->len = range.len;
	last_action(parser)->bytes = range.bytes;
	return 0;
}

static int add_state_action(struct parser *parser, enum inspect_kind kind, const char *argument)
{
	int r;

	if (!*argument)
		return explain(parser->ret_error, -EINVAL,
			       "%s: the name is empty; give that of a file, or - for standard %s",
			       inspect_action_option(kind),
			       kind == INSPECT_SAVE_STATE ? "output" : "input");
	r = add_action(parser, kind, argument);
	if (r == 0)
		last_action(parser)->file = argument;
	return r;
}

/* More about the action before */

static int parse_output(struct parser *parser, struct inspect_action *action, const char *value)
{
	if (!*value)
		return explain(parser->ret_error, -EINVAL,
			       "--output: the name is empty; give that of a file");
	if (strcmp(value, "-") == 0)
		action->raw = true;
	else
		action->file = value;
	return 0;
}

static int parse_raw(struct parser *parser, struct inspect_action *action, const char *value)
{
	action->raw = true;
	return 0;
}

static int parse_count(struct parser *parser, struct inspect_action *action, const char *value)
{
	uint64_t count;

	if (inspect_number_parse(value, &count) < 0 || count == 0)
		return explain(parser->ret_error, -EINVAL,
			       "--count %s: not how many interrupts; give a number from 1 on",
			       value);
	action->max_count = count;
	return 0;
}

static int parse_seconds(struct parser *parser, const char *option, const char *value, int *ret_ms)
{
	char *end;
	double seconds = strtod(value, &end);

	if (end == value || *end || !(seconds >= 0.001 && seconds <= SECONDS_MAX))
		return explain(parser->ret_error, -EINVAL,
			       "%s %s: not a time; give seconds, 0.001 to 86400", option, value);
	*ret_ms = (int)(seconds * 1000.0);
	return 0;
}

static int parse_for(struct parser *parser, struct inspect_action *action, const char *value)
{
	int ms = 0;
	int r = parse_seconds(parser, "--for", value, &ms);

	if (r == 0)
		action->for_ms = (unsigned int)ms;
	return r;
}

static int parse_leave_stopped(struct parser *parser, struct inspect_action *action,
			       const char *value)
{
	action->leave_stopped = true;
	return 0;
}

enum { OUTPUT, RAW, COUNT, FOR, LEAVE_STOPPED, MODIFIERS };

/* One row per option that is about the action before it. */
static const struct modifier {
	const char *option;
	unsigned int kinds; /* BIT()s of the actions that it is for */
	const char *names;  /* ... for people */
	int (*parse)(struct parser *parser, struct inspect_action *action, const char *value);
} modifiers[] = {
	[OUTPUT] = { "--output", BIT(INSPECT_READ) | BIT(INSPECT_DUMP_CONFIG),
		     "--read or --dump-config", parse_output },
	[RAW] = { "--raw", BIT(INSPECT_READ) | BIT(INSPECT_DUMP_CONFIG), "--read or --dump-config",
		  parse_raw },
	[COUNT] = { "--count", BIT(INSPECT_WATCH_IRQS), "--watch-irqs", parse_count },
	[FOR] = { "--for", BIT(INSPECT_WATCH_IRQS), "--watch-irqs", parse_for },
	[LEAVE_STOPPED] = { "--leave-stopped", BIT(INSPECT_SAVE_STATE) | BIT(INSPECT_LOAD_STATE),
			    "--save-state or --load-state", parse_leave_stopped },
};
static_assert(ARRAY_SIZE(modifiers) == MODIFIERS, "one row per modifier");

static int modify(struct parser *parser, const struct modifier *modifier, const char *value)
{
	struct inspect_action *action = last_action(parser);

	if (!action || !(modifier->kinds & BIT(action->kind)))
		return explain(parser->ret_error, -EINVAL,
			       "%s%s%s: goes right behind the %s that it is for", modifier->option,
			       value ? " " : "", value ? value : "", modifier->names);
	return modifier->parse(parser, action, value);
}

/* Once all is known */

static bool prints_text(const struct inspect_action *action)
{
	switch (action->kind) {
	case INSPECT_READ:
	case INSPECT_DUMP_CONFIG:
		return !action->file && !action->raw;
	case INSPECT_WATCH_IRQS:
		return true;
	default:
		return false;
	}
}

static bool prints_bytes(const struct inspect_action *action)
{
	return (action->raw && !action->file) ||
	       (action->kind == INSPECT_SAVE_STATE && strcmp(action->file, "-") == 0);
}

static int check_stdout(struct parser *parser)
{
	const struct inspect_options *options = parser->options;
	const char *bytes = NULL, *text = options->json ? "--json" : NULL;

	for (size_t i = 0; i < options->n_actions; i++) {
		const struct inspect_action *action = &options->actions[i];

		if (prints_bytes(action))
			bytes = action->kind == INSPECT_SAVE_STATE ? "--save-state -" : "--raw";
		else if (prints_text(action))
			text = inspect_action_option(action->kind);
	}
	if (bytes && text)
		return explain(parser->ret_error, -EINVAL,
			       "%s and %s both want standard output; give one of them a file",
			       bytes, text);
	return 0;
}

static bool writes(const struct inspect_action *action)
{
	return action->file && action->kind != INSPECT_LOAD_STATE;
}

/* An action's file, and those of the actions before it. */
static int check_file(struct parser *parser, struct inspect_action *action)
{
	const struct inspect_options *options = parser->options;

	for (struct inspect_action *other = options->actions; other < action; other++) {
		if (!other->file || strcmp(action->file, other->file) != 0)
			continue;
		if (strcmp(action->file, "-") == 0 && other->kind != action->kind)
			continue;
		if (writes(action) == writes(other) && (writes(action) || *action->file == '-'))
			return explain(parser->ret_error, -EINVAL,
				       "%s and %s are both for %s; give each its own file",
				       inspect_action_option(other->kind),
				       inspect_action_option(action->kind), action->file);
		action->file_comes |= writes(other);
	}
	return 0;
}

static int check_all(struct parser *parser)
{
	struct inspect_options *options = parser->options;
	int r = check_stdout(parser);

	for (size_t i = 0; r == 0 && i < options->n_actions; i++)
		if (options->actions[i].file)
			r = check_file(parser, &options->actions[i]);
	return r;
}

/* The arguments */

/* getopt's numbers: the kinds of actions, the rest, rows of modifiers. 0 is its own "none". */
enum {
	OPTION_ACTION = 1,
	OPTION_JSON = OPTION_ACTION + INSPECT_KINDS,
	OPTION_TIMEOUT,
	OPTION_HELP,
	OPTION_MODIFIER
};

static const struct option known[] = {
	{ "read", required_argument, NULL, OPTION_ACTION + INSPECT_READ },
	{ "write", required_argument, NULL, OPTION_ACTION + INSPECT_WRITE },
	{ "dump-config", no_argument, NULL, OPTION_ACTION + INSPECT_DUMP_CONFIG },
	{ "watch-irqs", no_argument, NULL, OPTION_ACTION + INSPECT_WATCH_IRQS },
	{ "reset", no_argument, NULL, OPTION_ACTION + INSPECT_RESET },
	{ "save-state", required_argument, NULL, OPTION_ACTION + INSPECT_SAVE_STATE },
	{ "load-state", required_argument, NULL, OPTION_ACTION + INSPECT_LOAD_STATE },
	{ "output", required_argument, NULL, OPTION_MODIFIER + OUTPUT },
	{ "raw", no_argument, NULL, OPTION_MODIFIER + RAW },
	{ "count", required_argument, NULL, OPTION_MODIFIER + COUNT },
	{ "for", required_argument, NULL, OPTION_MODIFIER + FOR },
	{ "leave-stopped", no_argument, NULL, OPTION_MODIFIER + LEAVE_STOPPED },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ 0 },
};

static int parse_action(struct parser *parser, enum inspect_kind kind)
{
	switch (kind) {
	case INSPECT_READ:
	case INSPECT_WRITE:
		return add_region_action(parser, kind, optarg);
	case INSPECT_SAVE_STATE:
	case INSPECT_LOAD_STATE:
		return add_state_action(parser, kind, optarg);
	default:
		return add_action(parser, kind, NULL);
	}
}

static int parse_option(struct parser *parser, int option, const char *argument)
{
	if (option == ':')
		return explain(parser->ret_error, -EINVAL,
			       "%s: its value is missing; `outrigger inspect --help` says more",
			       argument);
	if (option == '?' && optopt >= ' ')
		return explain(parser->ret_error, -EINVAL,
			       "-%c: unknown option; `outrigger inspect --help` says more", optopt);
	if (option == '?')
		return explain(parser->ret_error, -EINVAL,
			       "%s: %s; `outrigger inspect --help` says more", argument,
			       optopt ? "takes no value" : "unknown option");
	if (option >= OPTION_MODIFIER)
		return modify(parser, &modifiers[option - OPTION_MODIFIER], optarg);
	if (option == OPTION_TIMEOUT)
		return parse_seconds(parser, "--timeout", optarg, &parser->options->timeout_ms);
	if (option < OPTION_JSON)
		return parse_action(parser, (enum inspect_kind)(option - OPTION_ACTION));
	parser->options->json |= option == OPTION_JSON;
	parser->options->help |= option == OPTION_HELP;
	return 0;
}

static int parse_path(struct parser *parser, int argc, char **argv)
{
	if (optind == argc)
		return explain(parser->ret_error, -EINVAL,
			       "no socket given; `outrigger inspect --help` says more");
	if (optind + 1 < argc)
		return explain(parser->ret_error, -EINVAL, "one socket at a time: %s, not also %s",
			       argv[optind], argv[optind + 1]);
	parser->options->path = argv[optind];
	return 0;
}

int inspect_options_parse(int argc, char **argv, struct inspect_options *ret, char **ret_error)
{
	struct parser parser = { .options = ret, .ret_error = ret_error };
	int option, r = 0;

	*ret = (struct inspect_options) { .timeout_ms = TIMEOUT_DEFAULT_MS };
	*ret_error = NULL;
	opterr = 0;
	while (r == 0 && !ret->help && (option = getopt_long(argc, argv, ":", known, NULL)) != -1)
		r = parse_option(&parser, option, argv[optind - 1]);
	if (r < 0 || ret->help)
		return r;
	r = parse_path(&parser, argc, argv);
	return r < 0 ? r : check_all(&parser);
}

void inspect_options_free(struct inspect_options *options)
{
	for (size_t i = 0; i < options->n_actions; i++)
		inspect_action_clear(&options->actions[i]);
	free(options->actions);
}
