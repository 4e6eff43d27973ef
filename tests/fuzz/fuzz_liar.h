/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_liar.h - a server that lies as its input says, for fuzz_client.c
 *
 * It has no thread: its turn comes when the client is about to wait. Then it hears what the client
 * said and takes steps from the input until it has sent something; when there is no more input it
 * hangs up, so that no wait is long.
 */
#ifndef TESTS_FUZZ_LIAR_H
#define TESTS_FUZZ_LIAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/wire.h"

#define PAGE	    4096u
#define LIAR_REGION (8 * PAGE)

enum liar_step {
	STEP_ANSWER, /* as is right; argument: 3: so many bytes are changed, then which and to what;
			12: its fds, if not the right ones */
	STEP_ERROR,  /* then: errno */
	STEP_RAW,    /* then: length, bytes; argument: 1: on the twin socket */
	STEP_ASK,    /* argument: 1: write, 2: no reply, 4: twin; then page, length in 16 bytes */
	STEP_CUT,    /* as is right, but only so many bytes as follows */
	STEP_HANG_UP,
	STEP_TRUNCATE, /* the memory of its regions */
	STEP_IGNORE,   /* the oldest request */
};

/** struct liar_asked - a request of the client's */
struct liar_asked {
	struct wire_header header;
	uint8_t payload[256]; /* its start */
};

struct liar {
	const uint8_t *data; /* the input */
	size_t size;
	int fd, twin; /* -1: none */
	struct liar_asked asked[16];
	size_t n_asked;
	struct liar_asked hearing;
	size_t have, skip;
	bool wants_twin;
	bool small; /* it accepts little */
};

/** liar_take() - a byte of the input; 0 when there is none */
uint8_t liar_take(struct liar *l);

/** liar_connect() - Return: the client's end */
int liar_connect(struct liar *l);
void liar_hang_up(struct liar *l);
void liar_turn(struct liar *l);

/** liar_end() - of an input: what it did to files is undone */
void liar_end(struct liar *l);

/** liar_event() - an eventfd, made when first asked for */
int liar_event(void);

/** liar_memory() - a file of LIAR_REGION bytes, likewise */
int liar_memory(void);

#endif
