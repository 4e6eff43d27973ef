/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_range.h - which bytes: "REGION:OFFSET:LEN" and "REGION:OFFSET:BYTES"
 *
 * REGION is a number or a name, in any case of letters. OFFSET and LEN are decimal, or hexadecimal
 * behind 0x. BYTES are pairs of hexadecimal digits, in the order of their addresses.
 */
#ifndef CLI_INSPECT_RANGE_H
#define CLI_INSPECT_RANGE_H

#include <stddef.h>
#include <stdint.h>

/* All that is kept in memory at a time, and printed. */
#define INSPECT_READ_MAX (UINT64_C(256) << 20)

struct inspect_range {
	uint32_t region;
	uint64_t offset;
	size_t len;
	uint8_t *bytes; /* NULL for a LEN */
};

/*
 * Return: 0; -EINVAL, and in *ret_error what is wrong and what would be right; -ENOMEM. Both strings
 * of bytes are the caller's to free.
 */
int inspect_range_parse(const char *text, struct inspect_range *ret, char **ret_error);
int inspect_bytes_parse(const char *text, struct inspect_range *ret, char **ret_error);

/** inspect_number_parse() - all of text. Return: 0, -EINVAL */
int inspect_number_parse(const char *text, uint64_t *ret);

#endif
