/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_ask.h - requests and replies that can be told from all others
 *
 * Each request has a serial number, from which follow the bytes and the files that go with it and
 * with its reply.
 */
#ifndef TESTS_SIM_ASK_H
#define TESTS_SIM_ASK_H

#include "sim_net.h"

#include "vfio_user/link.h"

#define ASK_DATA_MAX  100000u /* bytes of data in one message */
#define ASK_REPLY_FDS 2	      /* that a request wants at most */

struct talk_end;

/** struct ask_held - a request that an owner still has to answer; token 0: none */
struct ask_held {
	struct talk_end *end;
	link_token token;
	struct ask *ask; /* NULL if nobody asked this: somebody lied */
	uint64_t due_us;
};

/**
 * struct ask - a request and what became of it
 * @command, @data_len, @n_fds, @post, @deadline_us: what to send; data_len is that of a write's
 *	data or of a read's reply
 * @refusal: 0, or the errno with which the other link must refuse it by itself
 * @said, @answer_said: numbers of request and reply among all messages of the talk; 0: not yet
 * @request_end, @reply_end: where they end in their streams. Right only if no ask has a @refusal,
 *	because nobody is told when a link queues one
 * @answer_error: what the completion must get then
 * @answer_fds: files that came with the reply
 * @chained: to be answered once this is done
 */
struct ask {
	enum wire_command command;
	size_t data_len;
	size_t n_fds;
	bool post;
	uint64_t deadline_us;
	int refusal;

	struct talk_end *end;
	uint32_t serial;
	uint16_t id;
	uint64_t said, request_end;
	bool cancelled;
	struct ask_held chained;

	unsigned int n_seen;
	uint64_t answer_said, reply_end;
	int answer_error;
	size_t answer_fds;

	unsigned int n_done;
	int result;
};

/** ask_setup(), ask_teardown() - the files that messages carry; for a group of tests */
int ask_setup(void **state);
int ask_teardown(void **state);

/** ask_pick_files() - n files that go with this serial; still this side's. Return: n */
size_t ask_pick_files(uint32_t serial, size_t n, int *fds);

bool ask_wants_data(enum wire_command command);
bool ask_brings_data(enum wire_command command);

/** ask_put_request() - its payload, in memory that is good until the next ask_put_*() */
struct iovec ask_put_request(const struct ask *ask);

/** ask_put_reply() - the payload of its reply, which begins with the serial; len is what it says */
struct iovec ask_put_reply(const struct ask *ask, size_t len);

/** ask_reply_len(), ask_reply_fds_max() - how much of a reply this request wants */
size_t ask_reply_len(const struct ask *ask);
size_t ask_reply_fds_max(const struct ask *ask);

/** ask_check_request(), ask_check_reply() - is it the one that was sent? */
void ask_check_request(const struct ask *ask, const struct wire_request *request,
		       const struct link_fds *fds);
void ask_check_reply(const struct ask *ask, const struct link_reply *reply);

#endif
