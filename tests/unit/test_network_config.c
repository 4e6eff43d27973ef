/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_network_config.c - which addresses make a network
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

#include "net/network.h"
#include "network_checks.h"

static struct network_config config_of(const char *start, const char *end, const char *mask)
{
	struct network_config config;

	assert_int_equal(network_config_default(NETWORK_SHARED, &config), 0);
	assert_int_equal(inet_pton(AF_INET, start, &config.start_address), 1);
	assert_int_equal(inet_pton(AF_INET, end, &config.end_address), 1);
	assert_int_equal(inet_pton(AF_INET, mask, &config.subnet_mask), 1);
	return config;
}

static void good_range(const char *start, const char *end, const char *mask)
{
	struct network_config config = config_of(start, end, mask);

	good(&config);
}

static void bad_range(const char *start, const char *end, const char *mask, const char *about,
		      const char *what)
{
	struct network_config config = config_of(start, end, mask);

	bad(&config, about, what);
}

static void defaults_are_those_of_vmnet(void **state)
{
	struct network_config config, other;

	assert_int_equal(network_config_default(NETWORK_SHARED, &config), 0);
	assert_string_equal(inet_ntoa(config.start_address), "192.168.64.1");
	assert_string_equal(inet_ntoa(config.end_address), "192.168.64.254");
	assert_string_equal(inet_ntoa(config.subnet_mask), "255.255.255.0");
	assert_int_equal(config.mtu, 1500);
	good(&config);
	assert_int_equal(network_config_default(NETWORK_HOST, &other), 0);
	assert_string_equal(inet_ntoa(other.start_address), "192.168.128.1");
	assert_string_equal(inet_ntoa(other.end_address), "192.168.128.254");
	good(&other);
	/* random, or two hosts could not be routed to each other */
	assert_memory_not_equal(&config.nat66_prefix, &other.nat66_prefix, sizeof(struct in6_addr));
}

static void the_mask_is_contiguous_and_leaves_room(void **state)
{
	good_range("10.0.0.1", "10.0.0.9", "255.0.0.0");
	good_range("10.0.0.1", "10.0.0.9", "255.255.255.240");
	bad_range("10.0.0.1", "10.0.0.9", "255.0.255.0", "--subnet-mask 255.0.255.0",
		  "in one piece");
	bad_range("10.0.0.1", "10.0.0.9", "0.0.0.255", "--subnet-mask", "in one piece");
	bad_range("10.0.0.1", "10.0.0.9", "0.0.0.0", "--subnet-mask", "255.0.0.0 to");
	bad_range("10.0.0.1", "10.0.0.9", "254.0.0.0", "--subnet-mask", "255.0.0.0 to");
	bad_range("10.0.0.1", "10.0.0.9", "255.255.255.254", "--subnet-mask", "255.0.0.0 to");
	bad_range("10.0.0.1", "10.0.0.9", "255.255.255.255", "--subnet-mask", "255.0.0.0 to");
}

static void the_subnet_is_private_as_a_whole(void **state)
{
	good_range("10.255.255.1", "10.255.255.9", "255.255.255.0");
	good_range("172.16.0.1", "172.31.255.254", "255.240.0.0");
	good_range("192.168.0.1", "192.168.255.254", "255.255.0.0");
	bad_range("11.0.0.1", "11.0.0.9", "255.255.255.0", "--start-address 11.0.0.1",
		  "10.0.0.0/8");
	bad_range("172.32.0.1", "172.32.0.9", "255.255.255.0", "--start-address", "172.16.0.0/12");
	bad_range("8.8.8.1", "8.8.8.9", "255.255.255.0", "--start-address", "192.168.0.0/16");
	bad_range("192.168.0.1", "192.168.0.9", "255.0.0.0", "--start-address", "192.168.0.0/16");
	bad_range("172.16.0.1", "172.16.0.9", "255.0.0.0", "--start-address", "172.16.0.0/12");
}

static void the_range_is_inside_one_subnet_and_rises(void **state)
{
	good_range("192.168.5.10", "192.168.5.20", "255.255.255.0");
	bad_range("192.168.5.10", "192.168.6.20", "255.255.255.0", "--end-address 192.168.6.20",
		  "not in the subnet");
	bad_range("192.168.5.20", "192.168.5.10", "255.255.255.0", "--end-address", "not after");
	bad_range("192.168.5.20", "192.168.5.20", "255.255.255.0", "--end-address", "not after");
}

static void no_end_of_the_range_is_the_subnets_own_or_broadcast_address(void **state)
{
	good_range("192.168.5.1", "192.168.5.254", "255.255.255.0");
	bad_range("192.168.5.0", "192.168.5.254", "255.255.255.0", "--start-address 192.168.5.0",
		  "own address");
	bad_range("192.168.5.1", "192.168.5.255", "255.255.255.0", "--end-address 192.168.5.255",
		  "broadcast");
	good_range("192.168.5.1", "192.168.5.255", "255.255.0.0");
}

static void the_range_holds_the_gateway_and_a_guest(void **state)
{
	good_range("10.0.0.1", "10.0.0.2", "255.255.255.252");
	bad_range("10.0.0.1", "10.0.0.1", "255.255.255.252", "--end-address", "not after");
}

static void the_ipv6_prefix_is_unique_local_and_64_bits(void **state)
{
	struct network_config config = config_of("10.0.0.1", "10.0.0.9", "255.255.255.0");

	inet_pton(AF_INET6, "fdff:ffff:ffff:ffff::", &config.nat66_prefix);
	good(&config);
	inet_pton(AF_INET6, "fc00::", &config.nat66_prefix);
	bad(&config, "--nat66-prefix fc00::", "fd00::/8");
	inet_pton(AF_INET6, "2001:db8::", &config.nat66_prefix);
	bad(&config, "--nat66-prefix 2001:db8::", "fd00::/8");
	inet_pton(AF_INET6, "fd00::1", &config.nat66_prefix);
	bad(&config, "--nat66-prefix fd00::1", "last 64");
	inet_pton(AF_INET6, "fd00::8000:0:0:0", &config.nat66_prefix);
	bad(&config, "--nat66-prefix", "last 64");
}

static void the_mtu_is_what_ipv4_needs_and_libslirp_carries(void **state)
{
	struct network_config config = config_of("10.0.0.1", "10.0.0.9", "255.255.255.0");

	config.mtu = 68;
	good(&config);
	config.mtu = 65521;
	good(&config);
	config.mtu = 67;
	bad(&config, "--mtu 67", "68 to 65521");
	config.mtu = 65522;
	bad(&config, "--mtu 65522", "68 to 65521");
}

static void addresses_are_given_out_in_order(void **state)
{
	struct network_config config = config_of("10.0.0.17", "10.0.0.30", "255.255.255.240");
	struct network_addresses addresses;
	struct in6_addr expected;

	inet_pton(AF_INET6, "fd12:3456:789a::", &config.nat66_prefix);
	network_config_addresses(&config, &addresses);
	assert_string_equal(inet_ntoa(addresses.network), "10.0.0.16");
	assert_string_equal(inet_ntoa(addresses.gateway), "10.0.0.17");
	assert_string_equal(inet_ntoa(addresses.first_lease), "10.0.0.18");
	assert_string_equal(inet_ntoa(addresses.last_lease), "10.0.0.30");
	inet_pton(AF_INET6, "fd12:3456:789a::2", &expected);
	assert_memory_equal(&addresses.gateway6, &expected, sizeof(expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_vmnet),
		cmocka_unit_test(the_mask_is_contiguous_and_leaves_room),
		cmocka_unit_test(the_subnet_is_private_as_a_whole),
		cmocka_unit_test(the_range_is_inside_one_subnet_and_rises),
		cmocka_unit_test(no_end_of_the_range_is_the_subnets_own_or_broadcast_address),
		cmocka_unit_test(the_range_holds_the_gateway_and_a_guest),
		cmocka_unit_test(the_ipv6_prefix_is_unique_local_and_64_bits),
		cmocka_unit_test(the_mtu_is_what_ipv4_needs_and_libslirp_carries),
		cmocka_unit_test(addresses_are_given_out_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
