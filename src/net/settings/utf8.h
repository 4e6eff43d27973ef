/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * utf8.h - characters of text that may be anything
 */
#ifndef NET_SETTINGS_UTF8_H
#define NET_SETTINGS_UTF8_H

#include <stddef.h>

/**
 * utf8_len() - how many bytes the first character has
 * @len: of the text, at least 1
 * Return: 1 to 4; 0: it is none (RFC 3629, section 4)
 */
size_t utf8_len(const char *text, size_t len);

#endif
