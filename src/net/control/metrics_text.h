/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metrics_text.h - samples, in any order, into OpenMetrics text, where they stand together by their names
 *
 * Failures are remembered until metrics_text_end().
 */
#ifndef NET_CONTROL_METRICS_TEXT_H
#define NET_CONTROL_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct metric_label - ends with one without a name; values are escaped */
struct metric_label {
	const char *name;
	const char *value;
};

#define METRIC_LABELS_MAX 4u

struct metric_sample;

/** struct metrics_text - zeroed to begin with */
struct metrics_text {
	struct metric_sample *samples;
	size_t n, room;
	bool failed;
};

/**
 * metrics_text_add() - a sample
 * @name: of the family; with "_total" at its end it is a counter, else a gauge. Characters that a
 *        name cannot have become "_"
 * @help: of the family, a constant; the first one that is not NULL counts
 * @labels: NULL: none
 */
void metrics_text_add(struct metrics_text *text, const char *name, const char *help,
		      const struct metric_label *labels, uint64_t value);

/** metrics_text_end() - the text, which the caller frees; @text is empty then. Return: 0, -ENOMEM */
int metrics_text_end(struct metrics_text *text, char **ret);

#endif
