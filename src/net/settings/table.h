/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * table.h - the options of `outrigger net`, one row each
 *
 * A row is all that is said of an option anywhere: how it is read, and what --help says of it.
 * Setters only read; what needs several options to decide is for net_settings_complete(). They may
 * be called again: what is given later replaces, or adds.
 */
#ifndef NET_SETTINGS_TABLE_H
#define NET_SETTINGS_TABLE_H

#include "net/settings/settings.h"

enum setting_kind {
	SETTING_VALUE,	/* has a value, once */
	SETTING_LIST,	/* has a value, may be repeated: all count */
	SETTING_SWITCH, /* alone, or with on or off */
};

/**
 * struct setting - a row
 * @value: what --help calls the value
 * @help:  lines divided by newlines
 * @set:   @value is a copy that lives as long as the settings and may be written to;
 *         @ret_error: the rest of a sentence that begins with "--NAME VALUE: "
 */
struct setting {
	const char *name;
	enum setting_kind kind;
	const char *value;
	const char *help;
	int (*set)(struct net_settings *settings, char *value, char **ret_error);
};

/** struct setting_topic - rows that belong together; ends with a row without a name */
struct setting_topic {
	const char *title;
	const struct setting *settings;
};

extern const struct setting network_settings[];
extern const struct setting dhcp_settings[];
extern const struct setting access_settings[];
extern const struct setting port_settings[];
extern const struct setting service_settings[];

/** setting_topics() - all, in the order of --help; ends with one without a title */
const struct setting_topic *setting_topics(void);

/** setting_find() - by its name. Return: NULL if there is none */
const struct setting *setting_find(const char *name);

/** setting_nearest() - the name that may have been meant. Return: NULL if none is similar */
const char *setting_nearest(const char *name);

/** settings_given() - has it been set, anywhere? */
bool settings_given(const struct net_settings *settings, const char *name);

/** settings_value() - what was said of it last. Return: NULL if nothing */
const char *settings_value(const struct net_settings *settings, const char *name);

/** settings_same() - do both say the same of it: all values of a list, else the last one? */
bool settings_same(const struct net_settings *a, const struct net_settings *b, const char *name);

/**
 * settings_locate() - put before a sentence where in a file its subject stands
 *
 * Sentences begin with the option that they are about, as far as there is one.
 */
void settings_locate(const struct net_settings *settings, char **error);

/**
 * settings_call() - what sentences of net_settings_complete() call the value that is being set, if
 * not what the user wrote: so that settings_locate() knows it again. @value: copied. Return: 0,
 * -ENOMEM
 */
int settings_call(struct net_settings *settings, const char *value);

/** settings_keep() - a copy that lives as long as the settings; NULL: no memory */
char *settings_keep(struct net_settings *settings, const char *text);

/**
 * settings_grow() - room for one more at the end of an array
 * @array: address of the pointer to it
 *
 * The new one is the last one then, and zero.
 * Return: 0; -EINVAL: max is reached; -ENOMEM
 */
int settings_grow(void *array, size_t *n, size_t size, size_t max, char **ret_error);

#endif
