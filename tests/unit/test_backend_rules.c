/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_backend_rules.c - who shares a network with whom: a row for each pair
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "vmnet/networks/backend_rules.h"
#include "vmnet/networks/record.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/*
 * A request in a few letters: mode s, h or b; then, divided by blanks,
 *
 *	64            a range: 192.168.N.1 to .254, /24     64/99  .1 to .99     64/16  with a /16 mask
 *	@64           the host's address 192.168.N.1
 *	#1            identifier 1                           x  exclusive         own  a network object's
 *	m9000 p1      MTU, IPv6 prefix fd00:1::              ieth0  interface     6:1   host's IPv6 address
 */
static void set_range(struct backend_request *request, const char *text)
{
	unsigned int third = (unsigned int)strtoul(text, NULL, 10);
	const char *slash = strchr(text, '/');
	unsigned int after = slash ? (unsigned int)strtoul(slash + 1, NULL, 10) : 24;

	request->range_given = true;
	request->start_address.s_addr = htonl(0xc0a80001u | third << 8);
	request->end_address.s_addr = htonl(0xc0a80000u | third << 8 | (after == 99 ? 99 : 254));
	request->subnet_mask.s_addr = htonl(after == 16 ? 0xffff0000u : 0xffffff00u);
}

static void set_word(struct backend_request *request, const char *word)
{
	uint8_t number = (uint8_t)(*word ? strtoul(word + 1, NULL, 10) : 0);

	if (strcmp(word, "own") == 0) {
		request->own = true;
	} else if (strncmp(word, "6:", 2) == 0) {
		request->host_address6_given = true;
		request->host_address6.s6_addr[15] = (uint8_t)strtoul(word + 2, NULL, 10);
	} else if (*word == '@') {
		request->host_address_given = true;
		request->host_address.s_addr = htonl(0xc0a80001u | (uint32_t)number << 8);
		request->host_mask.s_addr = htonl(0xffffff00u);
	} else if (*word == '#') {
		request->identifier_given = true;
		request->identifier[0] = number;
	} else if (*word == 'x') {
		request->exclusive = true;
	} else if (*word == 'm') {
		request->mtu = (uint16_t)strtoul(word + 1, NULL, 10);
	} else if (*word == 'p') {
		request->prefix_given = true;
		request->nat66_prefix.s6_addr[0] = 0xfd;
		request->nat66_prefix.s6_addr[3] = number;
	} else if (*word == 'i') {
		strcpy(request->ifname, word + 1);
	} else {
		set_range(request, word);
	}
}

static struct backend_request request_of(const char *text)
{
	struct backend_request request = { .mode = *text == 's'	  ? VMNET_SHARED_MODE
						   : *text == 'h' ? VMNET_HOST_MODE
								  : VMNET_BRIDGED_MODE };
	char copy[64], *rest = copy, *word;

	strcpy(copy, text);
	strsep(&rest, " ");
	while ((word = strsep(&rest, " ")))
		set_word(&request, word);
	return request;
}

static bool nothing_is_taken(void *opaque, const struct backend_range *range)
{
	return false;
}

/* As if it had been started when nothing else was there. */
static struct backend_living living_of(const char *text)
{
	struct backend_living living = { .asked = request_of(text) };

	living.range = backend_range_of(&living.asked);
	if (!living.range.mask.s_addr && backend_has_range(&living.asked))
		assert_true(backend_pick_range(living.asked.mode, nothing_is_taken, NULL,
					       &living.range));
	return living;
}

static const char *const outcomes[] = {
	[BACKEND_APART] = "apart",
	[BACKEND_SAME] = "same",
	[BACKEND_BUSY] = "busy",
};

struct row {
	const char *request, *living, *outcome;
};

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct backend_request request = request_of(rows[i].request);
		struct backend_living living = living_of(rows[i].living);
		const char *why = NULL;
		enum backend_relation relation = backend_relate(&request, &living, &why);

		if (strcmp(outcomes[relation], rows[i].outcome) != 0)
			fail_msg("\"%s\" beside \"%s\": %s, not %s", rows[i].request,
				 rows[i].living, outcomes[relation], rows[i].outcome);
		assert_int_equal(relation == BACKEND_BUSY, why != NULL);
	}
}

static void same_mode_and_range_is_the_same_network(void **state)
{
	static const struct row rows[] = {
		{ "s", "s", "same" },	     { "h", "h", "same" },     { "s", "h", "apart" },
		{ "h", "s", "apart" },	     { "s 7", "s 7", "same" }, { "h 7", "h 7", "same" },
		{ "s 7", "s 8", "apart" },   { "s 7", "s", "apart" },  { "s", "s 7", "apart" },
		{ "s 64", "s", "same" },     { "s", "s 64", "same" },  { "h", "h 128", "same" },
		{ "s", "s 64/99", "apart" }, { "h 128", "h", "same" },
	};

	check(rows, ARRAY_SIZE(rows));
}

static void subnets_that_overlap_are_busy(void **state)
{
	static const struct row rows[] = {
		{ "h 7", "s 7", "busy" },    { "s 7", "h 7", "busy" },
		{ "s 7/99", "s 7", "busy" }, { "s 7", "s 7/99", "busy" },
		{ "s 7/16", "s 7", "busy" }, { "s 7", "s 9/16", "busy" },
		{ "h 7/16", "s", "busy" },   { "h 64", "s", "busy" },
		{ "s 128", "h", "busy" },    { "s", "h 64", "apart" },
		{ "s 64/99", "s", "busy" },  { "h", "s 7/16", "apart" },
	};

	check(rows, ARRAY_SIZE(rows));
}

/* vmnet's table of isolation and identifiers, in host mode */
static void isolation_and_identifiers(void **state)
{
	static const struct row rows[] = {
		{ "h x 7", "h 7", "busy" },
		{ "h 7", "h x 7", "busy" },
		{ "h x 7", "h x 7", "busy" },
		{ "h x", "h", "apart" },
		{ "h", "h x", "apart" },
		{ "h x", "h x", "apart" },
		{ "h #1", "h #1", "same" },
		{ "h #1", "h #2", "apart" },
		{ "h #1", "h", "apart" },
		{ "h", "h #1", "apart" },
		{ "h x #1", "h #1", "busy" },
		{ "h #1", "h x #1", "busy" },
		{ "h x #1", "h x #2", "apart" },
		{ "h x #1", "h x", "apart" },
		{ "h #1 @7", "h #1 @7", "same" },
		{ "h #1", "h #1 @7", "same" },
		{ "h #1 @7", "h #1", "busy" },
		{ "h #1 @7", "h #1 @8", "busy" },
		{ "h #1 @7", "h #2 @7", "busy" },
		{ "h #1 @7", "h #2 @8", "apart" },
		{ "h #1 @7", "s 7", "busy" },
		{ "h 7", "h #1 @7", "busy" },
		{ "s 7", "h #1 7", "busy" },
		{ "h #1 7", "h #1 7", "same" },
		{ "h #1 @7 6:1", "h #1 @7 6:1", "same" },
		{ "h #1 @7", "h #1 @7 6:1", "same" },
		{ "h #1 @7 6:2", "h #1 @7 6:1", "busy" },
		{ "h #1 @7 6:1", "h #1 @7", "busy" },
	};

	check(rows, ARRAY_SIZE(rows));
}

static void bridged_networks_are_the_interfaces(void **state)
{
	static const struct row rows[] = {
		{ "b ieth0", "b ieth0", "same" },
		{ "b ieth0", "b ieth1", "apart" },
		{ "b ieth0", "s 7", "apart" },
		{ "s 7", "b ieth0", "apart" },
	};

	check(rows, ARRAY_SIZE(rows));
}

static void nobody_joins_a_network_object(void **state)
{
	static const struct row rows[] = {
		{ "s own", "s", "apart" },     { "s", "s own", "apart" },
		{ "s own", "s own", "apart" }, { "s own 7", "s 7", "busy" },
		{ "s 7", "s own 7", "busy" },  { "s own 7", "s own 7", "busy" },
		{ "s 64", "s own", "busy" },   { "s own 7", "s 8", "apart" },
	};

	check(rows, ARRAY_SIZE(rows));
}

static void who_came_first_has_settled_prefix_and_mtu(void **state)
{
	static const struct row rows[] = {
		{ "s p1", "s p1", "same" },	  { "s", "s p1", "same" },
		{ "s p1", "s", "busy" },	  { "s p1", "s p2", "busy" },
		{ "s m1500", "s", "same" },	  { "s m1501", "s", "busy" },
		{ "s m9000", "s m9000", "same" }, { "s m1400", "s m9000", "same" },
		{ "s", "s m1400", "same" },	  { "s m1500", "s m1400", "busy" },
		{ "h #1 m9000", "h #1", "busy" }, { "s 7 p1", "s 8", "apart" },
	};

	check(rows, ARRAY_SIZE(rows));
}

/* Automatic ranges */

static bool below_is_taken(void *opaque, const struct backend_range *range)
{
	return (ntohl(range->start.s_addr) >> 8 & 0xff) < *(const unsigned int *)opaque;
}

static bool all_is_taken(void *opaque, const struct backend_range *range)
{
	++*(unsigned int *)opaque;
	return true;
}

static void an_automatic_range_is_the_modes_or_the_next_that_is_free(void **state)
{
	unsigned int below = 66, asked = 0;
	struct backend_range range;

	assert_true(backend_pick_range(VMNET_SHARED_MODE, nothing_is_taken, NULL, &range));
	assert_int_equal(range.start.s_addr, inet_addr("192.168.64.1"));
	assert_int_equal(range.end.s_addr, inet_addr("192.168.64.254"));
	assert_int_equal(range.mask.s_addr, inet_addr("255.255.255.0"));
	assert_true(backend_pick_range(VMNET_HOST_MODE, nothing_is_taken, NULL, &range));
	assert_int_equal(range.start.s_addr, inet_addr("192.168.128.1"));
	assert_true(backend_pick_range(VMNET_SHARED_MODE, below_is_taken, &below, &range));
	assert_int_equal(range.start.s_addr, inet_addr("192.168.66.1"));
	assert_false(backend_pick_range(VMNET_HOST_MODE, all_is_taken, &asked, &range));
	assert_int_equal(asked, 256);
}

static void a_hosts_address_has_the_rest_of_its_subnet(void **state)
{
	struct backend_request request = request_of("h #1 @7");
	struct backend_range range = backend_range_of(&request);

	assert_int_equal(range.start.s_addr, inet_addr("192.168.7.1"));
	assert_int_equal(range.end.s_addr, inet_addr("192.168.7.254"));
}

/* What the registry keeps decides as what it was made of. */
static void a_record_is_read_as_it_was_written(void **state)
{
	static const char *const texts[] = {
		"s", "h 7", "h x #1 @7 6:1", "b ieth0", "s own p1 m9000", "h #255", "s 64/99"
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct backend_living living = living_of(texts[i]), read;
		char *text = record_print(&living), *again;

		assert_non_null(text);
		assert_int_equal(record_parse(text, &read), 0);
		again = record_print(&read);
		assert_string_equal(text, again);
		assert_memory_equal(&read.range, &living.range, sizeof(read.range));
		free(text);
		free(again);
	}
}

static void a_record_cut_anywhere_is_none(void **state)
{
	struct backend_living living = living_of("h x #1 @7 6:1 m1400"), read;
	char *text = record_print(&living);

	for (size_t len = strlen(text); len-- > 0;) {
		text[len] = '\0';
		assert_int_not_equal(record_parse(text, &read), 0);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_mode_and_range_is_the_same_network),
		cmocka_unit_test(subnets_that_overlap_are_busy),
		cmocka_unit_test(isolation_and_identifiers),
		cmocka_unit_test(bridged_networks_are_the_interfaces),
		cmocka_unit_test(nobody_joins_a_network_object),
		cmocka_unit_test(who_came_first_has_settled_prefix_and_mtu),
		cmocka_unit_test(an_automatic_range_is_the_modes_or_the_next_that_is_free),
		cmocka_unit_test(a_hosts_address_has_the_rest_of_its_subnet),
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(a_record_cut_anywhere_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
