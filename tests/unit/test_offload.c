/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_offload.c - checksums and segments, judged as a receiver would
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "offload_frames.h"
#include "virtio/spec.h"

static struct made made;
static uint8_t out[MADE_MAX];
static const struct offload_want sums = { .mtu = 1500, .checksums = true };
static const struct offload_want tso = { .mtu = 1500, .segment = true };

static void checksums_are_filled_in_for_each_protocol(void **state)
{
	static const size_t lengths[] = { 0, 1, 2, 3, 999, 1000 };
	struct offload_plan plan;

	for (int kind = 0; kind < 16; kind++) {
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			make_frame(&made, kind & 1, kind & 2 ? IPPROTO_TCP : IPPROTO_UDP, kind & 4,
				   kind & 8 ? 16 : 0, lengths[i]);
			assert_int_equal(offload_plan(made.bytes, made.len, &sums, NULL, &plan), 0);
			assert_int_equal(plan.n_pieces, 1);
			assert_int_equal(take_piece(&plan, 0, out), made.len);
			assert_true(sums_are_right(&made, out, made.len));
			assert_memory_equal(out + made.payload, made.bytes + made.payload,
					    lengths[i]);
		}
	}
}

static void padding_behind_the_packet_stays_and_is_not_summed(void **state)
{
	struct offload_plan plan;

	make_frame(&made, false, IPPROTO_UDP, false, 0, 1);
	memset(made.bytes + made.len, 0xee, 17);
	assert_int_equal(offload_plan(made.bytes, made.len + 17, &sums, NULL, &plan), 0);
	assert_int_equal(take_piece(&plan, 0, out), made.len + 17);
	assert_true(sums_are_right(&made, out, made.len));
	assert_int_equal(out[made.len + 16], 0xee);
}

/* UDP's 0 means that there is no checksum; a sum that is 0 is sent as all ones. */
static void a_udp_checksum_is_never_zero(void **state)
{
	struct offload_plan plan;
	unsigned int seen = 0;

	make_frame(&made, false, IPPROTO_UDP, false, 0, 2);
	for (unsigned int i = 0; i < 0x10000; i++) {
		put16(made.bytes + made.payload, i);
		assert_int_equal(offload_plan(made.bytes, made.len, &sums, NULL, &plan), 0);
		take_piece(&plan, 0, out);
		assert_int_not_equal(get16(out + made.transport + 6), 0);
		seen += get16(out + made.transport + 6) == 0xffff;
	}
	assert_int_equal(seen, 1);
}

static void a_fragment_gets_the_sum_of_its_ip_header_alone(void **state)
{
	struct offload_plan plan;

	make_frame(&made, false, IPPROTO_UDP, false, 0, 100);
	put16(made.bytes + made.ip + 6, 0x2000); /* more fragments */
	put16(made.bytes + made.transport + 6, 0x1234);
	assert_int_equal(offload_plan(made.bytes, made.len, &sums, NULL, &plan), 0);
	assert_int_equal(take_piece(&plan, 0, out), made.len);
	assert_int_equal(slow_sum(0, out + made.ip, 20), 0xffff);
	assert_memory_equal(out + made.transport, made.bytes + made.transport,
			    made.len - made.transport);
}

static void what_is_no_ip_is_left_alone(void **state)
{
	struct offload_plan plan;

	make_frame(&made, false, IPPROTO_UDP, false, 0, 100);
	put16(made.bytes + 12, 0x0806);
	assert_int_equal(offload_plan(made.bytes, made.len, &sums, NULL, &plan), 0);
	assert_int_equal(take_piece(&plan, 0, out), made.len);
	assert_memory_equal(out, made.bytes, made.len);
}

static void check_segment(const struct offload_plan *plan, size_t i, size_t n, size_t *offset)
{
	size_t len = take_piece(plan, i, out);
	uint8_t flags = out[made.transport + 13];
	size_t payload = len - made.payload;

	assert_true(len - made.ip <= 1500);
	assert_true(payload > 0);
	assert_true(sums_are_right(&made, out, len));
	if (made.v6)
		assert_int_equal(get16(out + made.ip + 4), len - made.ip - 40);
	else
		assert_int_equal(get16(out + made.ip + 2), len - made.ip);
	if (!made.v6)
		assert_int_equal(get16(out + made.ip + 4), (0xfffe + i) & 0xffff);
	assert_int_equal(get32(out + made.transport + 4), (uint32_t)(TCP_SEQUENCE + *offset));
	assert_memory_equal(out + made.payload, made.bytes + made.payload + *offset, payload);
	/* FIN and PSH end the data, CWR begins it, ACK is everywhere. */
	assert_int_equal(flags & 0x09, i + 1 == n ? 0x09 : 0);
	assert_int_equal(flags & 0x80, i == 0 ? 0x80 : 0);
	assert_int_equal(flags & 0x10, 0x10);
	*offset += payload;
}

static void segments_are_what_a_sender_would_have_made(void **state)
{
	static const size_t lengths[] = { 1449, 2896, 2897, 9000, 65000 };
	struct offload_plan plan;

	for (int kind = 0; kind < 8; kind++) {
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			size_t offset = 0;

			make_frame(&made, kind & 1, IPPROTO_TCP, kind & 2, kind & 4 ? 16 : 0,
				   lengths[i]);
			assert_int_equal(offload_plan(made.bytes, made.len, &tso, NULL, &plan), 0);
			assert_true(plan.n_pieces > 1);
			for (size_t piece = 0; piece < plan.n_pieces; piece++)
				check_segment(&plan, piece, plan.n_pieces, &offset);
			assert_int_equal(offset, lengths[i]);
		}
	}
}

static void tcp_that_fits_is_not_touched(void **state)
{
	struct offload_plan plan;

	make_frame(&made, false, IPPROTO_TCP, false, 0, 1448);
	assert_int_equal(offload_plan(made.bytes, made.len, &tso, NULL, &plan), 0);
	assert_int_equal(plan.n_pieces, 1);
	assert_int_equal(take_piece(&plan, 0, out), made.len);
	assert_memory_equal(out, made.bytes, made.len);
}

static void a_header_says_the_size_of_segments(void **state)
{
	struct frame_header header = { .gso_type = 1, .flags = 1, .gso_size = le16(500) };
	struct offload_plan plan;
	size_t offset = 0;

	make_frame(&made, false, IPPROTO_TCP, false, 0, 1400);
	assert_int_equal(offload_plan(made.bytes, made.len, &tso, &header, &plan), 0);
	assert_int_equal(plan.n_pieces, 3);
	for (size_t i = 0; i < 3; i++)
		check_segment(&plan, i, 3, &offset);
	assert_int_equal(offset, 1400);

	header.gso_size = le16(60000); /* more than the network carries */
	make_frame(&made, true, IPPROTO_TCP, false, 0, 5000);
	header.gso_type = 4;
	offset = 0;
	assert_int_equal(offload_plan(made.bytes, made.len, &tso, &header, &plan), 0);
	for (size_t i = 0; i < plan.n_pieces; i++)
		check_segment(&plan, i, plan.n_pieces, &offset);
	assert_int_equal(offset, 5000);
}

/* As a Linux guest asks for it: what IP has of the sum is there, the rest is to be added. */
static void a_header_says_which_checksum_is_missing(void **state)
{
	struct frame_header header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	static const struct offload_want nothing = { .mtu = 1500 };
	struct offload_plan plan;

	for (int kind = 0; kind < 4; kind++) {
		bool tcp = kind & 2;
		size_t field = tcp ? 16 : 6;

		make_frame(&made, kind & 1, tcp ? IPPROTO_TCP : IPPROTO_UDP, false, 0, 301);
		put16(made.bytes + made.transport + field,
		      slow_pseudo(&made, made.bytes, made.len - made.transport));
		if (!made.v6)
			put16(made.bytes + made.ip + 10,
			      ~slow_sum(0, made.bytes + made.ip, 20) & 0xffff);
		header.csum_start = le16((uint16_t)made.transport);
		header.csum_offset = le16((uint16_t)field);
		assert_int_equal(offload_plan(made.bytes, made.len, &nothing, &header, &plan), 0);
		assert_int_equal(take_piece(&plan, 0, out), made.len);
		assert_true(sums_are_right(&made, out, made.len));
	}
}

static void a_wish_for_all_checksums_contains_that_for_one(void **state)
{
	struct frame_header header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	struct offload_plan plan;

	make_frame(&made, false, IPPROTO_TCP, false, 0, 301);
	header.csum_start = le16((uint16_t)made.transport);
	header.csum_offset = le16(16);
	assert_int_equal(offload_plan(made.bytes, made.len, &sums, &header, &plan), 0);
	assert_int_equal(take_piece(&plan, 0, out), made.len);
	assert_true(sums_are_right(&made, out, made.len));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_are_filled_in_for_each_protocol),
		cmocka_unit_test(padding_behind_the_packet_stays_and_is_not_summed),
		cmocka_unit_test(a_udp_checksum_is_never_zero),
		cmocka_unit_test(a_fragment_gets_the_sum_of_its_ip_header_alone),
		cmocka_unit_test(what_is_no_ip_is_left_alone),
		cmocka_unit_test(segments_are_what_a_sender_would_have_made),
		cmocka_unit_test(tcp_that_fits_is_not_touched),
		cmocka_unit_test(a_header_says_the_size_of_segments),
		cmocka_unit_test(a_header_says_which_checksum_is_missing),
		cmocka_unit_test(a_wish_for_all_checksums_contains_that_for_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
