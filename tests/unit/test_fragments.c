/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_fragments.c - packets in fragments become whole, or nothing at all; long ones become fragments
 *
 * Every byte of a payload says where it belongs, so that what is put together wrongly is seen. Each
 * test runs for IPv4 and for IPv6.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/fragments.h"
#include "net/user/packet.h"
#include "net/user/packet_split.h"

#define ETH	14u
#define PAYLOAD 65536u
#define UDP	17u
#define MORE	true
#define LAST	false
#define WHOLE	true
#define WAITS	false
#define NOW	1000u

struct fixture {
	bool v6;
	struct fragments *fragments;
	const uint8_t *frame; /* the last one that became whole */
	size_t len;
};

static uint8_t pattern[PAYLOAD];

static int setup(void **state, bool v6)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->v6 = v6;
	assert_int_equal(fragments_new(&f->fragments), 0);
	for (size_t i = 0; i < PAYLOAD; i++)
		pattern[i] = (uint8_t)(i / 8 * 7 + i);
	*state = f;
	return 0;
}

static int setup4(void **state)
{
	return setup(state, false);
}

static int setup6(void **state)
{
	return setup(state, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fragments_free(f->fragments);
	free(f);
	return 0;
}

static const struct fragments_counters *counters(const struct fixture *f)
{
	return fragments_counters(f->fragments);
}

static size_t ip_header(const struct fixture *f)
{
	return f->v6 ? PACKET_IP6_HEADER : PACKET_IP4_HEADER;
}

/* Making fragments: what a test does not set is as it should be. */

struct made {
	uint64_t now_ms, owner;
	uint32_t id;
	size_t offset, len, padding;
	bool more;
	uint8_t protocol;
	const uint8_t *payload; /* NULL: the pattern's part at offset */
	uint8_t frame[ETH + 48 + PAYLOAD];
	size_t frame_len;
};

static struct made *made(size_t offset, size_t len, bool more)
{
	static struct made m;

	memset(&m, 0, ETH + 100 + offsetof(struct made, frame));
	m.now_ms = NOW;
	m.owner = 1;
	m.id = 0x1234;
	m.offset = offset;
	m.len = len;
	m.more = more;
	m.protocol = UDP;
	m.payload = NULL;
	m.padding = 0;
	return &m;
}

static void seal4(struct made *m)
{
	uint8_t *ip = m->frame + ETH;

	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, ~packet_sum(0, ip, (size_t)(ip[0] & 0xf) * 4) & 0xffff);
}

static size_t fill4(struct made *m)
{
	uint8_t *ip = m->frame + ETH;

	packet_put16(m->frame + 12, 0x0800);
	ip[0] = 0x45;
	packet_put16(ip + 2, (unsigned int)(20 + m->len));
	packet_put16(ip + 4, m->id & 0xffff);
	packet_put16(ip + 6, (unsigned int)(m->offset / 8) | (m->more ? 0x2000 : 0));
	ip[8] = 64;
	ip[9] = m->protocol;
	memcpy(ip + 12, (const uint8_t[]) { 192, 168, 64, 2, 192, 0, 2, 1 }, 8);
	seal4(m);
	return ETH + 20;
}

static size_t fill6(struct made *m)
{
	uint8_t *ip = m->frame + ETH;

	packet_put16(m->frame + 12, 0x86dd);
	ip[0] = 0x60;
	packet_put16(ip + 4, (unsigned int)(8 + m->len));
	ip[6] = 44;
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	ip[23] = 1;
	ip[39] = 2;
	ip[40] = m->protocol;
	packet_put16(ip + 42, (unsigned int)m->offset | m->more);
	packet_put32(ip + 44, m->id);
	return ETH + 48;
}

static struct made *fill(const struct fixture *f, struct made *m)
{
	size_t at;

	memcpy(m->frame, (const uint8_t[]) { 0x52, 0x55, 192, 168, 64, 1, 2, 0, 0, 0, 0, 1 }, 12);
	at = f->v6 ? fill6(m) : fill4(m);
	memcpy(m->frame + at, m->payload ? m->payload : pattern + m->offset, m->len);
	m->frame_len = at + m->len + m->padding;
	return m;
}

/* As it is in memory of exactly its length, so that AddressSanitizer sees a byte more. */
static bool take(struct fixture *f, const struct made *m)
{
	uint8_t *copy = malloc(m->frame_len);
	const uint8_t *frame = copy;
	size_t len = m->frame_len;
	bool whole;

	assert_non_null(copy);
	memcpy(copy, m->frame, len);
	assert_true(fragment_is(copy, len));
	whole = fragments_take(f->fragments, m->now_ms, m->owner, &frame, &len);
	if (whole) {
		f->frame = frame;
		f->len = len;
	}
	free(copy);
	return whole;
}

static bool give(struct fixture *f, size_t offset, size_t len, bool more)
{
	return take(f, fill(f, made(offset, len, more)));
}

static void assert_whole(const struct fixture *f, size_t payload_len)
{
	const uint8_t *ip = f->frame + ETH;
	size_t header = ip_header(f);

	assert_int_equal(f->len, ETH + header + payload_len);
	assert_memory_equal(ip + header, pattern, payload_len);
	assert_int_equal(f->v6 ? ip[6] : ip[9], UDP);
	if (f->v6) {
		assert_int_equal(packet_get16(ip + 4), payload_len);
	} else {
		assert_int_equal(packet_get16(ip + 2), header + payload_len);
		assert_int_equal(packet_get16(ip + 6), 0);
		assert_int_equal(packet_sum(0, ip, header), 0xffff);
	}
	assert_false(fragment_is(f->frame, f->len));
}

/* Whole */

static void fragments_in_any_order_become_the_packet(void **state)
{
	static const unsigned int orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
						  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < 6; i++) {
		for (size_t n = 0; n < 3; n++) {
			unsigned int part = orders[i][n];
			size_t offset = (size_t)1480 * part;

			assert_int_equal(give(f, offset, part < 2 ? 1480 : 1001, part < 2), n == 2);
		}
		assert_whole(f, 2 * 1480 + 1001);
	}
	assert_int_equal(counters(f)->reassembled, 6);
	assert_int_equal(counters(f)->received, 18);
	assert_int_equal(counters(f)->waiting, 0);
}

static void the_smallest_fragments_make_a_packet(void **state)
{
	struct fixture *f = *state;

	for (size_t at = 2000; at > 0; at -= 8)
		assert_int_equal(give(f, at, at == 2000 ? 1 : 8, at != 2000), WAITS);
	assert_int_equal(give(f, 0, 8, MORE), WHOLE);
	assert_whole(f, 2001);
}

static void the_longest_packet_becomes_whole(void **state)
{
	struct fixture *f = *state;
	size_t max = (f->v6 ? FRAGMENT_PACKET6 : FRAGMENT_PACKET4) - ip_header(f);
	size_t last = max - max % 8;

	for (size_t at = 0; at < last; at += 8)
		assert_int_equal(give(f, at, 8, MORE), WAITS);
	assert_int_equal(give(f, last, max - last, LAST), WHOLE);
	assert_whole(f, max);
}

static void what_stands_behind_the_packet_is_no_part_of_it(void **state)
{
	struct fixture *f = *state;
	struct made *m = made(8, 3, LAST);

	m->padding = 12;
	fill(f, m);
	memset(m->frame + m->frame_len - 12, 0xff, 12);
	assert_int_equal(take(f, m), WAITS);
	assert_int_equal(give(f, 0, 8, MORE), WHOLE);
	assert_whole(f, 11);
}

static void a_copy_of_a_fragment_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 0, 1480, MORE), WAITS);
	assert_int_equal(give(f, 0, 1480, MORE), WAITS);
	assert_int_equal(give(f, 2960, 101, LAST), WAITS);
	assert_int_equal(give(f, 2960, 101, LAST), WAITS);
	assert_int_equal(give(f, 1480, 1480, MORE), WHOLE);
	assert_whole(f, 3061);
	assert_int_equal(counters(f)->overlapping, 0);
}

static void packets_do_not_mix(void **state)
{
	struct fixture *f = *state;
	struct made *m;

	assert_int_equal(give(f, 0, 8, MORE), WAITS);
	m = made(8, 8, LAST);
	m->id++;
	assert_int_equal(take(f, fill(f, m)), WAITS);
	m = made(8, 8, LAST);
	m->owner++;
	assert_int_equal(take(f, fill(f, m)), WAITS);
	m = fill(f, made(8, 8, LAST));
	m->frame[ETH + (f->v6 ? 23 : 15)]++; /* the source */
	if (!f->v6)
		seal4(m);
	assert_int_equal(take(f, m), WAITS);
	assert_int_equal(counters(f)->waiting, 4);
	assert_int_equal(give(f, 8, 8, LAST), WHOLE);
	assert_whole(f, 16);
}

/* Nothing at all */

/* What comes of the packet later begins no new one. */
static void assert_refused(struct fixture *f, uint64_t overlapping)
{
	assert_int_equal(counters(f)->overlapping, overlapping);
	assert_int_equal(counters(f)->lost, 0);
	assert_int_equal(give(f, 0, 16, MORE), WAITS);
	assert_int_equal(give(f, 16, 16, MORE), WAITS);
	assert_int_equal(give(f, 32, 8, LAST), WAITS);
	assert_int_equal(counters(f)->waiting, 1);
	assert_int_equal(counters(f)->reassembled, 0);
}

static bool give_other(struct fixture *f, size_t offset, size_t len, bool more)
{
	static const uint8_t other[64] = { 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee };
	struct made *m = made(offset, len, more);

	m->payload = other;
	return take(f, fill(f, m));
}

static void other_bytes_in_the_same_place_end_the_packet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 0, 16, MORE), WAITS);
	assert_int_equal(give_other(f, 0, 16, MORE), WAITS);
	assert_refused(f, 1);
}

/* As "teardrop" did: a fragment that begins within another and ends before its end, or behind it. */
static void fragments_that_overlap_in_part_end_the_packet(void **state)
{
	static const size_t parts[][2] = { { 8, 16 }, { 8, 24 }, { 24, 16 }, { 0, 24 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++) {
		struct made *m;
		uint64_t now_ms = NOW + i * FRAGMENTS_EXPIRE_MS;

		m = fill(f, made(16, 16, MORE));
		m->now_ms = now_ms;
		assert_int_equal(take(f, m), WAITS);
		m = fill(f, made(parts[i][0], parts[i][1], MORE));
		m->now_ms = now_ms;
		assert_int_equal(take(f, m), WAITS);
		assert_int_equal(counters(f)->overlapping, i + 1);
	}
}

static void the_same_bytes_within_a_fragment_are_a_copy(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 0, 32, MORE), WAITS);
	assert_int_equal(give(f, 8, 16, MORE), WAITS);
	assert_int_equal(give(f, 32, 5, LAST), WHOLE);
	assert_whole(f, 37);
}

static void two_ends_end_the_packet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 32, 8, LAST), WAITS);
	assert_int_equal(give(f, 16, 8, LAST), WAITS);
	assert_refused(f, 1);
}

static void an_end_before_what_came_ends_the_packet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 32, 8, MORE), WAITS);
	assert_int_equal(give(f, 16, 8, LAST), WAITS);
	assert_refused(f, 1);
}

static void an_end_where_more_was_to_come_ends_the_packet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 16, 8, MORE), WAITS);
	assert_int_equal(give(f, 16, 8, LAST), WAITS);
	assert_refused(f, 1);
}

static void bytes_behind_the_end_end_the_packet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 16, 8, LAST), WAITS);
	assert_int_equal(give(f, 24, 8, MORE), WAITS);
	assert_refused(f, 1);
}

static void more_at_the_end_ends_the_packet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 16, 8, LAST), WAITS);
	assert_int_equal(give(f, 16, 8, MORE), WAITS);
	assert_refused(f, 1);
}

static void a_packet_with_a_hole_is_lost_in_time(void **state)
{
	struct fixture *f = *state;
	struct made *m;

	assert_int_equal(give(f, 0, 8, MORE), WAITS);
	assert_int_equal(give(f, 16, 8, LAST), WAITS);
	m = fill(f, made(8, 8, MORE));
	m->now_ms = NOW + FRAGMENTS_EXPIRE_MS;
	assert_int_equal(take(f, m), WAITS);
	assert_int_equal(counters(f)->lost, 1);
	assert_int_equal(counters(f)->waiting, 1);
}

static void the_last_piece_in_time_makes_it_whole(void **state)
{
	struct fixture *f = *state;
	struct made *m;

	assert_int_equal(give(f, 0, 8, MORE), WAITS);
	m = fill(f, made(8, 8, LAST));
	m->now_ms = NOW + FRAGMENTS_EXPIRE_MS - 1;
	assert_int_equal(take(f, m), WHOLE);
	assert_whole(f, 16);
}

static void fragments_that_are_none_are_dropped(void **state)
{
	struct fixture *f = *state;
	size_t max = (f->v6 ? FRAGMENT_PACKET6 : FRAGMENT_PACKET4) - ip_header(f);
	uint64_t n = 0;

	assert_int_equal(give(f, 8, 0, LAST), WAITS); /* an empty end */
	assert_int_equal(counters(f)->invalid, ++n);
	assert_int_equal(give(f, 0, 0, MORE), WAITS);
	assert_int_equal(counters(f)->invalid, ++n);
	for (size_t len = 9; len < 16; len++) {
		assert_int_equal(give(f, 0, len, MORE), WAITS);
		assert_int_equal(counters(f)->invalid, ++n);
	}
	assert_int_equal(give(f, 65528, 8, LAST), WAITS); /* longer than any packet */
	assert_int_equal(counters(f)->invalid, ++n);
	assert_int_equal(give(f, max - max % 8, max % 8 + 1, LAST), WAITS);
	assert_int_equal(counters(f)->invalid, ++n);
	assert_int_equal(counters(f)->waiting, 0);
}

static void lengths_that_lie_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct made *m;

	for (size_t cut = 0; cut < 24; cut++) {
		m = fill(f, made(8, 8, MORE));
		m->frame_len -= cut;
		if (m->frame_len < ETH + 20 || !fragment_is(m->frame, m->frame_len))
			break;
		assert_int_equal(take(f, m), WAITS);
		assert_int_equal(counters(f)->invalid, cut);
	}
	m = fill(f, made(8, 8, MORE)); /* less than its headers */
	packet_put16(m->frame + ETH + (f->v6 ? 4 : 2), f->v6 ? 7 : 19);
	if (!f->v6)
		seal4(m);
	assert_int_equal(take(f, m), WAITS);
	assert_int_equal(counters(f)->reassembled, 0);
	assert_int_equal(counters(f)->waiting, 1);
}

static void fragments_for_groups_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct made *m = fill(f, made(0, 8, MORE));

	m->frame[0] |= 1;
	assert_int_equal(take(f, m), WAITS);
	assert_int_equal(counters(f)->invalid, 1);
}

/* Bounds */

static void a_guest_with_too_many_packets_loses_its_oldest(void **state)
{
	struct fixture *f = *state;
	struct made *m;

	for (unsigned int i = 0; i <= FRAGMENTS_OF_GUEST; i++) {
		m = made(0, 8, MORE);
		m->id = i;
		m->now_ms = NOW + i;
		assert_int_equal(take(f, fill(f, m)), WAITS);
	}
	assert_int_equal(counters(f)->waiting, FRAGMENTS_OF_GUEST);
	assert_int_equal(counters(f)->lost, 1);
	m = made(8, 8, LAST);
	m->id = 1;
	m->now_ms = NOW + 100;
	assert_int_equal(take(f, fill(f, m)), WHOLE);
	m = made(8, 8, LAST);
	m->id = 0;
	m->now_ms = NOW + 100;
	assert_int_equal(take(f, fill(f, m)), WAITS);
}

static void a_full_table_makes_room_at_the_cost_of_who_has_most(void **state)
{
	unsigned int hoarders = FRAGMENTS_PACKETS / FRAGMENTS_OF_GUEST;
	struct fixture *f = *state;
	struct made *m;

	for (unsigned int i = 0; i < FRAGMENTS_PACKETS; i++) {
		m = made(0, 8, MORE);
		m->id = i;
		m->owner = 10 + i % hoarders;
		assert_int_equal(take(f, fill(f, m)), WAITS);
	}
	assert_int_equal(counters(f)->waiting, FRAGMENTS_PACKETS);
	assert_int_equal(counters(f)->lost, 0);
	for (unsigned int i = 0; i < 4; i++) {
		m = made(0, 8, MORE);
		m->id = i;
		assert_int_equal(take(f, fill(f, m)), WAITS);
	}
	assert_int_equal(counters(f)->waiting, FRAGMENTS_PACKETS);
	assert_int_equal(counters(f)->lost, 4);
	for (unsigned int i = 0; i < 4; i++) { /* nobody took from who has little */
		m = made(8, 8, LAST);
		m->id = i;
		assert_int_equal(take(f, fill(f, m)), WHOLE);
	}
}

/* One version of IP only */

static void a_wrong_header_checksum_is_dropped(void **state)
{
	struct fixture *f = *state;
	struct made *m = fill(f, made(0, 8, MORE));

	m->frame[ETH + 10] ^= 1;
	assert_int_equal(take(f, m), WAITS);
	assert_int_equal(counters(f)->invalid, 1);
}

static void the_reserved_bit_is_refused(void **state)
{
	struct fixture *f = *state;
	struct made *m = fill(f, made(0, 8, MORE));

	m->frame[ETH + 6] |= 0x80;
	seal4(m);
	assert_int_equal(take(f, m), WAITS);
	assert_int_equal(counters(f)->invalid, 1);
}

/* A header with options, on a packet that has no room for them: 60 + 65500 */
static void options_that_make_a_packet_too_long_end_it(void **state)
{
	struct fixture *f = *state;
	struct made *m;

	for (size_t at = 40; at < 65496; at += 8)
		assert_int_equal(give(f, at, 8, MORE), WAITS);
	assert_int_equal(give(f, 65496, 4, LAST), WAITS);
	m = fill(f, made(0, 40, MORE));
	memmove(m->frame + ETH + 60, m->frame + ETH + 20, 40);
	memset(m->frame + ETH + 20, 1, 40);
	m->frame[ETH] = 0x4f;
	packet_put16(m->frame + ETH + 2, 100);
	m->frame_len += 40;
	seal4(m);
	assert_int_equal(take(f, m), WAITS);
	assert_int_equal(counters(f)->invalid, 1);
	assert_int_equal(counters(f)->waiting, 0);
}

static void discovery_does_not_come_in_fragments(void **state)
{
	struct fixture *f = *state;

	for (uint8_t type = 127; type < 140; type++) {
		uint8_t message[8] = { type };
		struct made *m = made(0, 8, MORE);
		uint64_t invalid = counters(f)->invalid;

		m->protocol = IPPROTO_ICMPV6;
		m->payload = message;
		m->id = type;
		take(f, fill(f, m));
		assert_int_equal(counters(f)->invalid - invalid, type >= 133 && type <= 137);
	}
}

static void fragments_of_fragments_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct made *m = made(0, 8, MORE);

	m->protocol = 44;
	assert_int_equal(take(f, fill(f, m)), WAITS);
	assert_int_equal(counters(f)->invalid, 1);
}

/* RFC 6946 */
static void a_packet_in_one_fragment_is_whole_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 0, 13, LAST), WHOLE);
	assert_whole(f, 13);
}

/* RFC 6946, section 4: "in isolation from any other packets/fragments" */
static void a_packet_in_one_fragment_leaves_others_of_its_number_alone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 0, 1000, MORE), WAITS);
	assert_int_equal(give(f, 0, 500, LAST), WHOLE);
	assert_whole(f, 500);
	assert_int_equal(counters(f)->waiting, 1);
	assert_int_equal(give(f, 1000, 100, LAST), WHOLE);
	assert_whole(f, 1100);
	assert_int_equal(counters(f)->overlapping, 0);
}

static void what_is_no_fragment_is_not_taken_for_one(void **state)
{
	struct fixture *f = *state;
	struct made *m = fill(f, made(0, 64, MORE));

	if (f->v6)
		m->frame[ETH + 6] = UDP;
	else
		packet_put16(m->frame + ETH + 6, 0x4000);
	assert_false(fragment_is(m->frame, m->frame_len));
	m = fill(f, made(0, 64, MORE));
	m->frame[12] = 8;
	m->frame[13] = 6;
	assert_false(fragment_is(m->frame, m->frame_len));
	for (size_t len = 0; len < ETH + 20; len++)
		assert_false(fragment_is(m->frame, len));
}

/* The other way */

struct splitting {
	struct fixture *f;
	size_t mtu;
	unsigned int n;
	bool whole;
};

static void put_back(void *opaque, const struct packet_part *part)
{
	struct splitting *splitting = opaque;
	struct made *m = made(0, 0, LAST);

	assert_true(part->head_len + part->len <= ETH + splitting->mtu);
	memcpy(m->frame, part->head, part->head_len);
	memcpy(m->frame + part->head_len, part->payload, part->len);
	m->frame_len = part->head_len + part->len;
	splitting->n++;
	splitting->whole = take(splitting->f, m);
}

static const struct made *a_long_packet(const struct fixture *f, size_t payload_len)
{
	struct made *m = fill(f, made(0, payload_len, LAST));
	uint8_t *ip = m->frame + ETH;

	if (f->v6) {
		memmove(ip + 40, ip + 48, payload_len);
		m->frame_len -= 8;
		packet_put16(ip + 4, (unsigned int)payload_len);
		ip[6] = UDP;
	}
	return m;
}

static void what_is_split_can_be_put_together(void **state)
{
	struct fixture *f = *state;

	for (size_t mtu = 1280; mtu < 1300; mtu++) {
		struct splitting splitting = { .f = f, .mtu = mtu };
		static uint8_t frame[ETH + 40 + 60000];
		const struct made *m = a_long_packet(f, 60000);
		size_t len = m->frame_len;

		memcpy(frame, m->frame, len);
		assert_true(packet_split(frame, len, mtu, (uint32_t)mtu, put_back, &splitting));
		assert_true(splitting.whole && splitting.n > 45);
		assert_whole(f, 60000);
		assert_int_equal(f->len, len);
	}
	assert_int_equal(counters(f)->invalid, 0);
}

static void count_part(void *opaque, const struct packet_part *part)
{
	size_t *lens = opaque;

	lens[0]++;
	lens[1] = part->head_len + part->len;
}

static void what_fits_is_not_split(void **state)
{
	struct fixture *f = *state;
	size_t lens[2] = { 0 }, payload = 1500 - ip_header(f);
	const struct made *m = a_long_packet(f, payload);

	assert_true(packet_split(m->frame, m->frame_len, 1500, 1, count_part, lens));
	assert_int_equal(lens[0], 1);
	assert_int_equal(lens[1], m->frame_len);
	m = a_long_packet(f, payload + 1);
	assert_true(packet_split(m->frame, m->frame_len, 1500, 1, count_part, lens));
	assert_int_equal(lens[0], 3);
}

static void what_must_not_be_split_is_dropped(void **state)
{
	struct fixture *f = *state;
	size_t lens[2] = { 0 };
	struct made *m = (struct made *)(uintptr_t)a_long_packet(f, 2000);
	uint8_t *ip = m->frame + ETH;

	if (f->v6)
		ip[6] = 0; /* a header for each hop stays before the fragment header */
	else
		packet_put16(ip + 6, 0x4000);
	assert_false(packet_split(m->frame, m->frame_len, 1500, 1, count_part, lens));
	m = (struct made *)(uintptr_t)a_long_packet(f, 2000);
	packet_put16(ip + (f->v6 ? 4 : 2), 2100); /* more than is there */
	assert_false(packet_split(m->frame, m->frame_len, 1500, 1, count_part, lens));
	assert_int_equal(lens[0], 0);
}

static void a_fragment_is_split_once_more(void **state)
{
	struct fixture *f = *state;
	struct splitting splitting = { .f = f, .mtu = 576 };
	static uint8_t frame[ETH + 20 + 1480];
	const struct made *m = fill(f, made(1480, 1480, MORE));
	size_t len = m->frame_len;

	memcpy(frame, m->frame, len);
	assert_int_equal(give(f, 0, 1480, MORE), WAITS);
	assert_int_equal(give(f, 2960, 1, LAST), WAITS);
	assert_true(packet_split(frame, len, 576, 0, put_back, &splitting));
	assert_true(splitting.whole);
	assert_whole(f, 2961);
}

#define both_test(name)                                       \
	{ #name " (IPv4)", name, setup4, teardown, NULL },    \
	{                                                     \
#name " (IPv6)", name, setup6, teardown, NULL \
	}
#define one_test(name, setup_of)                      \
	{                                             \
#name, name, setup_of, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both_test(fragments_in_any_order_become_the_packet),
		both_test(the_smallest_fragments_make_a_packet),
		both_test(the_longest_packet_becomes_whole),
		both_test(what_stands_behind_the_packet_is_no_part_of_it),
		both_test(a_copy_of_a_fragment_changes_nothing),
		both_test(packets_do_not_mix),
		both_test(other_bytes_in_the_same_place_end_the_packet),
		both_test(fragments_that_overlap_in_part_end_the_packet),
		both_test(the_same_bytes_within_a_fragment_are_a_copy),
		both_test(two_ends_end_the_packet),
		both_test(an_end_before_what_came_ends_the_packet),
		both_test(an_end_where_more_was_to_come_ends_the_packet),
		both_test(bytes_behind_the_end_end_the_packet),
		both_test(more_at_the_end_ends_the_packet),
		both_test(a_packet_with_a_hole_is_lost_in_time),
		both_test(the_last_piece_in_time_makes_it_whole),
		both_test(fragments_that_are_none_are_dropped),
		both_test(lengths_that_lie_are_dropped),
		both_test(fragments_for_groups_are_dropped),
		both_test(a_guest_with_too_many_packets_loses_its_oldest),
		both_test(a_full_table_makes_room_at_the_cost_of_who_has_most),
		one_test(a_wrong_header_checksum_is_dropped, setup4),
		one_test(the_reserved_bit_is_refused, setup4),
		one_test(options_that_make_a_packet_too_long_end_it, setup4),
		one_test(discovery_does_not_come_in_fragments, setup6),
		one_test(fragments_of_fragments_are_dropped, setup6),
		one_test(a_packet_in_one_fragment_is_whole_at_once, setup6),
		one_test(a_packet_in_one_fragment_leaves_others_of_its_number_alone, setup6),
		both_test(what_is_no_fragment_is_not_taken_for_one),
		both_test(what_is_split_can_be_put_together),
		both_test(what_fits_is_not_split),
		both_test(what_must_not_be_split_is_dropped),
		one_test(a_fragment_is_split_once_more, setup4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
