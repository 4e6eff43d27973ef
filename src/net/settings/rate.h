/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rate.h - rates as tc(8) writes them
 */
#ifndef NET_SETTINGS_RATE_H
#define NET_SETTINGS_RATE_H

#include <stdint.h>

/**
 * rate_parse() - "100mbit", "1gbit", "2.5gbit", "12mbps", "8000": bits a second without a suffix
 *
 * bit, kbit, mbit, gbit, tbit are thousands, kibit and so on 1024s; bps and its like are bytes a
 * second. 0: no limit. Else 8 kbit to 10 tbit.
 *
 * @ret: bytes a second
 * @ret_error: the rest of a sentence that begins with the text
 * Return: 0, -EINVAL
 */
int rate_parse(const char *text, uint64_t *ret, char **ret_error);

#endif
