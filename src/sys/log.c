/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.c - the program's log, one line a message, to stderr
 *
 * A line leaves with one write(), so that lines of several processes on one terminal or journal do
 * not mix. What peers and guests made up may be part of a message; control characters in it (a
 * newline that fakes a second message, an escape sequence) are replaced.
 */
#include "sys/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A longer message is cut: nothing worth reading in one line is. */
#define LOG_LINE 1024u

static enum log_level max_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};
#define N_LEVELS (sizeof(level_names) / sizeof(level_names[0]))

void log_set_level(enum log_level level)
{
	max_level = level;
}

int log_level_parse(const char *name, enum log_level *ret)
{
	for (size_t i = 0; i < N_LEVELS; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

bool log_enabled(enum log_level level)
{
	return level <= max_level;
}

/* "outrigger: " alone for what is normal: the level says something only when it is not. */
static size_t put_prefix(char *line, size_t size, enum log_level level)
{
	int n;

	if (level == LOG_LEVEL_INFO)
		n = snprintf(line, size, "outrigger: ");
	else
		n = snprintf(line, size, "outrigger: %s: ", level_names[level]);
	return (size_t)n;
}

static void make_printable(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < ' ' || c == 0x7f)
			text[i] = '?';
	}
}

static void write_all(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDERR_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere left to say that */
		text += n;
		len -= (size_t)n;
	}
}

static void log_va(enum log_level level, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void log_va(enum log_level level, const char *format, va_list args)
{
	char line[LOG_LINE];
	size_t len = put_prefix(line, sizeof(line), level);
	int saved_errno = errno;
	int n = vsnprintf(line + len, sizeof(line) - len, format, args);

	if (n < 0)
		return;
	make_printable(line + len, strnlen(line + len, sizeof(line) - len));
	len = strlen(line);
	line[len++] = '\n';
	write_all(line, len);
	errno = saved_errno;
}

void log_at(enum log_level level, const char *format, ...)
{
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, format);
	log_va(level, format, args);
	va_end(args);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A new window opens when the old one is over; a zeroed limit has none yet. */
static bool limit_passes(struct log_limit *limit, unsigned int *ret_suppressed)
{
	uint64_t now = now_ms();

	*ret_suppressed = 0;
	if (!limit->in_window || now - limit->window_start_ms >= LOG_LIMIT_MS) {
		*ret_suppressed = limit->suppressed;
		*limit = (struct log_limit) { .window_start_ms = now };
	}
	if (limit->in_window >= LOG_LIMIT_BURST) {
		limit->suppressed++;
		return false;
	}
	limit->in_window++;
	return true;
}

void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
	unsigned int suppressed;
	va_list args;

	if (!log_enabled(level) || !limit_passes(limit, &suppressed))
		return;
	if (suppressed)
		log_at(level, "(%u messages like the next one were left out)", suppressed);
	va_start(args, format);
	log_va(level, format, args);
	va_end(args);
}
