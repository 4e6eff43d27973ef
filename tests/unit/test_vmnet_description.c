/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vmnet_description.c - what may stand in a description of an interface
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "net/kernel/host_scan.h"
#include "vmnet/keys/keys.h"
#include "vmnet/keys/shared_interfaces.h"

static const uuid_t id = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static xpc_object_t of_mode(operating_modes_t mode)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty();

	xpc_dictionary_set_uint64(dictionary, vmnet_operation_mode_key, mode);
	return dictionary;
}

/* Read it, and let it go. */
static vmnet_return_t outcome(xpc_object_t dictionary, struct description *ret)
{
	struct description unused;
	vmnet_return_t status = description_read(dictionary, ret ? ret : &unused);

	xpc_release(dictionary);
	return status;
}

static xpc_object_t with_range(const char *start, const char *end, const char *mask)
{
	xpc_object_t dictionary = of_mode(VMNET_SHARED_MODE);

	xpc_dictionary_set_string(dictionary, vmnet_start_address_key, start);
	xpc_dictionary_set_string(dictionary, vmnet_end_address_key, end);
	xpc_dictionary_set_string(dictionary, vmnet_subnet_mask_key, mask);
	return dictionary;
}

static void the_mode_is_required_and_one_of_three(void **state)
{
	struct description description;

	assert_int_equal(outcome(xpc_dictionary_create_empty(), NULL), VMNET_INVALID_ARGUMENT);
	assert_int_equal(outcome(of_mode(999), NULL), VMNET_INVALID_ARGUMENT);
	assert_int_equal(outcome(of_mode(1003), NULL), VMNET_INVALID_ARGUMENT);
	assert_int_equal(outcome(of_mode(VMNET_HOST_MODE), &description), VMNET_SUCCESS);
	assert_int_equal(description.request.mode, VMNET_HOST_MODE);
	assert_false(description.no_mac || description.tso || description.request.exclusive);
}

/* A value of each of the other types for each key there is. */
static void a_value_of_another_type_is_refused(void **state)
{
	const struct key_row *rows;
	xpc_object_t dictionary;
	size_t n;

	rows = key_rows(&n);
	for (size_t i = 0; i < n; i++) {
		for (int type = KEY_UINT64; type <= KEY_UUID + 1; type++) {
			if (type == (int)rows[i].type)
				continue;
			dictionary = of_mode(rows[i].modes & KEY_SHARED ? VMNET_SHARED_MODE
					     : rows[i].modes & KEY_HOST ? VMNET_HOST_MODE
									: VMNET_BRIDGED_MODE);
			if (type == KEY_UINT64)
				xpc_dictionary_set_uint64(dictionary, *rows[i].key, 1500);
			else if (type == KEY_BOOL)
				xpc_dictionary_set_bool(dictionary, *rows[i].key, true);
			else if (type == KEY_STRING)
				xpc_dictionary_set_string(dictionary, *rows[i].key, "10.0.0.1");
			else if (type == KEY_UUID)
				xpc_dictionary_set_uuid(dictionary, *rows[i].key, id);
			else
				xpc_dictionary_set_int64(dictionary, *rows[i].key, 1001);
			assert_int_equal(outcome(dictionary, NULL), VMNET_INVALID_ARGUMENT);
		}
	}
}

static void add_valid(xpc_object_t dictionary, const char *key, enum key_type type)
{
	bool six = key == vmnet_nat66_prefix_key || key == vmnet_host_ipv6_address_key;

	if (type == KEY_UINT64)
		xpc_dictionary_set_uint64(dictionary, key,
					  key == vmnet_nat66_prefix_length_key ? 64 : 1500);
	else if (type == KEY_BOOL)
		xpc_dictionary_set_bool(dictionary, key, true);
	else if (type == KEY_STRING)
		xpc_dictionary_set_string(dictionary, key, six ? "fd00::" : "10.0.0.1");
	else
		xpc_dictionary_set_uuid(dictionary, key, id);
}

static void a_key_in_a_mode_where_it_means_nothing_is_refused(void **state)
{
	static const struct {
		operating_modes_t mode;
		unsigned int bit;
	} modes[] = { { VMNET_HOST_MODE, KEY_HOST },
		      { VMNET_SHARED_MODE, KEY_SHARED },
		      { VMNET_BRIDGED_MODE, KEY_BRIDGED } };
	const struct key_row *rows;
	xpc_object_t dictionary;
	unsigned int refused = 0;
	size_t n;

	rows = key_rows(&n);
	for (size_t i = 1; i < n; i++) {
		for (size_t mode = 0; mode < 3; mode++) {
			if (rows[i].modes & modes[mode].bit)
				continue;
			dictionary = of_mode(modes[mode].mode);
			add_valid(dictionary, *rows[i].key, rows[i].type);
			assert_int_equal(outcome(dictionary, NULL), VMNET_INVALID_ARGUMENT);
			refused++;
		}
	}
	/* The table of the reference: 1 bridged key, 4 of host and shared, 2 shared, 4 host */
	assert_int_equal(refused, 1 * 2 + 4 + 2 * 2 + 4 * 2);
}

static void each_key_is_good_in_each_of_its_modes(void **state)
{
	struct description description;
	xpc_object_t dictionary = with_range("10.1.2.1", "10.1.2.100", "255.255.255.0");

	xpc_dictionary_set_string(dictionary, vmnet_nat66_prefix_key, "fd12:3456:789a::");
	xpc_dictionary_set_uint64(dictionary, vmnet_nat66_prefix_length_key, 64);
	xpc_dictionary_set_uint64(dictionary, vmnet_mtu_key, 9000);
	xpc_dictionary_set_uuid(dictionary, vmnet_interface_id_key, id);
	xpc_dictionary_set_bool(dictionary, vmnet_allocate_mac_address_key, false);
	xpc_dictionary_set_bool(dictionary, vmnet_enable_tso_key, true);
	xpc_dictionary_set_bool(dictionary, vmnet_enable_checksum_offload_key, true);
	xpc_dictionary_set_bool(dictionary, vmnet_enable_isolation_key, true);
	assert_int_equal(outcome(dictionary, &description), VMNET_SUCCESS);
	assert_true(description.request.range_given && description.request.prefix_given);
	assert_int_equal(description.request.mtu, 9000);
	assert_memory_equal(description.id, id, 16);
	assert_true(description.no_mac && description.tso && description.checksum_offload &&
		    description.isolated);
	assert_false(description.request.exclusive); /* others may join a shared network */

	dictionary = of_mode(VMNET_HOST_MODE);
	xpc_dictionary_set_uuid(dictionary, vmnet_network_identifier_key, id);
	xpc_dictionary_set_string(dictionary, vmnet_host_ip_address_key, "192.168.5.1");
	xpc_dictionary_set_string(dictionary, vmnet_host_subnet_mask_key, "255.255.255.0");
	xpc_dictionary_set_string(dictionary, vmnet_host_ipv6_address_key, "fd00::1");
	xpc_dictionary_set_bool(dictionary, vmnet_enable_isolation_key, true);
	xpc_dictionary_set_bool(dictionary, vmnet_enable_virtio_header_key, true);
	assert_int_equal(outcome(dictionary, &description), VMNET_SUCCESS);
	assert_true(description.request.identifier_given &&
		    description.request.host_address_given &&
		    description.request.host_address6_given && description.request.exclusive);
}

static void a_range_is_private_ordered_and_within_its_mask(void **state)
{
	static const struct {
		const char *start, *end, *mask;
		vmnet_return_t status;
	} ranges[] = {
		{ "192.168.64.1", "192.168.64.254", "255.255.255.0", VMNET_SUCCESS },
		{ "10.0.0.1", "10.255.255.254", "255.0.0.0", VMNET_SUCCESS },
		{ "172.16.0.1", "172.16.0.2", "255.255.255.252", VMNET_SUCCESS },
		{ "172.31.255.1", "172.31.255.9", "255.255.255.0", VMNET_SUCCESS },
		{ "172.32.0.1", "172.32.0.9", "255.255.255.0", VMNET_INVALID_ARGUMENT },
		{ "8.8.8.1", "8.8.8.9", "255.255.255.0", VMNET_INVALID_ARGUMENT },
		{ "192.169.0.1", "192.169.0.9", "255.255.255.0", VMNET_INVALID_ARGUMENT },
		{ "192.168.64.9", "192.168.64.1", "255.255.255.0", VMNET_INVALID_ARGUMENT },
		{ "192.168.64.1", "192.168.64.1", "255.255.255.0", VMNET_INVALID_ARGUMENT },
		{ "192.168.64.1", "192.168.65.9", "255.255.255.0", VMNET_INVALID_ARGUMENT },
		{ "192.168.64.0", "192.168.64.9", "255.255.255.0", VMNET_INVALID_ARGUMENT },
		{ "192.168.64.1", "192.168.64.255", "255.255.255.0", VMNET_INVALID_ARGUMENT },
		{ "192.168.64.1", "192.168.64.9", "255.0.255.0", VMNET_INVALID_ARGUMENT },
		{ "192.168.64.1", "192.168.64.9", "0.0.0.0", VMNET_INVALID_ARGUMENT },
		{ "192.168.64.1", "192.168.64.9", "255.255.255.254", VMNET_INVALID_ARGUMENT },
		{ "192.168.64.1", "192.168.64.9", "24", VMNET_INVALID_ARGUMENT },
		{ "192.168.64", "192.168.64.9", "255.255.255.0", VMNET_INVALID_ARGUMENT },
		{ "192.168.64.1", "", "255.255.255.0", VMNET_INVALID_ARGUMENT },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		assert_int_equal(
			outcome(with_range(ranges[i].start, ranges[i].end, ranges[i].mask), NULL),
			ranges[i].status);
}

static void range_keys_come_all_three_or_none(void **state)
{
	const char *const keys[] = { vmnet_start_address_key, vmnet_end_address_key,
				     vmnet_subnet_mask_key };
	xpc_object_t dictionary;

	for (unsigned int which = 1; which < 7; which++) {
		dictionary = with_range("10.0.0.1", "10.0.0.9", "255.255.255.0");
		for (unsigned int i = 0; i < 3; i++) {
			if (!(which & 1u << i))
				xpc_dictionary_set_value(dictionary, keys[i], NULL);
		}
		assert_int_equal(outcome(dictionary, NULL), VMNET_INVALID_ARGUMENT);
	}
}

static void a_prefix_is_ula_and_64_bits_long(void **state)
{
	static const struct {
		const char *prefix;
		vmnet_return_t status;
	} prefixes[] = {
		{ "fd12:3456:789a::", VMNET_SUCCESS },
		{ "fdff:ffff:ffff:ffff::", VMNET_SUCCESS },
		{ "fc00::", VMNET_INVALID_ARGUMENT },
		{ "2001:db8::", VMNET_INVALID_ARGUMENT },
		{ "fd00::1", VMNET_INVALID_ARGUMENT },
		{ "fd00:0:0:0:1::", VMNET_INVALID_ARGUMENT },
		{ "fd00::/64", VMNET_INVALID_ARGUMENT },
		{ "", VMNET_INVALID_ARGUMENT },
	};
	xpc_object_t dictionary;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		dictionary = of_mode(VMNET_SHARED_MODE);
		xpc_dictionary_set_string(dictionary, vmnet_nat66_prefix_key, prefixes[i].prefix);
		assert_int_equal(outcome(dictionary, NULL), prefixes[i].status);
	}
	dictionary = of_mode(VMNET_SHARED_MODE);
	xpc_dictionary_set_uint64(dictionary, vmnet_nat66_prefix_length_key, 63);
	assert_int_equal(outcome(dictionary, NULL), VMNET_INVALID_ARGUMENT);
}

static void an_mtu_is_in_range(void **state)
{
	static const uint64_t wrong[] = { 0, 67, 65522, 65536 + 1500, UINT64_MAX };
	xpc_object_t dictionary;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		dictionary = of_mode(VMNET_HOST_MODE);
		xpc_dictionary_set_uint64(dictionary, vmnet_mtu_key, wrong[i]);
		assert_int_equal(outcome(dictionary, NULL), VMNET_INVALID_ARGUMENT);
	}
}

static xpc_object_t with_host(bool identifier, const char *address, const char *mask)
{
	xpc_object_t dictionary = of_mode(VMNET_HOST_MODE);

	if (identifier)
		xpc_dictionary_set_uuid(dictionary, vmnet_network_identifier_key, id);
	if (address)
		xpc_dictionary_set_string(dictionary, vmnet_host_ip_address_key, address);
	if (mask)
		xpc_dictionary_set_string(dictionary, vmnet_host_subnet_mask_key, mask);
	return dictionary;
}

static void host_addresses_need_an_identifier_and_a_mask(void **state)
{
	xpc_object_t dictionary;

	assert_int_equal(outcome(with_host(true, "10.0.0.1", "255.0.0.0"), NULL), VMNET_SUCCESS);
	assert_int_equal(outcome(with_host(false, "10.0.0.1", "255.0.0.0"), NULL),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(outcome(with_host(true, "10.0.0.1", NULL), NULL), VMNET_INVALID_ARGUMENT);
	assert_int_equal(outcome(with_host(true, NULL, "255.0.0.0"), NULL), VMNET_INVALID_ARGUMENT);
	assert_int_equal(outcome(with_host(true, "10.0.0.0", "255.0.0.0"), NULL),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(outcome(with_host(true, "127.0.0.1", "255.0.0.0"), NULL),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(outcome(with_host(true, "224.0.0.1", "255.0.0.0"), NULL),
			 VMNET_INVALID_ARGUMENT);
	dictionary = of_mode(VMNET_HOST_MODE);
	xpc_dictionary_set_string(dictionary, vmnet_host_ipv6_address_key, "fd00::1");
	assert_int_equal(outcome(dictionary, NULL), VMNET_INVALID_ARGUMENT);
	dictionary = with_host(true, NULL, NULL);
	xpc_dictionary_set_string(dictionary, vmnet_host_ipv6_address_key, "ff02::1");
	assert_int_equal(outcome(dictionary, NULL), VMNET_INVALID_ARGUMENT);
}

static void a_virtio_header_excludes_checksum_offload(void **state)
{
	xpc_object_t dictionary = of_mode(VMNET_SHARED_MODE);

	xpc_dictionary_set_bool(dictionary, vmnet_enable_virtio_header_key, true);
	xpc_dictionary_set_bool(dictionary, vmnet_enable_checksum_offload_key, true);
	assert_int_equal(outcome(dictionary, NULL), VMNET_INVALID_ARGUMENT);
	dictionary = of_mode(VMNET_SHARED_MODE);
	xpc_dictionary_set_bool(dictionary, vmnet_enable_virtio_header_key, true);
	xpc_dictionary_set_bool(dictionary, vmnet_enable_checksum_offload_key, false);
	assert_int_equal(outcome(dictionary, NULL), VMNET_SUCCESS);
}

static void a_bridged_interface_names_one_of_the_list(void **state)
{
	static const char *const wrong[] = { "", "lo", "no-such-name0", "a-name-longer-than-any" };
	char **names = shared_interface_names();
	struct description description;
	xpc_object_t dictionary;

	assert_int_equal(outcome(of_mode(VMNET_BRIDGED_MODE), NULL), VMNET_INVALID_ARGUMENT);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		dictionary = of_mode(VMNET_BRIDGED_MODE);
		xpc_dictionary_set_string(dictionary, vmnet_shared_interface_name_key, wrong[i]);
		assert_int_equal(outcome(dictionary, NULL), VMNET_INVALID_ARGUMENT);
	}
	for (size_t i = 0; names && names[i]; i++) {
		dictionary = of_mode(VMNET_BRIDGED_MODE);
		xpc_dictionary_set_string(dictionary, vmnet_shared_interface_name_key, names[i]);
		assert_int_equal(outcome(dictionary, &description), VMNET_SUCCESS);
		assert_string_equal(description.request.ifname, names[i]);
	}
	free(names);
}

static bool suits(const char *kind, bool loopback, unsigned int master)
{
	struct host_link link = { .ifindex = 7, .master = master, .loopback = loopback };

	link.mac[5] = 1;
	snprintf(link.kind, sizeof(link.kind), "%s", kind);
	return shared_interface_suits(&link);
}

static void the_list_has_what_carries_ethernet_for_several(void **state)
{
	struct host_link none = { .ifindex = 7 };

	assert_true(suits("", false, 0) && suits("bridge", false, 0) && suits("vxlan", false, 0) &&
		    suits("openvswitch", false, 0) && suits("vlan", false, 0) &&
		    suits("bond", false, 0) && suits("veth", false, 0));
	assert_false(suits("", true, 0) || suits("tun", false, 0) || suits("macvtap", false, 0) ||
		     suits("wireguard", false, 0) || suits("sit", false, 0));
	assert_false(suits("", false, 3));	     /* a port of a bridge */
	assert_false(shared_interface_suits(&none)); /* no address: no Ethernet */
}

static void on_a_network_object_keys_of_the_network_are_ignored(void **state)
{
	xpc_object_t dictionary = with_range("8.8.8.8", "nonsense", "1");
	struct description description;

	xpc_dictionary_set_uuid(dictionary, vmnet_interface_id_key, id);
	xpc_dictionary_set_bool(dictionary, vmnet_enable_tso_key, true);
	assert_int_equal(description_read_on_network(dictionary, VMNET_HOST_MODE, &description),
			 VMNET_SUCCESS);
	assert_int_equal(description.request.mode, VMNET_HOST_MODE);
	assert_true(description.tso);
	assert_false(description.id_given || description.request.range_given);
	xpc_dictionary_set_uint64(dictionary, vmnet_enable_tso_key, 1);
	assert_int_equal(description_read_on_network(dictionary, VMNET_HOST_MODE, &description),
			 VMNET_INVALID_ARGUMENT);
	xpc_release(dictionary);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mode_is_required_and_one_of_three),
		cmocka_unit_test(a_value_of_another_type_is_refused),
		cmocka_unit_test(a_key_in_a_mode_where_it_means_nothing_is_refused),
		cmocka_unit_test(each_key_is_good_in_each_of_its_modes),
		cmocka_unit_test(a_range_is_private_ordered_and_within_its_mask),
		cmocka_unit_test(range_keys_come_all_three_or_none),
		cmocka_unit_test(a_prefix_is_ula_and_64_bits_long),
		cmocka_unit_test(an_mtu_is_in_range),
		cmocka_unit_test(host_addresses_need_an_identifier_and_a_mask),
		cmocka_unit_test(a_virtio_header_excludes_checksum_offload),
		cmocka_unit_test(a_bridged_interface_names_one_of_the_list),
		cmocka_unit_test(the_list_has_what_carries_ethernet_for_several),
		cmocka_unit_test(on_a_network_object_keys_of_the_network_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
