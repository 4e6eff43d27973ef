/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_nat_rules.c - nftables' rules as text, other tables' chains read, subnets compared
 *
 * What the rules do is tested with a kernel (test_kernel_network.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/kernel/host_scan.h"
#include "net/kernel/nat_rules.h"

static struct network_config config_of(enum network_mode mode)
{
	struct network_config config;

	assert_int_equal(network_config_default(mode, &config), 0);
	return config;
}

static char *table_of(const struct network_config *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	nat_rules_table(out, config, "rig7");
	fclose(out);
	return text;
}

/* Is the text, or not, in the table? */
static void expect(const struct network_config *config, const char *part, bool expected)
{
	char *text = table_of(config);

	if (!strstr(text, part) == expected)
		fail_msg("%s \"%s\" in:\n%s", expected ? "no" : "there is", part, text);
	free(text);
}

static void braces_are_closed(void **state)
{
	for (int mode = NETWORK_SHARED; mode <= NETWORK_HOST; mode++) {
		struct network_config config = config_of((enum network_mode)mode);
		char *text = table_of(&config);
		int depth = 0;

		for (const char *at = text; *at; at++) {
			depth += (*at == '{') - (*at == '}');
			assert_true(depth >= 0);
		}
		assert_int_equal(depth, 0);
		free(text);
	}
}

static void only_a_shared_network_is_masqueraded(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);

	expect(&config, "oifname != \"rig7\" ip saddr 192.168.64.0/24 masquerade\n", true);
	expect(&config, "iifname \"rig7\" ip saddr != 192.168.64.0/24 counter drop\n", true);
	config = config_of(NETWORK_HOST);
	expect(&config, "oifname != \"rig7\"", false);
	expect(&config, "iifname \"rig7\" counter drop\noifname \"rig7\" counter drop\n", true);
}

static void what_is_not_masqueraded_is_said(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);

	config.no_nat44 = true;
	expect(&config, "oifname != \"rig7\" ip saddr", false);
	expect(&config, "oifname != \"rig7\" ip6 saddr", true);
	config.no_nat44 = false;
	config.no_nat66 = true;
	expect(&config, "oifname != \"rig7\" ip saddr", true);
	expect(&config, "oifname != \"rig7\" ip6 saddr", false);
}

static void with_an_uplink_nothing_leaves_elsewhere(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);

	expect(&config, "iifname \"rig7\" oifname != ", false);
	config.uplink = "eth9";
	expect(&config, "iifname \"rig7\" oifname != \"eth9\" counter drop\n", true);
}

static void isolated_guests_are_not_routed_to_each_other(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);

	expect(&config, "iifname \"rig7\" oifname \"rig7\" accept\n", true);
	config.isolated = true;
	expect(&config, "iifname \"rig7\" oifname \"rig7\" counter drop\n", true);
	expect(&config, "iifname \"rig7\" oifname \"rig7\" accept\n", false);
}

static void what_is_allowed_stands_before_what_is_closed(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);
	struct network_allow allows[] = { { .prefix_len = 128, .port = 80 }, { .prefix_len = 64 } };
	char *text;

	inet_pton(AF_INET6, "::ffff:169.254.169.254", &allows[0].address);
	inet_pton(AF_INET6, "fe80::", &allows[1].address);
	config.allows = allows;
	config.n_allows = 2;
	text = table_of(&config);
	assert_true(strstr(text,
			   "ip daddr 169.254.169.254/32 meta l4proto { tcp, udp } th dport 80 "
			   "accept\n") < strstr(text, "ip daddr 169.254.0.0/16 counter drop"));
	assert_non_null(strstr(text, "ip6 daddr fe80::/64 accept\n"));
	free(text);
	config.n_allows = 0;
	expect(&config, "169.254.169.254", false);
}

/* As in a network of libslirp's (test_host_nat.c). */
static void metadata_of_clouds_is_closed(void **state)
{
	static const char *const closed[] = { "ip daddr 169.254.0.0/16",
					      "ip daddr 100.100.100.200/32",
					      "ip daddr 168.63.129.16/32",
					      "ip daddr 192.0.0.192/32",
					      "ip6 daddr fe80::/10",
					      "ip6 daddr fd00:ec2::/32",
					      "ip6 daddr fd20:ce::/64",
					      "ip6 daddr fd00:42::42/128",
					      "ip6 daddr fd00:c1::a9fe:a9fe/128" };
	struct network_config config = config_of(NETWORK_SHARED);
	char rule[128];

	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		snprintf(rule, sizeof(rule), "iifname \"rig7\" %s counter drop\n", closed[i]);
		expect(&config, rule, true);
	}
}

/* Forwards */

static struct sockaddr_storage address(const char *text, uint16_t port)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *in = (void *)&storage;
	struct sockaddr_in6 *in6 = (void *)&storage;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
	}
	return storage;
}

static void expect_forward(const char *host, const char *guest, const char *rules)
{
	struct network_forward forward = { IPPROTO_TCP, address(host, 8080), address(guest, 80) };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	nat_rules_forwards(out, "rig7", &forward, 1);
	fclose(out);
	assert_string_equal(strstr(text, "add rule"), rules);
	free(text);
}

static void a_forward_is_for_who_comes_in_and_for_the_host(void **state)
{
	expect_forward("0.0.0.0", "10.0.0.2",
		       "add rule inet outrigger_rig7 dstnat meta nfproto ipv4 fib daddr type local "
		       "tcp dport 8080 dnat ip to 10.0.0.2:80\n"
		       "add rule inet outrigger_rig7 dstnat_local meta nfproto ipv4 fib daddr type "
		       "local tcp dport 8080 dnat ip to 10.0.0.2:80\n");
	expect_forward("fd00::1", "fd00::2",
		       "add rule inet outrigger_rig7 dstnat ip6 daddr fd00::1 tcp dport 8080 dnat "
		       "ip6 to [fd00::2]:80\n"
		       "add rule inet outrigger_rig7 dstnat_local ip6 daddr fd00::1 tcp dport 8080 "
		       "dnat ip6 to [fd00::2]:80\n");
}

static void a_forward_from_loopback_is_for_the_host_only(void **state)
{
	expect_forward(
		"127.0.0.1", "10.0.0.2",
		"add rule inet outrigger_rig7 dstnat_local ip daddr 127.0.0.1 tcp dport 8080 "
		"dnat ip to 10.0.0.2:80\n");
}

static void without_forwards_the_chains_are_emptied(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	nat_rules_forwards(out, "rig7", NULL, 0);
	fclose(out);
	assert_string_equal(text, "flush chain inet outrigger_rig7 dstnat\n"
				  "flush chain inet outrigger_rig7 dstnat_local\n");
	free(text);
}

/* Others' chains */

static void chains_that_drop_are_named(void **state)
{
	char *found = nat_rules_dropping(
		"table ip filter {\n\tchain FORWARD {\n"
		"\t\ttype filter hook forward priority filter; policy drop;\n\t}\n"
		"\tchain OUTPUT {\n\t\ttype filter hook output priority filter; policy drop;\n\t}\n}\n"
		"table inet fw {\n\tchain in {\n"
		"\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n");

	assert_string_equal(found, "ip filter FORWARD, inet fw in");
	free(found);
}

static void chains_that_end_with_a_refusal_are_named_once(void **state)
{
	char *found = nat_rules_dropping(
		"table inet firewalld {\n\tchain filter_INPUT {\n"
		"\t\ttype filter hook input priority filter + 10; policy accept;\n"
		"\t\tct state { established, related } accept\n\t\tjump filter_INPUT_POLICIES\n"
		"\t\tct state invalid drop\n\t\treject with icmpx admin-prohibited\n\t}\n"
		"\tchain filter_INPUT_POLICIES {\n\t\tdrop\n\t}\n"
		"\tchain filter_OUTPUT {\n\t\ttype filter hook output priority 0; policy accept;\n"
		"\t\tdrop\n\t}\n}\n"
		"table ip mine {\n\tchain f {\n"
		"\t\ttype filter hook forward priority filter; policy drop;\n"
		"\t\tiifname \"eth0\" drop\n\t\tcounter drop\n\t}\n}\n");

	assert_string_equal(found, "inet firewalld filter_INPUT, ip mine f");
	free(found);
}

static void what_names_no_dropping_chain_is_nothing(void **state)
{
	static const char *const listings[] = {
		"",
		"\n\n",
		"table",
		"table ip\n",
		"chain\n",
		"table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward; policy accept;",
		"policy drop; without a hook\n",
		"table ip a {\n\tchain c {\n\t\ttype filter hook input; policy accept;\n\t\tdropped\n",
		"table ip a {\n\tchain c {\n\t\ttype filter hook input; policy accept;\n\t\tx drop\n",
		"drop\n",
	};
	char line[2048];

	for (size_t i = 0; i < sizeof(listings) / sizeof(*listings); i++)
		assert_null(nat_rules_dropping(listings[i]));
	memset(line, 'x', sizeof(line) - 1); /* no line of nftables' is as long */
	line[sizeof(line) - 1] = '\0';
	assert_null(nat_rules_dropping(line));
}

static void names_without_end_are_cut(void **state)
{
	char listing[1024], *found;

	memset(listing, 'x', sizeof(listing));
	memcpy(listing, "table ip ", 9);
	strcpy(listing + 300,
	       "\n\tchain c {\n\t\ttype filter hook input priority 0; policy drop;\n");
	found = nat_rules_dropping(listing);
	assert_non_null(found);
	assert_true(strlen(found) < 160);
	free(found);
}

/* Subnets */

static struct in_addr in(const char *text)
{
	struct in_addr address;

	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address;
}

static void subnets_overlap_where_one_holds_the_other(void **state)
{
	struct host_subnet items[] = {
		{ .address = in("192.168.64.5"), .prefix_len = 24, .ifindex = 3 },
		{ .address = in("10.0.0.0"), .prefix_len = 8, .ifindex = 4 },
		{ .address = in("172.16.0.9"), .prefix_len = 32, .ifindex = 5 },
	};
	const struct host_subnets subnets = { items, 3 };

	assert_ptr_equal(host_subnets_overlap(&subnets, in("192.168.64.0"), 24, 0), &items[0]);
	assert_ptr_equal(host_subnets_overlap(&subnets, in("192.168.0.0"), 16, 0), &items[0]);
	assert_ptr_equal(host_subnets_overlap(&subnets, in("10.200.3.0"), 24, 0), &items[1]);
	assert_ptr_equal(host_subnets_overlap(&subnets, in("172.16.0.0"), 24, 0), &items[2]);
	assert_null(host_subnets_overlap(&subnets, in("192.168.65.0"), 24, 0));
	assert_null(host_subnets_overlap(&subnets, in("11.0.0.0"), 8, 0));
	assert_null(host_subnets_overlap(&subnets, in("192.168.64.0"), 24, 3));
}

static void a_default_route_overlaps_with_nothing(void **state)
{
	struct host_subnet all = { .prefix_len = 0, .ifindex = 3 };
	const struct host_subnets subnets = { &all, 1 };

	assert_null(host_subnets_overlap(&subnets, in("192.168.64.0"), 24, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(braces_are_closed),
		cmocka_unit_test(only_a_shared_network_is_masqueraded),
		cmocka_unit_test(what_is_not_masqueraded_is_said),
		cmocka_unit_test(with_an_uplink_nothing_leaves_elsewhere),
		cmocka_unit_test(isolated_guests_are_not_routed_to_each_other),
		cmocka_unit_test(what_is_allowed_stands_before_what_is_closed),
		cmocka_unit_test(metadata_of_clouds_is_closed),
		cmocka_unit_test(a_forward_is_for_who_comes_in_and_for_the_host),
		cmocka_unit_test(a_forward_from_loopback_is_for_the_host_only),
		cmocka_unit_test(without_forwards_the_chains_are_emptied),
		cmocka_unit_test(chains_that_drop_are_named),
		cmocka_unit_test(chains_that_end_with_a_refusal_are_named_once),
		cmocka_unit_test(what_names_no_dropping_chain_is_nothing),
		cmocka_unit_test(names_without_end_are_cut),
		cmocka_unit_test(subnets_overlap_where_one_holds_the_other),
		cmocka_unit_test(a_default_route_overlaps_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
