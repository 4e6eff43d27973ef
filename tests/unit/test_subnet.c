/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_subnet.c - addresses that are kept over a restart, and what their file may hold
 *
 * The lists of this machine's addresses and routes are read, as any user may; which of the /24s is
 * free on it does not matter here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/kernel/subnet.h"

struct fixture {
	char dir[32], path[64];
	struct netlink *netlink;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_subnet.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/kernel-subnet", f->dir);
	assert_int_equal(netlink_new(&f->netlink), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	netlink_free(f->netlink);
	unlink(f->path);
	assert_int_equal(rmdir(f->dir), 0); /* nothing else is left there */
	free(f);
	return 0;
}

static struct network_config config_of(const struct fixture *f)
{
	struct network_config config;

	assert_int_equal(network_config_default(NETWORK_SHARED, &config), 0);
	config.state_dir = f->dir;
	return config;
}

static void keep_text(const struct fixture *f, const char *text)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void choose(const struct fixture *f, struct network_config *config)
{
	char *error = NULL;
	int r = subnet_choose(f->netlink, config, 0, &error);

	if (r < 0)
		fail_msg("%s", error ? error : strerror(-r));
}

static bool same_prefix(const struct network_config *config, const char *text)
{
	struct in6_addr prefix;

	assert_int_equal(inet_pton(AF_INET6, text, &prefix), 1);
	return memcmp(&config->nat66_prefix, &prefix, sizeof(prefix)) == 0;
}

static void what_is_chosen_is_free(void **state)
{
	struct fixture *f = *state;
	struct network_config config = config_of(f);
	char *error = NULL;

	choose(f, &config);
	assert_int_equal(subnet_recheck(f->netlink, &config, 0, &error), 0);
	assert_int_equal(ntohl(config.start_address.s_addr) >> 16, 192 << 8 | 168);
	assert_int_equal(config.subnet_mask.s_addr, htonl(0xffffff00));
}

static void what_is_kept_comes_back(void **state)
{
	struct fixture *f = *state;
	struct network_config first = config_of(f), second = config_of(f);

	choose(f, &first);
	assert_memory_not_equal(&first.nat66_prefix, &second.nat66_prefix, 16);
	subnet_keep(&first);
	choose(f, &second);
	assert_memory_equal(&first.nat66_prefix, &second.nat66_prefix, 16);
	assert_int_equal(first.start_address.s_addr, second.start_address.s_addr);
}

static void what_the_user_gives_wins(void **state)
{
	struct fixture *f = *state;
	struct network_config config = config_of(f);

	keep_text(f, "66 fd12:3456:789a::\n");
	config.prefix_given = true;
	assert_int_equal(inet_pton(AF_INET6, "fd77::", &config.nat66_prefix), 1);
	choose(f, &config);
	assert_true(same_prefix(&config, "fd77::"));
}

static void a_prefix_has_64_bits(void **state)
{
	struct fixture *f = *state;
	struct network_config config = config_of(f);

	keep_text(f, "66 fd12:3456:789a:1:2:3:4:5\n");
	choose(f, &config);
	assert_true(same_prefix(&config, "fd12:3456:789a:1::"));
}

static void a_file_that_holds_something_else_is_passed_over(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"66",
		"66 \n",
		"256 fd12::",
		"-1 fd12::",
		"999999 fd12::",
		"x fd12::",
		"66 2001:db8::",
		"66 fc12::",
		"66 fd12::zz",
		"66 192.168.66.1",
		"fd12:: 66",
		"66 fd12:1111:2222:3333:4444:5555:6666:7777:8888",
		"66 \033[2J",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct network_config config = config_of(f), before = config;

		keep_text(f, texts[i]);
		choose(f, &config);
		if (memcmp(&config.nat66_prefix, &before.nat66_prefix, 16) != 0)
			fail_msg("taken for a prefix: %s", texts[i]);
	}
}

static void a_file_that_is_too_long_is_passed_over(void **state)
{
	struct fixture *f = *state;
	struct network_config config = config_of(f), before = config;
	char text[1024];

	memset(text, ' ', sizeof(text));
	memcpy(text, "66 fd12::\n", 10);
	text[sizeof(text) - 1] = '\0';
	keep_text(f, text);
	choose(f, &config);
	assert_memory_equal(&config.nat66_prefix, &before.nat66_prefix, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_chosen_is_free, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_kept_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_user_gives_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(a_prefix_has_64_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_holds_something_else_is_passed_over,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_too_long_is_passed_over, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
