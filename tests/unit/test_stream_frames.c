/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_stream_frames.c - 4 bytes of length before each frame, in pieces of any size
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/ports/stream_frames.h"

#define ALL 1000u

struct fixture {
	struct stream_rx rx;
	struct stream_tx tx;
	size_t n_got;
	size_t got[ALL]; /* lengths, in order */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->rx.buf = malloc(STREAM_RX_BYTES);
	f->tx.buf = malloc(STREAM_TX_BYTES);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->rx.buf);
	free(f->tx.buf);
	free(f);
	return 0;
}

/* The i-th frame's bytes are told from all others'. */
static uint8_t byte_of(size_t frame, size_t at)
{
	return (uint8_t)(frame * 37 + at * 11 + at / 251);
}

static size_t put_prefix(uint8_t *at, uint32_t len)
{
	const uint8_t prefix[] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
				   (uint8_t)len };

	memcpy(at, prefix, sizeof(prefix));
	return sizeof(prefix);
}

static size_t put_frame(uint8_t *at, size_t index, size_t len)
{
	put_prefix(at, (uint32_t)len);
	for (size_t i = 0; i < len; i++)
		at[STREAM_PREFIX + i] = byte_of(index, i);
	return STREAM_PREFIX + len;
}

/* Take what is whole, @batch at a time. Return: as stream_rx_peek() in the end */
static int take(struct fixture *f, size_t batch)
{
	struct frame frames[STREAM_BATCH];
	struct iovec iov[STREAM_BATCH];
	int n;

	while ((n = stream_rx_peek(&f->rx, frames, iov, batch)) > 0) {
		for (int i = 0; i < n; i++) {
			const uint8_t *bytes = frames[i].iov[0].iov_base;

			assert_int_equal(frames[i].n_iov, 1);
			assert_int_equal(frames[i].len, frames[i].iov[0].iov_len);
			for (size_t k = 0; k < frames[i].len; k++)
				assert_int_equal(bytes[k], byte_of(f->n_got, k));
			f->got[f->n_got++] = frames[i].len;
		}
		stream_rx_consume(&f->rx, (size_t)n);
	}
	return n;
}

static int feed(struct fixture *f, const uint8_t *bytes, size_t len, size_t batch)
{
	int r = 0;

	while (len > 0 && r == 0) {
		size_t room;
		void *space = stream_rx_space(&f->rx, &room);
		size_t now = len < room ? len : room;

		assert_true(room > 0);
		memcpy(space, bytes, now);
		stream_rx_add(&f->rx, now);
		r = take(f, batch);
		bytes += now;
		len -= now;
	}
	return r;
}

static void frames_are_the_same_at_every_split_in_three(void **state)
{
	static const size_t lens[] = { 14, 60, 14, 15, 43 };
	struct fixture *f = *state;
	uint8_t bytes[256];
	size_t total = 0;

	for (size_t i = 0; i < 5; i++)
		total += put_frame(bytes + total, i, lens[i]);
	for (size_t a = 0; a <= total; a++) {
		for (size_t b = a; b <= total; b++) {
			f->n_got = 0;
			assert_int_equal(feed(f, bytes, a, 64), 0);
			assert_int_equal(feed(f, bytes + a, b - a, 64), 0);
			assert_int_equal(feed(f, bytes + b, total - b, 64), 0);
			assert_int_equal(f->n_got, 5);
			assert_memory_equal(f->got, lens, sizeof(lens));
			assert_int_equal(stream_rx_left(&f->rx), 0);
		}
	}
}

static void frames_of_every_size_come_through_in_pieces_of_any_size(void **state)
{
	static const size_t lens[] = { 14, 1514,  65535, 14,	65536, STREAM_FRAME_MAX,
				       60, 65553, 9014,	 65539, 15,    STREAM_FRAME_MAX };
	static const size_t pieces[] = {
		1, 2, 3, 5, 4095, 65536, 65557, STREAM_RX_BYTES, 1u << 20
	};
	struct fixture *f = *state;
	uint8_t *bytes = malloc(12 * (STREAM_PREFIX + STREAM_FRAME_MAX));
	size_t total = 0;

	for (size_t i = 0; i < 12; i++)
		total += put_frame(bytes + total, i, lens[i]);
	for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
		f->n_got = 0;
		for (size_t at = 0; at < total; at += pieces[p]) {
			size_t left = total - at;

			assert_int_equal(
				feed(f, bytes + at, left < pieces[p] ? left : pieces[p], 1 + p * 7),
				0);
		}
		assert_int_equal(f->n_got, 12);
		assert_memory_equal(f->got, lens, sizeof(lens));
	}
	free(bytes);
}

/* With the byte after the length not even there. */
static void a_length_that_no_frame_has_is_an_error_at_its_fourth_byte(void **state)
{
	static const uint32_t bad[] = { 0,	    1,		13,	    STREAM_FRAME_MAX + 1,
					1u << 17,   0x00ffffff, 0x7fffffff, 0x80000000,
					0xfffffffe, 0xffffffff, 14u << 24,  0x5646b154 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t prefix[STREAM_PREFIX];

		put_prefix(prefix, bad[i]);
		assert_int_equal(feed(f, prefix, 3, 64), 0);
		assert_int_equal(feed(f, prefix + 3, 1, 64), -EBADMSG);
		assert_int_equal(stream_rx_next_len(&f->rx), bad[i]);
		f->rx.start = f->rx.end = 0;
	}
}

static void lengths_at_the_limits_are_frames(void **state)
{
	static const uint32_t good[] = { 14, 15, 65535, 65536, STREAM_FRAME_MAX };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint8_t prefix[STREAM_PREFIX];

		put_prefix(prefix, good[i]);
		assert_int_equal(feed(f, prefix, 4, 64), 0);
		assert_int_equal(stream_rx_left(&f->rx), 4);
		f->rx.start = f->rx.end = 0;
	}
}

static void frames_before_a_bad_length_are_still_frames(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[128];
	size_t len = put_frame(bytes, 0, 20);

	len += put_frame(bytes + len, 1, 30);
	len += put_prefix(bytes + len, 13);
	assert_int_equal(feed(f, bytes, len, 64), -EBADMSG);
	assert_int_equal(f->n_got, 2);
	assert_int_equal(feed(f, bytes, 0, 64), 0);
	assert_int_equal(take(f, 64), -EBADMSG); /* and it stays one */
}

static void what_the_network_does_not_take_stays(void **state)
{
	struct fixture *f = *state;
	struct frame frames[STREAM_BATCH];
	struct iovec iov[STREAM_BATCH];
	uint8_t bytes[256];
	size_t total = 0, room;

	for (size_t i = 0; i < 4; i++)
		total += put_frame(bytes + total, i, 14 + i);
	memcpy(stream_rx_space(&f->rx, &room), bytes, total);
	stream_rx_add(&f->rx, total);
	assert_int_equal(stream_rx_peek(&f->rx, frames, iov, STREAM_BATCH), 4);
	stream_rx_consume(&f->rx, 1);
	f->n_got = 1;
	stream_rx_space(&f->rx, &room);
	assert_int_equal(take(f, 2), 0);
	assert_int_equal(f->n_got, 4);
}

/* Sending */

/* The second is sent from where it is, the others are copied. */
#define SENT_LARGE (STREAM_COPY_MAX + 1u)
static const size_t sent_lens[] = { 14, SENT_LARGE, 20 };
#define SENT_TOTAL (14u + SENT_LARGE + 20u + 3u * STREAM_PREFIX)

/* Each frame in pieces: of 10 bytes, of none, and the rest. */
static void make_frames(struct frame frames[3], struct iovec iov[9], uint8_t bytes[3][SENT_LARGE])
{
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < sent_lens[i]; k++)
			bytes[i][k] = byte_of(i, k);
		iov[3 * i] = (struct iovec) { bytes[i], 10 };
		iov[3 * i + 1] = (struct iovec) { bytes[i], 0 };
		iov[3 * i + 2] = (struct iovec) { bytes[i] + 10, sent_lens[i] - 10 };
		frames[i] = (struct frame) { .iov = &iov[3 * i], .n_iov = 3, .len = sent_lens[i] };
	}
}

static size_t flatten(const struct iovec *iov, size_t n, uint8_t *bytes)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		memcpy(bytes + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return len;
}

/* The frames that are done with are overwritten: their queue may drop them. */
static void a_socket_that_takes_any_part_gets_the_rest_later(void **state)
{
	struct fixture *f = *state;

	for (size_t cut = 0; cut <= SENT_TOTAL; cut++) {
		struct frame frames[3];
		struct iovec iov[9], out[16];
		uint8_t bytes[3][SENT_LARGE], wire[SENT_TOTAL], all[SENT_TOTAL];
		const void *left;
		size_t n, len, done, went;

		make_frames(frames, iov, bytes);
		n = stream_tx_gather(&f->tx, frames, 3, out, 16, &len);
		assert_int_equal(n, 1 + 3 + 1);
		assert_int_equal(len, SENT_TOTAL);
		assert_int_equal(flatten(out, n, all), SENT_TOTAL);
		memcpy(wire, all, cut);
		went = cut;
		done = stream_tx_sent(&f->tx, frames, 3, cut);
		memset(bytes, 0xee, done * sizeof(bytes[0]));
		len = stream_tx_left(&f->tx, &left);
		for (; len > 0; len = stream_tx_left(&f->tx, &left)) {
			wire[went++] = *(const uint8_t *)left;
			stream_tx_left_sent(&f->tx, 1);
		}
		if (done < 3) {
			n = stream_tx_gather(&f->tx, frames + done, 3 - done, out, 16, &len);
			assert_int_equal(flatten(out, n, all), len);
			memcpy(wire + went, all, len);
			went += len;
		}
		assert_int_equal(went, SENT_TOTAL);
		f->n_got = 0;
		assert_int_equal(feed(f, wire, SENT_TOTAL, 64), 0);
		assert_int_equal(f->n_got, 3);
		assert_memory_equal(f->got, sent_lens, sizeof(sent_lens));
	}
}

static void frames_for_which_there_is_no_room_wait_for_the_next_batch(void **state)
{
	struct fixture *f = *state;
	struct frame frames[3];
	struct iovec iov[9], out[8];
	uint8_t bytes[3][SENT_LARGE];
	size_t len;

	make_frames(frames, iov, bytes);
	assert_int_equal(stream_tx_gather(&f->tx, frames, 3, out, 4, &len), 1);
	assert_int_equal(len, STREAM_PREFIX + 14);
	assert_int_equal(stream_tx_sent(&f->tx, frames, 3, len), 1);
	assert_int_equal(stream_tx_gather(&f->tx, frames, 3, out, 5, &len), 4);
	assert_int_equal(len, 2 * STREAM_PREFIX + 14 + SENT_LARGE);
	assert_int_equal(stream_tx_gather(&f->tx, frames, 0, out, 8, &len), 0);
	assert_int_equal(len, 0);
}

static void small_frames_are_copied_as_far_as_the_buffer_goes(void **state)
{
	const size_t fit = STREAM_TX_BYTES / (STREAM_PREFIX + STREAM_COPY_MAX);
	struct fixture *f = *state;
	uint8_t bytes[STREAM_COPY_MAX] = { 0 };
	struct iovec iov = { bytes, sizeof(bytes) }, out[8];
	struct frame frames[STREAM_BATCH];
	size_t len;

	assert_true(fit < STREAM_BATCH);
	for (size_t i = 0; i < STREAM_BATCH; i++)
		frames[i] = (struct frame) { .iov = &iov, .n_iov = 1, .len = sizeof(bytes) };
	assert_int_equal(stream_tx_gather(&f->tx, frames, STREAM_BATCH, out, 8, &len), 1);
	assert_int_equal(len, fit * (STREAM_PREFIX + sizeof(bytes)));
	assert_int_equal(stream_tx_sent(&f->tx, frames, STREAM_BATCH, len), fit);
	assert_int_equal(stream_tx_gather(&f->tx, frames, fit, out, 8, &len), 1);
	assert_int_equal(len, fit * (STREAM_PREFIX + sizeof(bytes)));
}

#define RUN 5u

static size_t show_run(struct fixture *f, uint8_t *wire, struct frame *frames, struct iovec *iov)
{
	static const size_t lens[RUN] = { 60, 14, 3000, 1514, 61 };
	size_t total = 0;

	for (size_t i = 0; i < RUN; i++)
		total += put_frame(wire + total, i, lens[i]);
	f->rx.start = f->rx.end = 0;
	memcpy(f->rx.buf, wire, total);
	stream_rx_add(&f->rx, total);
	assert_int_equal(stream_rx_peek(&f->rx, frames, iov, RUN), RUN);
	return total;
}

static void frames_that_lie_behind_one_another_in_a_stream_go_as_they_are(void **state)
{
	struct fixture *f = *state;
	uint8_t wire[6000], seen[6000];
	struct frame frames[RUN];
	struct iovec iov[RUN], out[16];
	size_t total = show_run(f, wire, frames, iov), len;

	assert_int_equal(stream_tx_gather(&f->tx, frames, RUN, out, 16, &len), 1);
	assert_int_equal(len, total);
	assert_ptr_equal(out[0].iov_base, f->rx.buf);
	assert_int_equal(flatten(out, 1, seen), total);
	assert_memory_equal(seen, wire, total);
}

static void frames_with_others_between_them_in_a_stream_are_sent_without_those(void **state)
{
	struct fixture *f = *state;
	uint8_t wire[6000], seen[6000];
	struct frame frames[RUN], some[3];
	struct iovec iov[RUN], out[16];
	size_t len, n, at;

	for (size_t without = 0; without < RUN; without++) {
		size_t total = show_run(f, wire, frames, iov), k = 0;

		for (size_t i = 0; i < 3; i++, k++) {
			k += k == without;
			some[i] = frames[k];
		}
		n = stream_tx_gather(&f->tx, some, 3, out, 16, &len);
		assert_true(len < total);
		assert_int_equal(flatten(out, n, seen), len);
		at = 0;
		for (size_t i = 0; i < 3; i++) {
			const uint8_t *lies = (uint8_t *)some[i].iov->iov_base - STREAM_PREFIX;

			assert_memory_equal(seen + at, lies, STREAM_PREFIX + some[i].len);
			at += STREAM_PREFIX + some[i].len;
		}
		assert_int_equal(at, len);
		assert_int_equal(stream_tx_sent(&f->tx, some, 3, len), 3);
	}
}

/* Cut anywhere: what went out and what is left make the same stream. */
static void what_is_left_of_a_run_is_the_rest_of_one_frame(void **state)
{
	struct fixture *f = *state;
	uint8_t wire[6000], seen[6000];
	struct frame frames[RUN];
	struct iovec iov[RUN], out[16];
	size_t total = show_run(f, wire, frames, iov);

	for (size_t cut = 1; cut <= total; cut++) {
		const void *left;
		size_t len, n = stream_tx_gather(&f->tx, frames, RUN, out, 16, &len), went = cut;
		size_t done = stream_tx_sent(&f->tx, frames, n ? RUN : 0, cut), n_left;

		flatten(out, n, seen);
		n_left = stream_tx_left(&f->tx, &left);
		memcpy(seen + went, left, n_left);
		went += n_left;
		stream_tx_left_sent(&f->tx, n_left);
		assert_memory_equal(seen, wire, went);
		/* Whole frames, and as many as were said to be done with. */
		for (size_t i = 0; i < done; i++)
			went -= STREAM_PREFIX + frames[i].len;
		assert_int_equal(went, 0);
	}
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(frames_are_the_same_at_every_split_in_three),
		test(frames_of_every_size_come_through_in_pieces_of_any_size),
		test(a_length_that_no_frame_has_is_an_error_at_its_fourth_byte),
		test(lengths_at_the_limits_are_frames),
		test(frames_before_a_bad_length_are_still_frames),
		test(what_the_network_does_not_take_stays),
		test(a_socket_that_takes_any_part_gets_the_rest_later),
		test(frames_for_which_there_is_no_room_wait_for_the_next_batch),
		test(small_frames_are_copied_as_far_as_the_buffer_goes),
		test(frames_that_lie_behind_one_another_in_a_stream_go_as_they_are),
		test(frames_with_others_between_them_in_a_stream_are_sent_without_those),
		test(what_is_left_of_a_run_is_the_rest_of_one_frame),
	};

	return cmocka_run_group_tests_name("stream_frames", tests, NULL, NULL);
}
