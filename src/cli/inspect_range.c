/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_range.c - which bytes: "REGION:OFFSET:LEN" and "REGION:OFFSET:BYTES"
 */
#include "cli/inspect_range.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/inspect.h"
#include "sys/explain.h"
#include <outrigger/vfio_user.h>

/** struct fields - the text, cut at its colons; owns copy */
struct fields {
	char *copy;
	const char *region, *offset, *last;
};

int inspect_number_parse(const char *text, uint64_t *ret)
{
	const bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	char *end;
	uint64_t value;

	if (!isxdigit((unsigned char)*digits)) /* no sign, no space */
		return -EINVAL;
	errno = 0;
	value = strtoull(digits, &end, hex ? 16 : 10);
	if (*end || end == digits || errno)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int split(const char *text, const char *form, struct fields *ret, char **ret_error)
{
	char *colons[2];

	ret->copy = strdup(text);
	if (!ret->copy)
		return -ENOMEM;
	colons[0] = strchr(ret->copy, ':');
	colons[1] = colons[0] ? strchr(colons[0] + 1, ':') : NULL;
	if (!colons[1] || strchr(colons[1] + 1, ':')) {
		explain(ret_error, -EINVAL, "not %s, as in %s", form,
			strstr(form, "LEN") ? "bar0:0x10:4" : "bar0:0x10:78563412");
		return -EINVAL;
	}
	*colons[0] = *colons[1] = '\0';
	ret->region = ret->copy;
	ret->offset = colons[0] + 1;
	ret->last = colons[1] + 1;
	return 0;
}

static int parse_region(const char *text, uint32_t *ret, char **ret_error)
{
	uint64_t number;

	for (uint32_t i = 0; i < RIG_PCI_REGIONS; i++)
		if (strcasecmp(text, inspect_region_name(i)) == 0) {
			*ret = i;
			return 0;
		}
	if (inspect_number_parse(text, &number) < 0 || number > UINT32_MAX)
		return explain(
			ret_error, -EINVAL,
			"\"%s\" is no region; give bar0 to bar5, rom, config, vga, or a number",
			text);
	*ret = (uint32_t)number;
	return 0;
}

static int parse_start(const struct fields *fields, struct inspect_range *ret, char **ret_error)
{
	int r = parse_region(fields->region, &ret->region, ret_error);

	if (r < 0)
		return r;
	if (inspect_number_parse(fields->offset, &ret->offset) < 0)
		return explain(ret_error, -EINVAL,
			       "\"%s\" is no offset; give a number like 16 or 0x10",
			       fields->offset);
	return 0;
}

static int parse_len(const char *text, size_t *ret, char **ret_error)
{
	uint64_t len;

	if (inspect_number_parse(text, &len) < 0 || len == 0 || len > INSPECT_READ_MAX)
		return explain(
			ret_error, -EINVAL,
			"\"%s\" is no length; give a number like 16 or 0x10, at most %" PRIu64,
			text, INSPECT_READ_MAX);
	*ret = (size_t)len;
	return 0;
}

static bool is_hex(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n % 2 == 0 && strspn(text, "0123456789abcdefABCDEF") == n;
}

static uint8_t hex_digit(char c)
{
	return (uint8_t)(isdigit((unsigned char)c) ? c - '0'
						   : tolower((unsigned char)c) - 'a' + 10);
}

static int parse_bytes(const char *text, struct inspect_range *ret, char **ret_error)
{
	if (!is_hex(text))
		return explain(
			ret_error, -EINVAL,
			"\"%s\" is not bytes; give pairs of hexadecimal digits in the order of "
			"their addresses, as 78563412 for 0x12345678 in a register",
			text);
	ret->len = strlen(text) / 2;
	ret->bytes = malloc(ret->len);
	if (!ret->bytes)
		return -ENOMEM;
	for (size_t i = 0; i < ret->len; i++)
		ret->bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	return 0;
}

int inspect_range_parse(const char *text, struct inspect_range *ret, char **ret_error)
{
	struct inspect_range range = { 0 };
	struct fields fields = { 0 };
	int r = split(text, "REGION:OFFSET:LEN", &fields, ret_error);

	if (r == 0)
		r = parse_start(&fields, &range, ret_error);
	if (r == 0)
		r = parse_len(fields.last, &range.len, ret_error);
	if (r == 0)
		*ret = range;
	free(fields.copy);
	return r;
}

int inspect_bytes_parse(const char *text, struct inspect_range *ret, char **ret_error)
{
	struct inspect_range range = { 0 };
	struct fields fields = { 0 };
	int r = split(text, "REGION:OFFSET:BYTES", &fields, ret_error);

	if (r == 0)
		r = parse_start(&fields, &range, ret_error);
	if (r == 0)
		r = parse_bytes(fields.last, &range, ret_error);
	if (r == 0)
		*ret = range;
	free(fields.copy);
	return r;
}
