/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * request_lines.h - requests out of a stream of bytes: a line each
 *
 * Pure but for closing fds that nobody can claim any more. A line that is too long is told of once
 * and skipped, up to its end. An fd belongs to the last request that has a byte in the read that
 * brought it, which is where the kernel ends a read.
 */
#ifndef NET_CONTROL_REQUEST_LINES_H
#define NET_CONTROL_REQUEST_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "sys/sock_msg.h"

#define REQUEST_MAX 65536u /* bytes, without the newline */

/** struct request_lines - request_lines_init() first */
struct request_lines {
	char *bytes;	/* REQUEST_MAX + 1 */
	size_t at, len; /* of them, what is still to be looked at */
	bool skipping;	/* what comes is the rest of a line that was too long */
	int fd;		/* -1: none */
	size_t fd_at;	/* where the line begins that it belongs to */
	bool fd_excess; /* more than one came with it */
};

/** struct request_line - one request; its fd is the taker's */
struct request_line {
	char *text; /* without the newline, with a NUL, which may not be the first; until the next call */
	size_t len;
	int fd; /* -1: none */
	bool fd_excess;
};

/** request_lines_init() - Return: 0, -ENOMEM */
int request_lines_init(struct request_lines *lines);
void request_lines_clear(struct request_lines *lines);

/** request_lines_room() - where to read to, at least a byte once request_lines_next() gave 0 */
char *request_lines_room(struct request_lines *lines, size_t *ret_len);

/** request_lines_feed() - that many bytes were read, at least 1; @fds: closed or kept */
void request_lines_feed(struct request_lines *lines, size_t n, const struct sock_fds *fds);

/** request_lines_next() - Return: 1, 0 not yet, -EMSGSIZE a line is longer than REQUEST_MAX */
int request_lines_next(struct request_lines *lines, struct request_line *ret);

/** request_lines_cut() - was there the beginning of a line, without its end? It is dropped */
bool request_lines_cut(struct request_lines *lines);

#endif
