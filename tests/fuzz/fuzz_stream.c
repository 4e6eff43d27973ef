/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_stream.c - a byte stream with frames in it, in pieces of any size
 *
 * Input: two bytes for the size of pieces, one for how many frames are taken at a time, then the
 * stream.
 *
 * Whatever it is: each frame that is shown lies behind its length in the stream, where the one
 * before it ended; nothing is shown behind a length that no frame has; what is left is less than
 * a frame. A stream of the frames that were shown, sent on in pieces, is the same stream.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/ports/stream_frames.h"

struct run {
	struct stream_rx rx;
	struct stream_tx tx;
	const uint8_t *stream;
	size_t at; /* of the next frame's length */
	size_t piece;
};

static uint8_t rx_buf[STREAM_RX_BYTES], tx_buf[STREAM_TX_BYTES];

/* As if a socket took them in two parts. */
static void check_sent(struct run *run, const struct frame *frames, size_t n, const uint8_t *same)
{
	struct iovec iov[2 * STREAM_BATCH];
	size_t len, used = stream_tx_gather(&run->tx, frames, n, iov, 2 * STREAM_BATCH, &len);
	size_t cut = len ? run->piece % (len + 1) : 0, done, at = 0;
	const void *left;

	for (size_t i = 0; i < used; i++) {
		MUST(memcmp(same + at, iov[i].iov_base, iov[i].iov_len) == 0);
		at += iov[i].iov_len;
	}
	MUST(at == len);
	done = stream_tx_sent(&run->tx, frames, n, cut);
	MUST(done <= n);
	at = stream_tx_left(&run->tx, &left);
	MUST(memcmp(same + cut, left, at) == 0);
	stream_tx_left_sent(&run->tx, at);
	for (cut += at; done > 0; done--)
		cut -= STREAM_PREFIX + frames[done - 1].len;
	MUST(cut == 0);
}

static int take(struct run *run, size_t batch)
{
	struct frame frames[STREAM_BATCH];
	struct iovec iov[STREAM_BATCH];
	int n;

	while ((n = stream_rx_peek(&run->rx, frames, iov, batch)) > 0) {
		const uint8_t *first = run->stream + run->at;

		for (int i = 0; i < n; i++) {
			const uint8_t *at = run->stream + run->at;

			MUST(frames[i].len >= STREAM_FRAME_MIN &&
			     frames[i].len <= STREAM_FRAME_MAX);
			MUST(frames[i].len == ((size_t)at[0] << 24 | (size_t)at[1] << 16 |
					       (size_t)at[2] << 8 | at[3]));
			MUST(memcmp(iov[i].iov_base, at + STREAM_PREFIX, frames[i].len) == 0);
			run->at += STREAM_PREFIX + frames[i].len;
		}
		check_sent(run, frames, (size_t)n, first);
		stream_rx_consume(&run->rx, (size_t)n);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { .rx = { .buf = rx_buf }, .tx = { .buf = tx_buf } };
	size_t batch, fed = 0;
	int r = 0;

	if (size < 3)
		return 0;
	run.piece = 1 + ((size_t)data[0] << 8 | data[1]);
	batch = 1 + data[2] % STREAM_BATCH;
	run.stream = data + 3;
	while (fed < size - 3 && r == 0) {
		size_t room, now = size - 3 - fed;
		void *space = stream_rx_space(&run.rx, &room);

		MUST(room >= STREAM_RX_BYTES / 2);
		now = now < run.piece ? now : run.piece;
		now = now < room ? now : room;
		memcpy(space, run.stream + fed, now);
		stream_rx_add(&run.rx, now);
		fed += now;
		r = take(&run, batch);
		MUST(r == 0 || r == -EBADMSG);
		MUST(run.at + stream_rx_left(&run.rx) == fed);
		MUST(r < 0 || stream_rx_left(&run.rx) < STREAM_PREFIX + STREAM_FRAME_MAX);
	}
	return 0;
}

/* Three frames and the beginning of a fourth, in pieces of a byte, of some, and at once. */
size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	static const uint16_t pieces[] = { 0, 6, 0xfff };
	static const uint8_t lens[] = { 14, 60, 15, 42 };
	size_t len = 3;

	if (i >= sizeof(pieces) / sizeof(pieces[0]) || max < 256)
		return 0;
	memset(buf, 0, 256);
	buf[0] = (uint8_t)(pieces[i] >> 8);
	buf[1] = (uint8_t)pieces[i];
	buf[2] = (uint8_t)(i * 31);
	for (size_t k = 0; k < sizeof(lens); k++) {
		buf[len + 3] = lens[k];
		memset(buf + len + 4, (int)(0x40 + k), lens[k]);
		len += STREAM_PREFIX + lens[k];
	}
	return len - 10;
}
