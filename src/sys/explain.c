/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * explain.c - an errno with a sentence
 */
#include "sys/explain.h"

#include <stdarg.h>
#include <stdio.h>

int explain(char **ret_error, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_error, format, args) < 0)
		*ret_error = NULL;
	va_end(args);
	return error;
}
