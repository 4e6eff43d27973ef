/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dnsmasq.c - what dnsmasq is told, and what its lease file tells
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/kernel/dnsmasq_config.h"
#include "net/kernel/dnsmasq_leases.h"

/* The configuration */

static struct network_config config_of(enum network_mode mode)
{
	struct network_config config;

	assert_int_equal(network_config_default(mode, &config), 0);
	return config;
}

static char *printed(const struct network_config *config, const char *dir)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	dnsmasq_config_print(out, config, "rig7", dir);
	fclose(out);
	return text;
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++) {
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return true;
	}
	return false;
}

static void expect_line(const struct network_config *config, const char *line, bool expected)
{
	char *text = printed(config, "/run/o");

	if (has_line(text, line) != expected)
		fail_msg("%s \"%s\" in:\n%s", expected ? "no" : "there is", line, text);
	free(text);
}

static void leases_follow_the_gateway_up_to_the_last_address(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);

	config.dhcp.lease_s = 600;
	expect_line(&config, "dhcp-range=192.168.64.2,192.168.64.254,255.255.255.0,600", true);
	expect_line(&config, "dhcp-lease-max=253", true);
	expect_line(&config, "interface=rig7", true);
}

static void names_that_no_guest_may_have_are_ignored(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);

	expect_line(&config, "dhcp-name-match=set:nobodys,wpad", true);
	expect_line(&config, "dhcp-name-match=set:nobodys,wpad.*", true);
	expect_line(&config, "dhcp-name-match=set:nobodys,gateway", true);
	expect_line(&config, "dhcp-ignore-names=tag:nobodys", true);
}

static void without_dhcp_there_is_no_range(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);
	char *text;

	config.dhcp.off = true;
	config.mtu = 1000; /* nor advertisements */
	text = printed(&config, "/run/o");
	assert_null(strstr(text, "dhcp-range"));
	assert_null(strstr(text, "dhcp-hostsfile"));
	free(text);
}

static void a_host_network_has_no_router_and_asks_nobody(void **state)
{
	struct network_config config = config_of(NETWORK_HOST);

	expect_line(&config, "dhcp-option=option:router", true);
	expect_line(&config, "no-resolv", true);
	config = config_of(NETWORK_SHARED);
	expect_line(&config, "dhcp-option=option:router", false);
	expect_line(&config, "no-resolv", false);
}

static void small_mtus_have_no_ipv6(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);

	config.mtu = 1280;
	expect_line(&config, "enable-ra", true);
	config.mtu = 1279;
	expect_line(&config, "enable-ra", false);
}

static void what_is_switched_off_is_not_there(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);

	config.no_dns = true;
	config.dhcp.domain = "vm.test";
	expect_line(&config, "port=0", true);
	expect_line(&config, "domain=vm.test", true);
	expect_line(&config, "dhcp-option=option:dns-server", true);
	expect_line(&config, "enable-ra", true);
	config.no_dns = false;
	config.no_ra = true;
	expect_line(&config, "port=0", false);
	expect_line(&config, "dhcp-option=option:dns-server", false);
	expect_line(&config, "enable-ra", false);
}

static void name_servers_and_domain_are_told(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);
	struct in_addr servers[] = { { htonl(0x09090909) }, { htonl(0x01010101) } };

	config.dhcp.name_servers = servers;
	config.dhcp.n_name_servers = 2;
	config.dhcp.domain = "vm.test";
	expect_line(&config, "dhcp-option=option:dns-server,9.9.9.9,1.1.1.1", true);
	expect_line(&config, "domain=vm.test", true);
	expect_line(&config, "local=/vm.test/", true);
}

static void a_boot_file_is_one_value_whatever_is_in_it(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);

	config.dhcp.boot_file = "pxe.0";
	expect_line(&config, "dhcp-boot=\"pxe.0\",,192.168.64.1", true);
	config.dhcp.boot_server.s_addr = htonl(0x0a000005);
	config.dhcp.boot_file = "a,b #\"c\\d";
	expect_line(&config, "dhcp-boot=\"a,b #\\\"c\\\\d\",,10.0.0.5", true);
}

static void files_are_in_the_directory_whatever_its_name(void **state)
{
	struct network_config config = config_of(NETWORK_SHARED);
	char *text = printed(&config, "/tmp/a #b");

	assert_true(has_line(text, "dhcp-leasefile=\"/tmp/a #b/leases\""));
	assert_true(has_line(text, "dhcp-hostsfile=\"/tmp/a #b/hosts\""));
	assert_true(has_line(text, "addn-hosts=\"/tmp/a #b/names\""));
	free(text);
}

static void reservations_are_lines(void **state)
{
	const struct network_reservation reservations[] = {
		{ .mac = { 2, 0, 0, 0, 0, 1 }, .address = { htonl(0x0a000002) }, .name = "web" },
		{ .mac = { 2, 0, 0, 0, 0, 0xff }, .address = { htonl(0x0a000003) } },
	};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	dnsmasq_hosts_print(out, reservations, 2);
	fclose(out);
	assert_string_equal(text, "02:00:00:00:00:01,10.0.0.2,web\n02:00:00:00:00:ff,10.0.0.3\n");
	free(text);
}

static void names_that_are_keywords_or_times_are_known(void **state)
{
	static const char *const good[] = { "",	   "web", "ignored", "m",  "5mm",
					    "15x", "1a2", "infinit", "a5", "5-m" };
	static const char *const bad[] = { "ignore", "infinite", "0",  "90", "15m",
					   "2h",     "1d",	 "1w", "9s" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(dnsmasq_takes_name(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(dnsmasq_takes_name(bad[i]));
}

/* A line of the lease file */

static bool parse(const char *line, struct network_lease *ret)
{
	return dnsmasq_lease_parse(line, strlen(line), ret);
}

static void a_lease_is_read(void **state)
{
	static const uint8_t mac[] = { 2, 0, 0xab, 0, 0, 0xff };
	struct network_lease lease;

	assert_true(parse("1700000000 02:00:aB:00:00:ff 10.0.0.2 Web-1 01:02:00", &lease));
	assert_int_equal(lease.expires_s, 1700000000);
	assert_memory_equal(lease.mac, mac, sizeof(mac));
	assert_string_equal(inet_ntoa(lease.address), "10.0.0.2");
	assert_string_equal(lease.name, "web-1");
	assert_false(lease.reserved);
	assert_true(parse("0 02:00:ab:00:00:ff 10.0.0.2 * *", &lease));
	assert_int_equal(lease.expires_s, 0);
	assert_string_equal(lease.name, "");
}

static void what_is_no_lease_is_passed_over(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"duid 00:01:00:01:2b:2b",
		"1700000000 02:00:00:00:00:01",
		"1700000000 02:00:00:00:00:01 10.0.0.2",
		"1700000000 02:00:00:00:00 10.0.0.2 a *",
		"1700000000 02:00:00:00:00:01:02 10.0.0.2 a *",
		"1700000000 06-02:00:00:00:00:01 10.0.0.2 a *",
		"1700000000 02:00:00:00:00:0g 10.0.0.2 a *",
		"1700000000 -2:00:00:00:00:01 10.0.0.2 a *",
		"1700000000 2:0:0:0:0:1 10.0.0.2 a *",
		"1700000000 02-00-00-00-00-01 10.0.0.2 a *",
		"1700000000 02:00:00:00:00:01 10.0.0 a *",
		"1700000000 02:00:00:00:00:01 10.0.0.256 a *",
		"1700000000 02:00:00:00:00:01 fd00::1 a *",
		"-1 02:00:00:00:00:01 10.0.0.2 a *",
		"1e9 02:00:00:00:00:01 10.0.0.2 a *",
		"9999999999999999999 02:00:00:00:00:01 10.0.0.2 a *",
	};
	struct network_lease lease;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (parse(lines[i], &lease))
			fail_msg("taken for a lease: %s", lines[i]);
	}
}

static void a_line_longer_than_any_is_passed_over(void **state)
{
	char line[4096];
	struct network_lease lease;

	memset(line, 'a', sizeof(line));
	memcpy(line, "1 02:00:00:00:00:01 10.0.0.2 ", 29);
	assert_false(dnsmasq_lease_parse(line, sizeof(line), &lease));
	assert_false(dnsmasq_lease_parse(line, 256, &lease));
	assert_true(dnsmasq_lease_parse(line, 29 + NETWORK_NAME_MAX, &lease));
	assert_int_equal(strlen(lease.name), NETWORK_NAME_MAX);
	assert_true(dnsmasq_lease_parse(line, 29 + NETWORK_NAME_MAX + 1, &lease));
	assert_string_equal(lease.name, ""); /* a guest whose name is none */
}

static void names_of_guests_are_labels_or_none(void **state)
{
	static const char *const names[] = { "a.b", "a\x1b[2J", "a\"b", "a/b", "\xc3\xa4", "a,b" };
	struct network_lease lease;
	char line[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(line, sizeof(line), "1 02:00:00:00:00:01 10.0.0.2 %s *", names[i]);
		assert_true(parse(line, &lease));
		assert_string_equal(lease.name, "");
	}
}

/* The file, followed */

struct followed {
	char dir[32], path[64];
	struct network network;
	uv_loop_t loop;
	struct dnsmasq_leases *leases;
	unsigned int got, gone, until;
};

static void on_lease(void *opaque, const struct network_lease *lease, bool gone)
{
	struct followed *f = opaque;

	f->got += !gone;
	f->gone += gone;
	if (f->got + f->gone == f->until)
		uv_stop(&f->loop);
}

static const struct network_events events = { .lease = on_lease };

static void write_file(const struct followed *f, const char *text)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void run_until(struct followed *f, unsigned int n)
{
	f->until = n;
	if (f->got + f->gone < n)
		uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(f->got + f->gone, n);
}

static int setup(void **state)
{
	struct followed *f = calloc(1, sizeof(*f));

	f->network.events = &events;
	f->network.opaque = f;
	strcpy(f->dir, "/tmp/test_dnsmasq.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/leases", f->dir);
	write_file(f, "");
	uv_loop_init(&f->loop);
	assert_int_equal(dnsmasq_leases_new(&f->loop, &f->network, f->path, NULL, "x", &f->leases),
			 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct followed *f = *state;

	dnsmasq_leases_free(f->leases);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void changes_of_the_file_are_told(void **state)
{
	struct followed *f = *state;

	write_file(f, "1 02:00:00:00:00:02 10.0.0.3 b *\n1 02:00:00:00:00:01 10.0.0.2 a *\n");
	run_until(f, 2);
	assert_int_equal(f->got, 2);
	write_file(f, "1 02:00:00:00:00:02 10.0.0.3 b *\n");
	run_until(f, 3);
	assert_int_equal(f->gone, 1);
	write_file(f, "1 02:00:00:00:00:02 10.0.0.4 b *\n"); /* gone, and there again */
	run_until(f, 5);
	assert_int_equal(f->gone, 2);
}

static void half_a_line_is_none(void **state)
{
	struct followed *f = *state;

	write_file(f, "1 02:00:00:00:00:01 10.0.0.2 a *\n1 02:00:00:00:00:02 10.0.0.3 b");
	run_until(f, 1);
}

struct found {
	size_t n, reserved;
	char names[8][NETWORK_NAME_MAX + 1];
};

static bool on_each(void *opaque, const struct network_lease *lease)
{
	struct found *found = opaque;

	if (found->n < 8)
		strcpy(found->names[found->n], lease->name);
	found->n++;
	found->reserved += lease->reserved;
	return true;
}

static void reservations_are_leases_and_give_names(void **state)
{
	struct followed *f = *state;
	const struct network_reservation reservations[] = {
		{ .mac = { 2, 0, 0, 0, 0, 3 }, .address = { htonl(0x0a000004) }, .name = "three" },
		{ .mac = { 2, 0, 0, 0, 0, 1 }, .address = { htonl(0x0a000002) }, .name = "one" },
		{ .mac = { 2, 0, 0, 0, 0, 2 }, .address = { htonl(0x0a000003) }, .name = "two" },
	};
	struct found found = { 0 };

	assert_int_equal(dnsmasq_leases_set_reservations(f->leases, reservations, 3), 0);
	write_file(f, "1 02:00:00:00:00:02 10.0.0.3 own *\n1 02:00:00:00:00:01 10.0.0.2 * *\n"
		      "1 02:00:00:00:00:01 10.0.0.9 else *\n");
	while (found.n != 4) {
		uv_run(&f->loop, UV_RUN_ONCE);
		found = (struct found) { 0 };
		dnsmasq_leases_each(f->leases, on_each, &found);
	}
	assert_int_equal(found.reserved, 3);
	/* By MAC; the first guest has two. */
	assert_true(strcmp(found.names[0], "one") == 0 || strcmp(found.names[1], "one") == 0);
	assert_true(strcmp(found.names[0], "else") == 0 || strcmp(found.names[1], "else") == 0);
	assert_string_equal(found.names[2], "own");
	assert_string_equal(found.names[3], "three");
}

static bool on_first(void *opaque, const struct network_lease *lease)
{
	++*(unsigned int *)opaque;
	return false;
}

static void a_file_without_end_is_not_taken(void **state)
{
	struct followed *f = *state;
	FILE *file;
	unsigned int seen = 0;

	write_file(f, "1 02:00:00:00:00:01 10.0.0.2 a *\n");
	run_until(f, 1);
	file = fopen(f->path, "a");
	for (unsigned int i = 0; i < 9 << 10; i++)
		fprintf(file, "%1023s\n", "");
	fclose(file);
	for (unsigned int i = 0; i < 2; i++) /* its events, its timer */
		uv_run(&f->loop, UV_RUN_ONCE);
	dnsmasq_leases_each(f->leases, on_first, &seen);
	assert_int_equal(seen, 1); /* what was known stays */
	assert_int_equal(f->gone, 0);
}

static void changes_all_the_time_are_told_meanwhile(void **state)
{
	struct followed *f = *state;

	write_file(f, "1 02:00:00:00:00:01 10.0.0.2 a *\n");
	while (f->got == 0) {
		FILE *file = fopen(f->path, "a");

		fputs("duid\n", file);
		fclose(file);
		uv_run(&f->loop, UV_RUN_ONCE);
	}
	assert_int_equal(f->got, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leases_follow_the_gateway_up_to_the_last_address),
		cmocka_unit_test(names_that_no_guest_may_have_are_ignored),
		cmocka_unit_test(without_dhcp_there_is_no_range),
		cmocka_unit_test(a_host_network_has_no_router_and_asks_nobody),
		cmocka_unit_test(small_mtus_have_no_ipv6),
		cmocka_unit_test(what_is_switched_off_is_not_there),
		cmocka_unit_test(name_servers_and_domain_are_told),
		cmocka_unit_test(a_boot_file_is_one_value_whatever_is_in_it),
		cmocka_unit_test(files_are_in_the_directory_whatever_its_name),
		cmocka_unit_test(reservations_are_lines),
		cmocka_unit_test(names_that_are_keywords_or_times_are_known),
		cmocka_unit_test(a_lease_is_read),
		cmocka_unit_test(what_is_no_lease_is_passed_over),
		cmocka_unit_test(a_line_longer_than_any_is_passed_over),
		cmocka_unit_test(names_of_guests_are_labels_or_none),
		cmocka_unit_test_setup_teardown(changes_of_the_file_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(half_a_line_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(reservations_are_leases_and_give_names, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_without_end_is_not_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(changes_all_the_time_are_told_meanwhile, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
