/* SPDX-License-Identifier: BSD-3-Clause */
/* describe.c - XPC objects in words, for people: <TYPE: VALUE>, containers on several lines */
#include "darwin/xpc/value.h"

#include <ctype.h>

/* A container can hold itself. */
#define DESCRIBE_DEPTH 8

void xpc_describe(xpc_object_t object, FILE *out, unsigned depth)
{
	xpc_type_t type = xpc_get_type(object);

	if (!type) {
		fputs("<null>", out);
		return;
	}
	fprintf(out, "<%s: ", type->name);
	if (depth < DESCRIBE_DEPTH)
		type->describe(object, out, depth);
	else
		fputs("...", out);
	fputc('>', out);
}

void xpc_describe_text(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if (iscntrl((unsigned char)*text))
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

void xpc_describe_line(FILE *out, unsigned depth)
{
	fputc('\n', out);
	for (unsigned i = 0; i < depth; i++)
		fputc('\t', out);
}

char *xpc_copy_description(xpc_object_t object)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool whole;

	if (!out)
		darwin_die("out of memory (a description)");
	xpc_describe(object, out, 0);
	whole = !ferror(out);
	if (fclose(out) != 0 || !whole)
		darwin_die("out of memory (a description)");
	return text;
}
