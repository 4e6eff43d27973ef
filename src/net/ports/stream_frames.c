/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_frames.c - frames in a byte stream: 4 bytes of length, big-endian, before each
 */
#include "net/ports/stream_frames.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Receiving */

/* A piece of a frame stays at most, so half the buffer is free after it was moved to the front. */
void *stream_rx_space(struct stream_rx *rx, size_t *ret_len)
{
	size_t left = rx->end - rx->start;

	if (left == 0 || (rx->start > 0 && STREAM_RX_BYTES - rx->end < STREAM_RX_BYTES / 2)) {
		memmove(rx->buf, rx->buf + rx->start, left);
		rx->start = 0;
		rx->end = left;
	}
	*ret_len = STREAM_RX_BYTES - rx->end;
	return rx->buf + rx->end;
}

void stream_rx_add(struct stream_rx *rx, size_t len)
{
	assert(len <= STREAM_RX_BYTES - rx->end);
	rx->end += len;
}

static uint32_t prefix_read(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

int stream_rx_peek(const struct stream_rx *rx, struct frame *frames, struct iovec *iov, size_t n)
{
	size_t at = rx->start, shown = 0;

	while (shown < n && rx->end - at >= STREAM_PREFIX) {
		uint32_t len = prefix_read(rx->buf + at);

		if (len < STREAM_FRAME_MIN || len > STREAM_FRAME_MAX)
			return shown ? (int)shown : -EBADMSG;
		if (rx->end - at - STREAM_PREFIX < len)
			break;
		iov[shown] = (struct iovec) { rx->buf + at + STREAM_PREFIX, len };
		frames[shown] = (struct frame) {
			.iov = &iov[shown], .n_iov = 1, .len = len, .in_stream = true
		};
		shown++;
		at += STREAM_PREFIX + len;
	}
	return (int)shown;
}

void stream_rx_consume(struct stream_rx *rx, size_t n)
{
	for (; n > 0; n--)
		rx->start += STREAM_PREFIX + prefix_read(rx->buf + rx->start);
	assert(rx->start <= rx->end);
}

uint32_t stream_rx_next_len(const struct stream_rx *rx)
{
	assert(stream_rx_left(rx) >= STREAM_PREFIX);
	return prefix_read(rx->buf + rx->start);
}

size_t stream_rx_left(const struct stream_rx *rx)
{
	return rx->end - rx->start;
}

/* Sending */

static void prefix_write(uint8_t *at, size_t len)
{
	at[0] = (uint8_t)(len >> 24);
	at[1] = (uint8_t)(len >> 16);
	at[2] = (uint8_t)(len >> 8);
	at[3] = (uint8_t)len;
}

/* Behind what is staged; the last iovec grows if that is what it ends with. */
static uint8_t *stage(struct stream_tx *tx, size_t len, struct iovec *iov, size_t *used)
{
	struct iovec *last = &iov[*used - (*used > 0)];
	uint8_t *at = tx->buf + tx->staged;

	tx->staged += len;
	if (*used > 0 && (uint8_t *)last->iov_base + last->iov_len == at) {
		last->iov_len += len;
		return at;
	}
	iov[(*used)++] = (struct iovec) { at, len };
	return at;
}

static void stage_frame(struct stream_tx *tx, const struct frame *frame, struct iovec *iov,
			size_t *used)
{
	uint8_t *at = stage(tx, STREAM_PREFIX + frame->len, iov, used);

	prefix_write(at, frame->len);
	at += STREAM_PREFIX;
	for (size_t i = 0; i < frame->n_iov; i++) {
		if (!frame->iov[i].iov_len)
			continue; /* its iov_base may be NULL */
		memcpy(at, frame->iov[i].iov_base, frame->iov[i].iov_len);
		at += frame->iov[i].iov_len;
	}
}

static void gather_frame(struct stream_tx *tx, const struct frame *frame, struct iovec *iov,
			 size_t *used)
{
	prefix_write(stage(tx, STREAM_PREFIX, iov, used), frame->len);
	memcpy(&iov[*used], frame->iov, frame->n_iov * sizeof(*iov));
	*used += frame->n_iov;
}

/* Where a frame that came from a stream begins there, its length included. */
static uint8_t *in_stream(const struct frame *frame)
{
	return frame->in_stream ? (uint8_t *)frame->iov->iov_base - STREAM_PREFIX : NULL;
}

/* Does this one go on where the last iovec ends? Then it does not cost one. */
static bool extend(const struct frame *frame, struct iovec *iov, size_t used)
{
	struct iovec *last = &iov[used - (used > 0)];

	if (used == 0 || !frame->in_stream ||
	    (uint8_t *)last->iov_base + last->iov_len != in_stream(frame))
		return false;
	last->iov_len += STREAM_PREFIX + frame->len;
	return true;
}

/* Does the next one lie right behind it? */
static bool is_followed(const struct frame *frames, size_t n)
{
	return n > 1 && frames[0].in_stream &&
	       in_stream(&frames[1]) == (uint8_t *)frames[0].iov->iov_base + frames[0].len;
}

size_t stream_tx_gather(struct stream_tx *tx, const struct frame *frames, size_t n,
			struct iovec *iov, size_t max_iov, size_t *ret_len)
{
	size_t used = 0, len = 0;

	assert(tx->start == tx->end);
	tx->staged = 0;
	for (size_t i = 0; i < n && frames[i].n_iov < max_iov - used; i++) {
		bool small = frames[i].len <= STREAM_COPY_MAX;
		size_t staged = STREAM_PREFIX + (small ? frames[i].len : 0);

		assert(frames[i].len <= STREAM_FRAME_MAX);
		if (extend(&frames[i], iov, used)) {
			len += STREAM_PREFIX + frames[i].len;
			continue;
		}
		if (staged > STREAM_TX_BYTES - tx->staged)
			break;
		if (is_followed(&frames[i], n - i))
			iov[used++] = (struct iovec) { in_stream(&frames[i]),
						       STREAM_PREFIX + frames[i].len };
		else if (small)
			stage_frame(tx, &frames[i], iov, &used);
		else
			gather_frame(tx, &frames[i], iov, &used);
		len += STREAM_PREFIX + frames[i].len;
	}
	assert(used > 0 || n == 0);
	*ret_len = len;
	return used;
}

/* What is left of bytes that begin @skip bytes further on than these. */
static void keep(struct stream_tx *tx, const void *bytes, size_t len, size_t *skip)
{
	size_t skipped = *skip < len ? *skip : len;

	memcpy(tx->buf + tx->end, (const uint8_t *)bytes + skipped, len - skipped);
	tx->end += len - skipped;
	*skip -= skipped;
}

size_t stream_tx_sent(struct stream_tx *tx, const struct frame *frames, size_t n, size_t len)
{
	uint8_t prefix[STREAM_PREFIX];
	size_t done = 0;

	while (done < n && len >= STREAM_PREFIX + frames[done].len)
		len -= STREAM_PREFIX + frames[done++].len;
	if (len == 0)
		return done;
	assert(done < n);
	tx->start = tx->end = 0;
	prefix_write(prefix, frames[done].len);
	keep(tx, prefix, STREAM_PREFIX, &len);
	for (size_t i = 0; i < frames[done].n_iov; i++)
		keep(tx, frames[done].iov[i].iov_base, frames[done].iov[i].iov_len, &len);
	return done + 1;
}

size_t stream_tx_left(const struct stream_tx *tx, const void **ret)
{
	*ret = tx->buf + tx->start;
	return tx->end - tx->start;
}

void stream_tx_left_sent(struct stream_tx *tx, size_t len)
{
	assert(len <= tx->end - tx->start);
	tx->start += len;
}
