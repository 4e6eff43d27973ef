/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spec.h - values that are made of parts: "PATH,name=a,mtu=9000", "path=PATH,mode=0660"
 *
 * Parts are divided by commas; a comma that belongs to a part is written twice. The first part may
 * leave out its key; it is the path then.
 */
#ifndef NET_SETTINGS_SPEC_H
#define NET_SETTINGS_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * spec_parse() - cut the text into keys and values
 * @text: is written to; values point into it
 * @set:  told of each part, in order; what it returns, if negative, ends it
 * @ret_error: the rest of a sentence that begins with the whole text
 * Return: 0, -EINVAL also because a key comes twice or a part has none
 */
int spec_parse(char *text,
	       int (*set)(void *opaque, const char *key, const char *value, char **ret_error),
	       void *opaque, char **ret_error);

/* The values that several kinds have. @ret_error: the rest of a sentence that begins with them. */
int spec_on_off(const char *value, bool *ret, char **ret_error);
int spec_number(const char *value, uint64_t min, uint64_t max, uint64_t *ret, char **ret_error);
int spec_mtu(const char *value, uint16_t *ret, char **ret_error);
int spec_path(const char *value, const char **ret, char **ret_error); /* of a socket */
int spec_mode(const char *value, mode_t *ret, char **ret_error);      /* octal */
int spec_group(const char *value, gid_t *ret, char **ret_error);      /* name or number */

#endif
