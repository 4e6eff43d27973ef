/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * explain.c - an errno with a sentence
 */
#include "sys/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int explain(char **ret_error, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_error, format, args) < 0)
		*ret_error = NULL;
	va_end(args);
	return error;
}

void explain_about(char **error, const char *format, ...)
{
	char *about, *whole;
	va_list args;
	int n;

	if (!*error)
		return;
	va_start(args, format);
	n = vasprintf(&about, format, args);
	va_end(args);
	if (n < 0)
		return;
	if (asprintf(&whole, "%s%s", about, *error) >= 0) {
		free(*error);
		*error = whole;
	}
	free(about);
}
