/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_settings_file.c - the configuration file of `outrigger net`: its form, and where errors are
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/settings/config_file.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BASE	      "mode shared\nnic /tmp/nic.sock\n"

static int parse(struct net_settings *settings, const char *text, size_t len, char **error)
{
	int r;

	*settings = (struct net_settings) { 0 };
	r = config_file_parse(settings, "net.conf", text, len, error);
	return r < 0 ? r : net_settings_complete(settings, error);
}

static struct net_settings good(const char *text)
{
	struct net_settings settings;
	char *error;
	int r = parse(&settings, text, strlen(text), &error);

	if (r < 0)
		print_error("%s\n", error);
	assert_int_equal(r, 0);
	return settings;
}

static void bad_bytes(const char *text, size_t len, const char *begin)
{
	struct net_settings settings;
	char *error;

	assert_int_equal(parse(&settings, text, len, &error), -EINVAL);
	assert_non_null(error);
	if (strncmp(error, begin, strlen(begin)) != 0)
		fail_msg("\"%s\" does not begin with %s", error, begin);
	free(error);
	net_settings_free(&settings);
}

static void the_form_is_forgiving_where_nothing_can_be_meant_but_one_thing(void **state)
{
	static const char *const texts[] = {
		BASE "mtu 9000",
		BASE "mtu 9000\n",
		BASE "mtu 9000\r\n",
		BASE " \t mtu \t 9000 \t ",
		BASE "mtu 9000 # jumbo",
		BASE "mtu \"9000\"",
		BASE "mtu \"9000\" #",
		"\xef\xbb\xbf" BASE "mtu 9000",
		"# caf\xc3\xa9 \xf0\x9f\x9a\xa3\n\n\n#\n" BASE "mtu 9000",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct net_settings settings = good(texts[i]);

		assert_int_equal(settings.network.mtu, 9000);
		net_settings_free(&settings);
	}
}

static void switches_stand_alone_or_with_on_or_off(void **state)
{
	struct net_settings settings = good(BASE "isolated # yes\nhost-loopback off\n");

	assert_true(settings.network.isolated);
	assert_false(settings.network.host_loopback);
	net_settings_free(&settings);
}

static void quotes_hold_blanks_hashes_quotes_and_backslashes(void **state)
{
	struct net_settings settings = good("mode shared\nnic \"/tmp/a b #c \\\"d\\\" \\\\.sock\"\n"
					    "nic /tmp/e#f\\\"g\n");

	assert_string_equal(settings.sockets[0].path, "/tmp/a b #c \"d\" \\.sock");
	assert_string_equal(settings.sockets[1].path, "/tmp/e#f\\\"g");
	net_settings_free(&settings);
}

static void what_is_wrong_is_told_with_line_and_column(void **state)
{
	static const char *const texts[][2] = {
		/* the value's column */
		{ "mode nat\n", "net.conf:1:6: --mode nat: unknown mode" },
		{ "mode shared\n\n  mtu   x\n", "net.conf:3:9: --mtu x: not a number" },
		{ "mode shared\nmtu \"1 2\"\n", "net.conf:2:5: --mtu 1 2: not a number" },
		{ "mode shared\nmtu \"\"\n", "net.conf:2:5: --mtu: not a number" },
		/* the name's */
		{ "mode shared\n mut 1500", "net.conf:2:2: --mut: unknown option; did you mean" },
		{ "mode shared\nconfig x", "net.conf:2:1: --config: unknown option" },
		{ "mode shared\n mtu", "net.conf:2:2: --mtu: its value is missing" },
		{ "mode shared\n mtu # 9", "net.conf:2:2: --mtu: its value is missing" },
		{ "mtu 1500\nmode host\nmtu 1500\n",
		  "net.conf:3:1: --mtu: given in line 1 already; give it once" },
		{ "isolated\nisolated\n", "net.conf:2:1: --isolated: given in line 1 already" },
		{ "--mtu 1500\n", "net.conf:1:1: --mtu: no hyphens stand before" },
		{ "mtu=1500\n", "net.conf:1:1: mtu=1500: a blank stands between" },
		/* the form */
		{ "mtu 1500 1600\n", "net.conf:1:10: more than one value" },
		{ "nic \"/tmp/a\n", "net.conf:1:5: the quote that begins here has no end" },
		{ "nic \"/tmp/a\\", "net.conf:1:5: the quote that begins here has no end" },
		{ "nic \"/tmp/a\\n\"\n", "net.conf:1:12: a backslash in quotes" },
		{ "nic \"/tmp/a\"b\n", "net.conf:1:13: a blank is missing behind the quote" },
		{ "# \x7f\n", "net.conf:1:3: a control character (0x7f)" },
		{ "mtu 15\r00\n", "net.conf:1:7: a control character (0x0d)" },
		/* columns are characters */
		{ "nic \"/tmp/\xc3\xa9\xc3\xa9\" x\n", "net.conf:1:15: more than one value" },
		/* once all is known */
		{ BASE "\n end-address 10.0.0.9\n", "net.conf: --start-address --subnet-mask not" },
		{ "nic /tmp/a\n", "net.conf: the mode is missing" },
		{ "mode bridged\nnic /tmp/a\n", "net.conf: --ifname: missing" },
		{ BASE " ifname br0\n", "net.conf:3:2: --ifname br0: a shared network" },
		{ BASE "stream /run/nic.sock,mtu=900\nnic /tmp/b\n",
		  "net.conf:3:1: --stream /run/nic.sock: its name is nic" },
		{ BASE "reserve 02:00:00:00:00:0A=10.0.0.9\n"
		       "reserve 02:00:00:00:00:02=192.168.64.9\n",
		  "net.conf:3:1: --reserve 02:00:00:00:00:0a=10.0.0.9: 10.0.0.9 is no "
		  "address for a guest" },
		{ "mode host\nnic /tmp/a\nforward tcp:1-x:1\n dhcp on\n",
		  "net.conf:3:1: --forward tcp:0.0.0.0:1-x:1: a host network" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		bad_bytes(texts[i][0], strlen(texts[i][0]), texts[i][1]);
}

static void what_is_no_text_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} not_utf8[] = {
		{ "# \x80", 3 },
		{ "# \xc3", 3 },
		{ "# \xc0\x80", 4 },
		{ "# \xc1\xbf", 4 },
		{ "# \xe0\x80\x80", 5 },
		{ "# \xed\xa0\x80", 5 },
		{ "# \xe2\x82", 4 },
		{ "# \xf0\x80\x80\x80", 6 },
		{ "# \xf4\x90\x80\x80", 6 },
		{ "# \xf5\x80\x80\x80", 6 },
		{ "# \xff", 3 },
		{ "# \xf0\x9f\x9a\n", 6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(not_utf8); i++)
		bad_bytes(not_utf8[i].bytes, not_utf8[i].len, "net.conf:1:3: byte 0x");
	bad_bytes("mode shared\nmtu 1\0 500\n", 22, "net.conf:2:6: a control character (0x00)");
	bad_bytes("\0", 1, "net.conf:1:1: a control character (0x00)");
}

static void a_line_has_an_end(void **state)
{
	char text[CONFIG_LINE_MAX + 2];

	memset(text, '#', sizeof(text));
	bad_bytes(text, CONFIG_LINE_MAX, "the mode is missing");
	bad_bytes(text, CONFIG_LINE_MAX + 1, "net.conf:1:4097: the line is longer than 4096 bytes");
}

static void options_of_the_command_line_replace_or_add(void **state)
{
	static const struct settings_origin command_line = { 0 };
	static const char text[] = BASE "mtu 9000\ndns 9.9.9.9\nisolated\n";
	struct net_settings settings = { 0 };
	char *error;

	assert_int_equal(config_file_parse(&settings, "net.conf", text, strlen(text), &error), 0);
	assert_int_equal(net_settings_set(&settings, &command_line, "mtu", "1400", &error), 0);
	assert_int_equal(net_settings_set(&settings, &command_line, "mtu", "1300", &error), 0);
	assert_int_equal(net_settings_set(&settings, &command_line, "mode", "host", &error), 0);
	assert_int_equal(net_settings_set(&settings, &command_line, "isolated", "off", &error), 0);
	assert_int_equal(net_settings_set(&settings, &command_line, "dns", "1.1.1.1", &error), 0);
	assert_int_equal(net_settings_set(&settings, &command_line, "nic", "/tmp/b", &error), 0);
	assert_int_equal(net_settings_complete(&settings, &error), 0);
	assert_int_equal(settings.network.mode, NETWORK_HOST);
	assert_int_equal(settings.network.mtu, 1300);
	assert_false(settings.network.isolated);
	assert_int_equal(settings.network.dhcp.n_name_servers, 2);
	assert_int_equal(settings.n_sockets, 2);
	net_settings_free(&settings);
}

static void a_mac_is_not_for_the_last_nic_of_the_file(void **state)
{
	static const struct settings_origin command_line = { 0 };
	struct net_settings settings = { 0 };
	char *error;

	assert_int_equal(config_file_parse(&settings, "net.conf", BASE, strlen(BASE), &error), 0);
	assert_int_equal(
		net_settings_set(&settings, &command_line, "mac", "02:00:00:00:00:01", &error),
		-EINVAL);
	assert_non_null(strstr(error, "no --nic before it"));
	free(error);
	net_settings_free(&settings);
}

static void read_file(const char *path, const char *begin)
{
	struct net_settings settings = { 0 };
	char *error;

	assert_int_equal(config_file_read(&settings, path, &error), -EINVAL);
	if (strncmp(error, begin, strlen(begin)) != 0)
		fail_msg("\"%s\" does not begin with %s", error, begin);
	free(error);
	net_settings_free(&settings);
}

static void a_file_that_cannot_be_read_is_refused(void **state)
{
	char path[] = "/tmp/test_settings_file.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	read_file("/nowhere/net.conf", "--config /nowhere/net.conf: cannot be read: No such file");
	read_file("/", "--config /: is a directory; give a file");
	read_file("", "--config : cannot be read");
	assert_int_equal(ftruncate(fd, CONFIG_FILE_MAX + 1), 0);
	read_file(path, "--config /tmp/test_settings_file.");
	assert_int_equal(ftruncate(fd, 1), 0);
	unlink(path);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_form_is_forgiving_where_nothing_can_be_meant_but_one_thing),
		cmocka_unit_test(switches_stand_alone_or_with_on_or_off),
		cmocka_unit_test(quotes_hold_blanks_hashes_quotes_and_backslashes),
		cmocka_unit_test(what_is_wrong_is_told_with_line_and_column),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(a_line_has_an_end),
		cmocka_unit_test(options_of_the_command_line_replace_or_add),
		cmocka_unit_test(a_mac_is_not_for_the_last_nic_of_the_file),
		cmocka_unit_test(a_file_that_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
