/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_leases.c - which guest has which address, for how long, under which name
 *
 * Gateway 10.0.0.1, range 10.0.0.2 up to what the test wants, leases of 1000 s; it is second 5000.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/leases.h"

#define LEASE_S 1000
#define START_S 5000

struct fixture {
	struct leases *leases;
	unsigned int n_got, n_renewed, n_gone;
	struct in_addr last_gone;
};

static void on_told(void *opaque, const struct lease *lease, enum lease_event event)
{
	struct fixture *f = opaque;

	f->n_got += event == LEASE_GOT;
	f->n_renewed += event == LEASE_RENEWED;
	f->n_gone += event == LEASE_GONE;
	if (event == LEASE_GONE)
		f->last_gone = lease->address;
}

static struct in_addr address_of(const char *text)
{
	struct in_addr address;

	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address;
}

static const struct in_addr nothing;

static struct fixture *make(const char *last, const char *mask, uint32_t lease_s)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct leases_config config = {
		.mask = address_of(mask),
		.gateway = address_of("10.0.0.1"),
		.first = address_of("10.0.0.2"),
		.last = address_of(last),
		.lease_s = lease_s,
	};

	assert_non_null(f);
	config.network.s_addr = config.gateway.s_addr & config.mask.s_addr;
	assert_int_equal(leases_new(&config, on_told, f, &f->leases), 0);
	leases_tick(f->leases, START_S);
	return f;
}

static int setup(void **state)
{
	*state = make("10.0.0.9", "255.255.255.0", LEASE_S);
	return 0;
}

static int setup_wide(void **state)
{
	*state = make("10.0.255.254", "255.255.0.0", LEASE_S);
	return 0;
}

static int setup_endless(void **state)
{
	*state = make("10.0.0.9", "255.255.255.0", LEASES_FOREVER_S);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	leases_free(f->leases);
	free(f);
	return 0;
}

struct mac {
	uint8_t bytes[FRAME_MAC];
};

static struct mac mac_of(unsigned int n)
{
	return (struct mac) { { 2, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				(uint8_t)n } };
}

static int offer_at(struct fixture *f, unsigned int guest, uint64_t port, const char *wanted,
		    const char *expected)
{
	struct in_addr got = { 0 };
	int r = leases_offer(f->leases, mac_of(guest).bytes, port,
			     wanted ? address_of(wanted) : nothing, &got);

	if (r == 0 && expected)
		assert_string_equal(inet_ntoa(got), expected);
	return r;
}

static int offer(struct fixture *f, unsigned int guest, const char *expected)
{
	return offer_at(f, guest, guest, NULL, expected);
}

static int bind_named(struct fixture *f, unsigned int guest, uint64_t port, const char *address,
		      const char *name)
{
	return leases_bind(f->leases, mac_of(guest).bytes, port, address_of(address), name);
}

static int bind_to(struct fixture *f, unsigned int guest, const char *address)
{
	return bind_named(f, guest, guest, address, "");
}

static void get(struct fixture *f, unsigned int guest, const char *expected)
{
	assert_int_equal(offer(f, guest, expected), 0);
	assert_int_equal(bind_to(f, guest, expected), 0);
}

static int release(struct fixture *f, unsigned int guest, uint64_t port, const char *address)
{
	return leases_release(f->leases, mac_of(guest).bytes, port, address_of(address));
}

static int decline(struct fixture *f, unsigned int guest, uint64_t port, const char *address)
{
	return leases_decline(f->leases, mac_of(guest).bytes, port, address_of(address));
}

static int reserve(struct fixture *f, unsigned int guest, const char *address, const char *name)
{
	struct network_reservation wanted = { .address = address_of(address) };
	char *error = NULL;
	int r;

	memcpy(wanted.mac, mac_of(guest).bytes, FRAME_MAC);
	strcpy(wanted.name, name);
	r = leases_reserve(f->leases, &wanted, &error);
	assert_true((r < 0) == (error != NULL));
	free(error);
	return r;
}

static void pass(struct fixture *f, int64_t *now, int64_t seconds)
{
	*now += seconds;
	leases_tick(f->leases, *now);
}

static enum lease_state state_of(struct fixture *f, unsigned int guest)
{
	return leases_find_mac(f->leases, mac_of(guest).bytes)->state;
}

/* Addresses */

static void guests_get_the_range_from_its_start_to_its_end(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 2; i <= 9; i++) {
		char expected[32];

		snprintf(expected, sizeof(expected), "10.0.0.%u", i);
		get(f, i, expected);
	}
	assert_int_equal(offer(f, 77, NULL), -ENOSPC);
	assert_int_equal(leases_counters(f->leases)->exhausted, 1);
}

static void a_guest_gets_the_address_that_it_wants_if_nobody_had_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(offer_at(f, 1, 1, "10.0.0.7", "10.0.0.7"), 0);
	assert_int_equal(offer_at(f, 2, 2, "10.0.0.7", "10.0.0.2"), 0);
	assert_int_equal(offer_at(f, 3, 3, "10.0.0.1", "10.0.0.3"), 0);
	assert_int_equal(offer_at(f, 4, 4, "10.0.0.200", "10.0.0.4"), 0);
	assert_int_equal(offer_at(f, 5, 5, "192.168.1.1", "10.0.0.5"), 0);
}

static void a_guest_keeps_its_address_whatever_it_wants(void **state)
{
	struct fixture *f = *state;

	get(f, 1, "10.0.0.2");
	assert_int_equal(offer_at(f, 1, 1, "10.0.0.7", "10.0.0.2"), 0);
	assert_int_equal(state_of(f, 1), LEASE_BOUND);
	assert_int_equal(bind_to(f, 1, "10.0.0.7"), -EADDRNOTAVAIL);
	assert_int_equal(state_of(f, 1), LEASE_BOUND);
}

static void nobody_binds_what_is_anothers_or_not_in_the_range(void **state)
{
	struct fixture *f = *state;

	get(f, 1, "10.0.0.2");
	assert_int_equal(offer(f, 2, "10.0.0.3"), 0);
	assert_int_equal(bind_to(f, 3, "10.0.0.2"), -EADDRNOTAVAIL);
	assert_int_equal(bind_to(f, 3, "10.0.0.3"), -EADDRNOTAVAIL);
	assert_int_equal(bind_to(f, 3, "10.0.0.1"), -EADDRNOTAVAIL);
	assert_int_equal(bind_to(f, 3, "10.0.0.10"), -EADDRNOTAVAIL);
	assert_int_equal(bind_to(f, 3, "10.0.0.0"), -EADDRNOTAVAIL);
	assert_int_equal(bind_to(f, 3, "11.0.0.3"), -EADDRNOTAVAIL);
	assert_null(leases_find_mac(f->leases, mac_of(3).bytes));
}

static void a_guest_from_before_a_restart_keeps_an_address_that_is_free(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bind_to(f, 1, "10.0.0.6"), 0);
	assert_int_equal(bind_to(f, 2, "10.0.0.6"), -EADDRNOTAVAIL);
	assert_int_equal(offer(f, 3, "10.0.0.2"), 0);
}

static void three_hundred_guests_have_three_hundred_addresses(void **state)
{
	struct fixture *f = *state;
	struct leases_usage usage;

	for (unsigned int i = 0; i < 300; i++) {
		struct in_addr got = { 0 };

		assert_int_equal(leases_offer(f->leases, mac_of(i).bytes, i, nothing, &got), 0);
		assert_int_equal(ntohl(got.s_addr), ntohl(address_of("10.0.0.2").s_addr) + i);
		assert_int_equal(leases_bind(f->leases, mac_of(i).bytes, i, got, ""), 0);
	}
	for (unsigned int i = 0; i < 300; i++)
		assert_int_equal(ntohl(leases_find_mac(f->leases, mac_of(i).bytes)->address.s_addr),
				 ntohl(address_of("10.0.0.2").s_addr) + i);
	leases_usage(f->leases, &usage);
	assert_int_equal(usage.bound, 300);
	assert_int_equal(usage.pool, 65533);
}

static void the_table_is_bounded_whatever_the_range(void **state)
{
	struct fixture *f = *state;
	struct in_addr got;

	for (unsigned int i = 0; i < LEASES_MAX; i++) {
		assert_int_equal(leases_offer(f->leases, mac_of(i).bytes, i, nothing, &got), 0);
		assert_int_equal(leases_bind(f->leases, mac_of(i).bytes, i, got, ""), 0);
	}
	assert_int_equal(leases_offer(f->leases, mac_of(9999).bytes, 9999, nothing, &got), -ENOSPC);
	assert_int_equal(release(f, 7, 7, "10.0.0.9"), 0);
	assert_int_equal(offer(f, 9999, "10.0.0.9"), 0);
}

/* Time */

static void an_offer_lapses_within_seconds_and_is_the_next_to_be_offered(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S;

	assert_int_equal(offer(f, 1, "10.0.0.2"), 0);
	assert_int_equal(leases_deadline(f->leases), now + LEASES_OFFER_S);
	pass(f, &now, LEASES_OFFER_S - 1);
	assert_int_equal(state_of(f, 1), LEASE_OFFERED);
	pass(f, &now, 1);
	assert_int_equal(state_of(f, 1), LEASE_FREE);
	assert_int_equal(leases_deadline(f->leases), INT64_MAX);
	assert_int_equal(offer(f, 2, "10.0.0.2"), 0);
	assert_int_equal(bind_to(f, 1, "10.0.0.2"), -EADDRNOTAVAIL);
	assert_int_equal(f->n_gone, 0);
}

static void a_late_request_still_gets_what_was_offered(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S;

	assert_int_equal(offer(f, 1, "10.0.0.2"), 0);
	pass(f, &now, 60);
	assert_int_equal(bind_to(f, 1, "10.0.0.2"), 0);
}

static void a_lease_ends_when_it_is_not_renewed(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S;

	get(f, 1, "10.0.0.2");
	assert_int_equal(f->n_got, 1);
	pass(f, &now, LEASE_S / 2);
	assert_int_equal(bind_to(f, 1, "10.0.0.2"), 0);
	assert_int_equal(f->n_renewed, 1);
	pass(f, &now, LEASE_S - 1);
	assert_int_equal(state_of(f, 1), LEASE_BOUND);
	pass(f, &now, 1);
	assert_int_equal(state_of(f, 1), LEASE_FREE);
	assert_int_equal(f->n_gone, 1);
}

static void a_lease_without_end_has_none(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S;

	get(f, 1, "10.0.0.2");
	assert_int_equal(leases_deadline(f->leases), INT64_MAX);
	pass(f, &now, INT64_C(1) << 40);
	assert_int_equal(state_of(f, 1), LEASE_BOUND);
}

static void an_address_is_remembered_until_another_guest_needs_it(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S;

	pass(f, &now, 100);
	get(f, 2, "10.0.0.2");
	pass(f, &now, 10);
	get(f, 3, "10.0.0.3");
	pass(f, &now, LEASE_S);
	assert_int_equal(f->n_gone, 2);
	get(f, 2, "10.0.0.2"); /* its own, again */
	assert_int_equal(release(f, 2, 2, "10.0.0.2"), 0);
	for (unsigned int i = 4; i <= 9; i++) {
		char address[32];

		snprintf(address, sizeof(address), "10.0.0.%u", i);
		get(f, 20 + i, address);
	}
	get(f, 30, "10.0.0.3"); /* free for longest */
	get(f, 31, "10.0.0.2");
	assert_int_equal(offer(f, 3, NULL), -ENOSPC);
}

static void a_clock_that_is_set_back_takes_what_is_to_come_with_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(offer(f, 1, "10.0.0.2"), 0);
	get(f, 2, "10.0.0.3");
	leases_tick(f->leases, START_S - 4000);
	leases_tick(f->leases, START_S - 4000 + LEASES_OFFER_S);
	assert_int_equal(state_of(f, 1), LEASE_FREE);
	assert_int_equal(state_of(f, 2), LEASE_BOUND);
	leases_tick(f->leases, START_S - 4000 + LEASE_S);
	assert_int_equal(state_of(f, 2), LEASE_FREE);
}

/* Giving back */

static void a_released_address_is_the_guests_again_when_it_comes_back(void **state)
{
	struct fixture *f = *state;

	get(f, 1, "10.0.0.2");
	assert_int_equal(release(f, 1, 1, "10.0.0.3"), -ENOENT);
	assert_int_equal(release(f, 2, 1, "10.0.0.2"), -ENOENT);
	assert_int_equal(release(f, 1, 1, "10.0.0.2"), 0);
	assert_int_equal(f->n_gone, 1);
	assert_int_equal(release(f, 1, 1, "10.0.0.2"), -ENOENT);
	get(f, 2, "10.0.0.3");
	get(f, 1, "10.0.0.2");
}

static void nobody_gives_back_a_lease_of_another_port(void **state)
{
	struct fixture *f = *state;

	get(f, 1, "10.0.0.2");
	assert_int_equal(release(f, 1, 2, "10.0.0.2"), -EPERM);
	assert_int_equal(decline(f, 1, 2, "10.0.0.2"), -EPERM);
	assert_int_equal(state_of(f, 1), LEASE_BOUND);
	assert_int_equal(bind_named(f, 1, 2, "10.0.0.2", ""), 0); /* it has moved */
	assert_int_equal(release(f, 1, 1, "10.0.0.2"), -EPERM);
	assert_int_equal(release(f, 1, 2, "10.0.0.2"), 0);
}

static void an_offer_that_is_not_taken_is_free_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(offer(f, 1, "10.0.0.2"), 0);
	leases_withdraw(f->leases, mac_of(1).bytes);
	leases_withdraw(f->leases, mac_of(5).bytes);
	assert_int_equal(offer(f, 2, "10.0.0.2"), 0);
	get(f, 3, "10.0.0.3");
	leases_withdraw(f->leases, mac_of(3).bytes);
	assert_int_equal(state_of(f, 3), LEASE_BOUND);
}

static void a_declined_address_is_set_aside_for_a_while(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S;

	get(f, 1, "10.0.0.2");
	assert_int_equal(decline(f, 1, 1, "10.0.0.3"), -ENOENT);
	assert_int_equal(decline(f, 1, 1, "10.0.0.2"), 0);
	assert_int_equal(f->n_gone, 1);
	get(f, 1, "10.0.0.3");
	assert_int_equal(bind_to(f, 2, "10.0.0.2"), -EADDRNOTAVAIL);
	pass(f, &now, LEASES_ASIDE_S - 1);
	assert_int_equal(bind_to(f, 2, "10.0.0.2"), -EADDRNOTAVAIL);
	pass(f, &now, 1);
	assert_int_equal(bind_to(f, 2, "10.0.0.2"), 0);
}

/* One port that makes up guests */

static void a_flood_of_discovers_takes_a_bounded_number_of_addresses(void **state)
{
	struct fixture *f = *state;
	struct leases_usage usage;

	for (unsigned int i = 0; i < 100000; i++)
		assert_int_equal(offer_at(f, 1000 + i, 1, NULL, NULL), 0);
	leases_usage(f->leases, &usage);
	assert_int_equal(usage.offered, LEASES_PORT_OFFERS);
	assert_true(usage.offered + usage.remembered <= LEASES_PORT_OFFERS + 1);
	assert_int_equal(offer_at(f, 1, 2, NULL, NULL), 0);
	assert_int_equal(leases_counters(f->leases)->exhausted, 0);
}

static void a_port_holds_a_bounded_number_of_leases(void **state)
{
	struct fixture *f = *state;
	struct in_addr got;

	for (unsigned int i = 0; i < LEASES_PORT_HELD; i++) {
		assert_int_equal(leases_offer(f->leases, mac_of(i).bytes, 1, nothing, &got), 0);
		assert_int_equal(leases_bind(f->leases, mac_of(i).bytes, 1, got, ""), 0);
	}
	assert_int_equal(offer_at(f, 1000, 1, NULL, NULL), -EDQUOT);
	assert_int_equal(bind_named(f, 1000, 1, "10.0.200.1", ""), -EDQUOT);
	assert_int_equal(leases_counters(f->leases)->port_limited, 2);
	assert_int_equal(offer_at(f, 1000, 2, NULL, NULL), 0);
	/* The oldest that it has given back is forgotten for the next. */
	assert_int_equal(release(f, 3, 1, "10.0.0.5"), 0);
	assert_int_equal(release(f, 4, 1, "10.0.0.6"), 0);
	assert_int_equal(offer_at(f, 1001, 1, NULL, "10.0.0.5"), 0);
	assert_int_equal(bind_named(f, 1001, 1, "10.0.0.5", ""), 0);
	assert_int_equal(offer_at(f, 4, 1, NULL, "10.0.0.6"), 0);
}

static void a_port_that_binds_and_releases_makes_nobody_else_forgotten(void **state)
{
	struct fixture *f = *state;
	struct in_addr got;

	get(f, 1, "10.0.0.2");
	assert_int_equal(release(f, 1, 1, "10.0.0.2"), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		const uint8_t *mac = mac_of(1000 + i).bytes;

		assert_int_equal(leases_offer(f->leases, mac, 2, nothing, &got), 0);
		assert_int_equal(leases_bind(f->leases, mac, 2, got, ""), 0);
		assert_int_equal(leases_release(f->leases, mac, 2, got), 0);
	}
	assert_int_equal(offer(f, 1, "10.0.0.2"), 0);
}

static void a_port_sets_a_bounded_number_of_addresses_aside(void **state)
{
	struct fixture *f = *state;
	struct leases_usage usage;
	struct in_addr got;

	for (unsigned int i = 0; i < 1000; i++) {
		assert_int_equal(leases_offer(f->leases, mac_of(i).bytes, 1, nothing, &got), 0);
		assert_int_equal(leases_bind(f->leases, mac_of(i).bytes, 1, got, ""), 0);
		assert_int_equal(leases_decline(f->leases, mac_of(i).bytes, 1, got), 0);
	}
	leases_usage(f->leases, &usage);
	assert_int_equal(usage.aside, LEASES_PORT_ASIDE);
	assert_int_equal(leases_counters(f->leases)->declined, 1000);
}

/* Reservations */

static void a_reserved_address_is_its_guests_and_nobody_elses(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(reserve(f, 1, "10.0.0.2", ""), 0);
	get(f, 2, "10.0.0.3");
	assert_int_equal(bind_to(f, 3, "10.0.0.2"), -EADDRNOTAVAIL);
	assert_int_equal(offer_at(f, 3, 3, "10.0.0.2", "10.0.0.4"), 0);
	get(f, 1, "10.0.0.2");
	assert_int_equal(release(f, 1, 1, "10.0.0.2"), 0);
	for (unsigned int i = 10; offer(f, i, NULL) == 0; i++)
		assert_int_not_equal(i, 30);
	get(f, 1, "10.0.0.2");
}

static void a_reservation_is_anywhere_in_the_subnet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(reserve(f, 1, "10.0.0.200", "web"), 0);
	get(f, 1, "10.0.0.200");
	assert_int_equal(reserve(f, 2, "10.0.1.5", ""), -EINVAL);
	assert_int_equal(reserve(f, 2, "10.0.0.0", ""), -EINVAL);
	assert_int_equal(reserve(f, 2, "10.0.0.255", ""), -EINVAL);
	assert_int_equal(reserve(f, 2, "10.0.0.1", ""), -EINVAL);
}

static void mac_address_and_name_are_reserved_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(reserve(f, 1, "10.0.0.5", "web"), 0);
	assert_int_equal(reserve(f, 1, "10.0.0.6", ""), -EEXIST);
	assert_int_equal(reserve(f, 2, "10.0.0.5", ""), -EEXIST);
	assert_int_equal(reserve(f, 2, "10.0.0.6", "web"), -EEXIST);
	assert_int_equal(reserve(f, 2, "10.0.0.6", "db"), 0);
}

static void a_reservation_waits_for_who_has_the_address(void **state)
{
	struct fixture *f = *state;

	get(f, 1, "10.0.0.2");
	assert_int_equal(reserve(f, 2, "10.0.0.2", ""), -EBUSY);
	assert_int_equal(release(f, 1, 1, "10.0.0.2"), 0);
	assert_int_equal(reserve(f, 2, "10.0.0.2", ""), 0);
	get(f, 1, "10.0.0.3");
	get(f, 2, "10.0.0.2");
}

static void a_guest_moves_to_its_new_reservation_and_its_old_address_rests(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S;

	get(f, 1, "10.0.0.2");
	assert_int_equal(reserve(f, 1, "10.0.0.9", ""), 0);
	assert_int_equal(bind_to(f, 1, "10.0.0.2"), -EADDRNOTAVAIL);
	assert_int_equal(bind_to(f, 2, "10.0.0.2"), -EADDRNOTAVAIL);
	get(f, 1, "10.0.0.9");
	pass(f, &now, LEASE_S);
	assert_int_equal(bind_to(f, 2, "10.0.0.2"), 0);
}

static void what_is_unreserved_is_an_ordinary_lease(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S;

	assert_int_equal(leases_unreserve(f->leases, mac_of(1).bytes), -ENOENT);
	assert_int_equal(reserve(f, 1, "10.0.0.2", ""), 0);
	assert_int_equal(leases_unreserve(f->leases, mac_of(1).bytes), 0);
	assert_int_equal(leases_unreserve(f->leases, mac_of(1).bytes), -ENOENT);
	get(f, 2, "10.0.0.2");
	assert_int_equal(reserve(f, 3, "10.0.0.100", ""), 0);
	get(f, 3, "10.0.0.100");
	assert_int_equal(leases_unreserve(f->leases, mac_of(3).bytes), 0);
	assert_int_equal(bind_to(f, 3, "10.0.0.100"), -EADDRNOTAVAIL); /* out of the range */
	assert_int_equal(offer(f, 3, "10.0.0.3"), 0);
	pass(f, &now, LEASE_S);
	assert_null(leases_find_address(f->leases, address_of("10.0.0.100")));
}

/* Names */

static void a_guest_is_found_by_the_name_that_it_gives(void **state)
{
	struct fixture *f = *state;
	const struct lease *lease;

	assert_int_equal(bind_named(f, 1, 1, "10.0.0.2", "web"), 0);
	lease = leases_find_name(f->leases, "web");
	assert_non_null(lease);
	assert_int_equal(lease->address.s_addr, address_of("10.0.0.2").s_addr);
	assert_int_equal(f->n_got, 1);
	assert_int_equal(bind_named(f, 1, 1, "10.0.0.2", "db"), 0);
	assert_null(leases_find_name(f->leases, "web"));
	assert_non_null(leases_find_name(f->leases, "db"));
	assert_int_equal(f->n_got, 2); /* news */
	assert_int_equal(release(f, 1, 1, "10.0.0.2"), 0);
	assert_null(leases_find_name(f->leases, "db"));
}

static void a_name_that_a_guest_has_is_not_given_to_another(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bind_named(f, 1, 1, "10.0.0.2", "web"), 0);
	assert_int_equal(bind_named(f, 2, 2, "10.0.0.3", "web"), 0);
	assert_int_equal(leases_counters(f->leases)->name_taken, 1);
	assert_string_equal(leases_find_mac(f->leases, mac_of(2).bytes)->name, "");
	assert_int_equal(bind_named(f, 2, 2, "10.0.0.3", "web"), 0);
	assert_int_equal(f->n_got, 2); /* no news in that */
	assert_int_equal(release(f, 1, 1, "10.0.0.2"), 0);
	assert_int_equal(bind_named(f, 2, 2, "10.0.0.3", "web"), 0);
	assert_int_equal(leases_find_name(f->leases, "web")->address.s_addr,
			 address_of("10.0.0.3").s_addr);
}

static void a_reserved_name_stays_and_is_taken_from_who_has_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bind_named(f, 1, 1, "10.0.0.2", "web"), 0);
	assert_int_equal(reserve(f, 2, "10.0.0.9", "web"), 0);
	assert_string_equal(leases_find_mac(f->leases, mac_of(1).bytes)->name, "");
	assert_non_null(leases_find_name(f->leases, "web")); /* before it ever came */
	assert_int_equal(bind_named(f, 1, 1, "10.0.0.2", "web"), 0);
	assert_int_equal(bind_named(f, 2, 2, "10.0.0.9", "other"), 0);
	assert_string_equal(leases_find_mac(f->leases, mac_of(2).bytes)->name, "web");
	assert_null(leases_find_name(f->leases, "other"));
}

/* A former run */

static int restore(struct fixture *f, unsigned int guest, const char *address, int64_t expires_s,
		   const char *name)
{
	struct network_lease old = { .address = address_of(address), .expires_s = expires_s };

	memcpy(old.mac, mac_of(guest).bytes, FRAME_MAC);
	strcpy(old.name, name);
	return leases_restore(f->leases, &old);
}

static void leases_of_a_former_run_go_on(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S;

	assert_int_equal(restore(f, 1, "10.0.0.4", START_S - 1, ""), 0);
	assert_int_equal(restore(f, 2, "10.0.0.3", START_S + 10, "web"), 0);
	assert_int_equal(restore(f, 3, "10.0.0.5", 0, ""), 0);
	assert_int_equal(state_of(f, 1), LEASE_FREE);
	assert_non_null(leases_find_name(f->leases, "web"));
	assert_int_equal(offer(f, 1, "10.0.0.4"), 0);
	assert_int_equal(release(f, 2, 99, "10.0.0.3"), 0); /* whose port is not known yet */
	pass(f, &now, INT64_C(1) << 40);
	assert_int_equal(state_of(f, 3), LEASE_BOUND);
}

static void leases_of_a_former_run_that_contradict_are_dropped(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(reserve(f, 1, "10.0.0.2", ""), 0);
	assert_int_equal(restore(f, 1, "10.0.0.3", START_S + 10, ""), -EEXIST);
	assert_int_equal(restore(f, 2, "10.0.0.2", START_S + 10, ""), -EEXIST);
	assert_int_equal(restore(f, 2, "10.0.0.100", START_S + 10, ""), -EADDRNOTAVAIL);
	assert_int_equal(restore(f, 2, "10.0.0.4", START_S + 10, ""), 0);
	assert_int_equal(restore(f, 2, "10.0.0.5", START_S + 10, ""), -EEXIST);
	assert_int_equal(restore(f, 3, "10.0.0.4", START_S + 10, ""), -EEXIST);
	assert_int_equal(restore(f, 1, "10.0.0.2", START_S + 10, ""), 0);
	assert_int_equal(state_of(f, 1), LEASE_BOUND);
	assert_int_equal(restore(f, 1, "10.0.0.2", START_S + 10, ""), -EEXIST);
}

/* Everything at random: nobody's address is anybody else's, and the counts are true. */

#define N_GUESTS 40u

static bool check_one(void *opaque, const struct lease *lease)
{
	struct fixture *f = opaque;

	assert_ptr_equal(leases_find_mac(f->leases, lease->mac), lease);
	assert_ptr_equal(leases_find_address(f->leases, lease->address), lease);
	return true;
}

static void random_step(struct fixture *f, int64_t *now)
{
	unsigned int guest = (unsigned int)rand() % N_GUESTS;
	uint64_t port = guest % 4;
	char address[32], name[8];

	snprintf(address, sizeof(address), "10.0.0.%u", 2 + (unsigned int)rand() % 10);
	snprintf(name, sizeof(name), "n%u", (unsigned int)rand() % 6);
	switch (rand() % 9) {
	case 0:
		pass(f, now, rand() % 400);
		return;
	case 1:
	case 2:
		offer_at(f, guest, port, rand() % 2 ? address : NULL, NULL);
		return;
	case 3:
		release(f, guest, port, address);
		return;
	case 4:
		decline(f, guest, port, address);
		return;
	case 5:
		reserve(f, guest, address, rand() % 2 ? name : "");
		return;
	case 6:
		leases_unreserve(f->leases, mac_of(guest).bytes);
		return;
	default:
		bind_named(f, guest, port, address, rand() % 2 ? name : "");
	}
}

static void whatever_happens_each_address_has_one_guest(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S;
	unsigned int seed = getenv("SEED") ? (unsigned int)atoi(getenv("SEED")) : 1;

	print_message("# SEED=%u\n", seed);
	srand(seed);
	for (unsigned int i = 0; i < 200000; i++) {
		random_step(f, &now);
		if (i % 16 == 0)
			leases_each(f->leases, check_one, f);
	}
}

#define RULE(f, setup) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(guests_get_the_range_from_its_start_to_its_end, setup),
		RULE(a_guest_gets_the_address_that_it_wants_if_nobody_had_it, setup),
		RULE(a_guest_keeps_its_address_whatever_it_wants, setup),
		RULE(nobody_binds_what_is_anothers_or_not_in_the_range, setup),
		RULE(a_guest_from_before_a_restart_keeps_an_address_that_is_free, setup),
		RULE(three_hundred_guests_have_three_hundred_addresses, setup_wide),
		RULE(the_table_is_bounded_whatever_the_range, setup_wide),
		RULE(an_offer_lapses_within_seconds_and_is_the_next_to_be_offered, setup),
		RULE(a_late_request_still_gets_what_was_offered, setup),
		RULE(a_lease_ends_when_it_is_not_renewed, setup),
		RULE(a_lease_without_end_has_none, setup_endless),
		RULE(an_address_is_remembered_until_another_guest_needs_it, setup),
		RULE(a_clock_that_is_set_back_takes_what_is_to_come_with_it, setup),
		RULE(a_released_address_is_the_guests_again_when_it_comes_back, setup),
		RULE(nobody_gives_back_a_lease_of_another_port, setup),
		RULE(an_offer_that_is_not_taken_is_free_at_once, setup),
		RULE(a_declined_address_is_set_aside_for_a_while, setup),
		RULE(a_flood_of_discovers_takes_a_bounded_number_of_addresses, setup_wide),
		RULE(a_port_holds_a_bounded_number_of_leases, setup_wide),
		RULE(a_port_that_binds_and_releases_makes_nobody_else_forgotten, setup_wide),
		RULE(a_port_sets_a_bounded_number_of_addresses_aside, setup_wide),
		RULE(a_reserved_address_is_its_guests_and_nobody_elses, setup),
		RULE(a_reservation_is_anywhere_in_the_subnet, setup),
		RULE(mac_address_and_name_are_reserved_once, setup),
		RULE(a_reservation_waits_for_who_has_the_address, setup),
		RULE(a_guest_moves_to_its_new_reservation_and_its_old_address_rests, setup),
		RULE(what_is_unreserved_is_an_ordinary_lease, setup),
		RULE(a_guest_is_found_by_the_name_that_it_gives, setup),
		RULE(a_name_that_a_guest_has_is_not_given_to_another, setup),
		RULE(a_reserved_name_stays_and_is_taken_from_who_has_it, setup),
		RULE(leases_of_a_former_run_go_on, setup),
		RULE(leases_of_a_former_run_that_contradict_are_dropped, setup),
		RULE(whatever_happens_each_address_has_one_guest, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
