/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli.h - the subcommands of `outrigger`
 *
 * argv[0] is the subcommand's name. Each returns the process's exit status: 0, 1 something failed
 * (said on stderr), 2 the command line is wrong.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#define CLI_EXIT_USAGE 2

int cmd_ctl(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_net(int argc, char **argv);

#endif
