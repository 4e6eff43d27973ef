/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_settings.c - each option of `outrigger net`: what it sets, and what it says of a bad value
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
#include <sys/socket.h>
#include <unistd.h>

#include "net/settings/table.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct settings_origin command_line = { 0 };

static int set(struct net_settings *settings, const char *name, const char *value, char **error)
{
	return net_settings_set(settings, &command_line, name, value, error);
}

static void must_set(struct net_settings *settings, const char *name, const char *value)
{
	char *error;
	int r = set(settings, name, value, &error);

	if (r < 0)
		print_error("%s\n", error);
	assert_int_equal(r, 0);
}

/* One NIC, so that nothing is missing. */
static struct net_settings begun(const char *mode)
{
	struct net_settings settings = { 0 };

	must_set(&settings, "mode", mode);
	must_set(&settings, "nic", "/tmp/nic.sock");
	return settings;
}

static void must_complete(struct net_settings *settings)
{
	char *error;
	int r = net_settings_complete(settings, &error);

	if (r < 0)
		print_error("%s\n", error);
	assert_int_equal(r, 0);
}

/* @expected: the sentence's beginning and something that it holds */
static void assert_says(char *error, const char *begin, const char *holds)
{
	assert_non_null(error);
	if (strncmp(error, begin, strlen(begin)) != 0 || !strstr(error, holds))
		fail_msg("\"%s\" does not begin with %s or does not hold %s", error, begin, holds);
	free(error);
}

/* Sentences that each value of a kind shares. */
#define NO_IPV4 "no IPv4 address; give four numbers"
#define SERVER	"no IPv4 address of a server"
#define ON_OFF	"neither on nor off"
#define UUID	"give one as uuidgen prints it"
#define NO_PATH "the path is empty"

static const struct {
	const char *name, *value, *says;
} bad_values[] = {
	{ "mode", "nat", "give shared, host or bridged" },
	{ "mode", "", "give shared, host or bridged" },
	{ "network", "vnet", "give user, kernel or vmnet" },
	{ "start-address", "", NO_IPV4 },
	{ "start-address", "10.0.1", NO_IPV4 },
	{ "start-address", "10.0.0.256", NO_IPV4 },
	{ "start-address", "10.0.0.1/24", NO_IPV4 },
	{ "end-address", "fd00::1", NO_IPV4 },
	{ "subnet-mask", "24", NO_IPV4 },
	{ "nat66-prefix", "fd00", "no IPv6 prefix" },
	{ "nat66-prefix", "fd00::/48", "leave out \"/48\"" },
	{ "isolated", "yes", ON_OFF },
	{ "source-guard", "", ON_OFF },
	{ "mtu", "67", "not a number of bytes from 68 to 65521" },
	{ "mtu", "65522", "68 to 65521" },
	{ "mtu", "18446744073709551700", "68 to 65521" },
	{ "mtu", "0x5dc", "68 to 65521" },
	{ "net-uuid", "", UUID },
	{ "net-uuid", "2f6a7b1c0d3e4f589a6b7c8d9e0f1a2b", UUID },
	{ "net-uuid", "2f6a7b1c-0d3e-4f58-9a6b-7c8d9e0f1a2", UUID },
	{ "net-uuid", "2f6a7b1c-0d3e-4f58-9a6b-7c8d9e0f1a2b0", UUID },
	{ "net-uuid", "2f6a7b1c-0d3e-4f58-9a6b-7c8d9e0f1a2g", UUID },
	{ "net-uuid", "2f6a7b1c-0d3e-4f58-9a6b+7c8d9e0f1a2b", UUID },
	{ "ifname", "", "1 to 15 characters" },
	{ "ifname", "a234567890123456", "1 to 15 characters" },
	{ "ifname", "a/b", "no slash" },
	{ "ifname", "..", "no name of an interface" },
	{ "state-dir", "", NO_PATH },
	{ "dhcp", "maybe", ON_OFF },
	{ "lease-time", "59", "seconds: not a number from 60 to 31536000" },
	{ "lease-time", "31536001", "60 to 31536000" },
	{ "lease-time", "1h", "60 to 31536000" },
	{ "dns", "dns.example", SERVER },
	{ "dns", "0.0.0.0", SERVER },
	{ "domain", "", "labels and dots" },
	{ "domain", "a..b", "labels and dots" },
	{ "domain", ".a", "labels and dots" },
	{ "domain", "a_b", "labels and dots" },
	{ "boot-file", "", "empty; DHCP carries 1 to 127 bytes" },
	{ "boot-server", "pxe", SERVER },
	{ "reserve", "02:00:00:00:00:01", "give MAC=ADDR" },
	{ "reserve", "01:00:00:00:00:01=10.0.0.5", "must be even" },
	{ "host-loopback", "1", ON_OFF },
	{ "allow", "localhost", "give ADDR[/LEN][:PORT]" },
	{ "forward", "8080", "give PROTOCOL:HOST-GUEST:PORT" },
	{ "nic", "", NO_PATH },
	{ "nic", "name=a", "neither path= nor fd=" },
	{ "nic", "/tmp/a,fd=3", "both path= and fd=" },
	{ "nic", "/tmp/a/", "ends with \"/\"" },
	{ "nic", "/tmp/a,b", "a comma in a path is written twice" },
	{ "nic", "/tmp/a,", "is no KEY=VALUE" },
	{ "nic", "/tmp/a,path=/tmp/b", "path= is given twice" },
	{ "nic", "/tmp/a,name=b,name=b", "name= is given twice" },
	{ "nic", "/tmp/a,speed=9", "speed=: unknown; a port has path, fd, name" },
	{ "nic", "/tmp/a,name=", "name=: no name of a port" },
	{ "nic", "/tmp/a,name=b/2", "name=b/2: no name of a port" },
	{ "nic", "/tmp/a,mac=03:00:00:00:00:01", "must be even" },
	{ "nic", "/tmp/a,mac=1", "mac=1: no MAC address" },
	{ "nic", "/tmp/a,mtu=9", "mtu=9: not a number of bytes" },
	{ "nic", "/tmp/a,isolated=1", "isolated=1: neither on nor off" },
	{ "nic", "/tmp/a,source-guard=1", "source-guard=1: neither on nor off" },
	{ "nic", "/tmp/a,mode=0999", "mode=0999: no mode of a file" },
	{ "nic", "/tmp/a,mode=07777", "three octal digits" },
	{ "nic", "/tmp/a,mode=", "three octal digits" },
	{ "nic", "/tmp/a,group=no-such-group-here", "no such group" },
	{ "nic", "/tmp/a,group=4294967295", "not a number from 0" },
	{ "nic", "fd=2", "fd=2: not a number from 3" },
	{ "nic", "fd=x", "fd=x: neither the number of an fd" },
	{ "fd", "x", "LISTEN_FDNAMES" },
	{ "nic", "fd=3,mode=0660", "leave them out with fd=" },
	{ "nic", "fd=3,group=0", "leave them out with fd=" },
	{ "stream", "", NO_PATH },
	{ "stream", "/tmp/a,rate=fast", "rate=fast: no rate" },
	{ "dgram", "/tmp/a,rate=1", "rate=1: out of range" },
	{ "dgram", "/tmp/a,rate-to-guest=-1", "rate-to-guest=-1: no rate" },
	{ "dgram", "/tmp/a,rate-from-guest=11tbit", "out of range" },
	{ "fd", "2", "not a number from 3" },
	{ "fd", "1000000", "fd 1000000" },
	{ "mac", "02:00:00:00:00:01", "no --nic before it" },
	{ "control", "", NO_PATH },
	{ "control", "mode=0660", "no path=" },
	{ "control", "/tmp/c,mac=02:00:00:00:00:01",
	  "the control socket has path, mode and group" },
	{ "control", "/tmp/c,mode=9", "mode=9: no mode of a file" },
	{ "host-ipv6", "10.0.0.1", "no IPv6 address" },
	{ "nat44", "no", "neither on nor off" },
	{ "nat66", "", "neither on nor off" },
	{ "uplink", "a/b", "no name of an interface" },
	{ "offloads", "yes", "neither on nor off" },
	{ "dns-proxy", "0", "neither on nor off" },
	{ "router-advertisement", "x", "neither on nor off" },
	{ "exit-when-idle", "86401", "seconds: " },
	{ "log-level", "loud", "give error, warning, info or debug" },
};

static void a_bad_value_is_refused_with_the_option_it_and_what_would_be_right(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_values); i++) {
		struct net_settings settings = { 0 };
		char begin[256], *error;

		snprintf(begin, sizeof(begin), "--%s%s%s: ", bad_values[i].name,
			 *bad_values[i].value ? " " : "", bad_values[i].value);
		assert_int_equal(set(&settings, bad_values[i].name, bad_values[i].value, &error),
				 -EINVAL);
		assert_says(error, begin, bad_values[i].says);
		net_settings_free(&settings);
	}
}

static void each_option_has_a_bad_value_above(void **state)
{
	for (const struct setting_topic *topic = setting_topics(); topic->title; topic++) {
		for (const struct setting *s = topic->settings; s->name; s++) {
			bool found = false;

			for (size_t i = 0; i < ARRAY_SIZE(bad_values); i++)
				found |= strcmp(bad_values[i].name, s->name) == 0;
			if (!found)
				fail_msg("%s", s->name);
		}
	}
}

static void a_value_is_needed_but_for_a_switch(void **state)
{
	for (const struct setting_topic *topic = setting_topics(); topic->title; topic++) {
		for (const struct setting *s = topic->settings; s->name; s++) {
			struct net_settings settings = { 0 };
			char *error = NULL;
			int r = set(&settings, s->name, NULL, &error);

			assert_int_equal(net_settings_takes_value(s->name),
					 s->kind != SETTING_SWITCH);
			assert_int_equal(r, s->kind == SETTING_SWITCH ? 0 : -EINVAL);
			if (r < 0)
				assert_says(error, "--", "its value is missing");
			net_settings_free(&settings);
		}
	}
}

static void options_of_the_network_set_it(void **state)
{
	static const uint8_t uuid[16] = { 0x2f, 0x6a, 0x7b, 0x1c, 0x0d, 0x3e, 0x4f, 0x58,
					  0x9a, 0x6b, 0x7c, 0x8d, 0x9e, 0x0f, 0x1a, 0x2b };
	struct net_settings settings = begun("host");

	must_set(&settings, "network", "kernel");
	must_set(&settings, "start-address", "10.1.0.1");
	must_set(&settings, "end-address", "10.1.0.99");
	must_set(&settings, "subnet-mask", "255.255.255.0");
	must_set(&settings, "source-guard", NULL);
	must_set(&settings, "mtu", "9000");
	must_set(&settings, "net-uuid", "2F6a7b1c-0d3e-4f58-9a6b-7c8d9e0f1a2b");
	must_set(&settings, "state-dir", "/var/lib/x");
	must_set(&settings, "host-loopback", "on");
	must_set(&settings, "log-level", "debug");
	must_complete(&settings);
	assert_int_equal(settings.network.kind, NETWORK_KERNEL);
	assert_true(settings.network.addresses_given);
	assert_string_equal(inet_ntoa(settings.network.end_address), "10.1.0.99");
	assert_true(settings.network.source_guard);
	assert_false(settings.network.isolated);
	assert_int_equal(settings.network.mtu, 9000);
	assert_memory_equal(settings.network.uuid, uuid, sizeof(uuid));
	assert_true(settings.network.dhcp.off); /* with an identifier */
	assert_string_equal(settings.network.state_dir, "/var/lib/x");
	assert_true(settings.network.host_loopback);
	assert_int_equal(settings.log_level, LOG_LEVEL_DEBUG);
	net_settings_free(&settings);
}

static void defaults_are_filled_in(void **state)
{
	struct net_settings settings = begun("shared");

	must_complete(&settings);
	assert_int_equal(settings.network.kind, NETWORK_USER);
	assert_false(settings.network.addresses_given);
	assert_string_equal(inet_ntoa(settings.network.start_address), "192.168.64.1");
	assert_int_equal(settings.network.nat66_prefix.s6_addr[0], 0xfd);
	assert_int_equal(settings.network.mtu, 1500);
	assert_int_equal(settings.network.dhcp.lease_s, 86400);
	assert_false(settings.network.source_guard);
	assert_int_equal(settings.log_level, LOG_LEVEL_INFO);
	assert_null(settings.control_path);
	net_settings_free(&settings);
	settings = begun("bridged");
	must_set(&settings, "ifname", "br0");
	must_complete(&settings);
	assert_int_equal(settings.network.kind, NETWORK_KERNEL);
	assert_string_equal(settings.network.ifname, "br0");
	net_settings_free(&settings);
}

static void isolation_brings_the_source_guard(void **state)
{
	struct net_settings settings = begun("shared");

	must_set(&settings, "isolated", "on");
	must_complete(&settings);
	assert_true(settings.network.source_guard);
	assert_true(settings.sockets[0].isolated);
	net_settings_free(&settings);
}

static void options_of_dhcp_set_it(void **state)
{
	struct net_settings settings = begun("shared");
	const struct network_dhcp *dhcp = &settings.network.dhcp;

	must_set(&settings, "dhcp", "on");
	must_set(&settings, "lease-time", "600");
	must_set(&settings, "dns", "9.9.9.9");
	must_set(&settings, "dns", "149.112.112.112");
	must_set(&settings, "domain", "guests.example");
	must_set(&settings, "boot-file", "pxelinux.0");
	must_set(&settings, "boot-server", "192.168.64.2");
	must_set(&settings, "reserve", "02:00:00:00:00:01=192.168.64.10,name=web");
	must_set(&settings, "reserve", "02:00:00:00:00:02=192.168.64.11");
	must_complete(&settings);
	assert_false(dhcp->off);
	assert_int_equal(dhcp->lease_s, 600);
	assert_int_equal(dhcp->n_name_servers, 2);
	assert_string_equal(inet_ntoa(dhcp->name_servers[1]), "149.112.112.112");
	assert_string_equal(dhcp->domain, "guests.example");
	assert_string_equal(dhcp->boot_file, "pxelinux.0");
	assert_string_equal(inet_ntoa(dhcp->boot_server), "192.168.64.2");
	assert_int_equal(settings.network.n_reservations, 2);
	assert_string_equal(settings.network.reservations[0].name, "web");
	net_settings_free(&settings);
}

static void lists_grow_and_have_an_end(void **state)
{
	struct net_settings settings = begun("shared");
	char *error;

	for (int i = 0; i < 8; i++)
		must_set(&settings, "dns", "9.9.9.9");
	assert_int_equal(set(&settings, "dns", "9.9.9.9", &error), -EINVAL);
	assert_says(error, "--dns 9.9.9.9: ", "more than 8");
	net_settings_free(&settings);
}

static void ports_have_their_own_options(void **state)
{
	static const uint8_t mac[] = { 2, 0, 0, 0, 0, 9 };
	struct net_settings settings = { 0 };
	const struct port_socket_config *port;

	must_set(&settings, "mode", "shared");
	must_set(&settings, "isolated", "on");
	must_set(&settings, "stream",
		 "path=/tmp/a,,b,name=web-1,mac=02:00:00:00:00:09,mtu=1400,rate=80mbit,"
		 "rate-to-guest=1gbit,isolated=off,source-guard=off,mode=0660,group=0");
	must_set(&settings, "dgram", "fd=7");
	must_complete(&settings);
	port = &settings.sockets[0];
	assert_int_equal(port->kind, PORT_SOCKET_STREAM);
	assert_string_equal(port->path, "/tmp/a,b");
	assert_string_equal(port->name, "web-1");
	assert_true(port->mac_given);
	assert_memory_equal(port->mac, mac, FRAME_MAC);
	assert_int_equal(port->mtu, 1400);
	assert_int_equal(port->limits.from_guest, 10000000);
	assert_int_equal(port->limits.to_guest, 125000000);
	assert_false(port->isolated);
	assert_true(port->no_guard);
	assert_int_equal(port->mode, 0660);
	assert_int_equal(port->group, 0);
	port = &settings.sockets[1];
	assert_int_equal(port->kind, PORT_SOCKET_DGRAM);
	assert_null(port->path);
	assert_int_equal(port->fd, 7);
	assert_string_equal(port->name, "fd7");
	assert_false(port->mac_given);
	assert_true(port->isolated); /* as the network, which was before it */
	assert_int_equal(port->mode, PORT_SOCKET_MODE);
	assert_int_equal(port->group, (gid_t)-1);
	net_settings_free(&settings);
}

static void an_inherited_socket_is_of_the_kind_of_its_type(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	static const enum port_socket_kind kinds[] = { PORT_SOCKET_STREAM, PORT_SOCKET_DGRAM };

	for (size_t i = 0; i < 2; i++) {
		struct net_settings settings = { 0 };
		int fds[2];
		char number[16];

		assert_int_equal(socketpair(AF_UNIX, types[i], 0, fds), 0);
		snprintf(number, sizeof(number), "%d", fds[0]);
		must_set(&settings, "fd", number);
		assert_int_equal(settings.sockets[0].kind, kinds[i]);
		assert_int_equal(settings.sockets[0].fd, fds[0]);
		net_settings_free(&settings);
		close(fds[0]);
		close(fds[1]);
	}
}

static void name_is(const char *path, const char *name)
{
	struct net_settings settings = { 0 };

	must_set(&settings, "mode", "shared");
	must_set(&settings, "nic", path);
	must_complete(&settings);
	assert_string_equal(settings.sockets[0].name, name);
	net_settings_free(&settings);
}

static void a_port_is_called_by_the_last_part_of_its_path(void **state)
{
	char path[108] = "/tmp/", name[64];

	name_is("/run/vm/web.sock", "web");
	name_is("web", "web");
	name_is("./web.a.sock", "web.a");
	name_is("/tmp/.sock", ".sock");
	name_is("/tmp/my nic=1", "my_nic_1");
	name_is("/tmp/caf\xc3\xa9.sock", "caf__");
	memset(path + 5, 'x', 100);
	memset(name, 'x', 63);
	name[63] = '\0';
	name_is(path, name);
}

/* Two options after mode and --nic /tmp/nic.sock, and what is said of them together. */
static void together(const char *mode, const char *const options[4], const char *begin,
		     const char *holds)
{
	struct net_settings settings = begun(mode);
	char *error;

	for (size_t i = 0; i < 4 && options[i]; i += 2)
		must_set(&settings, options[i], options[i + 1]);
	if (!begin) {
		must_complete(&settings);
	} else {
		assert_int_equal(net_settings_complete(&settings, &error), -EINVAL);
		assert_says(error, begin, holds);
	}
	net_settings_free(&settings);
}

static void what_does_not_go_together_is_refused(void **state)
{
	static const struct {
		const char *mode, *options[4], *begin, *holds;
	} cases[] = {
		{ "shared", { "nic", "/tmp/b.sock" }, NULL, NULL },
		{ "shared",
		  { "stream", "/run/nic.sock" },
		  "--stream /run/nic.sock: its name is nic, like that of --nic /tmp/nic.sock",
		  "another by name=" },
		{ "shared", { "stream", "/run/nic.sock,name=b" }, NULL, NULL },
		{ "shared",
		  { "stream", "//tmp/./nic.sock,name=b" },
		  "--stream //tmp/./nic.sock: the same socket as --nic /tmp/nic.sock",
		  "its own path" },
		{ "shared",
		  { "control", "/tmp/nic.sock" },
		  "--control /tmp/nic.sock: the same socket as --nic /tmp/nic.sock",
		  "its own path" },
		{ "shared",
		  { "stream", "fd=9", "dgram", "fd=9,name=b" },
		  "--dgram fd=9: --stream fd=9 has this one already",
		  "" },
		{ "shared",
		  { "stream", "/tmp/b,mac=02:00:00:00:00:01", "nic",
		    "/tmp/c,mac=02:00:00:00:00:01" },
		  "--stream /tmp/b: --nic /tmp/c has the same MAC",
		  "its own" },
		{ "shared",
		  { "stream", "/tmp/b,mtu=1501" },
		  "--stream /tmp/b: mtu=1501: more than the network's 1500",
		  "larger --mtu" },
		{ "shared", { "stream", "/tmp/b,mtu=9000", "mtu", "9000" }, NULL, NULL },
		{ "bridged", { "network", "user" }, "--network user: cannot bridge", "" },
		{ "bridged", { NULL }, "--ifname: missing", "like --ifname br0" },
		{ "shared", { "ifname", "br0" }, "--ifname br0: ", "serve a bridged network" },
		{ "host",
		  { "net-uuid", "2f6a7b1c-0d3e-4f58-9a6b-7c8d9e0f1a2b", "dhcp", "on" },
		  "--dhcp on: ",
		  "leave one of them out" },
		{ "host",
		  { "net-uuid", "2f6a7b1c-0d3e-4f58-9a6b-7c8d9e0f1a2b", "dhcp", "off" },
		  NULL,
		  NULL },
		{ "host", { "dhcp", "off", "lease-time", "600" }, "--lease-time 600: ", "no DHCP" },
		{ "shared",
		  { "start-address", "10.0.0.1", "end-address", "10.0.0.9" },
		  "--subnet-mask not given",
		  "all three or none" },
		{ "shared",
		  { "forward", "tcp:80-web:80", "forward",
		    "tcp:0.0.0.0:80-[02:00:00:00:00:01]:80" },
		  "--forward tcp:0.0.0.0:80-[02:00:00:00:00:01]:80: --forward "
		  "tcp:0.0.0.0:80-web:80 has the same host's side",
		  "its own" },
		{ "shared",
		  { "forward", "tcp:80-web:80", "forward", "udp:80-web:80" },
		  NULL,
		  NULL },
		{ "host",
		  { "forward", "tcp:80-web:80" },
		  "--forward tcp:0.0.0.0:80-web:80: a host network is closed to the outside",
		  "127.0.0.1" },
		{ "host",
		  { "forward", "tcp:127.1.2.3:80-web:80", "forward", "tcp:/tmp/s-web:80" },
		  NULL,
		  NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		together(cases[i].mode, cases[i].options, cases[i].begin, cases[i].holds);
}

static void there_is_a_port_or_a_way_to_add_one(void **state)
{
	struct net_settings settings = { 0 };
	char *error;

	must_set(&settings, "mode", "shared");
	assert_int_equal(net_settings_complete(&settings, &error), -EINVAL);
	assert_says(error, "--nic: none given", "--control");
	must_set(&settings, "control", "/tmp/c.sock,mode=0660,group=5");
	must_complete(&settings);
	assert_string_equal(settings.control_path, "/tmp/c.sock");
	assert_int_equal(settings.control_mode, 0660);
	assert_int_equal(settings.control_group, 5);
	net_settings_free(&settings);
}

static void a_name_that_is_close_is_suggested(void **state)
{
	static const char *const names[][2] = {
		{ "start-adress", "--start-address?" },
		{ "isolate", "--isolated?" },
		{ "streams", "--stream?" },
		{ "log_level", "--log-level?" },
		{ "verbose", "see outrigger net --help" },
		{ "x", "see outrigger net --help" },
		{ "", "see outrigger net --help" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct net_settings settings = { 0 };
		char *error;

		assert_int_equal(set(&settings, names[i][0], "x", &error), -EINVAL);
		assert_says(error, "--", names[i][1]);
		net_settings_free(&settings);
	}
}

static void a_sentence_is_one_line_whatever_the_value(void **state)
{
	struct net_settings settings = { 0 };
	char *error;

	assert_int_equal(set(&settings, "mtu", "1\n\033[2J", &error), -EINVAL);
	assert_says(error, "--mtu 1??[2J: ", "68 to 65521");
	assert_int_equal(set(&settings, "boot-file", "pxe.0\nlog-queries", &error), -EINVAL);
	assert_says(error, "--boot-file pxe.0?log-queries: ", "has a control character; remove it");
	net_settings_free(&settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_value_is_refused_with_the_option_it_and_what_would_be_right),
		cmocka_unit_test(each_option_has_a_bad_value_above),
		cmocka_unit_test(a_value_is_needed_but_for_a_switch),
		cmocka_unit_test(options_of_the_network_set_it),
		cmocka_unit_test(defaults_are_filled_in),
		cmocka_unit_test(isolation_brings_the_source_guard),
		cmocka_unit_test(options_of_dhcp_set_it),
		cmocka_unit_test(lists_grow_and_have_an_end),
		cmocka_unit_test(ports_have_their_own_options),
		cmocka_unit_test(an_inherited_socket_is_of_the_kind_of_its_type),
		cmocka_unit_test(a_port_is_called_by_the_last_part_of_its_path),
		cmocka_unit_test(what_does_not_go_together_is_refused),
		cmocka_unit_test(there_is_a_port_or_a_way_to_add_one),
		cmocka_unit_test(a_name_that_is_close_is_suggested),
		cmocka_unit_test(a_sentence_is_one_line_whatever_the_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
