/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_talk.h - a client and a server that talk over sim_net, and an oracle that knows both sides
 *
 *      client                        server
 *   ends[0][CLIENT] === socks[0] === ends[0][SERVER]    everything, or without the server's
 *   ends[1][CLIENT] --- socks[1] --- ends[1][SERVER]    twin: the server's requests, their replies
 *
 * An end is a link and its owner. The owner looks at link_wants_*() and link_deadline_us() only
 * when the contract says that they may have changed, so a change that is not announced becomes a
 * stall; and it ticks at every deadline, so nothing may complete behind its own. It may be slow to
 * read into link_space() and to write what link_pending() lent it, while it goes on using the link.
 *
 * Checked wherever a link calls back:
 *
 *   - a request is presented once, in the order of sending, with its own bytes and files, and only
 *     while there is room for its answer
 *   - an end hears what the other end of its socket says in the order in which it was said
 *   - a completion runs once, with the reply that was given to this very request, or with an error
 *     that has its cause: -ENOTCONN after death was told, -ETIMEDOUT at the deadline, -ECANCELED
 *     when cancelled
 *   - a token works once, and not after death
 *   - what is queued and what is buffered stays within its limits
 *
 * Once somebody lied (talk_lie()), what is said has no meaning any more; the rest still holds.
 */
#ifndef TESTS_SIM_TALK_H
#define TESTS_SIM_TALK_H

#include "sim_ask.h"

#define TALK_ASKS     160
#define TALK_HELD_MAX (TALK_ASKS / 2)
#define TALK_NEVER    UINT32_MAX

/**
 * struct talk_end - an owner and its link; the link is NULL once freed
 * @wants:  what the owner saw when it last looked
 * @sent:   its requests, of which the other side was presented n_seen
 * @n_open: tokens it has not answered, of which n_held are due some time
 * @bytes:  of all messages it said
 * @heard:  the number of the newest message that arrived
 * @space:  that it is slow to read into; NULL: none
 * @batch:  that it is slow to write, if n_iov is not 0; its bytes had this sum then
 */
struct talk_end {
	struct talk *talk;
	struct sim_socket *sock;
	enum wire_side side;
	struct link *link;
	struct {
		bool read, write;
		uint64_t deadline_us;
	} wants;
	struct ask *sent[TALK_ASKS];
	size_t n_sent, n_seen;
	struct ask_held held[TALK_HELD_MAX];
	size_t n_held, n_open;
	uint64_t bytes, heard;
	unsigned int n_dead;
	void *space;
	size_t space_len;
	struct talk_batch {
		struct iovec iov[3];
		size_t n_iov;
		const int *fds;
		size_t n_fds;
		uint64_t sum;
	} batch;
};

/**
 * struct talk_plan - what kind of talk it is
 * @delay_us, @capacity, @ragged: the network's
 * @max_outstanding, @max_queued: of the links of each side. Not more than TALK_HELD_MAX outstanding
 * @data_max: bytes of data in a message
 * @hold:     percent of requests that are not answered at once, but within hold_us (or TALK_NEVER)
 * @odd:      percent of requests that are refused, and of answers that fail or are too much
 * @hurried:  percent of requests with a deadline
 * @chained:  percent of the client's requests answered once the server got an answer of the client
 * @again:    percent of completions that ask anew
 * @slow:     percent of reads and writes during which others may do something
 * @give_up:  percent of reads after which the owner kills its link before it feeds it
 */
struct talk_plan {
	bool twin;
	uint32_t delay_us;
	size_t capacity;
	uint32_t ragged;
	size_t max_outstanding[2], max_queued[2];
	uint32_t data_max;
	uint32_t hold, hold_us;
	uint32_t odd, hurried, chained, again, slow, give_up;
};

/** struct talk - asks never move, n_asks only grows */
struct talk {
	struct talk_plan plan;
	struct sim_dice dice;
	struct sim_net net;
	unsigned int n_socks;
	struct sim_socket socks[2];
	struct talk_end ends[2][2];
	struct ask asks[TALK_ASKS];
	uint32_t n_asks;
	uint64_t n_said;
	uint64_t heard[2]; /* by each side, on whichever socket */
	bool lied;
};

/** struct talk_tally - how often things happened, in all talks: a rule never met proves nothing */
struct talk_tally {
	unsigned int replies, errors, refused, contradicted, timed_out, cancelled, lost;
	unsigned int late, fds, again, blocked, overtaken, chained, lent, died_of_lies;
};

extern struct talk_tally talk_tally;

struct talk *talk_new(uint64_t seed, const struct talk_plan *plan);

/** talk_free() - links too, which complete what is outstanding; then nothing may be left open */
void talk_free(struct talk *talk);

/** talk_ask() - a side sends a request, if its link takes it and there are asks left */
void talk_ask(struct talk *talk, enum wire_side side, const struct ask *what);
void talk_ask_anything(struct talk *talk, enum wire_side side);

/** talk_choose_deadline() - perhaps LINK_FOREVER */
uint64_t talk_choose_deadline(struct talk *talk);

/** talk_step() - somebody does something */
void talk_step(struct talk *talk);

/** talk_settle() - everybody does what there is to do, until only silence is left. It must come */
void talk_settle(struct talk *talk);

/** talk_break() - the connection, all sockets of it; either side notices when it looks */
void talk_break(struct talk *talk, bool reset);

/** talk_lie() - bytes that nobody meant arrive somewhere */
void talk_lie(struct talk *talk);

#endif
