/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ack_thin.c - of a batch's acknowledgements the last one of each connection is sent
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "net/user/ack_thin.h"
#include "net/user/packet.h"

#define SENT_MAX 32u
#define IP4_LEN	 (PACKET_IP + PACKET_IP4_HEADER + 20)
#define IP6_LEN	 (PACKET_IP + PACKET_IP6_HEADER + 20)
#define SEQUENCE 4u
#define ACK	 8u
#define OFFSET	 12u
#define FLAGS	 13u
#define WINDOW	 14u

struct fixture {
	struct ack_thin thin;
	size_t n;
	struct {
		uint8_t frame[128];
		size_t len;
	} sent[SENT_MAX];
};

static void on_send(void *opaque, const uint8_t *frame, size_t len)
{
	struct fixture *f = opaque;

	assert_true(f->n < SENT_MAX && len <= sizeof(f->sent[0].frame));
	memcpy(f->sent[f->n].frame, frame, len);
	f->sent[f->n++].len = len;
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture) { .thin = { .send = on_send, .opaque = &f } };
	*state = &f;
	return 0;
}

struct ack {
	uint8_t frame[128];
	size_t len, at; /* at: TCP's header */
};

static struct ack ack_of(bool v6, unsigned int port, uint32_t number)
{
	struct ack ack = { .len = v6 ? IP6_LEN : IP4_LEN };
	uint8_t *ip = ack.frame + PACKET_IP;

	ack.at = ack.len - 20;
	packet_put16(ack.frame + PACKET_ETH_TYPE, v6 ? 0x86dd : 0x0800);
	ip[0] = v6 ? 0x60 : 0x45;
	ip[v6 ? 6 : 9] = IPPROTO_TCP;
	packet_put16(ip + (v6 ? 4 : 2), v6 ? 20 : 40);
	packet_put16(ack.frame + ack.at + 2, port);
	packet_put32(ack.frame + ack.at + SEQUENCE, 77);
	packet_put32(ack.frame + ack.at + ACK, number);
	ack.frame[ack.at + OFFSET] = 0x50;
	ack.frame[ack.at + FLAGS] = TH_ACK;
	return ack;
}

static void send_one(struct fixture *f, struct ack ack)
{
	ack_thin_send(&f->thin, ack.frame, ack.len);
}

static void send_number(struct fixture *f, uint32_t number)
{
	send_one(f, ack_of(false, 1, number));
}

static void assert_sent(const struct fixture *f, size_t i, struct ack ack)
{
	assert_true(i < f->n);
	assert_int_equal(f->sent[i].len, ack.len);
	assert_memory_equal(f->sent[i].frame, ack.frame, ack.len);
}

static void the_last_one_of_a_batch_is_sent(void **state)
{
	for (int v6 = 0; v6 <= 1; v6++) {
		struct fixture *f = *state;

		setup(state);
		for (uint32_t number = 1; number <= 20; number++)
			send_one(f, ack_of(v6, 1, number));
		assert_int_equal(f->n, 0);
		ack_thin_flush(&f->thin);
		assert_int_equal(f->n, 1);
		assert_sent(f, 0, ack_of(v6, 1, 20));
	}
}

static void nothing_is_sent_twice(void **state)
{
	struct fixture *f = *state;

	send_number(f, 1);
	ack_thin_flush(&f->thin);
	ack_thin_flush(&f->thin);
	assert_int_equal(f->n, 1);
}

static void numbers_wrap(void **state)
{
	struct fixture *f = *state;

	send_number(f, UINT32_MAX - 5);
	send_number(f, 5);
	ack_thin_flush(&f->thin);
	assert_int_equal(f->n, 1);
	assert_sent(f, 0, ack_of(false, 1, 5));
}

static void duplicates_are_all_sent(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 4; i++)
		send_number(f, 9);
	ack_thin_flush(&f->thin);
	assert_int_equal(f->n, 4);
}

static void one_that_acknowledges_less_takes_nobodys_place(void **state)
{
	struct fixture *f = *state;

	send_number(f, 9);
	send_number(f, 8);
	ack_thin_flush(&f->thin);
	assert_int_equal(f->n, 2);
	assert_sent(f, 0, ack_of(false, 1, 9));
	assert_sent(f, 1, ack_of(false, 1, 8));
}

static void a_new_window_alone_is_sent_behind(void **state)
{
	struct fixture *f = *state;
	struct ack wider = ack_of(false, 1, 9);

	packet_put16(wider.frame + wider.at + WINDOW, 1000);
	send_number(f, 9);
	send_one(f, wider);
	ack_thin_flush(&f->thin);
	assert_int_equal(f->n, 2);
	assert_sent(f, 1, wider);
}

/* However many there are, more than are held too. */
static void each_connection_keeps_its_own(void **state)
{
	struct fixture *f = *state;

	for (unsigned int port = 0; port < 2 * ACK_THIN_HELD + 3; port++)
		send_one(f, ack_of(false, port, 9));
	ack_thin_flush(&f->thin);
	assert_int_equal(f->n, 2 * ACK_THIN_HELD + 3);
	for (unsigned int port = 0; port < f->n; port++)
		assert_sent(f, port, ack_of(false, port, 9));
}

static void one_byte_makes_it_another_connection_or_position(void **state)
{
	struct fixture *f = *state;
	const struct ack first = ack_of(false, 1, 9);
	const size_t parts[] = {
		0, 6, 12 + 14, 16 + 14, first.at, first.at + 2, first.at + SEQUENCE
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct ack other = ack_of(false, 1, 10);

		setup(state);
		other.frame[parts[i]] ^= 1;
		send_one(f, first);
		send_one(f, other);
		ack_thin_flush(&f->thin);
		assert_int_equal(f->n, 2);
	}
}

static struct ack with(size_t at, uint8_t value)
{
	struct ack ack = ack_of(false, 1, 10);

	ack.frame[at] = value;
	return ack;
}

static struct ack longer(size_t by)
{
	struct ack ack = ack_of(false, 1, 10);

	ack.len += by;
	return ack;
}

/* It goes at once, and what is held goes before it. */
static void what_is_more_than_an_acknowledgement_stays_in_its_place(void **state)
{
	const struct ack first = ack_of(false, 1, 9);
	const struct ack others[] = {
		with(first.at + FLAGS, TH_ACK | TH_FIN),
		with(first.at + FLAGS, TH_ACK | TH_SYN),
		with(first.at + FLAGS, TH_ACK | TH_RST),
		with(first.at + FLAGS, TH_ACK | TH_PUSH),
		with(first.at + FLAGS, TH_ACK | 0x40), /* congestion */
		with(first.at + FLAGS, 0),
		with(first.at + OFFSET, 0x60), /* options */
		with(PACKET_IP, 0x46),
		with(PACKET_IP, 0x65),
		with(PACKET_IP + 9, IPPROTO_UDP),
		with(PACKET_ETH_TYPE, 0x88),
		longer(1),
		longer(20), /* as long as one over IPv6 */
		longer(60),
		{ .len = 14 },
		{ .len = 0 },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct fixture *f = *state;

		setup(state);
		send_one(f, first);
		send_one(f, others[i]);
		assert_int_equal(f->n, 2);
		assert_sent(f, 0, first);
		assert_sent(f, 1, others[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
		TEST(the_last_one_of_a_batch_is_sent),
		TEST(nothing_is_sent_twice),
		TEST(numbers_wrap),
		TEST(duplicates_are_all_sent),
		TEST(one_that_acknowledges_less_takes_nobodys_place),
		TEST(a_new_window_alone_is_sent_behind),
		TEST(each_connection_keeps_its_own),
		TEST(one_byte_makes_it_another_connection_or_position),
		TEST(what_is_more_than_an_acknowledgement_stays_in_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
