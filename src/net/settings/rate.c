/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rate.c - rates as tc(8) writes them
 */
#include "net/settings/rate.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "sys/explain.h"

#define BITS_MIN UINT64_C(8000)
#define BITS_MAX UINT64_C(10000000000000)
#define FRACTION 3u /* digits behind the point */

/* Digits, at most 14 of them: what is longer is beyond BITS_MAX. Return: how many */
static size_t digits(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '9' && n <= 14; n++)
		value = value * 10 + (uint64_t)(text[n] - '0');
	*ret = value;
	return n;
}

/* "", "k", "ki" ... before "bit" or "bps". Return: 0: none of these */
static uint64_t unit_bits(const char *suffix)
{
	static const char prefixes[] = "kmgt";
	uint64_t bits = 1, step = 1000;
	const char *at;

	if (!*suffix)
		return 1;
	at = strchr(prefixes, *suffix | 0x20);
	if (at) {
		suffix++;
		if (*suffix == 'i' || *suffix == 'I') {
			step = 1024;
			suffix++;
		}
		for (const char *p = prefixes; p <= at; p++)
			bits *= step;
	}
	if (strcasecmp(suffix, "bit") == 0)
		return bits;
	return strcasecmp(suffix, "bps") == 0 ? bits * 8 : 0;
}

/* In thousandths of the unit. Return: what is behind the number, NULL: there is none */
static const char *number(const char *text, uint64_t *ret_milli)
{
	uint64_t whole, part = 0;
	size_t n = digits(text, &whole), behind = 0;

	if (!n)
		return NULL;
	text += n;
	if (*text == '.') {
		behind = digits(text + 1, &part);
		if (behind == 0 || behind > FRACTION)
			return NULL;
		text += 1 + behind;
	}
	for (; behind < FRACTION; behind++)
		part *= 10;
	*ret_milli = whole * 1000 + part;
	return text;
}

int rate_parse(const char *text, uint64_t *ret, char **ret_error)
{
	uint64_t milli = 0, unit = 0, bits = 0;
	const char *suffix = number(text, &milli);

	if (suffix)
		unit = unit_bits(suffix);
	if (!unit)
		return explain(ret_error, -EINVAL,
			       "no rate; give bits a second, or a number with kbit, mbit or gbit, "
			       "like 100mbit");
	if (milli / 1000 <= BITS_MAX && milli <= BITS_MAX * 1000 / unit)
		bits = milli * unit / 1000;
	if (milli && (bits < BITS_MIN || bits > BITS_MAX))
		return explain(ret_error, -EINVAL,
			       "out of range; give 8kbit to 10tbit, or 0 for no limit");
	*ret = bits / 8;
	return 0;
}
