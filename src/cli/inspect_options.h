/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_options.h - the command line of `outrigger inspect`
 */
#ifndef CLI_INSPECT_OPTIONS_H
#define CLI_INSPECT_OPTIONS_H

#include "cli/inspect_action.h"

struct inspect_options {
	const char *path;
	bool json;
	bool help;
	int timeout_ms;
	struct inspect_action *actions; /* in the order that they were given */
	size_t n_actions;
};

const char *inspect_usage(void);

/**
 * inspect_options_parse() - all that can be said without the device
 * @ret: to be freed with inspect_options_free(), also on failure
 * @ret_error: on failure a sentence, to be freed by the caller; may be NULL
 *
 * Return: 0; -EINVAL; -ENOMEM
 */
int inspect_options_parse(int argc, char **argv, struct inspect_options *ret, char **ret_error);

void inspect_options_free(struct inspect_options *options);

#endif
