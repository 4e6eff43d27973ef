/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_uplink_filter.c - which frames of guests may reach libslirp
 *
 * The network of every test: gateway 192.168.64.1 and fd12::2; hidden behind it, libslirp's name
 * server at 192.168.64.0 and fd12::.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/uplink_filter.h"

#define ETH	 14u
#define TCP	 6u
#define UDP	 17u
#define ICMP	 1u
#define ICMP6	 58u
#define ECHO6	 128u
#define SOLICIT6 135u

static const uint8_t gateway_mac[] = { 0x52, 0x55, 192, 168, 64, 1 };
static const uint8_t gateway6_mac[] = { 0x52, 0x56, 0, 0, 0, 2 };
static const uint8_t guest_mac[] = { 0x02, 0, 0, 0, 0, 1 };

static struct network_config config_of(enum network_mode mode)
{
	struct network_config config;

	assert_int_equal(network_config_default(mode, &config), 0);
	inet_pton(AF_INET, "192.168.64.1", &config.start_address);
	inet_pton(AF_INET, "192.168.64.254", &config.end_address);
	inet_pton(AF_INET6, "fd12::", &config.nat66_prefix);
	return config;
}

/* Memory of exactly len, so that AddressSanitizer sees a byte more. */
static bool passes(enum network_mode mode, const uint8_t *frame, size_t len)
{
	struct network_config config = config_of(mode);
	struct uplink_filter filter;
	uint8_t *copy = malloc(len ? len : 1);
	bool result;

	assert_non_null(copy);
	memcpy(copy, frame, len);
	uplink_filter_init(&filter, &config);
	result = uplink_filter_passes(&filter, copy, len);
	free(copy);
	return result;
}

static size_t ethernet(uint8_t *frame, const uint8_t *destination, unsigned int type)
{
	memset(frame, 0, 128);
	memcpy(frame, destination, 6);
	memcpy(frame + 6, guest_mac, 6);
	frame[12] = (uint8_t)(type >> 8);
	frame[13] = (uint8_t)type;
	return 64;
}

static size_t ipv4(uint8_t *frame, const char *destination, uint8_t protocol)
{
	size_t len = ethernet(frame, gateway_mac, 0x0800);

	frame[ETH] = 0x45;
	frame[ETH + 9] = protocol;
	assert_int_equal(inet_pton(AF_INET, destination, frame + ETH + 16), 1);
	return len;
}

static bool ipv4_passes(enum network_mode mode, const char *destination, uint8_t protocol)
{
	uint8_t frame[128];
	size_t len = ipv4(frame, destination, protocol);

	return passes(mode, frame, len);
}

static size_t ipv6(uint8_t *frame, const char *destination, uint8_t next, uint8_t icmp_type)
{
	size_t len = ethernet(frame, gateway6_mac, 0x86dd);

	frame[ETH] = 0x60;
	frame[ETH + 6] = next;
	assert_int_equal(inet_pton(AF_INET6, destination, frame + ETH + 24), 1);
	frame[ETH + 40] = icmp_type;
	return len;
}

static bool ipv6_passes(enum network_mode mode, const char *destination, uint8_t next,
			uint8_t icmp_type)
{
	uint8_t frame[128];
	size_t len = ipv6(frame, destination, next, icmp_type);

	return passes(mode, frame, len);
}

static void shared_reaches_the_outside_and_the_gateway(void **state)
{
	assert_true(ipv4_passes(NETWORK_SHARED, "192.168.64.1", TCP));
	assert_true(ipv4_passes(NETWORK_SHARED, "192.0.2.1", TCP));
	assert_true(ipv4_passes(NETWORK_SHARED, "192.0.2.1", ICMP));
	assert_true(ipv6_passes(NETWORK_SHARED, "fd12::2", TCP, 0));
	assert_true(ipv6_passes(NETWORK_SHARED, "2001:db8::1", TCP, 0));
	assert_true(ipv6_passes(NETWORK_SHARED, "fd99::1", TCP, 0));
}

static void packets_for_the_subnet_itself_do_not_leave_the_host(void **state)
{
	assert_false(ipv4_passes(NETWORK_SHARED, "192.168.64.3", TCP));
	assert_false(ipv4_passes(NETWORK_SHARED, "192.168.64.255", UDP));
	assert_false(ipv4_passes(NETWORK_SHARED, "192.168.64.0", UDP));
	assert_true(ipv4_passes(NETWORK_SHARED, "192.168.65.3", TCP));
	assert_false(ipv6_passes(NETWORK_SHARED, "fd12::77", TCP, 0));
}

static void no_router_forwards_groups_loopback_or_link_local(void **state)
{
	static const char *const ipv4_martians[] = { "224.0.0.251", "239.1.2.3",      "240.0.0.1",
						     "127.0.0.1",   "0.0.0.0",	      "0.1.2.3",
						     "169.254.1.1", "255.255.255.254" };
	static const char *const ipv6_martians[] = { "::",	 "::1",	     "::ffff:127.0.0.1",
						     "fe80::2",	 "ff02::fb", "ff0e::1",
						     "ff02::1:2" };

	for (size_t i = 0; i < sizeof(ipv4_martians) / sizeof(ipv4_martians[0]); i++) {
		assert_false(ipv4_passes(NETWORK_SHARED, ipv4_martians[i], UDP));
		assert_false(ipv4_passes(NETWORK_HOST, ipv4_martians[i], UDP));
	}
	for (size_t i = 0; i < sizeof(ipv6_martians) / sizeof(ipv6_martians[0]); i++) {
		assert_false(ipv6_passes(NETWORK_SHARED, ipv6_martians[i], TCP, 0));
		assert_false(ipv6_passes(NETWORK_HOST, ipv6_martians[i], TCP, 0));
	}
}

static void broadcast_does_not_reach_the_hosts_lan(void **state)
{
	static const uint8_t protocols[] = { UDP, TCP, ICMP };

	for (size_t i = 0; i < sizeof(protocols); i++) {
		assert_false(ipv4_passes(NETWORK_HOST, "255.255.255.255", protocols[i]));
		assert_false(ipv4_passes(NETWORK_SHARED, "255.255.255.255", protocols[i]));
	}
}

static void metadata_of_clouds_is_closed_in_both_modes(void **state)
{
	static const char *const addresses[] = { "169.254.169.254", "169.254.170.2",
						 "100.100.100.200", "168.63.129.16" };

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		assert_false(ipv4_passes(NETWORK_SHARED, addresses[i], TCP));
		assert_false(ipv4_passes(NETWORK_HOST, addresses[i], TCP));
	}
	assert_false(ipv6_passes(NETWORK_SHARED, "fd00:ec2::254", TCP, 0));
	assert_false(ipv6_passes(NETWORK_HOST, "fd00:ec2::254", TCP, 0));
	assert_false(ipv6_passes(NETWORK_SHARED, "fe80::a9fe:a9fe", TCP, 0));
}

/* What --allow names, and the next port. */

static bool allowed(enum network_mode mode, const struct network_allow *allow, uint8_t *frame,
		    size_t len, size_t transport, unsigned int port)
{
	struct network_config config = config_of(mode);
	struct network_allow copy = *allow;
	struct uplink_filter filter;

	config.allows = &copy;
	config.n_allows = 1;
	frame[transport + 2] = (uint8_t)(port >> 8);
	frame[transport + 3] = (uint8_t)port;
	uplink_filter_init(&filter, &config);
	return uplink_filter_passes(&filter, frame, len);
}

static bool ipv4_allowed(enum network_mode mode, const char *allow, const char *destination,
			 unsigned int port)
{
	struct network_allow entry = { .address = { .s6_addr = { [10] = 0xff, [11] = 0xff } },
				       .prefix_len = 128,
				       .port = 80 };
	uint8_t frame[128];
	size_t len = ipv4(frame, destination, TCP);

	assert_int_equal(inet_pton(AF_INET, allow, entry.address.s6_addr + 12), 1);
	return allowed(mode, &entry, frame, len, ETH + 20, port);
}

static bool ipv6_allowed(enum network_mode mode, const char *allow, const char *destination,
			 unsigned int port)
{
	struct network_allow entry = { .prefix_len = 128, .port = 80 };
	uint8_t frame[128];
	size_t len = ipv6(frame, destination, TCP, 0);

	assert_int_equal(inet_pton(AF_INET6, allow, &entry.address), 1);
	return allowed(mode, &entry, frame, len, ETH + 40, port);
}

static void what_is_allowed_passes_in_both_modes(void **state)
{
	static const enum network_mode modes[] = { NETWORK_SHARED, NETWORK_HOST };

	for (size_t i = 0; i < 2; i++) {
		assert_true(ipv4_allowed(modes[i], "169.254.169.254", "169.254.169.254", 80));
		assert_false(ipv4_allowed(modes[i], "169.254.169.254", "169.254.169.254", 81));
		assert_false(ipv4_allowed(modes[i], "169.254.169.254", "169.254.169.253", 80));
		assert_true(ipv6_allowed(modes[i], "fd00:ec2::254", "fd00:ec2::254", 80));
		assert_false(ipv6_allowed(modes[i], "fd00:ec2::254", "fd00:ec2::254", 81));
	}
	assert_true(ipv4_allowed(NETWORK_HOST, "192.0.2.1", "192.0.2.1", 80));
	assert_false(ipv4_allowed(NETWORK_HOST, "192.0.2.1", "192.0.2.1", 81));
}

static void nothing_allows_what_no_router_forwards(void **state)
{
	static const char *const ipv4_martians[] = { "127.0.0.1", "0.0.0.0", "224.0.0.251",
						     "255.255.255.255", "192.168.64.77" };
	static const char *const ipv6_martians[] = { "::1", "::", "fe80::2", "ff02::fb",
						     "fd12::77" };

	for (size_t i = 0; i < 5; i++) {
		assert_false(ipv4_allowed(NETWORK_SHARED, ipv4_martians[i], ipv4_martians[i], 80));
		assert_false(ipv6_allowed(NETWORK_SHARED, ipv6_martians[i], ipv6_martians[i], 80));
	}
}

static void host_mode_reaches_the_gateway_and_nothing_beyond(void **state)
{
	assert_true(ipv4_passes(NETWORK_HOST, "192.168.64.1", TCP));
	assert_true(ipv4_passes(NETWORK_HOST, "192.168.64.1", ICMP));
	assert_true(ipv6_passes(NETWORK_HOST, "fd12::2", TCP, 0));
	assert_false(ipv4_passes(NETWORK_HOST, "192.0.2.1", TCP));
	assert_false(ipv4_passes(NETWORK_HOST, "10.0.0.1", UDP));
	assert_false(ipv4_passes(NETWORK_HOST, "192.0.2.1", ICMP));
	assert_false(ipv6_passes(NETWORK_HOST, "2001:db8::1", TCP, 0));
	assert_false(ipv6_passes(NETWORK_HOST, "fd99::1", UDP, 0));
}

static bool passes_without(bool nat44, bool nat66, const char *destination)
{
	struct network_config config = config_of(NETWORK_SHARED);
	struct uplink_filter filter;
	uint8_t frame[128];
	size_t len = strchr(destination, ':') ? ipv6(frame, destination, TCP, 0)
					      : ipv4(frame, destination, TCP);

	config.no_nat44 = !nat44;
	config.no_nat66 = !nat66;
	uplink_filter_init(&filter, &config);
	return uplink_filter_passes(&filter, frame, len);
}

static void without_nat_there_is_no_way_out_but_the_gateway(void **state)
{
	assert_false(passes_without(false, true, "192.0.2.1"));
	assert_true(passes_without(false, true, "192.168.64.1"));
	assert_true(passes_without(false, true, "2001:db8::1"));
	assert_false(passes_without(true, false, "2001:db8::1"));
	assert_true(passes_without(true, false, "fd12::2"));
	assert_true(passes_without(true, false, "192.0.2.1"));
}

static void the_hidden_name_server_and_dhcpv6_are_not_reached_directly(void **state)
{
	static const enum network_mode modes[] = { NETWORK_SHARED, NETWORK_HOST };

	for (size_t i = 0; i < 2; i++) {
		assert_false(ipv4_passes(modes[i], "192.168.64.0", UDP));
		assert_false(ipv4_passes(modes[i], "192.168.64.0", TCP));
		assert_false(ipv4_passes(modes[i], "192.168.64.0", ICMP));
		assert_false(ipv6_passes(modes[i], "fd12::", UDP, 0));
		assert_false(ipv6_passes(modes[i], "fd12::", ICMP6, ECHO6));
		assert_false(ipv6_passes(modes[i], "fd12::", ICMP6, SOLICIT6));
		assert_false(ipv6_passes(modes[i], "ff02::1:2", UDP, 0));
	}
}

static void neighbour_and_router_discovery_pass_in_both_modes(void **state)
{
	static const enum network_mode modes[] = { NETWORK_SHARED, NETWORK_HOST };

	for (size_t i = 0; i < 2; i++) {
		assert_true(ipv6_passes(modes[i], "ff02::1", ICMP6, SOLICIT6));
		assert_true(ipv6_passes(modes[i], "ff02::2", ICMP6, 133));
		assert_true(ipv6_passes(modes[i], "ff02::1:ff00:2", ICMP6, SOLICIT6));
		assert_true(ipv6_passes(modes[i], "fe80::2", ICMP6, SOLICIT6));
		assert_true(ipv6_passes(modes[i], "fd12::2", ICMP6, SOLICIT6));
		assert_false(ipv6_passes(modes[i], "fe80::77", ICMP6, SOLICIT6));
		assert_false(ipv6_passes(modes[i], "ff02::16", ICMP6, 143));
	}
}

static void echo_requests_that_libslirp_cannot_answer_do_not_reach_it(void **state)
{
	assert_true(ipv6_passes(NETWORK_SHARED, "fd12::2", ICMP6, ECHO6));
	assert_false(ipv6_passes(NETWORK_SHARED, "fd12::3", ICMP6, ECHO6));
	assert_true(ipv6_passes(NETWORK_SHARED, "fe80::2", ICMP6, ECHO6));
	assert_false(ipv6_passes(NETWORK_SHARED, "2001:db8::1", ICMP6, ECHO6));
	assert_false(ipv6_passes(NETWORK_SHARED, "ff02::1", ICMP6, ECHO6));
	assert_false(ipv6_passes(NETWORK_SHARED, "fd12::77", ICMP6, ECHO6));
}

static void frames_for_other_stations_do_not_pass(void **state)
{
	uint8_t frame[128];
	size_t len = ipv4(frame, "192.0.2.1", TCP);

	memcpy(frame, guest_mac, 6);
	assert_false(passes(NETWORK_SHARED, frame, len));
	len = ethernet(frame, guest_mac, 0x0806);
	assert_false(passes(NETWORK_SHARED, frame, len));
	len = ethernet(frame, (const uint8_t[]) { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 0x0806);
	assert_true(passes(NETWORK_SHARED, frame, len));
}

static void unknown_ethernet_types_do_not_pass(void **state)
{
	static const unsigned int types[] = { 0x8100, 0x88a8, 0x88f8 /* NC-SI */, 0x8863, 0x0040,
					      0,      0xffff };
	uint8_t frame[128];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t len = ethernet(frame, gateway_mac, types[i]);

		assert_false(passes(NETWORK_SHARED, frame, len));
	}
}

static void a_vlan_tag_does_not_get_around_the_filter(void **state)
{
	uint8_t frame[128], tagged[128];
	size_t len = ipv4(frame, "192.0.2.1", TCP);

	memcpy(tagged, frame, 12);
	memcpy(tagged + 12, (const uint8_t[]) { 0x81, 0, 0, 1 }, 4);
	memcpy(tagged + 16, frame + 12, len - 12);
	assert_false(passes(NETWORK_HOST, tagged, len + 4));
}

/* libslirp 4.7.0 in Debian 12: the first one ends in a write to where its bytes say. */
static void no_fragment_reaches_libslirp(void **state)
{
	uint8_t frame[128];
	size_t len = ipv4(frame, "192.168.64.1", UDP);

	frame[ETH + 6] = 0x20; /* more fragments */
	assert_false(passes(NETWORK_SHARED, frame, len));
	frame[ETH + 6] = 0x80; /* reserved; libslirp takes it for one */
	assert_false(passes(NETWORK_SHARED, frame, len));
	for (unsigned int bit = 0; bit < 13; bit++) {
		frame[ETH + 6] = (uint8_t)(1u << bit >> 8);
		frame[ETH + 7] = (uint8_t)(1u << bit);
		assert_false(passes(NETWORK_SHARED, frame, len));
		assert_false(passes(NETWORK_HOST, frame, len));
	}
	frame[ETH + 6] = 0x40; /* do not fragment */
	frame[ETH + 7] = 0;
	assert_true(passes(NETWORK_SHARED, frame, len));
}

static void options_do_not_get_around_the_filter(void **state)
{
	uint8_t frame[128];
	size_t len = ipv4(frame, "192.0.2.1", UDP);

	frame[ETH] = 0x47; /* a loose source route over the gateway */
	memcpy(frame + ETH + 20, (const uint8_t[]) { 131, 7, 4, 192, 168, 64, 1, 0 }, 8);
	assert_false(passes(NETWORK_HOST, frame, len));
}

static void extension_headers_do_not_get_around_the_filter(void **state)
{
	static const uint8_t headers[] = { 0, 43, 44, 60 };

	for (size_t i = 0; i < sizeof(headers); i++) {
		assert_false(ipv6_passes(NETWORK_HOST, "2001:db8::1", headers[i], ICMP6));
		assert_false(ipv6_passes(NETWORK_HOST, "ff02::1", headers[i], ICMP6));
		assert_false(ipv6_passes(NETWORK_HOST, "fe80::2", headers[i], ICMP6));
	}
}

static void a_header_of_the_wrong_version_does_not_pass(void **state)
{
	uint8_t frame[128];
	size_t len = ipv4(frame, "192.168.64.1", TCP);

	frame[ETH] = 0x65;
	assert_false(passes(NETWORK_HOST, frame, len));
	len = ipv6(frame, "fd12::2", TCP, 0);
	frame[ETH] = 0x40;
	assert_false(passes(NETWORK_HOST, frame, len));
}

static void frames_cut_at_any_byte_are_judged_without_reading_on(void **state)
{
	uint8_t frame[128];

	for (size_t len = 0; len < ETH + 20; len++) {
		ipv4(frame, "192.168.64.1", TCP);
		assert_false(passes(NETWORK_SHARED, frame, len));
	}
	assert_true(passes(NETWORK_SHARED, frame, ETH + 20));
	for (size_t len = 0; len < ETH + 40; len++) {
		ipv6(frame, "fd12::2", TCP, 0);
		assert_false(passes(NETWORK_SHARED, frame, len));
	}
	ipv6(frame, "ff02::1", ICMP6, SOLICIT6);
	assert_false(passes(NETWORK_SHARED, frame, ETH + 40));
	assert_true(passes(NETWORK_SHARED, frame, ETH + 41));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_reaches_the_outside_and_the_gateway),
		cmocka_unit_test(packets_for_the_subnet_itself_do_not_leave_the_host),
		cmocka_unit_test(no_router_forwards_groups_loopback_or_link_local),
		cmocka_unit_test(broadcast_does_not_reach_the_hosts_lan),
		cmocka_unit_test(metadata_of_clouds_is_closed_in_both_modes),
		cmocka_unit_test(what_is_allowed_passes_in_both_modes),
		cmocka_unit_test(nothing_allows_what_no_router_forwards),
		cmocka_unit_test(host_mode_reaches_the_gateway_and_nothing_beyond),
		cmocka_unit_test(without_nat_there_is_no_way_out_but_the_gateway),
		cmocka_unit_test(the_hidden_name_server_and_dhcpv6_are_not_reached_directly),
		cmocka_unit_test(neighbour_and_router_discovery_pass_in_both_modes),
		cmocka_unit_test(echo_requests_that_libslirp_cannot_answer_do_not_reach_it),
		cmocka_unit_test(frames_for_other_stations_do_not_pass),
		cmocka_unit_test(unknown_ethernet_types_do_not_pass),
		cmocka_unit_test(a_vlan_tag_does_not_get_around_the_filter),
		cmocka_unit_test(no_fragment_reaches_libslirp),
		cmocka_unit_test(options_do_not_get_around_the_filter),
		cmocka_unit_test(extension_headers_do_not_get_around_the_filter),
		cmocka_unit_test(a_header_of_the_wrong_version_does_not_pass),
		cmocka_unit_test(frames_cut_at_any_byte_are_judged_without_reading_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
