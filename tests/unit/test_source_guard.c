/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_source_guard.c - what a guest may send, rule by rule, and next to each what it may not
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "guard_frames.h"
#include "net/policy/source_guard.h"

#define UDP	 17u
#define TCP	 6u
#define ICMP	 1u
#define ICMP6	 58u
#define GATEWAY	 1u /* the last byte of its MAC and addresses */
#define MORE	 0x2000u
#define SOMETIME 1000u

/* MACs 10 and 20 */
enum { OWN = 10, OTHER = 20 };

struct fixture {
	struct source_guard_table *table;
	struct source_guard own, other;
	uint64_t now_ms;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct made m = { .len = 0 };
	struct in6_addr gateway6;
	struct in_addr gateway;

	assert_non_null(f);
	f->now_ms = SOMETIME;
	assert_int_equal(source_guard_table_new(&f->table), 0);
	put_mac(&m, GATEWAY);
	put_mac(&m, OWN);
	put_mac(&m, OTHER);
	put_v4(&m, GATEWAY);
	put_v6(&m, GATEWAY);
	memcpy(&gateway, m.at + 18, 4);
	memcpy(&gateway6, m.at + 22, 16);
	assert_int_equal(source_guard_reserve_mac(f->table, m.at, 6), 0);
	assert_int_equal(source_guard_reserve_v4(f->table, gateway), 0);
	assert_int_equal(source_guard_reserve_v6(f->table, &gateway6), 0);
	source_guard_add(f->table, &f->own, m.at + 6);
	source_guard_add(f->table, &f->other, m.at + 12);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	source_guard_remove(&f->own);
	source_guard_remove(&f->other);
	source_guard_table_free(f->table);
	free(f);
	return 0;
}

static enum source_guard_verdict judged_at(struct source_guard *guard, const struct made *m,
					   uint64_t now_ms)
{
	size_t len = m->len < SOURCE_GUARD_HEAD ? m->len : SOURCE_GUARD_HEAD;
	uint8_t *exact = malloc(len); /* so that a sanitizer sees a read beyond it */
	enum source_guard_verdict verdict;

	assert_non_null(exact);
	memcpy(exact, m->at, len);
	verdict = source_guard_judge(guard, exact, len, m->len, now_ms);
	free(exact);
	return verdict;
}

static enum source_guard_verdict judged(struct fixture *f, struct source_guard *guard,
					const struct made *m)
{
	return judged_at(guard, m, f->now_ms);
}

#define assert_own(f, m, verdict) assert_int_equal(judged(f, &(f)->own, m), SOURCE_GUARD_##verdict)
#define assert_other(f, m, verdict) \
	assert_int_equal(judged(f, &(f)->other, m), SOURCE_GUARD_##verdict)

static void lease(struct fixture *f, uint8_t mac, uint8_t address, bool gone)
{
	struct made m = { .len = 0 };
	struct in_addr in;

	put_mac(&m, mac);
	put_v4(&m, address);
	memcpy(&in, m.at + 6, 4);
	if (gone)
		source_guard_lease_gone(f->table, m.at, in);
	else
		source_guard_lease(f->table, m.at, in);
}

/* Ethernet */

static void only_the_port_s_mac_is_a_source(void **state)
{
	static const uint8_t bad[] = { OTHER, GATEWAY, 99 };
	struct fixture *f = *state;
	struct made m;

	made_ethernet(&m, OWN, 0x88b5);
	assert_own(f, &m, PASS);
	for (size_t i = 0; i < sizeof(bad); i++) {
		made_ethernet(&m, bad[i], 0x88b5);
		assert_own(f, &m, MAC);
	}
}

static void a_mac_that_is_not_given_is_the_first_one_seen(void **state)
{
	struct fixture *f = *state;
	struct source_guard third = { 0 };
	struct made m;

	source_guard_add(f->table, &third, NULL);
	made_ethernet(&m, OTHER, 0x88b5);
	assert_int_equal(judged(f, &third, &m), SOURCE_GUARD_MAC);
	made_ethernet(&m, GATEWAY, 0x88b5);
	assert_int_equal(judged(f, &third, &m), SOURCE_GUARD_MAC);
	made_ethernet(&m, 30, 0x88b5);
	m.at[6] |= 1; /* a group's */
	assert_int_equal(judged(f, &third, &m), SOURCE_GUARD_MAC);
	memset(m.at + 6, 0, 6);
	assert_int_equal(judged(f, &third, &m), SOURCE_GUARD_MAC);
	made_ethernet(&m, 30, 0x88b5);
	assert_int_equal(judged(f, &third, &m), SOURCE_GUARD_PASS);
	made_ethernet(&m, 31, 0x88b5);
	assert_int_equal(judged(f, &third, &m), SOURCE_GUARD_MAC);
	source_guard_forget(&third);
	assert_int_equal(judged(f, &third, &m), SOURCE_GUARD_PASS);
	source_guard_remove(&third);
}

static void a_mac_that_is_given_is_taken_from_who_was_seen_with_it(void **state)
{
	struct fixture *f = *state;
	struct source_guard seen = { 0 }, given = { 0 };
	struct made m;

	source_guard_add(f->table, &seen, NULL);
	made_ethernet(&m, 30, 0x88b5);
	assert_int_equal(judged(f, &seen, &m), SOURCE_GUARD_PASS);
	source_guard_add(f->table, &given, m.at + 6);
	assert_int_equal(judged(f, &seen, &m), SOURCE_GUARD_MAC);
	assert_int_equal(judged(f, &given, &m), SOURCE_GUARD_PASS);
	source_guard_remove(&seen);
	source_guard_remove(&given);
}

static void part_of_a_mac_may_be_reserved(void **state)
{
	static const uint8_t prefix[] = { 2, 0, 0, 0, 0 };
	struct fixture *f = *state;
	struct source_guard third = { 0 };
	struct made m;

	assert_int_equal(source_guard_reserve_mac(f->table, prefix, sizeof(prefix)), 0);
	source_guard_add(f->table, &third, NULL);
	made_ethernet(&m, 77, 0x88b5);
	assert_int_equal(judged(f, &third, &m), SOURCE_GUARD_MAC);
	m.at[10] = 1;
	assert_int_equal(judged(f, &third, &m), SOURCE_GUARD_PASS);
	source_guard_remove(&third);
}

static void what_has_a_length_for_a_type_does_not_pass(void **state)
{
	static const uint16_t bad[] = { 0, 46, 0x05ff };
	struct fixture *f = *state;
	struct made m;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		made_ethernet(&m, OWN, bad[i]);
		put_zeros(&m, 46);
		assert_own(f, &m, UNJUDGED);
	}
	made_ethernet(&m, OWN, 0x0600);
	assert_own(f, &m, PASS);
}

static void runts_do_not_pass(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ethernet(&m, OWN, 0x88b5);
	for (m.len = 0; m.len < 14; m.len++)
		assert_own(f, &m, UNJUDGED);
}

/* @n tags, then ARP that lies. */
static void made_tagged(struct made *m, unsigned int tag, unsigned int n, uint8_t said)
{
	struct made plain;

	made_arp(&plain, OWN, said, 50, 51);
	made_ethernet(m, OWN, tag);
	for (unsigned int i = 0; i < n; i++) {
		put16(m, 7);
		put16(m, i + 1 < n ? tag : 0x0806);
	}
	put_bytes(m, plain.at + 14, plain.len - 14);
}

static void tags_hide_nothing(void **state)
{
	static const uint16_t tags[] = { 0x8100, 0x88a8, 0x9100 };
	struct fixture *f = *state;
	struct made m;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		for (unsigned int n = 1; n <= 2; n++) {
			made_tagged(&m, tags[i], n, OWN);
			assert_own(f, &m, PASS);
			made_tagged(&m, tags[i], n, OTHER);
			assert_own(f, &m, MAC);
		}
		made_tagged(&m, tags[i], 3, OWN);
		assert_own(f, &m, UNJUDGED);
		made_ethernet(&m, OWN, tags[i]);
		put16(&m, 7);
		assert_own(f, &m, UNJUDGED);
	}
}

/* ARP */

static void arp_says_who_sends_it(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_arp(&m, OWN, OWN, 50, 51);
	assert_own(f, &m, PASS);
	made_arp(&m, OWN, OTHER, 50, 51);
	assert_own(f, &m, MAC);
	made_arp(&m, OWN, OWN, GATEWAY, 51);
	assert_own(f, &m, ADDRESS);
	made_arp(&m, OTHER, OTHER, 50, 51);
	assert_other(f, &m, ADDRESS);
}

static void arp_of_another_kind_or_cut_off_does_not_pass(void **state)
{
	struct fixture *f = *state;
	struct made m;

	for (size_t i = 14; i < 20; i++) {
		made_arp(&m, OWN, OWN, 50, 51);
		m.at[i] ^= 1;
		assert_own(f, &m, UNJUDGED);
	}
	made_arp(&m, OWN, OWN, 50, 51);
	for (m.len = 14; m.len < 42; m.len++)
		assert_own(f, &m, UNJUDGED);
	put_zeros(&m, 18);
	assert_own(f, &m, PASS);
}

static void a_guest_may_ask_for_an_address_that_is_nobody_else_s(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_arp(&m, OTHER, OTHER, 60, 61);
	assert_other(f, &m, PASS);
	made_arp(&m, OWN, OWN, 0, 50);
	assert_own(f, &m, PASS);
	made_arp(&m, OWN, OWN, 0, 60);
	assert_own(f, &m, ADDRESS);
	made_arp(&m, OWN, OWN, 0, GATEWAY);
	assert_own(f, &m, ADDRESS);
	/* It has not claimed what it asked for. */
	made_arp(&m, OTHER, OTHER, 50, 61);
	assert_other(f, &m, PASS);
}

/* After a migration QEMU says so in RARP. */
static void rarp_is_judged_as_arp(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_arp(&m, OWN, OWN, 0, 0);
	m.at[12] = 0x80;
	m.at[13] = 0x35;
	assert_own(f, &m, PASS);
	m.at[27] = OTHER;
	assert_own(f, &m, MAC);
}

/* IPv4 addresses */

static void who_uses_an_address_first_has_it(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv4(&m, OWN, 50, TCP, 0);
	assert_own(f, &m, PASS);
	made_ipv4(&m, OTHER, 50, TCP, 0);
	assert_other(f, &m, ADDRESS);
	source_guard_forget(&f->own);
	assert_other(f, &m, PASS);
}

static void the_network_s_own_address_is_nobody_s(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv4(&m, OWN, GATEWAY, TCP, 0);
	assert_own(f, &m, ADDRESS);
}

static void addresses_that_no_station_has_are_no_source(void **state)
{
	static const uint8_t firsts[] = { 0, 127, 224, 239, 255 };
	struct fixture *f = *state;
	struct made m;

	for (size_t i = 0; i < sizeof(firsts); i++) {
		made_ipv4(&m, OWN, 50, TCP, 0);
		m.at[26] = firsts[i];
		assert_own(f, &m, ADDRESS);
	}
}

static void a_port_has_so_many_addresses_and_unused_ones_make_room(void **state)
{
	struct fixture *f = *state;
	struct made m;

	for (uint8_t i = 0; i < SOURCE_GUARD_V4; i++) {
		made_ipv4(&m, OWN, (uint8_t)(50 + i), TCP, 0);
		assert_own(f, &m, PASS);
		f->now_ms++;
	}
	made_ipv4(&m, OWN, 90, TCP, 0);
	assert_own(f, &m, ADDRESS);
	made_ipv4(&m, OWN, 50, TCP, 0); /* used once more: 51 is the oldest */
	assert_own(f, &m, PASS);
	made_ipv4(&m, OWN, 90, TCP, 0);
	f->now_ms = SOMETIME + 1 + SOURCE_GUARD_AGE_MS - 1;
	assert_own(f, &m, ADDRESS);
	f->now_ms++;
	assert_own(f, &m, PASS);
	made_ipv4(&m, OTHER, 51, TCP, 0);
	assert_other(f, &m, PASS);
	made_ipv4(&m, OTHER, 50, TCP, 0);
	assert_other(f, &m, ADDRESS);
}

static void a_leased_address_is_the_guest_s_and_no_other_is(void **state)
{
	struct fixture *f = *state;
	struct made m;

	lease(f, OWN, 70, false);
	made_ipv4(&m, OTHER, 70, TCP, 0);
	assert_other(f, &m, ADDRESS);
	made_ipv4(&m, OWN, 71, TCP, 0);
	assert_own(f, &m, ADDRESS);
	made_ipv4(&m, OWN, 70, TCP, 0);
	assert_own(f, &m, PASS);
	lease(f, OWN, 70, true);
	made_ipv4(&m, OWN, 71, TCP, 0);
	assert_own(f, &m, PASS);
}

static void a_lease_takes_the_address_from_who_claimed_it(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv4(&m, OTHER, 70, TCP, 0);
	assert_other(f, &m, PASS);
	made_ipv4(&m, OWN, 50, TCP, 0);
	assert_own(f, &m, PASS);
	lease(f, OWN, 70, false);
	made_ipv4(&m, OTHER, 70, TCP, 0);
	assert_other(f, &m, ADDRESS);
	made_ipv4(&m, OWN, 50, TCP, 0); /* which it claimed by itself */
	assert_own(f, &m, ADDRESS);
	made_ipv4(&m, OWN, 70, TCP, 0);
	assert_own(f, &m, PASS);
}

static void a_lease_may_change_hands(void **state)
{
	struct fixture *f = *state;
	struct made own, other;

	made_ipv4(&own, OWN, 70, TCP, 0);
	made_ipv4(&other, OTHER, 70, TCP, 0);
	lease(f, OWN, 70, false);
	assert_own(f, &own, PASS);
	lease(f, OTHER, 70, false);
	assert_own(f, &own, ADDRESS);
	assert_other(f, &other, PASS);
	lease(f, OWN, 70, true); /* is not its any more */
	assert_own(f, &own, ADDRESS);
}

static void leases_are_bounded(void **state)
{
	struct fixture *f = *state;
	uint8_t mac[6] = { 2, 9 };
	struct in_addr address;
	struct made m;

	for (uint32_t i = 0; i < 2 * SOURCE_GUARD_LEASES; i++) {
		address.s_addr = htonl(0x0b000000u + i);
		source_guard_lease(f->table, mac, address);
	}
	made_ipv4(&m, OWN, 0, TCP, 0);
	m.at[26] = 11;
	m.at[29] = 5;
	assert_own(f, &m, ADDRESS);
	m.at[28] = SOURCE_GUARD_LEASES >> 8; /* one that was too many */
	assert_own(f, &m, PASS);
}

/* IPv4 packets */

static void without_an_address_a_guest_may_ask_for_one(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv4(&m, OWN, 0, UDP, 0);
	put_udp(&m, 68, 67);
	put_dhcp(&m, 1, OWN);
	assert_own(f, &m, PASS);
	made_ipv4(&m, OWN, 0, UDP, 0);
	put_udp(&m, 68, 69);
	assert_own(f, &m, ADDRESS);
	made_ipv4(&m, OWN, 0, TCP, 0);
	assert_own(f, &m, ADDRESS);
	made_ipv4(&m, OWN, 0, UDP, 1); /* not the first fragment */
	put_udp(&m, 68, 67);
	assert_own(f, &m, ADDRESS);
}

static void a_guest_asks_for_itself(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv4(&m, OWN, 0, UDP, 0);
	put_udp(&m, 68, 67);
	put_dhcp(&m, 1, OTHER);
	assert_own(f, &m, DHCP);
	made_ipv4(&m, OWN, 0, UDP, 0);
	put_udp(&m, 68, 67);
	put_dhcp(&m, 2, OWN);
	assert_own(f, &m, DHCP);
	made_ipv4(&m, OWN, 0, UDP, 0);
	put_udp(&m, 68, 67);
	put_zeros(&m, 33);
	assert_own(f, &m, UNJUDGED);
}

static void what_dhcp_servers_send_does_not_pass(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv4(&m, OWN, 50, UDP, 0);
	put_udp(&m, 67, 68);
	assert_own(f, &m, DHCP);
	made_ipv4(&m, OWN, 50, UDP, 0);
	put_udp(&m, 67, 1068);
	assert_own(f, &m, DHCP);
	made_ipv4(&m, OWN, 50, UDP, 0); /* clients look at no source port */
	put_udp(&m, 1067, 68);
	assert_own(f, &m, DHCP);
	made_ipv4(&m, OWN, 50, UDP, MORE);
	put_udp(&m, 67, 68);
	assert_own(f, &m, DHCP);
	made_ipv4(&m, OWN, 50, UDP, 0);
	put_udp(&m, 1067, 1068);
	assert_own(f, &m, PASS);
}

static void options_of_ipv4_hide_nothing(void **state)
{
	struct fixture *f = *state;
	struct made m;

	for (unsigned int words = 6; words <= 15; words++) {
		made_ipv4(&m, OWN, 50, UDP, 0);
		m.at[14] = (uint8_t)(0x40 | words);
		put_zeros(&m, (words - 5) * 4);
		put_udp(&m, 67, 68);
		assert_own(f, &m, DHCP);
	}
}

static void redirects_do_not_pass(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv4(&m, OWN, 50, ICMP, 0);
	put16(&m, 0x0501);
	assert_own(f, &m, ROUTER);
	made_ipv4(&m, OWN, 50, ICMP, 0);
	put16(&m, 0x0800);
	assert_own(f, &m, PASS);
	made_ipv4(&m, OWN, 50, ICMP, 0);
	assert_own(f, &m, UNJUDGED);
}

/* What stands behind the packet is no part of it: the next fragment has what the receiver looks at. */
static void what_pads_a_frame_decides_nothing(void **state)
{
	struct fixture *f = *state;
	struct made m;

	for (unsigned int total = 28; total <= 62; total++) {
		made_ipv4(&m, OWN, 0, UDP, MORE);
		put_udp(&m, 68, 67);
		put_dhcp(&m, 1, OWN);
		m.at[16] = 0;
		m.at[17] = (uint8_t)total;
		if (total < 62)
			assert_own(f, &m, UNJUDGED);
		else
			assert_own(f, &m, PASS);
	}
}

static void a_first_fragment_holds_what_decides(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv4(&m, OWN, 50, UDP, MORE);
	put16(&m, 1000);
	assert_own(f, &m, UNJUDGED);
	made_ipv4(&m, OWN, 50, UDP, MORE | 1);
	put16(&m, 1000);
	assert_own(f, &m, PASS);
	made_ipv4(&m, OTHER, 50, UDP, MORE | 1);
	put16(&m, 1000);
	assert_other(f, &m, ADDRESS);
}

static void ipv4_that_is_none_does_not_pass(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv4(&m, OWN, 50, TCP, 0);
	for (m.len = 14; m.len < 34; m.len++)
		assert_own(f, &m, UNJUDGED);
	m.at[14] = 0x55;
	assert_own(f, &m, UNJUDGED);
	m.at[14] = 0x44;
	assert_own(f, &m, UNJUDGED);
	m.at[14] = 0x46;
	assert_own(f, &m, UNJUDGED);
}

/* IPv6 */

static void made_neighbour(struct made *m, uint8_t mac, uint8_t source, uint8_t type,
			   uint8_t target, uint8_t said_mac)
{
	made_ipv6(m, mac, source, ICMP6);
	put_neighbour(m, type, target, said_mac);
	made_ipv6_end(m);
}

static void made_ipv6_tcp(struct made *m, uint8_t mac, uint8_t source)
{
	made_ipv6(m, mac, source, TCP);
	put_zeros(m, 20);
	made_ipv6_end(m);
}

static void ipv6_addresses_are_the_first_one_s_too(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv6_tcp(&m, OWN, 50);
	assert_own(f, &m, PASS);
	made_ipv6_tcp(&m, OTHER, 50);
	assert_other(f, &m, ADDRESS);
	made_ipv6_tcp(&m, OWN, GATEWAY);
	assert_own(f, &m, ADDRESS);
	made_ipv6_tcp(&m, OWN, 0);
	assert_own(f, &m, ADDRESS);
	made_ipv6_tcp(&m, OWN, 51);
	m.at[22] = 0xff;
	assert_own(f, &m, ADDRESS);
	made_ipv6_tcp(&m, OWN, 1); /* ::1 */
	m.at[22] = 0;
	assert_own(f, &m, ADDRESS);
}

static void a_port_has_so_many_ipv6_addresses(void **state)
{
	struct fixture *f = *state;
	struct made m;

	for (uint8_t i = 0; i < SOURCE_GUARD_V6; i++) {
		made_ipv6_tcp(&m, OWN, (uint8_t)(50 + i));
		assert_own(f, &m, PASS);
	}
	f->now_ms++;
	made_ipv6_tcp(&m, OWN, 50); /* used once more: 51 makes room */
	assert_own(f, &m, PASS);
	made_ipv6_tcp(&m, OWN, 90);
	assert_own(f, &m, ADDRESS);
	f->now_ms = SOMETIME + SOURCE_GUARD_AGE_MS;
	assert_own(f, &m, PASS);
	made_ipv6_tcp(&m, OTHER, 50);
	assert_other(f, &m, ADDRESS);
	made_ipv6_tcp(&m, OTHER, 51);
	assert_other(f, &m, PASS);
}

/* fe80::ff:fe00:14 is that of MAC 02:00:00:00:00:14, which did not send anything yet. */
static void an_address_made_of_another_s_mac_is_kept_for_it(void **state)
{
	static const uint8_t made_of[16] = { 0xfe, 0x80, [11] = 0xff, 0xfe, [15] = OTHER };
	struct fixture *f = *state;
	struct made m;

	made_ipv6_tcp(&m, OWN, 50);
	memcpy(m.at + 22, made_of, sizeof(made_of));
	assert_own(f, &m, ADDRESS);
	m.at[37] = OWN;
	assert_own(f, &m, PASS);
	made_ipv6_tcp(&m, OTHER, 50);
	memcpy(m.at + 22, made_of, sizeof(made_of));
	assert_other(f, &m, PASS);
}

static void who_asks_whether_an_address_is_free_has_it(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_neighbour(&m, OWN, 0, 135, 50, 0);
	assert_own(f, &m, PASS);
	made_neighbour(&m, OTHER, 0, 135, 50, 0);
	assert_other(f, &m, ADDRESS);
	made_neighbour(&m, OTHER, 60, 136, 50, OTHER);
	assert_other(f, &m, ADDRESS);
	made_neighbour(&m, OWN, 50, 136, 50, OWN);
	assert_own(f, &m, PASS);
}

static void neighbour_discovery_names_the_sender_s_mac(void **state)
{
	static const uint8_t types[] = { 135, 136 };
	struct fixture *f = *state;
	struct made m;

	for (size_t i = 0; i < sizeof(types); i++) {
		made_neighbour(&m, OWN, 50, types[i], 50, OWN);
		assert_own(f, &m, PASS);
		made_neighbour(&m, OWN, 50, types[i], 50, OTHER);
		assert_own(f, &m, MAC);
		made_neighbour(&m, OWN, 50, types[i], 50, OWN);
		m.at[m.len - 7] = 0; /* an option without length */
		assert_own(f, &m, UNJUDGED);
		m.at[m.len - 7] = 2; /* beyond the end */
		assert_own(f, &m, UNJUDGED);
		made_neighbour(&m, OWN, 50, types[i], 50, 0);
		m.len--;
		made_ipv6_end(&m);
		assert_own(f, &m, UNJUDGED);
	}
	made_ipv6(&m, OWN, 50, ICMP6);
	put16(&m, 133 << 8);
	put_zeros(&m, 6);
	put16(&m, 0x0101);
	put_mac(&m, OTHER);
	made_ipv6_end(&m);
	assert_own(f, &m, MAC);
}

static void a_guest_may_ask_for_others_and_for_the_gateway(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv6_tcp(&m, OTHER, 60);
	assert_other(f, &m, PASS);
	made_neighbour(&m, OWN, 50, 135, 60, OWN);
	assert_own(f, &m, PASS);
	made_neighbour(&m, OWN, 50, 135, GATEWAY, OWN);
	assert_own(f, &m, PASS);
	made_neighbour(&m, OWN, 50, 136, GATEWAY, OWN);
	assert_own(f, &m, ADDRESS);
}

static void made_icmp6(struct made *m, unsigned int type)
{
	made_ipv6(m, OWN, 50, ICMP6);
	put16(m, type << 8);
	put_zeros(m, 14);
	made_ipv6_end(m);
}

static void router_advertisements_do_not_pass(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_icmp6(&m, 134);
	assert_own(f, &m, ROUTER);
	made_icmp6(&m, 137);
	assert_own(f, &m, ROUTER);
	made_icmp6(&m, 128);
	assert_own(f, &m, PASS);
}

/* @n extension headers of a kind, then an advertisement */
static void made_behind(struct made *m, unsigned int header, unsigned int n)
{
	made_ipv6(m, OWN, 50, header);
	for (unsigned int i = 0; i < n; i++) {
		put8(m, i + 1 < n ? header : ICMP6);
		/* 16 bytes as all of them count; a fragment's header has 8 */
		put8(m, header == 51 ? 2 : header == 44 ? 0 : 1);
		put_zeros(m, header == 44 ? 6 : 14);
	}
	put16(m, 134 << 8);
	put_zeros(m, 14);
	made_ipv6_end(m);
}

static void extension_headers_hide_nothing(void **state)
{
	static const uint8_t headers[] = { 0, 43, 51, 60 };
	struct fixture *f = *state;
	struct made m;

	for (size_t i = 0; i < sizeof(headers); i++) {
		for (unsigned int n = 1; n <= 8; n++) {
			made_behind(&m, headers[i], n);
			assert_own(f, &m, ROUTER);
		}
		made_behind(&m, headers[i], 9);
		assert_own(f, &m, UNJUDGED);
		made_behind(&m, headers[i], 1);
		m.at[55] = 255; /* beyond the end */
		assert_own(f, &m, UNJUDGED);
	}
	made_behind(&m, 44, 1); /* one that is all of the packet */
	assert_own(f, &m, ROUTER);
}

static void made_fragment(struct made *m, unsigned int next, unsigned int offset, uint8_t first)
{
	made_ipv6(m, OWN, 50, 44);
	put8(m, next);
	put8(m, 0);
	put16(m, offset);
	put_zeros(m, 4);
	put8(m, first);
	put_zeros(m, 31);
	made_ipv6_end(m);
}

static void fragments_hide_nothing(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_fragment(&m, ICMP6, 1, 134);
	assert_own(f, &m, ROUTER);
	made_fragment(&m, ICMP6, 1, 136);
	assert_own(f, &m, UNJUDGED);
	made_fragment(&m, ICMP6, 1, 128);
	assert_own(f, &m, PASS);
	made_fragment(&m, ICMP6, 8, 134); /* not the first */
	assert_own(f, &m, PASS);
	made_fragment(&m, 60, 1, ICMP6); /* more headers behind it */
	assert_own(f, &m, UNJUDGED);
	made_fragment(&m, 60, 8, ICMP6);
	assert_own(f, &m, UNJUDGED);
	made_ipv6(&m, OWN, 50, 44);
	put8(&m, ICMP6);
	put_zeros(&m, 6);
	made_ipv6_end(&m);
	assert_own(f, &m, UNJUDGED);
}

static void what_dhcpv6_servers_send_does_not_pass(void **state)
{
	static const struct {
		uint16_t from, to;
		enum source_guard_verdict verdict;
	} cases[] = {
		{ 547, 546, SOURCE_GUARD_DHCP },   { 547, 1000, SOURCE_GUARD_DHCP },
		{ 1000, 546, SOURCE_GUARD_DHCP },  { 546, 547, SOURCE_GUARD_PASS },
		{ 1000, 1001, SOURCE_GUARD_PASS },
	};
	struct fixture *f = *state;
	struct made m;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		made_ipv6(&m, OWN, 50, UDP);
		put_udp(&m, cases[i].from, cases[i].to);
		made_ipv6_end(&m);
		assert_int_equal(judged(f, &f->own, &m), cases[i].verdict);
	}
	made_ipv6(&m, OWN, 50, UDP);
	put16(&m, 1000);
	made_ipv6_end(&m);
	assert_own(f, &m, UNJUDGED);
}

static void without_an_ipv6_address_there_is_discovery_only(void **state)
{
	static const uint8_t good[] = { 131, 132, 133, 143 };
	struct fixture *f = *state;
	struct made m;

	for (size_t i = 0; i < sizeof(good); i++) {
		made_ipv6(&m, OWN, 0, ICMP6);
		put16(&m, (unsigned int)good[i] << 8);
		put_zeros(&m, 6);
		made_ipv6_end(&m);
		assert_own(f, &m, PASS);
	}
	made_ipv6(&m, OWN, 0, ICMP6);
	put16(&m, 128 << 8);
	put_zeros(&m, 6);
	made_ipv6_end(&m);
	assert_own(f, &m, ADDRESS);
	made_neighbour(&m, OWN, 0, 136, 50, OWN);
	assert_own(f, &m, ADDRESS);
}

static void ipv6_whose_length_lies_does_not_pass(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv6_tcp(&m, OWN, 50);
	m.at[19]++;
	assert_own(f, &m, UNJUDGED);
	made_ipv6_tcp(&m, OWN, 50);
	m.at[14] = 0x50;
	assert_own(f, &m, UNJUDGED);
	made_ipv6_tcp(&m, OWN, 50);
	for (m.len = 14; m.len < 54; m.len++)
		assert_own(f, &m, UNJUDGED);
	/* What pads the frame is not the packet's. */
	made_neighbour(&m, OWN, 50, 135, 50, 0);
	put_zeros(&m, 20);
	assert_own(f, &m, PASS);
}

static void long_frames_are_judged_by_their_beginning(void **state)
{
	struct fixture *f = *state;
	struct made m;

	made_ipv6(&m, OWN, 50, TCP);
	put_zeros(&m, 1400);
	made_ipv6_end(&m);
	assert_own(f, &m, PASS);
	/* Discovery with options that are not all at hand */
	made_ipv6(&m, OWN, 50, ICMP6);
	put_neighbour(&m, 135, 60, OWN);
	put16(&m, 0x0e00 | 150);
	put_zeros(&m, 1198);
	made_ipv6_end(&m);
	assert_own(f, &m, UNJUDGED);
}

static void every_verdict_has_a_name(void **state)
{
	for (int i = 0; i < SOURCE_GUARD_VERDICTS; i++)
		assert_true(strlen(source_guard_verdict_name((enum source_guard_verdict)i)) > 2);
}

#define guard_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		guard_test(only_the_port_s_mac_is_a_source),
		guard_test(a_mac_that_is_not_given_is_the_first_one_seen),
		guard_test(a_mac_that_is_given_is_taken_from_who_was_seen_with_it),
		guard_test(part_of_a_mac_may_be_reserved),
		guard_test(what_has_a_length_for_a_type_does_not_pass),
		guard_test(runts_do_not_pass),
		guard_test(tags_hide_nothing),
		guard_test(arp_says_who_sends_it),
		guard_test(arp_of_another_kind_or_cut_off_does_not_pass),
		guard_test(a_guest_may_ask_for_an_address_that_is_nobody_else_s),
		guard_test(rarp_is_judged_as_arp),
		guard_test(who_uses_an_address_first_has_it),
		guard_test(the_network_s_own_address_is_nobody_s),
		guard_test(addresses_that_no_station_has_are_no_source),
		guard_test(a_port_has_so_many_addresses_and_unused_ones_make_room),
		guard_test(a_leased_address_is_the_guest_s_and_no_other_is),
		guard_test(a_lease_takes_the_address_from_who_claimed_it),
		guard_test(a_lease_may_change_hands),
		guard_test(leases_are_bounded),
		guard_test(without_an_address_a_guest_may_ask_for_one),
		guard_test(a_guest_asks_for_itself),
		guard_test(what_dhcp_servers_send_does_not_pass),
		guard_test(options_of_ipv4_hide_nothing),
		guard_test(redirects_do_not_pass),
		guard_test(what_pads_a_frame_decides_nothing),
		guard_test(a_first_fragment_holds_what_decides),
		guard_test(ipv4_that_is_none_does_not_pass),
		guard_test(ipv6_addresses_are_the_first_one_s_too),
		guard_test(a_port_has_so_many_ipv6_addresses),
		guard_test(an_address_made_of_another_s_mac_is_kept_for_it),
		guard_test(who_asks_whether_an_address_is_free_has_it),
		guard_test(neighbour_discovery_names_the_sender_s_mac),
		guard_test(a_guest_may_ask_for_others_and_for_the_gateway),
		guard_test(router_advertisements_do_not_pass),
		guard_test(extension_headers_hide_nothing),
		guard_test(fragments_hide_nothing),
		guard_test(what_dhcpv6_servers_send_does_not_pass),
		guard_test(without_an_ipv6_address_there_is_discovery_only),
		guard_test(ipv6_whose_length_lies_does_not_pass),
		guard_test(long_frames_are_judged_by_their_beginning),
		guard_test(every_verdict_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
