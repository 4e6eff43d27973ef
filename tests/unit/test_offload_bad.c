/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_offload_bad.c - frames whose headers lie, and wishes that cannot be granted
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "offload_frames.h"
#include "virtio/spec.h"

static struct made made;
static const struct offload_want sums = { .mtu = 1500, .checksums = true };
static const struct offload_want tso = { .mtu = 1500, .segment = true };

static int plan_of(const struct offload_want *want, const struct frame_header *header)
{
	struct offload_plan plan;
	uint8_t *exact = malloc(made.len ? made.len : 1); /* so that a sanitizer sees its end */
	uint8_t own[OFFLOAD_HEADERS_MAX];
	struct iovec iov[2];
	int r;

	assert_non_null(exact);
	memcpy(exact, made.bytes, made.len);
	r = offload_plan(exact, made.len, want, header, &plan);
	for (size_t i = 0; r == 0 && i < plan.n_pieces; i++)
		assert_true(offload_piece(&plan, i, own, iov) <= made.len);
	free(exact);
	return r;
}

static void a_frame_cut_anywhere_in_its_packet_is_refused(void **state)
{
	for (int kind = 0; kind < 4; kind++) {
		make_frame(&made, kind & 1, kind & 2 ? IPPROTO_TCP : IPPROTO_UDP, true, 8, 40);
		for (size_t len = made.len; len-- > 0;) {
			made.len = len;
			assert_int_equal(plan_of(&sums, NULL), -EINVAL);
		}
	}
}

static void each_lying_length_is_refused(void **state)
{
	make_frame(&made, false, IPPROTO_TCP, false, 0, 40);
	for (unsigned int words = 0; words < 16; words++) { /* of the IPv4 header */
		made.bytes[made.ip] = (uint8_t)(0x40 | words);
		if (words != 5)
			plan_of(&sums, NULL);
		if (words < 5)
			assert_int_equal(plan_of(&sums, NULL), -EINVAL);
	}
	made.bytes[made.ip] = 0x45;
	for (unsigned int total = 0; total < 40; total++) {
		put16(made.bytes + made.ip + 2, total);
		assert_int_equal(plan_of(&sums, NULL), -EINVAL);
	}
	put16(made.bytes + made.ip + 2, 93); /* one more than there is */
	assert_int_equal(plan_of(&sums, NULL), -EINVAL);
	put16(made.bytes + made.ip + 2, 92);
	assert_int_equal(plan_of(&sums, NULL), 0);
	for (unsigned int words = 0; words < 5; words++) { /* of the TCP header */
		made.bytes[made.transport + 12] = (uint8_t)(words << 4);
		assert_int_equal(plan_of(&sums, NULL), -EINVAL);
	}
}

static void a_udp_length_that_is_not_ips_is_refused(void **state)
{
	make_frame(&made, true, IPPROTO_UDP, false, 0, 40);
	put16(made.bytes + made.transport + 4, 47);
	assert_int_equal(plan_of(&sums, NULL), -EINVAL);
	put16(made.bytes + made.transport + 4, 49);
	assert_int_equal(plan_of(&sums, NULL), -EINVAL);
}

static void extension_headers_end_within_the_packet(void **state)
{
	make_frame(&made, true, IPPROTO_TCP, false, 8, 40);
	for (unsigned int units = 10; units < 256; units++) {
		made.bytes[made.ip + 41] = (uint8_t)units;
		assert_int_equal(plan_of(&sums, NULL), -EINVAL);
	}
}

static void endless_extension_headers_are_passed_by(void **state)
{
	make_frame(&made, true, IPPROTO_UDP, false, 0, 1000);
	made.bytes[made.ip + 6] = IPPROTO_HOPOPTS;
	memset(made.bytes + made.transport, 0, 1008); /* each another one */
	assert_int_equal(plan_of(&sums, NULL), 0);
}

static void what_is_too_long_and_no_tcp_is_refused(void **state)
{
	make_frame(&made, false, IPPROTO_UDP, false, 0, 1473);
	assert_int_equal(plan_of(&tso, NULL), -EMSGSIZE);
	make_frame(&made, false, IPPROTO_TCP, false, 0, 1449);
	assert_int_equal(plan_of(&sums, NULL), -EMSGSIZE); /* nobody asked for segments */
	put16(made.bytes + made.ip + 6, 0x2000);
	assert_int_equal(plan_of(&tso, NULL), -EMSGSIZE); /* a fragment */
	put16(made.bytes + 12, 0x88b5);
	assert_int_equal(plan_of(&tso, NULL), -EMSGSIZE);
}

static void headers_longer_than_the_mtu_are_refused(void **state)
{
	static const struct offload_want tiny = { .mtu = 68, .segment = true };

	make_frame(&made, true, IPPROTO_TCP, false, 0, 400);
	assert_int_equal(plan_of(&tiny, NULL), -EMSGSIZE);
}

static void wishes_for_segments_that_contradict_the_frame_are_refused(void **state)
{
	struct frame_header header = { .gso_type = 4, .flags = 1, .gso_size = le16(500) };

	make_frame(&made, false, IPPROTO_TCP, false, 0, 1400);
	assert_int_equal(plan_of(&tso, &header), -EINVAL); /* TCPv6 */
	header.gso_type = 3;
	assert_int_equal(plan_of(&tso, &header), -EINVAL); /* UDP */
	header.gso_type = 1;
	assert_int_equal(plan_of(&tso, &header), 0);
	assert_int_equal(plan_of(&sums, &header), -EINVAL); /* not agreed on */
	header.gso_size = 0;
	assert_int_equal(plan_of(&tso, &header), -EINVAL);
	make_frame(&made, false, IPPROTO_UDP, false, 0, 1400);
	header.gso_size = le16(500);
	assert_int_equal(plan_of(&tso, &header), -EINVAL);
}

static void checksums_outside_of_the_frame_are_refused(void **state)
{
	static const uint16_t wrong[][2] = { { 0, 6 },	    { 13, 6 },	      { 34, 100 },
					     { 34, 65535 }, { 65535, 65535 }, { 300, 16 },
					     { 81, 0 } };
	struct frame_header header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };

	make_frame(&made, false, IPPROTO_UDP, false, 0, 40);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		header.csum_start = le16(wrong[i][0]);
		header.csum_offset = le16(wrong[i][1]);
		assert_int_equal(plan_of(&tso, &header), -EINVAL);
	}
	header.csum_start = le16(80); /* the last two bytes */
	header.csum_offset = 0;
	assert_int_equal(plan_of(&tso, &header), 0);
}

/* Any bytes at all, with every wish: nothing is read or written outside (for a sanitizer to see). */
static void random_frames_do_no_harm(void **state)
{
	static const struct offload_want all = { .mtu = 600, .segment = true, .checksums = true };
	struct frame_header header;
	uint32_t seed = 1;

	for (unsigned int round = 0; round < 20000; round++) {
		make_frame(&made, round & 1, round & 2 ? IPPROTO_TCP : IPPROTO_UDP, round & 4,
			   round & 8 ? 8 : 0, round % 1400);
		for (unsigned int i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1664525 + 1013904223;
			made.bytes[(seed >> 8) % (made.len < 90 ? made.len : 90)] =
				(uint8_t)(seed >> 24);
		}
		for (size_t i = 0; i < sizeof(header); i++) {
			seed = seed * 1664525 + 1013904223;
			((uint8_t *)&header)[i] = (uint8_t)(seed >> 24) & (i < 2 ? 5 : 0xff);
		}
		plan_of(&all, round & 16 ? &header : NULL);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_cut_anywhere_in_its_packet_is_refused),
		cmocka_unit_test(each_lying_length_is_refused),
		cmocka_unit_test(a_udp_length_that_is_not_ips_is_refused),
		cmocka_unit_test(extension_headers_end_within_the_packet),
		cmocka_unit_test(endless_extension_headers_are_passed_by),
		cmocka_unit_test(what_is_too_long_and_no_tcp_is_refused),
		cmocka_unit_test(headers_longer_than_the_mtu_are_refused),
		cmocka_unit_test(wishes_for_segments_that_contradict_the_frame_are_refused),
		cmocka_unit_test(checksums_outside_of_the_frame_are_refused),
		cmocka_unit_test(random_frames_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
