/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * request_lines.c - requests out of a stream of bytes: a line each
 */
#include "net/control/request_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int request_lines_init(struct request_lines *lines)
{
	*lines = (struct request_lines) { .bytes = malloc(REQUEST_MAX + 1), .fd = -1 };
	return lines->bytes ? 0 : -ENOMEM;
}

static void drop_fd(struct request_lines *lines)
{
	if (lines->fd >= 0)
		close(lines->fd);
	lines->fd = -1;
	lines->fd_excess = false;
}

void request_lines_clear(struct request_lines *lines)
{
	drop_fd(lines);
	free(lines->bytes);
	lines->bytes = NULL;
}

char *request_lines_room(struct request_lines *lines, size_t *ret_len)
{
	if (lines->at > 0) {
		memmove(lines->bytes, lines->bytes + lines->at, lines->len - lines->at);
		lines->len -= lines->at;
		lines->fd_at -= lines->fd >= 0 ? lines->at : 0;
		lines->at = 0;
	}
	*ret_len = REQUEST_MAX + 1 - lines->len;
	return lines->bytes + lines->len;
}

/* Of the last line with a byte before len. */
static size_t last_line(const struct request_lines *lines)
{
	const char *newline = memrchr(lines->bytes + lines->at, '\n', lines->len - lines->at - 1);

	return newline ? (size_t)(newline - lines->bytes) + 1 : lines->at;
}

static void keep_fd(struct request_lines *lines, const struct sock_fds *fds)
{
	size_t at = last_line(lines);
	bool again = lines->fd >= 0 && lines->fd_at == at;

	drop_fd(lines);
	lines->fd = fds->fd[0];
	lines->fd_at = at;
	lines->fd_excess = again || fds->n > 1 || fds->lost;
	for (size_t i = 1; i < fds->n; i++)
		close(fds->fd[i]);
}

void request_lines_feed(struct request_lines *lines, size_t n, const struct sock_fds *fds)
{
	lines->len += n;
	if (fds->n > 0)
		keep_fd(lines, fds);
}

/* To behind the byte before @at: what belongs to earlier lines is over. */
static void advance(struct request_lines *lines, size_t at)
{
	lines->at = at;
	if (lines->fd >= 0 && lines->fd_at < at)
		drop_fd(lines);
}

/* Return: false if its end is not here */
static bool skip(struct request_lines *lines)
{
	const char *newline = memchr(lines->bytes + lines->at, '\n', lines->len - lines->at);

	lines->skipping = !newline;
	advance(lines, newline ? (size_t)(newline - lines->bytes) + 1 : lines->len);
	return newline;
}

static void take(struct request_lines *lines, size_t end, struct request_line *ret)
{
	*ret = (struct request_line) { .text = lines->bytes + lines->at,
				       .len = end - lines->at,
				       .fd = -1 };
	lines->bytes[end] = '\0';
	if (lines->fd >= 0 && lines->fd_at == lines->at) {
		ret->fd = lines->fd;
		ret->fd_excess = lines->fd_excess;
		lines->fd = -1;
		lines->fd_excess = false;
	}
	advance(lines, end + 1);
}

int request_lines_next(struct request_lines *lines, struct request_line *ret)
{
	const char *newline;

	if (lines->len == lines->at || (lines->skipping && !skip(lines)))
		return 0;
	newline = memchr(lines->bytes + lines->at, '\n', lines->len - lines->at);
	if (newline) {
		take(lines, (size_t)(newline - lines->bytes), ret);
		return 1;
	}
	if (lines->len - lines->at <= REQUEST_MAX)
		return 0;
	lines->skipping = true;
	advance(lines, lines->len);
	return -EMSGSIZE;
}

bool request_lines_cut(struct request_lines *lines)
{
	bool cut = lines->len > lines->at;

	advance(lines, lines->len);
	return cut;
}
