/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * token_bucket.h - so many bytes a second, and a burst
 *
 * Pure: the clock is an argument. In any time t no more passes than the burst and rate * t, and a
 * sender that always has something to send gets exactly that: fractions of a byte are not lost.
 */
#ifndef NET_POLICY_TOKEN_BUCKET_H
#define NET_POLICY_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/frame.h"

/* The burst: what the rate gives in this part of a second, but room for any frame. */
#define TOKEN_BUCKET_BURST_PART 50u
#define TOKEN_BUCKET_BURST_MIN	(65u << 10)
static_assert(TOKEN_BUCKET_BURST_MIN >= FRAME_MAX, "a frame that is too long would wait for ever");

/* 80 tbit/s; what is above that is this. So a second's worth of millionths of a byte fits. */
#define TOKEN_BUCKET_RATE_MAX 10000000000000u

/** struct token_bucket - @rate: bytes a second, 0: no limit; the rest is token_bucket.c's */
struct token_bucket {
	uint64_t rate, burst;
	uint64_t tokens;   /* bytes that may pass now */
	uint64_t fraction; /* and millionths of one */
	uint64_t now_us;
};

/** token_bucket_init() - full */
void token_bucket_init(struct token_bucket *bucket, uint64_t rate, uint64_t now_us);

/** token_bucket_set_rate() - from now on; what is in it stays, as far as it fits. One that had no
 * limit is full */
void token_bucket_set_rate(struct token_bucket *bucket, uint64_t rate, uint64_t now_us);

/** token_bucket_level() - bytes that may pass; UINT64_MAX without a limit. Time may stand still,
 * and does if it seems to go back */
uint64_t token_bucket_level(struct token_bucket *bucket, uint64_t now_us);

/** token_bucket_spend() - they passed: at most what was its level */
void token_bucket_spend(struct token_bucket *bucket, uint64_t bytes);

/** token_bucket_give_back() - spent, but did not pass */
void token_bucket_give_back(struct token_bucket *bucket, uint64_t bytes);

/** token_bucket_wait_us() - until so many bytes may pass, or a full bucket's if they are more;
 * 0: now. As of the last token_bucket_level() */
uint64_t token_bucket_wait_us(const struct token_bucket *bucket, uint64_t bytes);

#endif
