/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_bulk.c - long messages of a front, to a peer that does not read */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "front_peer.h"

#define LONG	(1u << 20)
#define REPLIES 12u

static const struct front_config config = { .dispatch_only = true };

static void reply_long(struct end *end, struct front_request *r, uint8_t *memory, uint8_t fill)
{
	struct wire_dma_io head = *r->wire.dma_io;
	const struct iovec iov[] = { { &head, sizeof(head) },
				     { memory, LONG / 2 },
				     { memory + LONG / 2, LONG / 2 } };

	memset(memory, fill, LONG);
	front_reply_ok(end->front, r, iov, 3, NULL, 0);
	memset(memory, 0, LONG); /* it is ours again */
}

static void *dispatch_on(void *opaque)
{
	struct end *end = opaque;

	do
		end_poll(end);
	while (front_dispatch(end->front) == 0);
	return NULL;
}

static void expect(struct end *end, uint8_t fill)
{
	static uint8_t buf[sizeof(struct wire_header) + sizeof(struct wire_dma_io) + LONG];
	struct wire_header header;

	assert_int_equal(recv(end->peer, buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
	memcpy(&header, buf, sizeof(header));
	assert_int_equal(header.size, sizeof(buf));
	assert_int_equal(header.flags, WIRE_TYPE_REPLY);
	for (size_t i = sizeof(buf) - LONG; i < sizeof(buf); i++)
		assert_int_equal(buf[i], fill);
}

/* The first leave at once, one in part, the others queue. */
static void a_long_reply_is_copied_when_the_call_returns(void **state)
{
	uint8_t *memory = malloc(LONG);
	struct end end;
	pthread_t loop;

	assert_non_null(memory);
	end_new(&end, &config, false);
	end.hold = true;
	for (uint16_t i = 0; i < 4; i++)
		peer_ask(end.peer, i, 0, LONG);
	end_dispatch_until(&end, &end.n_requests, 4);
	for (uint8_t i = 0; i < end.n_held; i++)
		reply_long(&end, end.held[i], memory, (uint8_t)(i + 1));
	assert_int_equal(pthread_create(&loop, NULL, dispatch_on, &end), 0);
	for (uint8_t i = 0; i < end.n_held; i++)
		expect(&end, (uint8_t)(i + 1));
	shutdown(end.peer, SHUT_RDWR);
	pthread_join(loop, NULL);
	end_free(&end);
	free(memory);
}

/* What would have to be copied is not asked for. */
static void long_reads_wait_for_a_peer_that_does_not_take_them(void **state)
{
	uint8_t *memory = malloc(LONG);
	unsigned int n;
	struct end end;

	assert_non_null(memory);
	end_new(&end, &config, false);
	end.hold = true;
	for (n = 0; n < REPLIES; n++) {
		size_t before = end.n_held;

		peer_ask(end.peer, (uint16_t)n, 0, LONG);
		for (int i = 0; i < 4; i++)
			assert_int_equal(front_dispatch(end.front), 0);
		if (end.n_held == before)
			break;
		reply_long(&end, end.held[before], memory, (uint8_t)(n + 1));
	}
	assert_in_range(n, 1, REPLIES - 1);
	assert_int_equal(end.n_requests, n);
	/* It reads: then that is called back, too. */
	while (end.n_requests == n) {
		char rest[65536];

		(void)!recv(end.peer, rest, sizeof(rest), MSG_DONTWAIT);
		assert_int_equal(front_dispatch(end.front), 0);
	}
	front_reply_error(end.front, end.held[n], -5);
	end_free(&end);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_reply_is_copied_when_the_call_returns),
		cmocka_unit_test(long_reads_wait_for_a_peer_that_does_not_take_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
