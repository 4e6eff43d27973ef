/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * table.c - the options of `outrigger net`, by name
 */
#include "net/settings/table.h"

#include <string.h>

#define NAME_MAX_LEN 31u

static const struct setting_topic topics[] = {
	{ "Ports, for guests to plug in, each option as often as needed", port_settings },
	{ "The network (the three addresses together or none of them)", network_settings },
	{ "Addresses and names of guests", dhcp_settings },
	{ "From outside to guests, and from guests to the host", access_settings },
	{ "Running", service_settings },
	{ 0 },
};

const struct setting_topic *setting_topics(void)
{
	return topics;
}

const struct setting *setting_find(const char *name)
{
	for (const struct setting_topic *topic = topics; topic->title; topic++) {
		for (const struct setting *s = topic->settings; s->name; s++) {
			if (strcmp(s->name, name) == 0)
				return s;
		}
	}
	return NULL;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int least = a < b ? a : b;

	return least < c ? least : c;
}

/* How many characters to insert, remove or replace (Levenshtein), row by row. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[NAME_MAX_LEN + 2];
	size_t n = strlen(b);

	for (unsigned int j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned int i = 1; a[i - 1]; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			unsigned int above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

const char *setting_nearest(const char *name)
{
	unsigned int best = 3; /* further apart is another word */
	const char *found = NULL;
	size_t len = strlen(name);

	if (len > NAME_MAX_LEN || len < 3)
		return NULL;
	for (const struct setting_topic *topic = topics; topic->title; topic++) {
		for (const struct setting *s = topic->settings; s->name; s++) {
			unsigned int d =
				strlen(s->name) <= NAME_MAX_LEN ? distance(name, s->name) : best;

			if (d < best) {
				best = d;
				found = s->name;
			}
		}
	}
	return found;
}
