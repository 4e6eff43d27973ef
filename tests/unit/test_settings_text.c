/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_settings_text.c - forwards and rates as text
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/forwards.h"
#include "net/settings/rate.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct forward_config forward_of(const char *text)
{
	struct forward_config forward;
	char *error = NULL;
	int r = forward_parse(text, &forward, &error);

	if (r < 0)
		print_error("%s: %s\n", text, error);
	assert_int_equal(r, 0);
	return forward;
}

static void what_is_printed_of_a_forward_parses_to_the_same(void **state)
{
	static const char *const texts[][2] = {
		{ "tcp:127.0.0.1:8080-guest:80", NULL },
		{ "udp:0.0.0.0:53-192.168.64.5:53", NULL },
		{ "tcp:8080-guest:80", "tcp:0.0.0.0:8080-guest:80" },
		{ "tcp:8080-[fd00::5]:80", "tcp:[::]:8080-[fd00::5]:80" },
		{ "tcp:[::1]:8080-[fd00::5]:80", NULL },
		{ "tcp:65535-web-1:1", "tcp:0.0.0.0:65535-web-1:1" },
		{ "tcp:10.0.0.1:1-[02:00:00:00:00:AB]:80",
		  "tcp:10.0.0.1:1-[02:00:00:00:00:ab]:80" },
		{ "tcp:/run/a.sock-Web:80", "tcp:[/run/a.sock]-web:80" },
		{ "tcp:[/run/my-app.sock]-web-1:80", NULL },
		{ "tcp:/run/a:b.sock-[fd00::5]:80", "tcp:[/run/a:b.sock]-[fd00::5]:80" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct forward_config forward = forward_of(texts[i][0]), again;
		char out[FORWARD_TEXT_MAX];

		forward_print(&forward, out);
		assert_string_equal(out, texts[i][1] ? texts[i][1] : texts[i][0]);
		again = forward_of(out);
		assert_memory_equal(&again, &forward, sizeof(again));
	}
}

static void what_is_no_forward_is_refused(void **state)
{
	static const char *const texts[][2] = {
		{ "", "give PROTOCOL:HOST-GUEST:PORT" },
		{ "tcp", "give PROTOCOL:HOST-GUEST:PORT" },
		{ "tcp:8080", "give PROTOCOL:HOST-GUEST:PORT" },
		{ "8080-guest:80", "give PROTOCOL:HOST-GUEST:PORT" },
		{ "sctp:8080-guest:80", "\"sctp\" is no protocol" },
		{ ":8080-guest:80", "\"\" is no protocol" },
		{ "tcp:8080-guest", "the guest's port is missing" },
		{ "tcp:8080-:80", "the guest's port is missing" },
		{ "tcp:8080-[fd00::5]", "the guest's port is missing" },
		{ "tcp:8080-guest:0", "\"0\" is no port" },
		{ "tcp:8080-guest:65536", "\"65536\" is no port" },
		{ "tcp:8080-guest:http", "\"http\" is no port" },
		{ "tcp:0-guest:80", "\"0\" is no port" },
		{ "tcp:-guest:80", "\"\" is no port" },
		{ "tcp:127.0.0.1:-guest:80", "\"\" is no port" },
		{ "tcp:127.0.0.1:x-guest:80", "\"x\" is no port" },
		{ "tcp:localhost:80-guest:80", "\"localhost\" is no address of the host" },
		{ "tcp::80-guest:80", "\"\" is no address of the host" },
		{ "tcp:::1:80-guest:80", "is no address of the host" },
		{ "tcp:[::g]:80-[fd00::5]:80", "no IPv6 address of the host" },
		{ "tcp:[:80-guest:80", "no address of the host" },
		{ "tcp:80-10.0.0.256:80", "no name of a guest" },
		{ "tcp:80-[]:80", "neither an IPv6 nor a MAC address" },
		{ "tcp:80-[fd00::5:80", "neither an IPv6 nor a MAC address" },
		{ "tcp:80-[03:00:00:00:00:01]:80", "neither an IPv6 nor a MAC address" },
		{ "tcp:[::1]:80-guest:80", "the host's address is IPv6 and the guest's IPv4" },
		{ "tcp:127.0.0.1:80-[fd00::5]:80", "host's address is IPv4 and the guest's IPv6" },
		{ "udp:/run/a.sock-guest:80", "TCP only" },
		{ "tcp:/run/my-app.sock-guest:80", "put the path in brackets" },
		{ "tcp:/run/a.sock-web-1:80", "put the path in brackets" },
		{ "tcp:[/run/a.sock-web:80", "give PROTOCOL:HOST-GUEST:PORT" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct forward_config forward;
		char *error = NULL;

		assert_int_equal(forward_parse(texts[i][0], &forward, &error), -EINVAL);
		assert_non_null(error);
		if (!strstr(error, texts[i][1]))
			fail_msg("%s: \"%s\" does not say %s", texts[i][0], error, texts[i][1]);
		free(error);
	}
}

static void the_path_of_a_forward_fits_into_an_address(void **state)
{
	char text[160] = "tcp:/";
	struct forward_config forward;
	char *error = NULL;

	memset(text + 5, 'x', 106);
	strcpy(text + 5 + 106, "-guest:80");
	forward = forward_of(text);
	forward_print(&forward, text);
	forward_of(text);
	memset(text, 0, sizeof(text));
	strcpy(text, "tcp:/");
	memset(text + 5, 'x', 107);
	strcpy(text + 5 + 107, "-guest:80");
	assert_int_equal(forward_parse(text, &forward, &error), -EINVAL);
	assert_non_null(strstr(error, "108 bytes"));
	free(error);
}

static void rates_have_the_suffixes_of_tc(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rates[] = {
		{ "0", 0 },
		{ "8000", 1000 },
		{ "8kbit", 1000 },
		{ "100mbit", 12500000 },
		{ "1gbit", 125000000 },
		{ "10Gbit", 1250000000 },
		{ "10tbit", 1250000000000 },
		{ "8kibit", 1024 },
		{ "1mibit", 131072 },
		{ "1mbps", 1000000 },
		{ "1mibps", 1048576 },
		{ "2.5gbit", 312500000 },
		{ "10000bit", 1250 },
		{ "0.008mbit", 1000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		uint64_t bytes;
		char *error = NULL;

		assert_int_equal(rate_parse(rates[i].text, &bytes, &error), 0);
		assert_int_equal(bytes, rates[i].bytes);
	}
}

static void what_is_no_rate_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"-1",
		"+1",
		" 1",
		"1 mbit",
		"1m",
		"1mb",
		"mbit",
		"1.mbit",
		".5mbit",
		"1..5",
		"1.2345gbit",
		"1xbit",
		"1mbitx",
		"0x10",
		"7999",
		"1bit",
		"0.1kbit",
		"10.001tbit",
		"99999999999999999999",
		"99999999tbit",
		"9000tibit",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		uint64_t bytes;
		char *error = NULL;

		if (rate_parse(texts[i], &bytes, &error) != -EINVAL)
			fail_msg("%s", texts[i]);
		free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_of_a_forward_parses_to_the_same),
		cmocka_unit_test(what_is_no_forward_is_refused),
		cmocka_unit_test(the_path_of_a_forward_fits_into_an_address),
		cmocka_unit_test(rates_have_the_suffixes_of_tc),
		cmocka_unit_test(what_is_no_rate_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
