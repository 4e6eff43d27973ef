/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl_captures.c - `outrigger ctl PATH captures` and `capture-stop`: those that run, whoever began them
 */
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/ctl.h"
#include "cli/ctl_table.h"
#include "net/settings/spec.h"
#include "sys/json_build.h"

static const char *number_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "capture");
}

static const char *port_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "port");
}

static const char *filter_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "filter");
}

static const char *frames_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "frames");
}

static const char *dropped_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "dropped");
}

static const char *bytes_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "bytes");
}

int ctl_captures(struct ctl *ctl, int argc, char **argv)
{
	static const struct ctl_column columns[] = {
		{ "NUMBER", number_text },
		{ "PORT", port_text },
		{ "FRAMES", frames_text },
		{ "LEFT OUT", dropped_text },
		{ "BYTES", bytes_text },
		{ "FILTER", filter_text },
		{ 0 },
	};

	return ctl_show_list(ctl, "captures", columns);
}

int ctl_capture_stop(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params;
	uint64_t number;
	char *why = NULL;

	if (spec_number(argv[0], 1, INT64_MAX, &number, &why) < 0) {
		free(why);
		return ctl_refuse("capture-stop: %s: no number of a capture; see captures",
				  argv[0]);
	}
	params = json_object_new_object();
	json_put_number(params, "capture", number);
	return ctl_do(ctl, "capture-stop", params, -1);
}
