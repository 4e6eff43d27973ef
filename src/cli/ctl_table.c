/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl_table.c - rows of text under a heading, columns aligned
 *
 * Two rounds over the rows: how wide, then print. What comes from guests (names) is shown without
 * characters that a terminal would obey.
 */
#include "cli/ctl_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct json_object *ctl_member(struct json_object *object, const char *name)
{
	char part[CTL_CELL_MAX];
	const char *dot = strchr(name, '.');
	struct json_object *member = NULL;

	if (!dot) {
		json_object_object_get_ex(object, name, &member);
		return member;
	}
	snprintf(part, sizeof(part), "%.*s", (int)(dot - name), name);
	return json_object_object_get_ex(object, part, &member) ? ctl_member(member, dot + 1)
								: NULL;
}

const char *ctl_text(struct json_object *object, const char *name)
{
	struct json_object *member = ctl_member(object, name);

	return member ? json_object_get_string(member) : "-";
}

static void print_cell(const char *text, size_t width)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		putchar(c < ' ' || c >= 0x7f ? '?' : c);
	}
	for (; len < width; len++)
		putchar(' ');
}

static const char *cell(struct json_object *row, const struct ctl_column *column, char *buf)
{
	return row ? column->text(row, buf) : column->title;
}

/* @row: NULL: the heading */
static void print_row(struct json_object *row, const struct ctl_column *columns,
		      const size_t *widths)
{
	char buf[CTL_CELL_MAX];

	for (size_t i = 0; columns[i].title; i++) {
		if (i > 0)
			fputs("  ", stdout);
		print_cell(cell(row, &columns[i], buf), columns[i + 1].title ? widths[i] : 0);
	}
	putchar('\n');
}

int ctl_table_print(struct json_object *rows, const struct ctl_column *columns)
{
	size_t n = json_object_is_type(rows, json_type_array) ? json_object_array_length(rows) : 0;
	size_t widths[CTL_COLUMNS_MAX] = { 0 };

	for (size_t at = 0; at <= n; at++) {
		struct json_object *row = at ? json_object_array_get_idx(rows, at - 1) : NULL;
		char buf[CTL_CELL_MAX];

		for (size_t i = 0; columns[i].title; i++) {
			size_t len = strlen(cell(row, &columns[i], buf));

			widths[i] = len > widths[i] ? len : widths[i];
		}
	}
	for (size_t at = 0; at <= n; at++)
		print_row(at ? json_object_array_get_idx(rows, at - 1) : NULL, columns, widths);
	return EXIT_SUCCESS;
}
