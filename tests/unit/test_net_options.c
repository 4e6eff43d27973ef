/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_net_options.c - the command line of `outrigger net`
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/net_options.h"
#include "net/ports/nic_mac.h"

#define MAX_ARGS 48

/* Splits at spaces. */
static int parse(const char *line, struct net_options *options, char **error)
{
	static char copy[2048];
	static char name[] = "net";
	char *argv[MAX_ARGS] = { name };
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return net_options_parse(argc, argv, options, error);
}

static struct net_options good(const char *line)
{
	struct net_options options;
	char *error;
	int r = parse(line, &options, &error);

	if (r < 0)
		print_error("%s\n", error);
	assert_int_equal(r, 0);
	return options;
}

/* Refused with a sentence that starts with the one and holds the other. */
static void bad(const char *line, const char *about, const char *what)
{
	struct net_options options;
	char *error;

	assert_int_equal(parse(line, &options, &error), -EINVAL);
	assert_non_null(error);
	if (strncmp(error, about, strlen(about)) != 0 || !strstr(error, what))
		fail_msg("%s: \"%s\" says neither %s nor %s", line, error, about, what);
	free(error);
	net_options_free(&options);
}

static void the_mode_is_one_of_three(void **state)
{
	struct net_options options = good("shared --nic /tmp/a");

	assert_int_equal(options.settings.network.mode, NETWORK_SHARED);
	net_options_free(&options);
	options = good("host --nic /tmp/a");
	assert_int_equal(options.settings.network.mode, NETWORK_HOST);
	net_options_free(&options);
	options = good("--nic /tmp/a --mode host");
	assert_int_equal(options.settings.network.mode, NETWORK_HOST);
	net_options_free(&options);
	bad("", "the mode is missing", "shared|host|bridged");
	bad("nat --nic /tmp/a", "--mode nat: unknown mode", "shared, host or bridged");
	bad("--nic /tmp/a shared", "shared: unexpected argument", "--help");
}

static void at_least_one_nic_is_given(void **state)
{
	struct net_options options = good("shared --nic /tmp/a --nic=/tmp/b");

	assert_int_equal(options.settings.n_sockets, 2);
	assert_string_equal(options.settings.sockets[0].path, "/tmp/a");
	assert_string_equal(options.settings.sockets[1].path, "/tmp/b");
	net_options_free(&options);
	bad("shared", "--nic: none given", "at least one");
	bad("shared --nic", "--nic: its value is missing", "--help");
	bad("shared --nic=", "--nic: the path is empty", "give");
}

static void a_path_that_no_socket_can_have_is_refused(void **state)
{
	char line[256] = "shared --nic /tmp/";
	struct net_options options;

	memset(line + strlen(line), 'x', 107 - strlen("/tmp/"));
	options = good(line);
	net_options_free(&options);
	strcat(line, "x");
	bad(line, "--nic /tmp/xxx", "108 bytes are too long");
}

static void two_nics_have_two_sockets_however_they_are_spelled(void **state)
{
	char dir[] = "/tmp/test_net_options.XXXXXX", link_name[64], line[256];

	assert_non_null(mkdtemp(dir));
	snprintf(link_name, sizeof(link_name), "%s/link", dir);
	assert_int_equal(symlink(dir, link_name), 0);
	bad("shared --nic /tmp/a --nic /tmp/a", "--nic /tmp/a: the same socket", "own path");
	bad("shared --nic /tmp/a --nic //tmp/./a", "--nic //tmp/./a: the same socket",
	    "--nic /tmp/a");
	snprintf(line, sizeof(line), "shared --nic %s/a --nic %s/a", dir, link_name);
	bad(line, "--nic", "the same socket");
	unlink(link_name);
	rmdir(dir);
}

static void the_three_addresses_come_together(void **state)
{
	struct net_options options =
		good("shared --nic /tmp/a --start-address 10.1.0.1 --end-address 10.1.0.99 "
		     "--subnet-mask 255.255.0.0");

	assert_string_equal(inet_ntoa(options.settings.network.start_address), "10.1.0.1");
	assert_string_equal(inet_ntoa(options.settings.network.end_address), "10.1.0.99");
	assert_string_equal(inet_ntoa(options.settings.network.subnet_mask), "255.255.0.0");
	net_options_free(&options);
	bad("shared --nic /tmp/a --start-address 10.1.0.1", "--end-address --subnet-mask not given",
	    "all three");
	bad("shared --nic /tmp/a --end-address 10.1.0.1", "--start-address --subnet-mask not given",
	    "all three");
	bad("host --nic /tmp/a --end-address 10.1.0.1 --subnet-mask 255.0.0.0",
	    "--start-address not given", "all three");
}

static void addresses_are_four_numbers(void **state)
{
	bad("shared --nic /tmp/a --start-address 10.1.1", "--start-address 10.1.1", "192.168.64.1");
	bad("shared --nic /tmp/a --start-address 10.1.1.256", "--start-address 10.1.1.256", "IPv4");
	bad("shared --nic /tmp/a --end-address fd00::1", "--end-address fd00::1", "IPv4");
	bad("shared --nic /tmp/a --subnet-mask /24", "--subnet-mask /24", "IPv4");
	bad("shared --nic /tmp/a --start-address=", "--start-address: ", "IPv4");
}

static void what_is_no_network_is_refused_by_its_check(void **state)
{
	bad("shared --nic /tmp/a --start-address 10.1.0.1 --end-address 10.2.0.9 --subnet-mask 255.255.255.0",
	    "--end-address 10.2.0.9", "not in the subnet");
}

static void the_ipv6_prefix_is_for_shared_networks(void **state)
{
	struct net_options options = good("shared --nic /tmp/a --nat66-prefix fd12:34::");
	struct in6_addr expected;

	inet_pton(AF_INET6, "fd12:34::", &expected);
	assert_memory_equal(&options.settings.network.nat66_prefix, &expected, sizeof(expected));
	net_options_free(&options);
	options = good("shared --nic /tmp/a --nat66-prefix fd12:34::/64");
	assert_memory_equal(&options.settings.network.nat66_prefix, &expected, sizeof(expected));
	net_options_free(&options);
	bad("host --nic /tmp/a --nat66-prefix fd12:34::", "--nat66-prefix fd12:34::",
	    "host network has no NAT66");
	bad("shared --nic /tmp/a --nat66-prefix fd12:34::/48", "--nat66-prefix", "64 bits");
	bad("shared --nic /tmp/a --nat66-prefix fd12", "--nat66-prefix fd12", "no IPv6 prefix");
	bad("shared --nic /tmp/a --nat66-prefix fe80::", "--nat66-prefix fe80::", "fd00::/8");
	bad("shared --nic /tmp/a --nat66-prefix fd12:1111:2222:3333:4444:5555:6666:7777:8888:9999:0000",
	    "--nat66-prefix", "no IPv6 prefix");
}

static void the_mtu_is_a_number_in_range(void **state)
{
	static const char *const values[] = { "67",    "65522", "0",	 "-1",
					      "+1500", "1500x", "0x5dc", "99999999999999999999",
					      "x" };
	struct net_options options = good("shared --nic /tmp/a --mtu 9000");
	char line[128];

	assert_int_equal(options.settings.network.mtu, 9000);
	net_options_free(&options);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(line, sizeof(line), "shared --nic /tmp/a --mtu %s", values[i]);
		bad(line, "--mtu", "68 to 65521");
	}
}

static void a_mac_belongs_to_the_nic_before_it(void **state)
{
	static const uint8_t expected[] = { 0x02, 0xab, 0xCD, 0, 0, 1 };
	struct net_options options =
		good("shared --nic /tmp/a --nic /tmp/b --mac 02:ab:CD:00:00:01 --nic /tmp/c");

	assert_memory_not_equal(options.settings.sockets[0].mac, expected, FRAME_MAC);
	assert_memory_equal(options.settings.sockets[1].mac, expected, FRAME_MAC);
	assert_memory_not_equal(options.settings.sockets[2].mac, expected, FRAME_MAC);
	net_options_free(&options);
	bad("shared --mac 02:00:00:00:00:01 --nic /tmp/a", "--mac 02:00:00:00:00:01",
	    "no --nic before it");
	bad("shared --nic /tmp/a --mac 02:00:00:00:00:01 --mac 02:00:00:00:00:02",
	    "--mac 02:00:00:00:00:02", "has one already");
}

static void a_mac_is_six_bytes_and_of_one_card(void **state)
{
	bad("shared --nic /tmp/a --mac 02:00:00:00:00", "--mac", "six bytes");
	bad("shared --nic /tmp/a --mac 02:00:00:00:00:01:02", "--mac", "six bytes");
	bad("shared --nic /tmp/a --mac 02-00-00-00-00-01", "--mac", "six bytes");
	bad("shared --nic /tmp/a --mac 02:00:00:00:00:0g", "--mac", "six bytes");
	bad("shared --nic /tmp/a --mac 2:0:0:0:0:1", "--mac", "six bytes");
	bad("shared --nic /tmp/a --mac 03:00:00:00:00:01", "--mac", "must be even");
	bad("shared --nic /tmp/a --mac ff:ff:ff:ff:ff:ff", "--mac", "must be even");
	bad("shared --nic /tmp/a --mac 00:00:00:00:00:00", "--mac", "no address of a single card");
}

static void no_two_nics_have_one_mac(void **state)
{
	struct net_options options = good("shared --nic /tmp/a --nic /tmp/b");
	char line[128];

	assert_memory_not_equal(options.settings.sockets[0].mac, options.settings.sockets[1].mac,
				FRAME_MAC);
	/* a derived address that an explicit one takes gives way */
	snprintf(line, sizeof(line),
		 "shared --nic /tmp/a --nic /tmp/b --mac 02:%02x:%02x:%02x:%02x:%02x",
		 options.settings.sockets[0].mac[1], options.settings.sockets[0].mac[2],
		 options.settings.sockets[0].mac[3], options.settings.sockets[0].mac[4],
		 options.settings.sockets[0].mac[5]);
	net_options_free(&options);
	options = good(line);
	assert_memory_not_equal(options.settings.sockets[0].mac, options.settings.sockets[1].mac,
				FRAME_MAC);
	net_options_free(&options);
	bad("shared --nic /tmp/a --mac 02:00:00:00:00:01 --nic /tmp/b --mac 02:00:00:00:00:01",
	    "--nic", "has the same MAC");
}

static void a_derived_mac_is_stable_local_and_of_one_card(void **state)
{
	uint8_t mac[FRAME_MAC], other[FRAME_MAC];

	nic_mac_derive("/run/a.sock", "0123", 0, mac);
	nic_mac_derive("/run/a.sock", "0123", 0, other);
	assert_memory_equal(mac, other, FRAME_MAC);
	assert_int_equal(mac[0] & 3, 2);
	nic_mac_derive("/run/b.sock", "0123", 0, other);
	assert_memory_not_equal(mac, other, FRAME_MAC);
	nic_mac_derive("/run/a.sock", "0124", 0, other);
	assert_memory_not_equal(mac, other, FRAME_MAC);
	nic_mac_derive("/run/a.sock", "0123", 1, other);
	assert_memory_not_equal(mac, other, FRAME_MAC);
	/* where one string ends and the next begins counts */
	nic_mac_derive("b", "xa", 0, mac);
	nic_mac_derive("ab", "x", 0, other);
	assert_memory_not_equal(mac, other, FRAME_MAC);
}

static void switches_take_on_or_off_behind_an_equals_sign(void **state)
{
	struct net_options options = good("shared --nic /tmp/a --isolated");

	assert_true(options.settings.network.isolated);
	net_options_free(&options);
	options = good("shared --nic /tmp/a --isolated=on");
	assert_true(options.settings.network.isolated);
	net_options_free(&options);
	options = good("shared --nic /tmp/a --isolated --isolated=off");
	assert_false(options.settings.network.isolated);
	net_options_free(&options);
	bad("shared --nic /tmp/a --isolated=yes", "--isolated yes", "on nor off");
}

static void the_log_level_is_one_of_four(void **state)
{
	struct net_options options = good("shared --nic /tmp/a --log-level debug");

	assert_int_equal(options.settings.log_level, LOG_LEVEL_DEBUG);
	net_options_free(&options);
	bad("shared --nic /tmp/a --log-level loud", "--log-level loud",
	    "error, warning, info or debug");
}

static void unknown_options_and_arguments_are_refused(void **state)
{
	bad("shared --nic /tmp/a --start=10.0.0.1", "--start: unknown option", "--help");
	bad("shared --nic /tmp/a --start-adress=10.0.0.1", "--start-adress: unknown option",
	    "did you mean --start-address?");
	bad("shared --nic /tmp/a -v", "-v: unknown option", "--help");
	bad("shared --nic /tmp/a extra", "extra: unexpected argument", "--help");
	bad("shared --nic /tmp/a --", "--: unknown option", "--help");
}

static void help_comes_before_everything_else(void **state)
{
	struct net_options options = good("--help");

	assert_true(options.help);
	options = good("shared --help --bogus");
	assert_true(options.help);
	net_options_free(&options);
	options = good("shared --nic /tmp/a --help");
	assert_true(options.help);
	net_options_free(&options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mode_is_one_of_three),
		cmocka_unit_test(at_least_one_nic_is_given),
		cmocka_unit_test(a_path_that_no_socket_can_have_is_refused),
		cmocka_unit_test(two_nics_have_two_sockets_however_they_are_spelled),
		cmocka_unit_test(the_three_addresses_come_together),
		cmocka_unit_test(addresses_are_four_numbers),
		cmocka_unit_test(what_is_no_network_is_refused_by_its_check),
		cmocka_unit_test(the_ipv6_prefix_is_for_shared_networks),
		cmocka_unit_test(the_mtu_is_a_number_in_range),
		cmocka_unit_test(a_mac_belongs_to_the_nic_before_it),
		cmocka_unit_test(a_mac_is_six_bytes_and_of_one_card),
		cmocka_unit_test(no_two_nics_have_one_mac),
		cmocka_unit_test(a_derived_mac_is_stable_local_and_of_one_card),
		cmocka_unit_test(switches_take_on_or_off_behind_an_equals_sign),
		cmocka_unit_test(the_log_level_is_one_of_four),
		cmocka_unit_test(unknown_options_and_arguments_are_refused),
		cmocka_unit_test(help_comes_before_everything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
