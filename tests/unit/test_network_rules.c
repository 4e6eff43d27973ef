/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_network_rules.c - which options a mode has, and reservations; as text
 *
 * Addresses of subnet and range: test_network_config.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/network_text.h"
#include "network_checks.h"

static struct network_config default_of(enum network_mode mode)
{
	static char bridge[] = "br0";
	struct network_config config;

	assert_int_equal(network_config_default(mode, &config), 0);
	config.ifname = mode == NETWORK_BRIDGED ? bridge : NULL;
	return config;
}

static void what_is_bridged_needs_the_kernel(void **state)
{
	struct network_config config = default_of(NETWORK_BRIDGED);

	assert_int_equal(config.kind, NETWORK_KERNEL);
	good(&config);
	config.kind = NETWORK_USER;
	bad(&config, "--network user: cannot bridge", "leave it out");
}

static void shared_and_host_networks_can_be_of_either_kind(void **state)
{
	for (enum network_mode mode = NETWORK_SHARED; mode <= NETWORK_HOST; mode++) {
		struct network_config config = default_of(mode);

		assert_int_equal(config.kind, NETWORK_USER);
		good(&config);
		config.kind = NETWORK_KERNEL;
		good(&config);
	}
}

static void an_interface_is_for_bridged_networks_and_needed_there(void **state)
{
	struct network_config config = default_of(NETWORK_BRIDGED);

	config.ifname = NULL;
	bad(&config, "--ifname: missing", "--ifname br0");
	config = default_of(NETWORK_SHARED);
	config.ifname = "br0";
	bad(&config, "--ifname br0: a shared network", "serve a bridged network");
	config = default_of(NETWORK_HOST);
	config.ifname = "br0";
	bad(&config, "--ifname br0: a host network", "leave it out");
}

static void an_identifier_is_for_host_networks(void **state)
{
	struct network_config config = default_of(NETWORK_HOST);

	config.uuid_given = true;
	good(&config);
	config = default_of(NETWORK_SHARED);
	config.uuid_given = true;
	bad(&config, "--net-uuid: a shared network", "serve a host network");
	config = default_of(NETWORK_BRIDGED);
	config.uuid_given = true;
	bad(&config, "--net-uuid: a bridged network", "leave it out");
}

static void a_way_out_is_for_shared_networks(void **state)
{
	for (enum network_mode mode = NETWORK_SHARED; mode <= NETWORK_BRIDGED; mode++) {
		struct network_config no_nat44 = default_of(mode), no_nat66 = default_of(mode),
				      uplink = default_of(mode);

		no_nat44.no_nat44 = no_nat66.no_nat66 = true;
		uplink.uplink = "eth0";
		if (mode == NETWORK_SHARED) {
			good(&no_nat44);
			good(&no_nat66);
			good(&uplink);
			continue;
		}
		bad(&no_nat44, "--nat44 off: a ", "serve a shared network");
		bad(&no_nat66, "--nat66 off: a ", "serve a shared network");
		bad(&uplink, "--uplink: a ", "serve a shared network");
	}
}

static void offloads_are_vmnets(void **state)
{
	struct network_config config = default_of(NETWORK_SHARED);

	config.offloads = true;
	bad(&config, "--offloads on: a network of kind user ", "use --network vmnet");
	config.kind = NETWORK_VMNET;
	good(&config);
}

static void a_bridged_network_has_the_services_of_its_segment(void **state)
{
	for (enum network_mode mode = NETWORK_SHARED; mode <= NETWORK_BRIDGED; mode++) {
		struct network_config no_dns = default_of(mode), no_ra = default_of(mode);

		no_dns.no_dns = no_ra.no_ra = true;
		if (mode == NETWORK_BRIDGED) {
			bad(&no_dns, "--dns-proxy off: a bridged network", "leave it out");
			bad(&no_ra, "--router-advertisement off: a bridged network",
			    "leave it out");
		} else {
			good(&no_dns);
			good(&no_ra);
		}
	}
}

static void the_hosts_ipv6_address_is_of_a_named_network_with_addresses(void **state)
{
	struct network_config config = default_of(NETWORK_HOST);

	config.host6_given = true;
	config.host6 = (struct in6_addr) { .s6_addr = { 0xfd, [15] = 1 } };
	bad(&config, "--host-ipv6 fd00::1: ", "--net-uuid");
	config.uuid_given = true;
	bad(&config, "--host-ipv6 fd00::1: ", "three addresses");
	config.addresses_given = true;
	good(&config);
	config.host6.s6_addr[15] = 0;
	bad(&config, "--host-ipv6 fd00::: ", "fd12:3456:789a::1");
	config.host6 = (struct in6_addr) { .s6_addr = { 0x20, 1, [15] = 1 } };
	bad(&config, "--host-ipv6 2001::1: ", "inside fd00::/8");
}

static void a_nat66_prefix_is_for_shared_networks(void **state)
{
	for (enum network_mode mode = NETWORK_SHARED; mode <= NETWORK_BRIDGED; mode++) {
		struct network_config config = default_of(mode);

		config.prefix_given = true;
		if (mode == NETWORK_SHARED)
			good(&config);
		else
			bad(&config, "--nat66-prefix fd", "has no NAT66");
	}
}

static void a_bridged_network_has_no_addresses_of_its_own(void **state)
{
	struct network_config config = default_of(NETWORK_BRIDGED);

	config.addresses_given = true;
	bad(&config, "--start-address", "addresses of its segment");
	config = default_of(NETWORK_BRIDGED);
	config.start_address.s_addr = 0; /* nobody's */
	good(&config);
}

static struct network_allow allow_of(const char *text)
{
	struct network_allow allow;
	char *error = NULL;

	assert_int_equal(network_allow_parse(text, &allow, &error), 0);
	return allow;
}

static void access_to_the_host_needs_a_host_in_the_network(void **state)
{
	struct network_allow allow = allow_of("127.0.0.1:80");
	struct network_config config = default_of(NETWORK_SHARED);

	config.allows = &allow;
	config.n_allows = 1;
	good(&config);
	config.mode = NETWORK_HOST;
	config.uuid_given = true;
	bad(&config, "--allow 127.0.0.1:80: with --net-uuid", "three addresses");
	config.addresses_given = true;
	good(&config);
	config = default_of(NETWORK_BRIDGED);
	config.host_loopback = true;
	bad(&config, "--host-loopback: in a bridged network", "leave it out");
}

static struct network_reservation reservation_of(const char *text)
{
	struct network_reservation reservation;
	char *error = NULL;
	int r = network_reservation_parse(text, &reservation, &error);

	if (r < 0)
		print_error("%s\n", error);
	assert_int_equal(r, 0);
	return reservation;
}

static void reserve(const char *one, const char *other, const char *about, const char *what)
{
	struct network_reservation reservations[] = { reservation_of(one), reservation_of(other) };
	struct network_config config = default_of(NETWORK_SHARED);

	config.reservations = reservations;
	config.n_reservations = 2;
	if (about)
		bad(&config, about, what);
	else
		good(&config);
}

#define ONE "02:00:00:00:00:01=192.168.64.10,name=one"

static void reservations_are_apart(void **state)
{
	reserve(ONE, "02:00:00:00:00:02=192.168.64.11,name=two", NULL, NULL);
	reserve(ONE, "02:00:00:00:00:02=192.168.64.11", NULL, NULL);
	reserve(ONE, "02:00:00:00:00:01=192.168.64.11", "--reserve 02:00:00:00:00:01=192.168.64.11",
		"has the same MAC address");
	reserve(ONE, "02:00:00:00:00:02=192.168.64.10", "--reserve 02:00:00:00:00:02",
		"--reserve " ONE " has the same address");
	reserve(ONE, "02:00:00:00:00:02=192.168.64.11,name=ONE", "--reserve 02:00:00:00:00:02",
		"has the same name");
}

static void a_reservation_is_of_an_address_of_the_subnet(void **state)
{
	static const char *const no_guests[] = { "192.168.64.1", "192.168.64.0", "192.168.64.255",
						 "192.168.65.9", "10.0.0.1" };
	static const char *const guests[] = { "192.168.64.2", "192.168.64.99", "192.168.64.100",
					      "192.168.64.254" };
	struct network_config config = default_of(NETWORK_SHARED);
	struct network_reservation reservation;
	char text[64];

	inet_pton(AF_INET, "192.168.64.99", &config.end_address);
	config.addresses_given = true;
	config.reservations = &reservation;
	config.n_reservations = 1;
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
		snprintf(text, sizeof(text), "02:00:00:00:00:02=%s", guests[i]);
		reservation = reservation_of(text);
		good(&config);
	}
	for (size_t i = 0; i < sizeof(no_guests) / sizeof(no_guests[0]); i++) {
		snprintf(text, sizeof(text), "02:00:00:00:00:02=%s", no_guests[i]);
		reservation = reservation_of(text);
		bad(&config, "--reserve 02:00:00:00:00:02", "is no address for a guest");
	}
}

static void without_dhcp_nothing_that_it_would_say_is_given(void **state)
{
	struct network_reservation reservation = reservation_of(ONE);
	struct in_addr server = { htonl(0x0a000001) };
	struct network_config with[5];
	static const char *const about[] = { "--reserve " ONE ":",
					     "--dns 10.0.0.1:", "--domain example:",
					     "--boot-file pxe:", "--boot-server 10.0.0.1:" };

	for (size_t i = 0; i < 5; i++)
		with[i] = default_of(NETWORK_HOST);
	with[0].reservations = &reservation;
	with[0].n_reservations = 1;
	with[1].dhcp.name_servers = &server;
	with[1].dhcp.n_name_servers = 1;
	with[2].dhcp.domain = "example";
	with[3].dhcp.boot_file = "pxe";
	with[4].dhcp.boot_server = server;
	for (size_t i = 0; i < 5; i++) {
		with[i].dhcp.off = true;
		bad(&with[i], about[i], "with --dhcp off there is no DHCP; leave it out");
		with[i].dhcp.off = false;
		with[i].uuid_given = true;
		bad(&with[i], about[i], "with --net-uuid there is no DHCP");
		with[i].uuid_given = false;
		with[i].mode = NETWORK_BRIDGED;
		with[i].kind = NETWORK_KERNEL;
		with[i].ifname = "br0";
		bad(&with[i], about[i], "a bridged network has the DHCP of its segment");
	}
}

static void a_boot_server_has_a_boot_file(void **state)
{
	struct network_config config = default_of(NETWORK_SHARED);

	config.dhcp.boot_server.s_addr = htonl(0x0a000001);
	bad(&config, "--boot-server 10.0.0.1", "give --boot-file");
	config.dhcp.boot_file = "pxelinux.0";
	good(&config);
}

/* What parses, prints; what is printed parses to the same. @printed NULL: as it was */
static void reservation_prints(const char *text, const char *printed)
{
	struct network_reservation reservation = reservation_of(text), again;
	char out[NETWORK_RESERVATION_TEXT];

	network_reservation_print(&reservation, out);
	assert_string_equal(out, printed ? printed : text);
	again = reservation_of(out);
	assert_memory_equal(&again, &reservation, sizeof(again));
}

static void reservation_refused(const char *text, const char *what)
{
	struct network_reservation reservation;
	char *error = NULL;

	assert_int_equal(network_reservation_parse(text, &reservation, &error), -EINVAL);
	if (!strstr(error, what))
		fail_msg("%s: \"%s\" does not say %s", text, error, what);
	free(error);
}

static void reservations_are_text(void **state)
{
	char name[128] = "02:00:00:00:00:01=10.0.0.9,name=";
	size_t len = strlen(name);

	reservation_prints(ONE, NULL);
	reservation_prints("02:00:00:00:00:01=10.0.0.9", NULL);
	reservation_prints("02:AB:00:00:00:01=10.0.0.9,name=Web-1",
			   "02:ab:00:00:00:01=10.0.0.9,name=web-1");
	reservation_refused("", "give MAC=ADDR");
	reservation_refused("02:00:00:00:00:01", "give MAC=ADDR");
	reservation_refused("02:00:00:00:00:01:02=10.0.0.9", "no MAC address");
	reservation_refused("03:00:00:00:00:01=10.0.0.9", "must be even");
	reservation_refused("02:00:00:00:00:01=", "no IPv4 address");
	reservation_refused("02:00:00:00:00:01=10.0.0", "no IPv4 address");
	reservation_refused("02:00:00:00:00:01=fd00::1", "no IPv4 address");
	reservation_refused("02:00:00:00:00:01=10.0.0.9,", "only ,name=NAME");
	reservation_refused("02:00:00:00:00:01=10.0.0.9,mtu=9", "only ,name=NAME");
	reservation_refused("02:00:00:00:00:01=10.0.0.9,name=", "no name of a guest");
	reservation_refused("02:00:00:00:00:01=10.0.0.9,name=-a", "no name of a guest");
	reservation_refused("02:00:00:00:00:01=10.0.0.9,name=a-", "no name of a guest");
	reservation_refused("02:00:00:00:00:01=10.0.0.9,name=a.b", "no name of a guest");
	for (size_t i = 0; network_names_of_nobody[i]; i++) {
		strcpy(name + len, network_names_of_nobody[i]);
		reservation_refused(name, "no guest may be called");
		name[len] = (char)toupper((unsigned char)name[len]);
		reservation_refused(name, "no guest may be called");
	}
	name[len] = '\0';
	memset(name + strlen(name), 'x', NETWORK_NAME_MAX);
	reservation_prints(name, NULL);
	strcat(name, "x");
	reservation_refused(name, "up to 63");
}

static void allow_prints(const char *text, const char *printed)
{
	struct network_allow allow = allow_of(text), again;
	char out[NETWORK_ALLOW_TEXT];

	network_allow_print(&allow, out);
	assert_string_equal(out, printed ? printed : text);
	again = allow_of(out);
	assert_memory_equal(&again.address, &allow.address, sizeof(again.address));
	assert_int_equal(again.prefix_len, allow.prefix_len);
	assert_int_equal(again.port, allow.port);
}

static void allow_refused(const char *text, const char *what)
{
	struct network_allow allow;
	char *error = NULL;

	assert_int_equal(network_allow_parse(text, &allow, &error), -EINVAL);
	if (!strstr(error, what))
		fail_msg("%s: \"%s\" does not say %s", text, error, what);
	free(error);
}

static void allowed_destinations_are_text(void **state)
{
	static const char *const good_ones[] = {
		"127.0.0.1",	 "127.0.0.1:5432",     "127.0.0.0/8",
		"0.0.0.0/0",	 "10.0.0.0/30:53",     "::1",
		"[::1]:5432",	 "fd00::/8",	       "::/0",
		"[fd00::]/8:80", "169.254.169.254:80",
	};

	for (size_t i = 0; i < sizeof(good_ones) / sizeof(good_ones[0]); i++)
		allow_prints(good_ones[i], NULL);
	allow_prints("127.0.0.1/32", "127.0.0.1");
	allow_prints("[::1]", "::1");
	allow_prints("::ffff:10.0.0.1", "10.0.0.1");
	allow_refused("", "no destination");
	allow_refused("localhost", "no destination");
	allow_refused("[127.0.0.1]:80", "no destination");
	allow_refused("[::1", "no destination");
	allow_refused("[::1]80", "give /LEN or :PORT");
	allow_refused("127.0.0.1/", "0 to 32");
	allow_refused("127.0.0.1/33", "0 to 32");
	allow_refused("::/129", "0 to 128");
	allow_refused("127.0.0.0/-1", "0 to 32");
	allow_refused("127.0.0.1/8", "bits behind its prefix of 8");
	allow_refused("127.0.0.1:", "is no port");
	allow_refused("127.0.0.1:0", "is no port");
	allow_refused("127.0.0.1:65536", "is no port");
	allow_refused("127.0.0.1:80/8", "is no port");
	allow_refused("127.0.0.1:+80", "is no port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_bridged_needs_the_kernel),
		cmocka_unit_test(shared_and_host_networks_can_be_of_either_kind),
		cmocka_unit_test(an_interface_is_for_bridged_networks_and_needed_there),
		cmocka_unit_test(an_identifier_is_for_host_networks),
		cmocka_unit_test(a_way_out_is_for_shared_networks),
		cmocka_unit_test(offloads_are_vmnets),
		cmocka_unit_test(a_bridged_network_has_the_services_of_its_segment),
		cmocka_unit_test(the_hosts_ipv6_address_is_of_a_named_network_with_addresses),
		cmocka_unit_test(a_nat66_prefix_is_for_shared_networks),
		cmocka_unit_test(a_bridged_network_has_no_addresses_of_its_own),
		cmocka_unit_test(access_to_the_host_needs_a_host_in_the_network),
		cmocka_unit_test(reservations_are_apart),
		cmocka_unit_test(a_reservation_is_of_an_address_of_the_subnet),
		cmocka_unit_test(without_dhcp_nothing_that_it_would_say_is_given),
		cmocka_unit_test(a_boot_server_has_a_boot_file),
		cmocka_unit_test(reservations_are_text),
		cmocka_unit_test(allowed_destinations_are_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
