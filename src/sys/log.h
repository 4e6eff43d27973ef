/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.h - the program's log, one line a message, to stderr
 *
 * "outrigger: warning: nic /run/a.sock: ...". Only the program logs; library code reports through
 * its callbacks. One thread.
 */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/** log_set_level() - messages above it are dropped; starts at LOG_LEVEL_INFO */
void log_set_level(enum log_level level);

/** log_level_parse() - "error", "warning", "info", "debug". Return: 0 or -EINVAL */
int log_level_parse(const char *name, enum log_level *ret);
bool log_enabled(enum log_level level);

void log_at(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/**
 * struct log_limit - for messages that a guest or peer can cause at will
 *
 * At most LOG_LIMIT_BURST in LOG_LIMIT_MS; when the next is let through it says how many were not.
 */
struct log_limit {
	uint64_t window_start_ms;
	unsigned int in_window;
	unsigned int suppressed;
};
#define LOG_LIMIT_BURST 5u
#define LOG_LIMIT_MS	5000u

void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
