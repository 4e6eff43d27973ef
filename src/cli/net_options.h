/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_options.h - the command line of `outrigger net`
 */
#ifndef CLI_NET_OPTIONS_H
#define CLI_NET_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "net/settings/settings.h"

/** struct net_options - what the user wants, complete and checked */
struct net_options {
	bool help;	    /* then nothing else counts */
	bool check;	    /* nothing is to be made */
	bool background;    /* serve in a child, end when that is ready */
	const char *config; /* argv's; NULL: none */
	struct net_settings settings;
};

/**
 * net_options_parse() - read the arguments after "net"
 * @argc, @argv: argv[0] is "net"
 * @ret: to be freed by net_options_free(), after a failure too
 * @ret_error: a sentence on -EINVAL: the option, its value, what is wrong and what would be right;
 * the caller frees.
 *	       May be NULL if there is no memory for it
 * Return: 0, -EINVAL, or the errno of what failed
 */
int net_options_parse(int argc, char **argv, struct net_options *ret, char **ret_error);

/** net_options_parse_again() - the same while a network runs; @running: its settings, outlive @ret's
 * being parsed */
int net_options_parse_again(int argc, char **argv, const struct net_settings *running,
			    struct net_options *ret, char **ret_error);
void net_options_free(struct net_options *options);

/** net_options_usage() - the text of --help */
void net_options_usage(FILE *to);

#endif
