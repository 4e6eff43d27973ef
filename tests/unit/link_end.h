/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_end.h - one end of a connection for tests: a link, and a record of what it called back
 *
 * Its bytes come from and go to a script (end_feed(), end_take()), or through a struct pipe that
 * behaves as a UNIX stream socket does: bytes of several writes are glued, but a read ends
 * behind the write whose fds it brought.
 */
#ifndef TESTS_LINK_END_H
#define TESTS_LINK_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/link.h"

#define END_MAX 70000

/* A reply that a completion was told of. */
struct end_reply {
	int error;
	size_t len;
	size_t n_fds;
	uint8_t first; /* byte of the payload */
};

struct end {
	struct link *link;
	/* what ops->request does */
	enum { END_ANSWER, END_HOLD, END_KILL } mode;
	bool take_fds; /* keep them in taken[] */
	/* what happened */
	link_token tokens[END_MAX]; /* of requests held */
	size_t n_tokens;
	size_t n_requests;
	size_t n_fds; /* that came with requests */
	size_t fds_of[WIRE_COMMANDS];
	struct wire_request last;
	unsigned int depth, max_depth; /* of nested callbacks */
	int taken[16];
	size_t n_taken;
	unsigned int n_dead, n_changed;
	struct end_reply replies[END_MAX];
	size_t n_replies;
};

/** end_new() - a link whose peer is a client (so it is a server) or a server */
struct end *end_new(enum wire_side peer);
struct end *end_new_with(enum wire_side peer, size_t max_outstanding, size_t max_queued);
void end_free(struct end *end);

/** end_done() - a completion that records; opaque is the end */
void end_done(void *opaque, const struct link_reply *reply);

/** end_feed() - bytes arrive, in pieces if the link takes them so. Return: link_feed()'s last */
int end_feed(struct end *end, const void *bytes, size_t n, const int *fds, size_t n_fds);

/** end_take() - everything that the link wants to send; fds are closed, their number returned */
size_t end_take(struct end *end, void *bytes, size_t max, size_t *ret_n_fds);

/** end_request() - a request of one payload that end_done() records */
int end_request(struct end *end, enum wire_command command, const void *payload, size_t len,
		size_t reply_max, uint64_t deadline_us, uint16_t *ret_id);

/** message() - header and payload into buf. Return: its size */
size_t message(void *buf, uint16_t id, uint16_t command, uint32_t flags, uint32_t error,
	       const void *payload, size_t len);

/** command_read() - a REGION_READ of count bytes */
size_t command_read(void *buf, uint16_t id, uint32_t count);

struct segment;
struct pipe {
	struct segment *head, *tail;
	size_t len;
};
void pipe_write(struct pipe *pipe, const void *bytes, size_t n, const int *fds, size_t n_fds);
size_t pipe_read(struct pipe *pipe, void *bytes, size_t max, int *fds, size_t *ret_n_fds);
void pipe_drop(struct pipe *pipe);

/** count_fds() - open in this process */
size_t count_fds(void);

/** some_fd() - a new one */
int some_fd(void);

#endif
