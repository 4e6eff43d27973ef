/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_usage.c - `outrigger net --help`: what the table of options says of each
 */
#include "cli/net_options.h"

#include <string.h>

#include "net/settings/table.h"

#define HELP_COLUMN 25

static const char before[] =
	"Usage: outrigger net shared|host|bridged --nic PATH [OPTIONS]\n"
	"       outrigger net --config FILE [OPTIONS] [--check]\n"
	"\n"
	"Serves one network and the sockets where guests plug in. Runs until SIGINT or SIGTERM, says\n"
	"\"outrigger: ready: ...\" on stdout when guests may come.\n"
	"\n"
	"  shared   guests reach each other, the host and, by NAT, the outside\n"
	"  host     guests reach each other and the host, nothing else\n"
	"  bridged  guests are on the segment of an interface of the host\n"
	"\n"
	"SPEC is a PATH, or parts with commas between: path=PATH or fd=N; name=NAME, mac=MAC, mtu=BYTES,\n"
	"rate=RATE, rate-to-guest=RATE, rate-from-guest=RATE (like 100mbit), isolated=on|off,\n"
	"source-guard=off, mode=0660, group=NAME.\n";

static const char after[] =
	"  --config FILE          read options from it first, one \"name value\" a line without the hyphens;\n"
	"                         those on the command line replace them, or add to them\n"
	"  --background           end with status 0 when guests may come, and serve on in the background\n"
	"  --check                read and check everything, say so and end; nothing is made\n"
	"  --help                 this text\n"
	"\n"
	"Exit status: 0 ended by a signal or idle, 1 something failed, 2 the command line or FILE is wrong.\n";

static void usage_setting(const struct setting *setting, FILE *to)
{
	int column = fprintf(to, "  --%s%s%s", setting->name, setting->value ? " " : "",
			     setting->value ? setting->value : "");
	const char *line = setting->help;

	while (line) {
		const char *end = strchr(line, '\n');
		int len = end ? (int)(end - line) : (int)strlen(line);

		fprintf(to, "%*s%.*s\n", column < HELP_COLUMN ? HELP_COLUMN - column : 1, "", len,
			line);
		line = end ? end + 1 : NULL;
		column = 0;
	}
}

void net_options_usage(FILE *to)
{
	fputs(before, to);
	for (const struct setting_topic *topic = setting_topics(); topic->title; topic++) {
		fprintf(to, "\n%s:\n", topic->title);
		for (const struct setting *s = topic->settings; s->name; s++)
			usage_setting(s, to);
	}
	fputs(after, to);
}
