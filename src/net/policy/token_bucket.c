/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * token_bucket.c - so many bytes a second, and a burst
 *
 * Time comes in microseconds. rate * microseconds are millionths of a byte: the whole bytes of them
 * are tokens, the rest is kept.
 */
#include "net/policy/token_bucket.h"

#define MILLION 1000000u

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t burst_of(uint64_t rate)
{
	uint64_t burst = rate / TOKEN_BUCKET_BURST_PART;

	return burst < TOKEN_BUCKET_BURST_MIN ? TOKEN_BUCKET_BURST_MIN : burst;
}

static void add(struct token_bucket *bucket, uint64_t tokens)
{
	bucket->tokens += lesser(tokens, bucket->burst - bucket->tokens);
	if (bucket->tokens == bucket->burst)
		bucket->fraction = 0;
}

void token_bucket_init(struct token_bucket *bucket, uint64_t rate, uint64_t now_us)
{
	rate = lesser(rate, TOKEN_BUCKET_RATE_MAX);
	*bucket = (struct token_bucket) {
		.rate = rate, .burst = burst_of(rate), .tokens = burst_of(rate), .now_us = now_us
	};
}

void token_bucket_set_rate(struct token_bucket *bucket, uint64_t rate, uint64_t now_us)
{
	uint64_t level = token_bucket_level(bucket, now_us);

	token_bucket_init(bucket, rate, now_us);
	bucket->tokens = lesser(level, bucket->burst);
}

uint64_t token_bucket_level(struct token_bucket *bucket, uint64_t now_us)
{
	uint64_t past_us, millionths;

	if (!bucket->rate)
		return UINT64_MAX;
	if (now_us <= bucket->now_us)
		return bucket->tokens;
	past_us = now_us - bucket->now_us;
	bucket->now_us = now_us;
	/* Whole seconds, of which as many as fill any bucket are as good as more. */
	add(bucket, lesser(past_us / MILLION, TOKEN_BUCKET_BURST_MIN) * bucket->rate);
	millionths = past_us % MILLION * bucket->rate + bucket->fraction;
	bucket->fraction = millionths % MILLION;
	add(bucket, millionths / MILLION);
	return bucket->tokens;
}

void token_bucket_spend(struct token_bucket *bucket, uint64_t bytes)
{
	if (bucket->rate)
		bucket->tokens -= lesser(bytes, bucket->tokens);
}

void token_bucket_give_back(struct token_bucket *bucket, uint64_t bytes)
{
	add(bucket, bytes);
}

uint64_t token_bucket_wait_us(const struct token_bucket *bucket, uint64_t bytes)
{
	uint64_t need = lesser(bytes, bucket->burst);

	if (!bucket->rate || need <= bucket->tokens)
		return 0;
	return ((need - bucket->tokens) * MILLION - bucket->fraction + bucket->rate - 1) /
	       bucket->rate;
}
