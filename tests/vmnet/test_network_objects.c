/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_network_objects.c - network objects of macOS 26, through what libvmnet exports, on real networks
 *
 * Blocks are made by hand, so that gcc builds this, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CoreFoundation/CoreFoundation.h>
#include <vmnet/vmnet.h>

#include "darwin/block.h"

#define DEADLINE_S  30
#define GLOBAL	    (1 << 28) /* of the block ABI: it needs no copy */
#define SUBNET(net) ((struct in_addr) { htonl(0x0a4d0000u | (net) << 8 | 1) })

static const struct in_addr mask24 = { 0x00ffffffu };
static char dir[] = "/tmp/rig-objects-XXXXXX";

/* Handlers */

extern void *_NSConcreteGlobalBlock[]; /* of libblocksruntime */

struct waiter {
	struct block_head head; /* first: the block */
	const void *descriptor;
	dispatch_semaphore_t done;
	vmnet_return_t status;
	char mac[18];
};

static const unsigned long descriptor[2] = { 0, sizeof(struct waiter) };

static void on_started(struct waiter *waiter, vmnet_return_t status, xpc_object_t params)
{
	const char *mac = params ? xpc_dictionary_get_string(params, vmnet_mac_address_key) : NULL;

	waiter->status = status;
	snprintf(waiter->mac, sizeof(waiter->mac), "%s", mac ? mac : "");
	dispatch_semaphore_signal(waiter->done);
}

static void on_stopped(struct waiter *waiter, vmnet_return_t status)
{
	waiter->status = status;
	dispatch_semaphore_signal(waiter->done);
}

/* Never freed: a handler lets go of its block when it has run, which is after it told. */
static struct waiter *waiter_of(void (*invoke)(void))
{
	static struct waiter all[64];
	static size_t n;
	struct waiter *waiter = &all[n++];

	assert_true(n <= sizeof(all) / sizeof(all[0]));
	*waiter = (struct waiter) {
		.head = { .isa = _NSConcreteGlobalBlock, .flags = GLOBAL, .invoke = invoke },
		.descriptor = descriptor,
		.status = VMNET_INVALID_ARGUMENT,
		.done = dispatch_semaphore_create(0),
	};
	return waiter;
}

static void await(struct waiter *waiter)
{
	dispatch_time_t end = dispatch_time(DISPATCH_TIME_NOW, DEADLINE_S * 1000000000ll);

	assert_int_equal(dispatch_semaphore_wait(waiter->done, end), 0);
}

static vmnet_return_t start_on(vmnet_network_ref network, interface_ref *ret)
{
	dispatch_queue_t queue = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
	struct waiter *waiter = waiter_of((void (*)(void))on_started);
	xpc_object_t description = xpc_dictionary_create(NULL, NULL, 0);

	*ret = vmnet_interface_start_with_network(
		network, description, queue,
		(vmnet_start_interface_completion_handler_t)(void *)waiter);
	xpc_release(description);
	if (*ret)
		await(waiter);
	dispatch_release(queue);
	return waiter->status;
}

static void stop(interface_ref interface)
{
	dispatch_queue_t queue = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
	struct waiter *waiter = waiter_of((void (*)(void))on_stopped);

	assert_int_equal(vmnet_stop_interface(interface, queue,
					      (vmnet_interface_completion_handler_t)(void *)waiter),
			 VMNET_SUCCESS);
	await(waiter);
	dispatch_release(queue);
}

/* Networks */

static vmnet_network_configuration_ref configuration(vmnet_mode_t mode, unsigned int net)
{
	vmnet_network_configuration_ref config = vmnet_network_configuration_create(mode, NULL);
	struct in_addr subnet = SUBNET(net);

	assert_non_null(config);
	if (net)
		assert_int_equal(
			vmnet_network_configuration_set_ipv4_subnet(config, &subnet, &mask24),
			VMNET_SUCCESS);
	return config;
}

static vmnet_network_ref network_of(vmnet_network_configuration_ref config)
{
	vmnet_return_t status = VMNET_FAILURE;
	vmnet_network_ref network = vmnet_network_create(config, &status);

	assert_int_equal(status, VMNET_SUCCESS);
	assert_non_null(network);
	CFRelease(config);
	return network;
}

static void assert_create(vmnet_network_configuration_ref config, vmnet_return_t expected)
{
	vmnet_return_t status = VMNET_SUCCESS;

	assert_null(vmnet_network_create(config, &status));
	assert_int_equal(status, expected);
	CFRelease(config);
}

static unsigned int open_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}

/* Configurations */

static void a_configuration_is_of_host_or_shared_mode(void **state)
{
	vmnet_return_t status = VMNET_SUCCESS;

	assert_null(vmnet_network_configuration_create(VMNET_BRIDGED_MODE, &status));
	assert_int_equal(status, VMNET_INVALID_ARGUMENT);
	assert_null(vmnet_network_configuration_create((vmnet_mode_t)0, NULL));
	CFRelease(configuration(VMNET_HOST_MODE, 0));
}

static void a_subnet_is_private_and_has_room(void **state)
{
	static const struct {
		const char *address, *mask;
		vmnet_return_t status;
	} cases[] = {
		{ "10.0.0.1", "255.0.0.0", VMNET_SUCCESS },
		{ "192.168.5.0", "255.255.255.0", VMNET_SUCCESS },
		{ "172.31.255.253", "255.255.255.252", VMNET_SUCCESS },
		{ "10.0.0.1", "254.0.0.0", VMNET_INVALID_ARGUMENT },
		{ "10.0.0.1", "255.255.255.254", VMNET_INVALID_ARGUMENT },
		{ "10.0.0.1", "255.0.255.0", VMNET_INVALID_ARGUMENT },
		{ "10.0.0.1", "0.0.0.0", VMNET_INVALID_ARGUMENT },
		{ "172.32.0.1", "255.255.0.0", VMNET_INVALID_ARGUMENT },
		{ "172.16.0.1", "255.0.0.0", VMNET_INVALID_ARGUMENT },
		{ "192.168.0.1", "255.0.0.0", VMNET_INVALID_ARGUMENT },
		{ "8.8.8.1", "255.255.255.0", VMNET_INVALID_ARGUMENT },
	};
	vmnet_network_configuration_ref config = configuration(VMNET_SHARED_MODE, 0);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct in_addr address, mask;

		inet_pton(AF_INET, cases[i].address, &address);
		inet_pton(AF_INET, cases[i].mask, &mask);
		if (vmnet_network_configuration_set_ipv4_subnet(config, &address, &mask) !=
		    cases[i].status)
			fail_msg("%s %s", cases[i].address, cases[i].mask);
		assert_int_equal(vmnet_network_configuration_set_ipv4_subnet(config, NULL, &mask),
				 VMNET_INVALID_ARGUMENT);
	}
	CFRelease(config);
}

static void a_prefix_is_unique_local_and_has_64_bits(void **state)
{
	vmnet_network_configuration_ref config = configuration(VMNET_SHARED_MODE, 0);
	struct in6_addr ula = { .s6_addr = { 0xfd, 1 } }, global = { .s6_addr = { 0x20, 1 } };

	assert_int_equal(vmnet_network_configuration_set_ipv6_prefix(config, &ula, 64),
			 VMNET_SUCCESS);
	assert_int_equal(vmnet_network_configuration_set_ipv6_prefix(config, &ula, 63),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_network_configuration_set_ipv6_prefix(config, &global, 64),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_network_configuration_set_ipv6_prefix(config, NULL, 64),
			 VMNET_INVALID_ARGUMENT);
	CFRelease(config);
}

static void an_mtu_has_limits(void **state)
{
	vmnet_network_configuration_ref config = configuration(VMNET_SHARED_MODE, 0);

	assert_int_equal(vmnet_network_configuration_set_mtu(config, 67), VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_network_configuration_set_mtu(config, 68), VMNET_SUCCESS);
	assert_int_equal(vmnet_network_configuration_set_mtu(config, 65521), VMNET_SUCCESS);
	assert_int_equal(vmnet_network_configuration_set_mtu(config, 65522),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_network_configuration_set_mtu(config, 0x10000 + 1500),
			 VMNET_INVALID_ARGUMENT);
	CFRelease(config);
}

static void an_external_interface_is_one_of_the_hosts(void **state)
{
	vmnet_network_configuration_ref config = configuration(VMNET_SHARED_MODE, 0);
	vmnet_network_configuration_ref host = configuration(VMNET_HOST_MODE, 0);

	assert_int_equal(vmnet_network_configuration_set_external_interface(config, "lo"),
			 VMNET_SUCCESS);
	assert_int_equal(vmnet_network_configuration_set_external_interface(config, "rig-none"),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_network_configuration_set_external_interface(config, ""),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_network_configuration_set_external_interface(config, NULL),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_network_configuration_set_external_interface(
				 config, "a-name-that-is-longer-than-any"),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_network_configuration_set_external_interface(host, "lo"),
			 VMNET_INVALID_ARGUMENT);
	CFRelease(config);
	CFRelease(host);
}

static vmnet_return_t reserve(vmnet_network_configuration_ref config, uint8_t first, uint8_t last,
			      struct in_addr address)
{
	ether_addr_t mac = { { first, 0, 0, 0, 0, last } };

	return vmnet_network_configuration_add_dhcp_reservation(config, &mac, &address);
}

static void a_reservation_is_one_of_its_client_and_its_address(void **state)
{
	vmnet_network_configuration_ref config = configuration(VMNET_SHARED_MODE, 0);
	struct in_addr one = SUBNET(1), other = SUBNET(2);

	assert_int_equal(reserve(config, 2, 1, one), VMNET_SUCCESS);
	assert_int_equal(reserve(config, 2, 1, other), VMNET_INVALID_ARGUMENT);
	assert_int_equal(reserve(config, 2, 2, one), VMNET_INVALID_ARGUMENT);
	assert_int_equal(reserve(config, 1, 2, other), VMNET_INVALID_ARGUMENT); /* a group */
	assert_int_equal(reserve(config, 0, 0, other), VMNET_INVALID_ARGUMENT);
	assert_int_equal(reserve(config, 2, 2, other), VMNET_SUCCESS);
	assert_int_equal(vmnet_network_configuration_add_dhcp_reservation(config, NULL, &one),
			 VMNET_INVALID_ARGUMENT);
	CFRelease(config);
}

static vmnet_return_t forward(vmnet_network_configuration_ref config, uint8_t protocol,
			      sa_family_t family, uint16_t internal, uint16_t external)
{
	uint8_t address[16] = { 10, 77, 1, 5 };

	return vmnet_network_configuration_add_port_forwarding_rule(config, protocol, family,
								    internal, external, address);
}

static void a_forward_is_complete_and_its_external_port_its_own(void **state)
{
	vmnet_network_configuration_ref config = configuration(VMNET_SHARED_MODE, 0);
	vmnet_network_configuration_ref host = configuration(VMNET_HOST_MODE, 0);

	assert_int_equal(forward(config, IPPROTO_TCP, AF_INET, 80, 8080), VMNET_SUCCESS);
	assert_int_equal(forward(config, IPPROTO_UDP, AF_INET, 80, 8080), VMNET_SUCCESS);
	assert_int_equal(forward(config, IPPROTO_TCP, AF_INET6, 80, 8080), VMNET_SUCCESS);
	assert_int_equal(forward(config, IPPROTO_TCP, AF_INET, 81, 8080), VMNET_INVALID_ARGUMENT);
	assert_int_equal(forward(config, IPPROTO_ICMP, AF_INET, 80, 81), VMNET_INVALID_ARGUMENT);
	assert_int_equal(forward(config, IPPROTO_TCP, AF_UNIX, 80, 81), VMNET_INVALID_ARGUMENT);
	assert_int_equal(forward(config, IPPROTO_TCP, AF_INET, 0, 81), VMNET_INVALID_ARGUMENT);
	assert_int_equal(forward(config, IPPROTO_TCP, AF_INET, 80, 0), VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_network_configuration_add_port_forwarding_rule(
				 config, IPPROTO_TCP, AF_INET, 80, 81, NULL),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(forward(host, IPPROTO_TCP, AF_INET, 80, 8080), VMNET_INVALID_ARGUMENT);
	CFRelease(config);
	CFRelease(host);
}

/* Networks */

static void a_network_has_the_subnet_and_prefix_that_were_asked_for(void **state)
{
	vmnet_network_configuration_ref config = configuration(VMNET_SHARED_MODE, 1);
	struct in6_addr wanted = { .s6_addr = { 0xfd, 7 } }, prefix;
	struct in_addr subnet, mask;
	vmnet_network_ref network;
	uint8_t len;

	vmnet_network_configuration_set_ipv6_prefix(config, &wanted, 64);
	network = network_of(config);
	vmnet_network_get_ipv4_subnet(network, &subnet, &mask);
	assert_int_equal(subnet.s_addr, htonl(0x0a4d0100u));
	assert_int_equal(mask.s_addr, mask24.s_addr);
	vmnet_network_get_ipv6_prefix(network, &prefix, &len);
	assert_memory_equal(&prefix, &wanted, sizeof(prefix));
	assert_int_equal(len, 64);
	CFRelease(network);
}

static void automatic_networks_are_apart(void **state)
{
	vmnet_network_ref one = network_of(configuration(VMNET_SHARED_MODE, 0));
	vmnet_network_ref other = network_of(configuration(VMNET_SHARED_MODE, 0));
	struct in_addr a, b, mask;

	vmnet_network_get_ipv4_subnet(one, &a, &mask);
	vmnet_network_get_ipv4_subnet(other, &b, &mask);
	assert_int_not_equal(a.s_addr, b.s_addr);
	assert_int_equal(ntohl(a.s_addr) >> 16, 0xc0a8);
	assert_int_equal(mask.s_addr, mask24.s_addr);
	CFRelease(one);
	CFRelease(other);
}

static void a_subnet_is_free_again_with_the_last_reference(void **state)
{
	vmnet_network_ref network = network_of(configuration(VMNET_SHARED_MODE, 2));

	assert_create(configuration(VMNET_SHARED_MODE, 2), VMNET_SHARING_SERVICE_BUSY);
	CFRetain(network);
	CFRelease(network);
	assert_create(configuration(VMNET_HOST_MODE, 2), VMNET_SHARING_SERVICE_BUSY);
	CFRelease(network);
	CFRelease(network_of(configuration(VMNET_HOST_MODE, 2)));
}

static void what_contradicts_itself_makes_no_network(void **state)
{
	vmnet_network_configuration_ref config = configuration(VMNET_SHARED_MODE, 3);

	assert_int_equal(reserve(config, 2, 1, SUBNET(4)), VMNET_SUCCESS);
	assert_create(config, VMNET_INVALID_ARGUMENT);
	config = configuration(VMNET_SHARED_MODE, 3);
	assert_int_equal(reserve(config, 2, 1, SUBNET(3)), VMNET_SUCCESS); /* the host's */
	assert_create(config, VMNET_INVALID_ARGUMENT);
}

static void every_switch_makes_a_network(void **state)
{
	for (int mode = VMNET_HOST_MODE; mode <= VMNET_SHARED_MODE; mode++) {
		vmnet_network_configuration_ref config = configuration((vmnet_mode_t)mode, 5);

		vmnet_network_configuration_disable_nat44(config);
		vmnet_network_configuration_disable_nat66(config);
		vmnet_network_configuration_disable_dhcp(config);
		vmnet_network_configuration_disable_dns_proxy(config);
		vmnet_network_configuration_disable_router_advertisement(config);
		vmnet_network_configuration_set_mtu(config, 1400);
		if (mode == VMNET_SHARED_MODE)
			vmnet_network_configuration_set_external_interface(config, "lo");
		CFRelease(network_of(config));
	}
}

static void an_interface_keeps_its_network(void **state)
{
	vmnet_network_ref network = network_of(configuration(VMNET_SHARED_MODE, 6));
	interface_ref one, other;

	assert_int_equal(start_on(network, &one), VMNET_SUCCESS);
	assert_int_equal(start_on(network, &other), VMNET_SUCCESS);
	CFRelease(network);
	stop(other);
	assert_create(configuration(VMNET_SHARED_MODE, 6), VMNET_SHARING_SERVICE_BUSY);
	stop(one);
	CFRelease(network_of(configuration(VMNET_SHARED_MODE, 6)));
}

static void a_serialized_network_is_the_same_one(void **state)
{
	vmnet_network_ref network = network_of(configuration(VMNET_SHARED_MODE, 7)), same;
	xpc_object_t text = vmnet_network_copy_serialization(network, NULL);
	vmnet_return_t status = VMNET_FAILURE;
	struct in_addr subnet, mask;
	interface_ref interface;

	assert_non_null(text);
	same = vmnet_network_create_with_serialization(text, &status);
	assert_int_equal(status, VMNET_SUCCESS);
	CFRelease(network);
	vmnet_network_get_ipv4_subnet(same, &subnet, &mask);
	assert_int_equal(subnet.s_addr, htonl(0x0a4d0700u));
	assert_int_equal(start_on(same, &interface), VMNET_SUCCESS);
	stop(interface);
	CFRelease(same);
	/* Who comes in the moment in which it ends may still keep it. */
	for (int i = 0; i < 1000 && same; i++) {
		same = vmnet_network_create_with_serialization(text, &status);
		if (same)
			CFRelease(same);
		poll(NULL, 0, 10);
	}
	assert_null(same);
	assert_int_not_equal(status, VMNET_SUCCESS);
	xpc_release(text);
}

static void what_is_no_serialization_makes_no_network(void **state)
{
	static const char *const names[] = { "", "../x", "net-0", "net-0123456789abcdeg",
					     "net-0123456789abcdef" };
	vmnet_return_t status;
	xpc_object_t text = xpc_string_create("net-0123456789abcdef");

	assert_null(vmnet_network_create_with_serialization(NULL, &status));
	assert_int_equal(status, VMNET_INVALID_ARGUMENT);
	assert_null(vmnet_network_create_with_serialization(text, &status));
	assert_int_equal(status, VMNET_INVALID_ARGUMENT);
	xpc_release(text);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		text = xpc_dictionary_create(NULL, NULL, 0);
		xpc_dictionary_set_string(text, "vmnet_network", names[i]);
		xpc_dictionary_set_uint64(text, "vmnet_network_mode", VMNET_SHARED_MODE);
		assert_null(vmnet_network_create_with_serialization(text, &status));
		assert_int_not_equal(status, VMNET_SUCCESS);
		xpc_release(text);
	}
}

/* Each call with what was an object, with one of the other kind, and with NULL. */
static void what_is_no_object_is_refused(void **state)
{
	vmnet_network_configuration_ref config = configuration(VMNET_SHARED_MODE, 8), kept;
	vmnet_network_ref network;
	void *none[3];

	kept = configuration(VMNET_SHARED_MODE, 8);
	network = network_of(config);
	none[0] = NULL;
	none[1] = config; /* released by network_of() */
	none[2] = network;
	for (size_t i = 0; i < 3; i++) {
		vmnet_network_configuration_ref bad = none[i];
		vmnet_network_ref bad_network = i == 2 ? (void *)kept : none[i];
		vmnet_return_t status = VMNET_SUCCESS;
		struct in_addr subnet = SUBNET(1), mask = mask24;
		struct in6_addr prefix;
		interface_ref interface;
		uint8_t len;

		assert_int_equal(vmnet_network_configuration_set_mtu(bad, 1500),
				 VMNET_INVALID_ARGUMENT);
		assert_int_equal(vmnet_network_configuration_set_ipv4_subnet(bad, &subnet, &mask),
				 VMNET_INVALID_ARGUMENT);
		assert_int_equal(reserve(bad, 2, 1, subnet), VMNET_INVALID_ARGUMENT);
		assert_int_equal(forward(bad, IPPROTO_TCP, AF_INET, 80, 80),
				 VMNET_INVALID_ARGUMENT);
		vmnet_network_configuration_disable_dhcp(bad);
		assert_null(vmnet_network_create(bad, &status));
		assert_int_equal(status, VMNET_INVALID_ARGUMENT);
		assert_null(vmnet_network_copy_serialization(bad_network, &status));
		assert_int_equal(status, VMNET_INVALID_ARGUMENT);
		vmnet_network_get_ipv4_subnet(bad_network, &subnet, &mask);
		assert_int_equal(subnet.s_addr | mask.s_addr, 0);
		vmnet_network_get_ipv6_prefix(bad_network, &prefix, &len);
		assert_int_equal(len, 0);
		assert_int_equal(start_on(bad_network, &interface), VMNET_INVALID_ARGUMENT);
		assert_null(interface);
	}
	CFRelease(network);
	CFRelease(kept);
}

static void nothing_stays_open(void **state)
{
	unsigned int before = open_fds();

	for (int i = 0; i < 3; i++) {
		vmnet_network_ref network = network_of(configuration(VMNET_HOST_MODE, 9));
		interface_ref interface;

		assert_int_equal(start_on(network, &interface), VMNET_SUCCESS);
		CFRelease(network);
		stop(interface);
	}
	assert_int_equal(open_fds(), before);
}

#define THREADS 8

static void *make_and_release(void *opaque)
{
	for (unsigned int i = 0; i < 4; i++) {
		vmnet_network_configuration_ref config =
			vmnet_network_configuration_create(VMNET_SHARED_MODE, NULL);
		vmnet_network_ref network = vmnet_network_create(config, NULL), same;
		xpc_object_t text;

		CFRelease(config);
		if (!network)
			return opaque;
		text = vmnet_network_copy_serialization(network, NULL);
		same = vmnet_network_create_with_serialization(text, NULL);
		xpc_release(text);
		CFRelease(network);
		if (!same)
			return opaque;
		CFRelease(same);
	}
	return NULL;
}

static void threads_do_not_meet(void **state)
{
	pthread_t threads[THREADS];
	void *failed;

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_and_release, dir), 0);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

/* Networks end a moment after their last holder. */
static int remove_directory(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static int make_directory(void **state)
{
	dispatch_queue_t queue;

	if (!mkdtemp(dir) || setenv("OUTRIGGER_VMNET_DIR", dir, 1) < 0)
		return -1;
	queue = dispatch_queue_create("first", DISPATCH_QUEUE_SERIAL); /* its threads' fds */
	dispatch_release(queue);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_configuration_is_of_host_or_shared_mode),
		cmocka_unit_test(a_subnet_is_private_and_has_room),
		cmocka_unit_test(a_prefix_is_unique_local_and_has_64_bits),
		cmocka_unit_test(an_mtu_has_limits),
		cmocka_unit_test(an_external_interface_is_one_of_the_hosts),
		cmocka_unit_test(a_reservation_is_one_of_its_client_and_its_address),
		cmocka_unit_test(a_forward_is_complete_and_its_external_port_its_own),
		cmocka_unit_test(a_network_has_the_subnet_and_prefix_that_were_asked_for),
		cmocka_unit_test(automatic_networks_are_apart),
		cmocka_unit_test(a_subnet_is_free_again_with_the_last_reference),
		cmocka_unit_test(what_contradicts_itself_makes_no_network),
		cmocka_unit_test(every_switch_makes_a_network),
		cmocka_unit_test(an_interface_keeps_its_network),
		cmocka_unit_test(a_serialized_network_is_the_same_one),
		cmocka_unit_test(what_is_no_serialization_makes_no_network),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(threads_do_not_meet),
		cmocka_unit_test(nothing_stays_open),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
