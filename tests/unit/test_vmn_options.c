/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vmn_options.c - a network's options as vmnet's keys, forwards, network objects; what is refused
 *
 * rN: a review's remark, number N.
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

#include "net/vmnet/vmn_desc.h"
#include "vmn_end.h"

static const char *text_of(unsigned int i, const char *key)
{
	return xpc_dictionary_get_string(double_description(i), key);
}

static bool has(unsigned int i, const char *key)
{
	return xpc_dictionary_get_value(double_description(i), key);
}

static void assert_refused(struct vmn_end *end, int error, const char *sentence)
{
	assert_int_equal(end->result, error);
	assert_non_null(end->error);
	if (!strstr(end->error, sentence))
		fail_msg("\"%s\" does not say \"%s\"", end->error, sentence);
	assert_null(strchr(end->error, '\n'));	     /* r6: one line, greppable */
	assert_int_equal(double_counts().starts, 0); /* r22: before any interface is made */
}

/* Keys */

static void nothing_that_was_left_open_is_said(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	for (unsigned int i = VMN_ANCHOR; i <= VMN_PORT; i++) {
		assert_int_equal(
			xpc_dictionary_get_uint64(double_description(i), vmnet_operation_mode_key),
			VMNET_SHARED_MODE);
		assert_false(has(i, vmnet_start_address_key));
		assert_false(has(i, vmnet_nat66_prefix_key));
		assert_false(has(i, vmnet_mtu_key));
		assert_false(has(i, vmnet_enable_isolation_key));
	}
}

static void give_all(struct network_config *config)
{
	config->addresses_given = config->prefix_given = true;
	inet_pton(AF_INET, "10.1.2.1", &config->start_address);
	inet_pton(AF_INET, "10.1.2.99", &config->end_address);
	inet_pton(AF_INET, "255.255.255.0", &config->subnet_mask);
	inet_pton(AF_INET6, "fd12:3456::", &config->nat66_prefix);
	config->mtu = 9000;
	config->isolated = true;
}

static void r20_every_option_is_said_by_its_key(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_SHARED, give_all);
	assert_int_equal(end->result, 0);
	assert_string_equal(text_of(VMN_ANCHOR, vmnet_start_address_key), "10.1.2.1");
	assert_string_equal(text_of(VMN_ANCHOR, vmnet_end_address_key), "10.1.2.99");
	assert_string_equal(text_of(VMN_ANCHOR, vmnet_subnet_mask_key), "255.255.255.0");
	assert_string_equal(text_of(VMN_ANCHOR, vmnet_nat66_prefix_key), "fd12:3456::");
	assert_int_equal(xpc_dictionary_get_uint64(double_description(VMN_ANCHOR), vmnet_mtu_key),
			 9000);
	assert_true(xpc_dictionary_get_bool(double_description(VMN_ANCHOR),
					    vmnet_enable_isolation_key));
}

static void name_it(struct network_config *config)
{
	config->uuid_given = config->dhcp.off = true;
	memset(config->uuid, 7, sizeof(config->uuid));
}

static void a_named_network_has_its_identifier_and_no_range(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_HOST, name_it);
	assert_int_equal(end->result, 0);
	assert_memory_equal(xpc_dictionary_get_uuid(double_description(VMN_ANCHOR),
						    vmnet_network_identifier_key),
			    "\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7", 16);
	assert_false(has(VMN_ANCHOR, vmnet_start_address_key));
	assert_false(has(VMN_ANCHOR, vmnet_host_ip_address_key));
}

static void name_with_host(struct network_config *config)
{
	give_all(config);
	config->prefix_given = config->isolated = false;
	config->host6_given = true;
	inet_pton(AF_INET6, "fd12::1", &config->host6);
	name_it(config);
}

static void addresses_of_a_named_network_are_the_hosts(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_HOST, name_with_host);
	assert_int_equal(end->result, 0);
	assert_string_equal(text_of(VMN_ANCHOR, vmnet_host_ip_address_key), "10.1.2.1");
	assert_string_equal(text_of(VMN_ANCHOR, vmnet_host_subnet_mask_key), "255.255.255.0");
	assert_string_equal(text_of(VMN_ANCHOR, vmnet_host_ipv6_address_key), "fd12::1");
	assert_false(has(VMN_ANCHOR, vmnet_start_address_key));
}

static void isolate(struct network_config *config)
{
	config->isolated = true;
}

/* It lets nobody else in: an anchor would keep the guest out. */
static void an_isolated_host_network_has_no_anchor(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_HOST, isolate);
	assert_int_equal(end->result, 0);
	assert_int_equal(double_counts().starts, 0);
}

static void the_same_port_has_the_same_interface_id_whenever_it_is_started(void **state)
{
	static const uint8_t mac[FRAME_MAC] = { 2, 0, 0, 0, 0, 9 };
	struct network_port port = { .name = "a" }, other = { .name = "b" };
	struct network_config config, bridged;
	uint8_t first[16], again[16];

	network_config_default(NETWORK_SHARED, &config);
	network_config_default(NETWORK_SHARED, &bridged); /* with another random prefix */
	vmn_desc_interface_id(&config, &port, first);
	vmn_desc_interface_id(&bridged, &port, again);
	assert_memory_equal(first, again, 16);
	assert_int_equal(first[6] >> 4, 8);
	assert_int_equal(first[8] >> 6, 2);
	vmn_desc_interface_id(&config, &other, again);
	assert_memory_not_equal(first, again, 16);
	port.mac = mac;
	vmn_desc_interface_id(&config, &port, again);
	assert_memory_not_equal(first, again, 16);
	port.mac = NULL;
	bridged.mode = NETWORK_BRIDGED;
	bridged.ifname = "en0";
	vmn_desc_interface_id(&bridged, &port, again);
	assert_memory_not_equal(first, again, 16);
}

/* Bridged */

static void r18_a_wrong_name_is_answered_with_all_there_are_however_many(void **state)
{
	static char names[60][16];
	struct vmn_end *end = *state;

	for (unsigned int i = 0; i < 60; i++) {
		snprintf(names[i], sizeof(names[i]), "interface%u", i + 100);
		double_script.names[i] = names[i];
	}
	vmn_network_of(end, NETWORK_BRIDGED, NULL);
	for (unsigned int i = 0; i < 60; i++)
		assert_refused(end, -ENODEV, names[i]);
	assert_refused(end, -ENODEV, "--ifname en0: ");
}

static void no_name_at_all_is_said_so(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_BRIDGED, NULL);
	assert_refused(end, -ENODEV, "has no interface that can be bridged");
}

static void a_bridged_port_says_where(void **state)
{
	struct vmn_end *end = *state;

	double_script.names[0] = "en1";
	double_script.names[1] = "en0";
	vmn_network_of(end, NETWORK_BRIDGED, NULL);
	assert_int_equal(end->result, 0);
	vmn_plug(end);
	vmn_turn(end);
	assert_string_equal(text_of(0, vmnet_shared_interface_name_key), "en0");
	assert_int_equal(xpc_dictionary_get_uint64(double_description(0), vmnet_operation_mode_key),
			 VMNET_BRIDGED_MODE);
	assert_false(has(0, vmnet_mtu_key));
}

/* What vmnet has not */

static struct in_addr server = { 1 };

static void set_loopback(struct network_config *config)
{
	config->host_loopback = true;
}

static void set_dns(struct network_config *config)
{
	config->dhcp.name_servers = &server;
	config->dhcp.n_name_servers = 1;
}

static void set_domain(struct network_config *config)
{
	config->dhcp.domain = "example.org";
}

static void set_boot(struct network_config *config)
{
	config->dhcp.boot_file = "x";
}

static void set_state(struct network_config *config)
{
	config->state_dir = "/tmp";
}

static void r10_what_vmnet_has_not_is_refused_with_its_option(void **state)
{
	static const struct {
		void (*set)(struct network_config *config);
		const char *option;
	} options[] = {
		{ set_loopback, "--host-loopback: " }, { set_dns, "--dns: " },
		{ set_domain, "--domain: " },	       { set_boot, "--boot-file: " },
		{ set_state, "--state-dir: " },
	};
	struct vmn_end *end = *state;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		vmn_network_of(end, NETWORK_SHARED, options[i].set);
		assert_refused(end, -EOPNOTSUPP, options[i].option);
		free(end->error);
		end->error = NULL;
	}
}

static void set_mtu(struct network_config *config)
{
	config->mtu = 1400;
	double_script.names[0] = "en0";
}

static void the_mtu_of_a_bridged_network_is_not_ours(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_BRIDGED, set_mtu);
	assert_refused(end, -EOPNOTSUPP, "--mtu 1400: ");
}

/* Network objects */

static struct network_reservation reservation = { .mac = { 2, 0, 0, 0, 0, 9 }, .name = "web" };

static void reserve(struct network_config *config)
{
	inet_pton(AF_INET, "192.168.65.9", &reservation.address);
	config->reservations = &reservation;
	config->n_reservations = 1;
}

static void reservations_take_a_network_object(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_SHARED, reserve);
	assert_int_equal(end->result, 0);
	assert_int_equal(double_counts().reservations, 1);
	assert_int_equal(double_counts().objects_live, 1);
	assert_int_equal(network_n_leases(end->network), 1);
	vmn_end_network(end);
	assert_int_equal(double_counts().objects_live, 0);
}

static void switch_dhcp_off(struct network_config *config)
{
	config->dhcp.off = true;
}

static void a_network_without_dhcp_takes_a_network_object(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_SHARED, switch_dhcp_off);
	assert_int_equal(end->result, 0);
	assert_true(double_counts().dhcp_disabled);
}

static void a_network_object_that_is_refused_is_an_error_with_its_status(void **state)
{
	struct vmn_end *end = *state;

	double_script.object_null = true;
	vmn_network_of(end, NETWORK_SHARED, reserve);
	assert_refused(end, -EBUSY, "VMNET_SHARING_SERVICE_BUSY");
}

static bool objects_are_gone(struct vmn_end *end)
{
	return double_counts().objects_live == 0;
}

/* As seen on macOS 27. */
static void a_network_object_that_never_comes_is_waited_for_no_longer_than_its_deadline(
	void **state)
{
	struct vmn_end *end = *state;

	end->times.answer_ms = 50;
	double_script.object_held = true;
	vmn_network_of(end, NETWORK_SHARED, reserve);
	assert_refused(end, -ETIMEDOUT, "has not made a network");
	double_release_object(); /* for nobody: it is let go */
	vmn_until(end, objects_are_gone);
}

static void reserve_in_a_part(struct network_config *config)
{
	give_all(config);
	reserve(config);
}

static void a_part_of_a_subnet_and_a_network_object_do_not_go_together(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_SHARED, reserve_in_a_part);
	assert_refused(end, -EOPNOTSUPP, "--end-address 10.1.2.99: ");
}

/* Forwards */

static struct network_forward forward_of(const char *host, const char *guest)
{
	struct network_forward forward = { .protocol = IPPROTO_TCP };
	struct sockaddr_in *host4 = (void *)&forward.host, *guest4 = (void *)&forward.guest;

	host4->sin_family = guest4->sin_family = AF_INET;
	host4->sin_port = htons(8080);
	guest4->sin_port = htons(80);
	inet_pton(AF_INET, host, &host4->sin_addr);
	inet_pton(AF_INET, guest, &guest4->sin_addr);
	return forward;
}

static int add_forward(struct vmn_end *end, const char *host)
{
	const struct network_forward forward = forward_of(host, "192.168.65.2");

	free(end->error);
	end->error = NULL;
	return network_forward_add(end->network, &forward, &end->error);
}

static void forwards_are_rules_and_are_taken_back(void **state)
{
	const struct network_forward forward = forward_of("0.0.0.0", "192.168.65.2");
	struct vmn_end *end = *state;

	vmn_ready(end);
	assert_int_equal(add_forward(end, "0.0.0.0"), 0);
	assert_int_equal(double_counts().rules_added, 1);
	network_forward_remove(end->network, &forward);
	assert_int_equal(double_counts().rules_removed, 1);
}

static void a_forward_from_one_address_is_refused(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	assert_int_equal(add_forward(end, "127.0.0.1"), -EOPNOTSUPP);
	assert_non_null(strstr(end->error, "all addresses of the host"));
	assert_int_equal(double_counts().rules_added, 0);
}

static void a_forward_that_fails_says_its_status_in_words(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	double_script.rule_status = VMNET_INVALID_ACCESS;
	assert_int_equal(add_forward(end, "0.0.0.0"), -EACCES);
	assert_non_null(strstr(end->error, "VMNET_INVALID_ACCESS"));
	double_script.rule_return = VMNET_INVALID_ARGUMENT;
	assert_int_equal(add_forward(end, "0.0.0.0"), -EINVAL);
	assert_non_null(strstr(end->error, "VMNET_INVALID_ARGUMENT"));
}

static void a_forward_whose_handler_never_comes_is_an_error_in_time(void **state)
{
	struct vmn_end *end = *state;

	end->times.answer_ms = 50;
	end->times.start_ms = end->times.stop_ms = 60000;
	vmn_ready(end);
	double_script.rule_held = true;
	assert_int_equal(add_forward(end, "0.0.0.0"), -ETIMEDOUT);
	assert_non_null(strstr(end->error, "has not answered"));
	double_release_rule(); /* for nobody: the memory is still there */
}

static void a_host_network_has_no_forwards(void **state)
{
	struct vmn_end *end = *state;

	vmn_network_of(end, NETWORK_HOST, NULL);
	assert_int_equal(add_forward(end, "0.0.0.0"), -EOPNOTSUPP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vmn_setup, vmn_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_that_was_left_open_is_said),
		TEST(r20_every_option_is_said_by_its_key),
		TEST(a_named_network_has_its_identifier_and_no_range),
		TEST(addresses_of_a_named_network_are_the_hosts),
		TEST(an_isolated_host_network_has_no_anchor),
		TEST(the_same_port_has_the_same_interface_id_whenever_it_is_started),
		TEST(r18_a_wrong_name_is_answered_with_all_there_are_however_many),
		TEST(no_name_at_all_is_said_so),
		TEST(a_bridged_port_says_where),
		TEST(r10_what_vmnet_has_not_is_refused_with_its_option),
		TEST(the_mtu_of_a_bridged_network_is_not_ours),
		TEST(reservations_take_a_network_object),
		TEST(a_network_without_dhcp_takes_a_network_object),
		TEST(a_network_object_that_is_refused_is_an_error_with_its_status),
		TEST(a_network_object_that_never_comes_is_waited_for_no_longer_than_its_deadline),
		TEST(a_part_of_a_subnet_and_a_network_object_do_not_go_together),
		TEST(forwards_are_rules_and_are_taken_back),
		TEST(a_forward_from_one_address_is_refused),
		TEST(a_forward_that_fails_says_its_status_in_words),
		TEST(a_forward_whose_handler_never_comes_is_an_error_in_time),
		TEST(a_host_network_has_no_forwards),
	};

	return cmocka_run_group_tests_name("vmn_options", tests, NULL, NULL);
}
