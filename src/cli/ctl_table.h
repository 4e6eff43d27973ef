/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl_table.h - rows of text under a heading, columns aligned
 */
#ifndef CLI_CTL_TABLE_H
#define CLI_CTL_TABLE_H

#include <json-c/json.h>

#define CTL_COLUMNS_MAX 10u
#define CTL_CELL_MAX	64u

/** struct ctl_column - of a table of JSON objects; ends with one without a title */
struct ctl_column {
	const char *title;
	/* What stands there for this object; buf has CTL_CELL_MAX bytes. */
	const char *(*text)(struct json_object *row, char *buf);
};

/** ctl_table_print() - Return: EXIT_SUCCESS */
int ctl_table_print(struct json_object *rows, const struct ctl_column *columns);

/** ctl_member() - "a" or "a.b" of an object. Return: NULL: there is none, or it is null */
struct json_object *ctl_member(struct json_object *object, const char *name);

/** ctl_text() - of a member; "-" without one. Return: @buf, or a string of the member */
const char *ctl_text(struct json_object *object, const char *name);

#endif
