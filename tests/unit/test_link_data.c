/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_data.c - long payloads of a link: replies into their destination, requests that are kept */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "link_end.h"

#define HEAD 16u
#define DATA 300000u

static uint8_t bytes[sizeof(struct wire_header) + HEAD + DATA + 64];
static uint8_t payload[HEAD + DATA];
static uint8_t data[DATA + 1];
static const uint8_t too_long[HEAD + DATA + 1] = { 1 };

static uint16_t ask(struct end *end)
{
	const struct wire_dma_io io = { .count = DATA };
	uint16_t id;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7 + i / 251 + 1);
	memset(data, 0, sizeof(data));
	assert_int_equal(end_request(end, WIRE_DMA_READ, &io, sizeof(io), sizeof(payload),
				     LINK_FOREVER, &id),
			 0);
	link_into(end->link, id, HEAD, data);
	return id;
}

static void feed_in_pieces(struct end *end, size_t from, size_t to, size_t piece)
{
	for (size_t at = from; at < to; at += piece)
		assert_int_equal(
			end_feed(end, bytes + at, to - at < piece ? to - at : piece, NULL, 0), 0);
}

static void data_arrives_where_it_was_wanted_however_it_is_cut(void **state)
{
	static const size_t pieces[] = { 13, 17, 31, 4096, 99991, sizeof(bytes) };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct end *end = end_new(WIRE_FROM_CLIENT);
		uint16_t id = ask(end);
		size_t n = message(bytes, id, WIRE_DMA_READ, WIRE_TYPE_REPLY, 0, payload,
				   sizeof(payload));

		n += command_read(bytes + n, 1, 4);
		feed_in_pieces(end, 0, n, pieces[i]);
		assert_int_equal(end->n_replies, 1);
		assert_int_equal(end->replies[0].error, 0);
		assert_int_equal(end->replies[0].len, sizeof(payload));
		assert_int_equal(end->replies[0].first, payload[0]);
		assert_memory_equal(data, payload + HEAD, DATA);
		assert_int_equal(data[DATA], 0);
		assert_int_equal(end->n_requests, 1);
		end_free(end);
	}
}

static void data_takes_no_buffer_of_its_length(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint16_t id = ask(end);
	size_t n = message(bytes, id, WIRE_DMA_READ, WIRE_TYPE_REPLY, 0, payload, sizeof(payload));
	size_t len;

	feed_in_pieces(end, 0, 64, 64);
	link_space(end->link, &len);
	assert_true(len <= 128u << 10);
	feed_in_pieces(end, 64, n, 70000);
	assert_int_equal(end->n_replies, 1);
	end_free(end);
}

static void a_short_reply_brings_less_data(void **state)
{
	for (size_t len = 0; len <= HEAD + 1; len++) {
		struct end *end = end_new(WIRE_FROM_CLIENT);
		uint16_t id = ask(end);
		size_t n = message(bytes, id, WIRE_DMA_READ, WIRE_TYPE_REPLY, 0, payload, len);

		feed_in_pieces(end, 0, n, n);
		assert_int_equal(end->n_replies, 1);
		assert_int_equal(end->replies[0].len, len);
		assert_int_equal(data[0], len > HEAD ? payload[HEAD] : 0);
		assert_int_equal(data[1], 0);
		end_free(end);
	}
}

static void an_error_or_too_long_a_reply_writes_nothing(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint16_t id = ask(end);
	size_t n = message(bytes, id, WIRE_DMA_READ, WIRE_TYPE_REPLY | WIRE_FLAG_ERROR, 5, payload,
			   100);

	feed_in_pieces(end, 0, n, 50);
	assert_int_equal(end->replies[0].error, -5);
	assert_int_equal(data[0], 0);

	id = ask(end);
	n = message(bytes, id, WIRE_DMA_READ, WIRE_TYPE_REPLY, 0, too_long, sizeof(too_long));
	feed_in_pieces(end, 0, n, 9999);
	assert_int_equal(end->replies[1].error, -EPROTO);
	assert_int_equal(data[0], 0);
	end_free(end);
}

static void a_cancelled_requests_data_is_not_written_any_more(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint16_t id = ask(end);
	size_t n = message(bytes, id, WIRE_DMA_READ, WIRE_TYPE_REPLY, 0, payload, sizeof(payload));

	feed_in_pieces(end, 0, n / 2, 5000);
	link_cancel(end->link, id);
	assert_int_equal(end->n_replies, 1);
	assert_int_equal(end->replies[0].error, -ECANCELED);
	memset(data, 0, sizeof(data));
	feed_in_pieces(end, n / 2, n, 5000);
	for (size_t i = 0; i < DATA; i++)
		assert_int_equal(data[i], 0);
	assert_int_equal(end->n_replies, 1);

	/* The next is none the worse for it. */
	id = ask(end);
	n = message(bytes, id, WIRE_DMA_READ, WIRE_TYPE_REPLY, 0, payload, sizeof(payload));
	feed_in_pieces(end, 0, n, n);
	assert_int_equal(end->replies[1].error, 0);
	assert_memory_equal(data, payload + HEAD, DATA);
	end_free(end);
}

/* Requests. */

struct keeper {
	struct link *link;
	void *kept;
	size_t cap, n_requests;
	struct wire_request request;
};

static void keep(void *opaque, link_token token, const struct wire_request *request,
		 struct link_fds *fds)
{
	struct keeper *k = opaque;

	k->n_requests++;
	if (k->kept == NULL) {
		k->kept = link_keep_request(k->link, &k->cap);
		k->request = *request;
	}
	assert_int_equal(link_reply_ok(k->link, token, NULL, 0, NULL, 0), 0);
}

static void keeper_start(struct keeper *k)
{
	static const struct link_ops ops = { .request = keep };
	const struct link_config config = {
		.peer = WIRE_FROM_CLIENT,
		.accepts = { .max_data_xfer_size = 1u << 20, .max_msg_fds = 1 },
		.ops = &ops,
		.opaque = k,
	};

	*k = (struct keeper) { 0 };
	assert_int_equal(link_new(&config, &k->link), 0);
}

static void feed(struct link *link, const uint8_t *from, size_t n)
{
	while (n > 0) {
		size_t len;
		void *space = link_space(link, &len);

		assert_non_null(space);
		len = len < n ? len : n;
		memcpy(space, from, len);
		assert_int_equal(link_feed(link, len, NULL, 0), 0);
		from += len;
		n -= len;
	}
}

static void a_long_requests_memory_can_be_kept_and_what_follows_is_not_lost(void **state)
{
	struct keeper k;
	struct wire_region_io io = { .count = DATA };
	size_t n;

	memset(payload, 9, sizeof(payload));
	memcpy(payload, &io, sizeof(io));
	n = message(bytes, 1, WIRE_REGION_WRITE, 0, 0, payload, sizeof(payload));
	keeper_start(&k);
	feed(k.link, bytes, n);
	assert_non_null(k.kept);
	assert_int_equal(k.request.region_io->count, DATA);

	/* Into recycled memory, with more behind it. */
	link_recycle(k.link, k.kept, k.cap);
	k.kept = NULL;
	for (uint16_t i = 0; i < 3; i++)
		feed(k.link, bytes, command_read(bytes, i, 4));
	n = message(bytes, 1, WIRE_REGION_WRITE, 0, 0, payload, sizeof(payload));
	feed(k.link, bytes, n - 1);
	feed(k.link, bytes + n - 1, 1);
	assert_non_null(k.kept);
	link_kill(k.link, 0, "done");
	assert_int_equal(k.request.region_io->count, DATA);
	assert_int_equal(((const uint8_t *)(k.request.region_io + 1))[DATA - 1], 9);
	link_recycle(k.link, k.kept, k.cap); /* of a dead one: freed */
	link_free(k.link);
}

static void short_requests_are_not_kept(void **state)
{
	struct keeper k;

	keeper_start(&k);
	feed(k.link, bytes, command_read(bytes, 1, 4));
	assert_int_equal(k.n_requests, 1);
	assert_null(k.kept);
	link_free(k.link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_arrives_where_it_was_wanted_however_it_is_cut),
		cmocka_unit_test(data_takes_no_buffer_of_its_length),
		cmocka_unit_test(a_short_reply_brings_less_data),
		cmocka_unit_test(an_error_or_too_long_a_reply_writes_nothing),
		cmocka_unit_test(a_cancelled_requests_data_is_not_written_any_more),
		cmocka_unit_test(a_long_requests_memory_can_be_kept_and_what_follows_is_not_lost),
		cmocka_unit_test(short_requests_are_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
