/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * utf8.c - characters of text that may be anything
 */
#include "net/settings/utf8.h"

#include <stdint.h>

/* What may follow a first byte: that many, the first of them in a range of its own (no overlong
 * forms, no surrogates, nothing beyond U+10FFFF). */
static const struct {
	uint8_t first, last; /* of the first byte */
	uint8_t low, high;   /* of the second */
	uint8_t len;
} forms[] = {
	{ 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t utf8_len(const char *text, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)text;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (bytes[0] < forms[i].first || bytes[0] > forms[i].last)
			continue;
		if (forms[i].len > len)
			return 0;
		if (forms[i].len > 1 && (bytes[1] < forms[i].low || bytes[1] > forms[i].high))
			return 0;
		for (size_t j = 2; j < forms[i].len; j++) {
			if (bytes[j] < 0x80 || bytes[j] > 0xbf)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}
