/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * settings.c - what the user of `outrigger net` wants: setting an option, and the memory of it all
 *
 * What was given where is kept until the end, for questions that need several options to answer,
 * and to say in which line of a file something is wrong.
 */
#include "net/settings/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/settings/table.h"
#include "sys/explain.h"

#define GIVEN_MAX 65536u

struct settings_string {
	struct settings_string *next;
	char text[];
};

struct settings_given {
	const struct setting *setting;
	const char *value;
	struct settings_origin origin;
};

void net_settings_free(struct net_settings *settings)
{
	while (settings->strings) {
		struct settings_string *string = settings->strings;

		settings->strings = string->next;
		free(string);
	}
	free(settings->given);
	free(settings->sockets);
	free(settings->forwards);
	free(settings->network.dhcp.name_servers);
	free(settings->network.reservations);
	free(settings->network.allows);
	*settings = (struct net_settings) { 0 };
}

char *settings_keep(struct net_settings *settings, const char *text)
{
	size_t size = strlen(text) + 1;
	struct settings_string *string = malloc(sizeof(*string) + size);

	if (!string)
		return NULL;
	memcpy(string->text, text, size);
	string->next = settings->strings;
	settings->strings = string;
	return string->text;
}

int settings_grow(void *array, size_t *n, size_t size, size_t max, char **ret_error)
{
	char *old, *grown;

	if (*n == max)
		return explain(ret_error, -EINVAL, "more than %zu of them", max);
	memcpy(&old, array, sizeof(old));
	grown = realloc(old, (*n + 1) * size);
	if (!grown)
		return explain(ret_error, -ENOMEM, "%s", strerror(ENOMEM));
	memcpy(array, &grown, sizeof(grown));
	memset(grown + *n * size, 0, size);
	(*n)++;
	return 0;
}

static const struct settings_given *given_last(const struct net_settings *settings,
					       const char *name)
{
	for (size_t i = settings->n_given; i-- > 0;) {
		if (strcmp(settings->given[i].setting->name, name) == 0)
			return &settings->given[i];
	}
	return NULL;
}

bool settings_given(const struct net_settings *settings, const char *name)
{
	return given_last(settings, name);
}

const char *settings_value(const struct net_settings *settings, const char *name)
{
	const struct settings_given *given = given_last(settings, name);

	return given ? given->value : NULL;
}

static bool same_value(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Of a list, the next value from there on. Return: NULL: none */
static const char *next_value(const struct net_settings *settings, const char *name, size_t *at)
{
	while (*at < settings->n_given) {
		const struct settings_given *given = &settings->given[(*at)++];

		if (strcmp(given->setting->name, name) == 0)
			return given->value;
	}
	return NULL;
}

bool settings_same(const struct net_settings *a, const struct net_settings *b, const char *name)
{
	size_t at_a = 0, at_b = 0;
	const char *value;

	if (setting_find(name)->kind != SETTING_LIST)
		return same_value(settings_value(a, name), settings_value(b, name));
	do {
		value = next_value(a, name, &at_a);
		if (!same_value(value, next_value(b, name, &at_b)))
			return false;
	} while (value);
	return true;
}

static int remember(struct net_settings *settings, const struct settings_given *given)
{
	if (settings->n_given == settings->given_room) {
		size_t room = settings->given_room ? 2 * settings->given_room : 16;
		struct settings_given *grown =
			realloc(settings->given, room * sizeof(*settings->given));

		if (!grown)
			return -ENOMEM;
		settings->given = grown;
		settings->given_room = room;
	}
	settings->given[settings->n_given++] = *given;
	return 0;
}

int settings_call(struct net_settings *settings, const char *value)
{
	const char *copy = settings_keep(settings, value);

	if (!copy)
		return -ENOMEM;
	settings->given[settings->n_given - 1].value = copy;
	return 0;
}

static void say_where(const struct settings_origin *origin, unsigned int column, char **error)
{
	if (origin->file)
		explain_about(error, "%s:%u:%u: ", origin->file, origin->line, column);
}

/* "--NAME VALUE: ", all in one line, whatever the value is. */
static void say_what(const char *name, const char *value, char **error)
{
	if (value && *value)
		explain_about(error, "--%s %s: ", name, value);
	else
		explain_about(error, "--%s: ", name);
	for (char *c = *error; c && *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
}

static int check_form(const struct net_settings *settings, const struct settings_origin *origin,
		      const struct setting *setting, const char *name, const char *value,
		      char **ret_error)
{
	const struct settings_given *first;

	if (!setting) {
		const char *nearest = setting_nearest(name);

		return nearest ? explain(ret_error, -EINVAL, "unknown option; did you mean --%s?",
					 nearest)
			       : explain(ret_error, -EINVAL,
					 "unknown option; see outrigger net --help");
	}
	if (!value && setting->kind != SETTING_SWITCH)
		return explain(ret_error, -EINVAL,
			       "its value is missing; see outrigger net --help");
	first = given_last(settings, name);
	if (first && first->origin.file && origin->file && setting->kind != SETTING_LIST)
		return explain(ret_error, -EINVAL, "given in line %u already; give it once",
			       first->origin.line);
	if (settings->n_given == GIVEN_MAX)
		return explain(ret_error, -EINVAL, "more than %u options", GIVEN_MAX);
	return 0;
}

/* Two copies of the value: the setter's, which it may cut to pieces, and ours to show. */
static int set(struct net_settings *settings, const struct settings_origin *origin,
	       const struct setting *setting, const char *value, char **ret_error)
{
	const char *given_value = value ? value : "on";
	struct settings_given given = {
		.setting = setting,
		.value = settings_keep(settings, given_value),
		.origin = *origin,
	};
	char *own = settings_keep(settings, given_value);
	int r = given.value && own ? remember(settings, &given) : -ENOMEM;

	if (r < 0)
		return explain(ret_error, r, "%s", strerror(-r));
	if (settings->n_given > 1 &&
	    settings->given[settings->n_given - 2].origin.file != origin->file)
		settings->mac_socket = 0;
	return setting->set(settings, own, ret_error);
}

int net_settings_set(struct net_settings *settings, const struct settings_origin *origin,
		     const char *name, const char *value, char **ret_error)
{
	const struct setting *setting = setting_find(name);
	int r;

	*ret_error = NULL;
	r = check_form(settings, origin, setting, name, value, ret_error);
	if (r < 0) {
		say_what(name, NULL, ret_error);
		say_where(origin, origin->column, ret_error);
		return r;
	}
	r = set(settings, origin, setting, value, ret_error);
	if (r < 0) {
		say_what(name, value, ret_error);
		say_where(origin, origin->value_column, ret_error);
	}
	return r;
}

bool net_settings_knows(const char *name)
{
	return setting_find(name);
}

bool net_settings_takes_value(const char *name)
{
	const struct setting *setting = setting_find(name);

	return setting && setting->kind != SETTING_SWITCH;
}

/* Does the sentence begin with this option, and with the value, too? */
static bool sentence_is_about(const char *sentence, const struct settings_given *given,
			      bool with_value)
{
	size_t len = strlen(given->setting->name);

	if (strncmp(sentence, "--", 2) != 0 ||
	    strncmp(sentence + 2, given->setting->name, len) != 0)
		return false;
	sentence += 2 + len;
	if (!with_value)
		return *sentence == ' ' || *sentence == ':' || *sentence == ',';
	len = strlen(given->value);
	return *sentence == ' ' && strncmp(sentence + 1, given->value, len) == 0 &&
	       (sentence[1 + len] == ':' || sentence[1 + len] == ',');
}

void settings_locate(const struct net_settings *settings, char **error)
{
	const char *file = settings->n_given ? settings->given[0].origin.file : NULL;

	for (int with_value = 1; with_value >= 0 && *error; with_value--) {
		for (size_t i = settings->n_given; i-- > 0;) {
			const struct settings_given *given = &settings->given[i];

			if (sentence_is_about(*error, given, with_value)) {
				say_where(&given->origin, given->origin.column, error);
				return;
			}
		}
	}
	if (file) /* what is missing stands nowhere */
		explain_about(error, "%s: ", file);
}
