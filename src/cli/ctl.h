/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl.h - `outrigger ctl`: one command, which is one request or few on a network's control socket
 */
#ifndef CLI_CTL_H
#define CLI_CTL_H

#include <stdbool.h>

#include "cli/ctl_client.h"

/** struct ctl - while a command runs */
struct ctl {
	struct ctl_client *client;
	bool json; /* the answer as it came */
};

/**
 * struct ctl_command
 * @arguments: as --help has them; "" for none
 * @n_min, @n_max: of arguments
 * @run: all arguments are there. Return: exit status, what went wrong is said
 */
struct ctl_command {
	const char *name;
	const char *arguments;
	const char *help;
	int n_min, n_max;
	int (*run)(struct ctl *ctl, int argc, char **argv);
};

/** ctl_ask() - one request; what goes wrong is said. @params: freed; NULL: none
 * Return: exit status, with @ret, to be freed by json_object_put(), if that is 0 */
int ctl_ask(struct ctl *ctl, const char *method, struct json_object *params, int fd,
	    struct json_object **ret);

/** ctl_do() - the same where the answer says nothing, but with --json */
int ctl_do(struct ctl *ctl, const char *method, struct json_object *params, int fd);

/** ctl_print_json() - Return: exit status */
int ctl_print_json(struct json_object *result);

/** ctl_refuse() - "outrigger: ctl: ..." to stderr. Return: CLI_EXIT_USAGE */
int ctl_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct ctl_column;

/** ctl_show_list() - of a method without parameters, the list of its name as a table, or JSON
 * Return: exit status */
int ctl_show_list(struct ctl *ctl, const char *method, const struct ctl_column *columns);

/* ctl_show.c */
int ctl_status(struct ctl *ctl, int argc, char **argv);
int ctl_ports(struct ctl *ctl, int argc, char **argv);
int ctl_leases(struct ctl *ctl, int argc, char **argv);
int ctl_addresses(struct ctl *ctl, int argc, char **argv);
int ctl_forwards(struct ctl *ctl, int argc, char **argv);
int ctl_counters(struct ctl *ctl, int argc, char **argv);
int ctl_metrics(struct ctl *ctl, int argc, char **argv);

/* ctl_capture.c */
int ctl_capture(struct ctl *ctl, int argc, char **argv);

/* ctl_captures.c */
int ctl_captures(struct ctl *ctl, int argc, char **argv);
int ctl_capture_stop(struct ctl *ctl, int argc, char **argv);

/* ctl_change.c */
int ctl_add_port(struct ctl *ctl, int argc, char **argv);
int ctl_remove_port(struct ctl *ctl, int argc, char **argv);
int ctl_link(struct ctl *ctl, int argc, char **argv);
int ctl_limits(struct ctl *ctl, int argc, char **argv);
int ctl_add_forward(struct ctl *ctl, int argc, char **argv);
int ctl_remove_forward(struct ctl *ctl, int argc, char **argv);
int ctl_reserve(struct ctl *ctl, int argc, char **argv);
int ctl_reload(struct ctl *ctl, int argc, char **argv);
int ctl_unreserve(struct ctl *ctl, int argc, char **argv);

#endif
