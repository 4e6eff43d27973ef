/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_launch_words.c - the command line that a request becomes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "vmnet/networks/launch_words.h"

#define BEGINS \
	"outrigger net shared --network=user --background --exit-when-idle=0 --control path=/run/c"

/* The words with blanks between; freed by the caller. */
static char *line_of(const char *kind, const char *control, const struct backend_request *request,
		     const struct backend_range *range)
{
	struct words words;
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	assert_int_equal(launch_words("outrigger", kind, control, request, range, &words), 0);
	for (size_t i = 0; i < words.n; i++)
		fprintf(out, "%s%s", i ? " " : "", words.argv[i]);
	assert_null(words.argv[words.n]);
	fclose(out);
	words_free(&words);
	return line;
}

static void expect(const struct backend_request *request, const struct backend_range *range,
		   const char *expected)
{
	char *line = line_of("user", "/run/c", request, range);

	assert_string_equal(line, expected);
	free(line);
}

static const struct backend_range no_range;

static void a_shared_network_has_its_addresses_and_prefix(void **state)
{
	struct backend_range range = { .start = { htonl(0x0a010001) },
				       .end = { htonl(0x0a0100fe) },
				       .mask = { htonl(0xffffff00) } };
	struct backend_request request = { .mode = VMNET_SHARED_MODE,
					   .prefix_given = true,
					   .nat66_prefix = { .s6_addr = { 0xfd, 1 } },
					   .mtu = 9000 };

	expect(&request, &range,
	       BEGINS " --mtu=9000 --start-address 10.1.0.1 --end-address 10.1.0.254 "
		      "--subnet-mask 255.255.255.0 --nat66-prefix fd01::");
}

static void a_named_network_has_its_identifier(void **state)
{
	struct backend_request request = { .mode = VMNET_HOST_MODE,
					   .identifier_given = true,
					   .identifier = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66,
							   0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
							   0xee, 0xff },
					   .host_address6_given = true,
					   .host_address6 = { .s6_addr = { 0xfd, [15] = 1 } } };

	expect(&request, &no_range,
	       "outrigger net host --network=user --background --exit-when-idle=0 --control "
	       "path=/run/c --net-uuid 00112233-4455-6677-8899-aabbccddeeff --host-ipv6 fd00::1");
}

static void a_bridged_network_has_its_interface_and_is_the_kernels(void **state)
{
	struct backend_request request = { .mode = VMNET_BRIDGED_MODE, .ifname = "eth0" };
	char *line = line_of("kernel", "/run/c", &request, &no_range);

	assert_string_equal(line, "outrigger net bridged --network=kernel --background "
				  "--exit-when-idle=0 --control path=/run/c --ifname=eth0");
	free(line);
}

static void each_switch_is_an_option(void **state)
{
	struct backend_request request = { .mode = VMNET_SHARED_MODE,
					   .external = "eth1",
					   .no_nat44 = true,
					   .no_nat66 = true,
					   .no_dhcp = true,
					   .no_dns_proxy = true,
					   .no_router_advertisement = true };

	expect(&request, &no_range,
	       BEGINS " --uplink=eth1 --nat44=off --nat66=off --dhcp=off --dns-proxy=off "
		      "--router-advertisement=off");
}

static void reservations_and_forwards_are_options(void **state)
{
	struct backend_reservation reservation = { .mac = { 2, 0, 0, 0, 0, 0xff },
						   .address = { htonl(0x0a000005) } };
	struct backend_forward forwards[] = {
		{ .protocol = IPPROTO_TCP,
		  .family = AF_INET,
		  .external_port = 65535,
		  .internal_port = 1,
		  .internal = { .v4 = { htonl(0x0a000005) } } },
		{ .protocol = IPPROTO_UDP,
		  .family = AF_INET6,
		  .external_port = 53,
		  .internal_port = 5353,
		  .internal = { .v6 = { .s6_addr = { 0xfd, [15] = 5 } } } },
	};
	struct backend_request request = { .mode = VMNET_SHARED_MODE,
					   .reservations = &reservation,
					   .n_reservations = 1,
					   .forwards = forwards,
					   .n_forwards = 2 };

	expect(&request, &no_range,
	       BEGINS " --reserve 02:00:00:00:00:ff=10.0.0.5 --forward tcp:65535-10.0.0.5:1 "
		      "--forward udp:53-[fd00::5]:5353");
}

static void a_comma_in_the_sockets_path_is_no_end_of_it(void **state)
{
	struct backend_request request = { .mode = VMNET_SHARED_MODE };
	char *line = line_of("user", "/a,b/=,c", &request, &no_range);

	assert_non_null(strstr(line, " --control path=/a,,b/=,,c"));
	free(line);
}

static void the_longest_forward_fits(void **state)
{
	struct backend_forward forward = { .protocol = IPPROTO_UDP,
					   .family = AF_INET6,
					   .external_port = 65535,
					   .internal_port = 65535 };
	char text[LAUNCH_FORWARD_TEXT];

	memset(&forward.internal, 0xff, sizeof(forward.internal));
	launch_forward_text(&forward, text);
	assert_string_equal(text, "udp:65535-[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shared_network_has_its_addresses_and_prefix),
		cmocka_unit_test(a_named_network_has_its_identifier),
		cmocka_unit_test(a_bridged_network_has_its_interface_and_is_the_kernels),
		cmocka_unit_test(each_switch_is_an_option),
		cmocka_unit_test(reservations_and_forwards_are_options),
		cmocka_unit_test(a_comma_in_the_sockets_path_is_no_end_of_it),
		cmocka_unit_test(the_longest_forward_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
