/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metrics_text.c - samples, in any order, into OpenMetrics text
 */
#include "net/control/metrics_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct metric_sample {
	char *name;	  /* with _total */
	char *labels;	  /* with braces, or "" */
	const char *help; /* NULL: none */
	uint64_t value;
	size_t order; /* in which it was added */
};

static void put_escaped(FILE *to, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', to);
		if (*value == '\n')
			fputs("\\n", to);
		else
			fputc(*value, to);
	}
}

/* Return: NULL without memory */
static char *print_labels(const struct metric_label *labels)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return NULL;
	for (const struct metric_label *label = labels; label && label->name; label++) {
		fprintf(to, "%s%s=\"", label == labels ? "{" : ",", label->name);
		put_escaped(to, label->value);
		fputc('"', to);
	}
	if (labels && labels->name)
		fputc('}', to);
	if (fclose(to) == 0)
		return text;
	free(text);
	return NULL;
}

/* Return: NULL without memory */
static char *print_name(const char *name)
{
	char *copy = strdup(name);

	for (char *c = copy; c && *c; c++) {
		bool good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' ||
			    (c > copy && *c >= '0' && *c <= '9');

		if (!good)
			*c = '_';
	}
	return copy;
}

static struct metric_sample *grow(struct metrics_text *text)
{
	if (text->n == text->room) {
		size_t room = text->room ? 2 * text->room : 64;
		struct metric_sample *grown = realloc(text->samples, room * sizeof(*grown));

		if (!grown)
			return NULL;
		text->samples = grown;
		text->room = room;
	}
	return &text->samples[text->n];
}

void metrics_text_add(struct metrics_text *text, const char *name, const char *help,
		      const struct metric_label *labels, uint64_t value)
{
	struct metric_sample *sample = grow(text);

	if (!sample) {
		text->failed = true;
		return;
	}
	*sample = (struct metric_sample) { .name = print_name(name),
					   .labels = print_labels(labels),
					   .help = help,
					   .value = value,
					   .order = text->n };
	text->failed |= !sample->name || !sample->labels;
	text->n++;
}

static int compare(const void *a, const void *b)
{
	const struct metric_sample *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x->order > y->order) - (x->order < y->order);
}

/* Of a counter without its _total. */
static void put_family(FILE *to, const struct metric_sample *sample)
{
	static const char total[] = "_total";
	size_t len = strlen(sample->name), end = sizeof(total) - 1;
	bool counter = len > end && strcmp(sample->name + len - end, total) == 0;
	int family = (int)(counter ? len - end : len);

	fprintf(to, "# TYPE %.*s %s\n", family, sample->name, counter ? "counter" : "gauge");
	if (sample->help)
		fprintf(to, "# HELP %.*s %s\n", family, sample->name, sample->help);
}

static void put_all(FILE *to, const struct metrics_text *text)
{
	for (size_t i = 0; i < text->n; i++) {
		const struct metric_sample *sample = &text->samples[i];

		if (i == 0 || strcmp(sample->name, sample[-1].name) != 0)
			put_family(to, sample);
		fprintf(to, "%s%s %llu\n", sample->name, sample->labels,
			(unsigned long long)sample->value);
	}
	fputs("# EOF\n", to);
}

static void clear(struct metrics_text *text)
{
	for (size_t i = 0; i < text->n; i++) {
		free(text->samples[i].name);
		free(text->samples[i].labels);
	}
	free(text->samples);
	*text = (struct metrics_text) { 0 };
}

int metrics_text_end(struct metrics_text *text, char **ret)
{
	bool good = !text->failed;
	char *printed = NULL;
	size_t len;
	FILE *to = good ? open_memstream(&printed, &len) : NULL;

	if (to) {
		if (text->n)
			qsort(text->samples, text->n, sizeof(*text->samples), compare);
		put_all(to, text);
		good = !ferror(to);
		good &= fclose(to) == 0;
	}
	clear(text);
	if (!to || !good) {
		free(printed);
		return -ENOMEM;
	}
	*ret = printed;
	return 0;
}
