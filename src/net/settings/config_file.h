/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config_file.h - settings from a file
 *
 * UTF-8, one option a line: its name without hyphens, blanks, its value. A switch may stand alone.
 * "#" at the beginning of a word begins a comment. A value in double quotes may hold blanks and "#";
 * in it \" and \\ stand for the quote and the backslash. Outside of them a backslash is itself.
 * Nothing goes on in the next line.
 */
#ifndef NET_SETTINGS_CONFIG_FILE_H
#define NET_SETTINGS_CONFIG_FILE_H

#include "net/settings/settings.h"

#define CONFIG_FILE_MAX 4194304u /* bytes */
#define CONFIG_LINE_MAX 4096u	 /* bytes */

/**
 * config_file_read() - set what the file says
 * @ret_error: a sentence that begins with "FILE: " or "FILE:LINE:COLUMN: ", columns being
 *	       characters; the caller frees. May be NULL if there is no memory for it
 * Return: 0, -EINVAL also because it cannot be read, -ENOMEM
 */
int config_file_read(struct net_settings *settings, const char *path, char **ret_error);

/** config_file_parse() - the same of text. @name: of the file; outlives the settings */
int config_file_parse(struct net_settings *settings, const char *name, const char *text, size_t len,
		      char **ret_error);

#endif
