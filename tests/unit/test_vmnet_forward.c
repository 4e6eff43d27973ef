/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vmnet_forward.c - port forwarding rules of an interface
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "vmnet_fake.h"

static dispatch_queue_t queue;
static interface_ref interface;
static struct fake_block done, rules;
static struct in_addr inside;
static struct in6_addr inside6;

static int set_up(void **state)
{
	fake_reset();
	fake_status_block(&done);
	fake_rules_block(&rules);
	inet_pton(AF_INET, "192.168.64.7", &inside);
	inet_pton(AF_INET6, "fd12::7", &inside6);
	queue = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
	interface = fake_started(queue, NULL);
	return 0;
}

static int tear_down(void **state)
{
	fake_stopped(interface, queue);
	assert_int_equal(fake.forwards, 0); /* they go with the interface */
	fake_block_forget(&rules);
	dispatch_release(queue);
	return 0;
}

static vmnet_return_t add(uint8_t protocol, uint16_t port)
{
	done.told = 0;
	assert_int_equal(vmnet_interface_add_port_forwarding_rule(interface, protocol, port, inside,
								  80, (void *)&done),
			 VMNET_SUCCESS);
	fake_wait(&done, 1);
	return done.status;
}

static vmnet_return_t add6(uint16_t port)
{
	done.told = 0;
	assert_int_equal(vmnet_interface_add_ip_port_forwarding_rule(interface, IPPROTO_TCP, port,
								     AF_INET6, &inside6, 443,
								     (void *)&done),
			 VMNET_SUCCESS);
	fake_wait(&done, 1);
	return done.status;
}

static vmnet_return_t drop(uint8_t protocol, uint16_t port)
{
	done.told = 0;
	assert_int_equal(vmnet_interface_remove_port_forwarding_rule(interface, protocol, port,
								     (void *)&done),
			 VMNET_SUCCESS);
	fake_wait(&done, 1);
	return done.status;
}

static xpc_object_t listed(uint8_t family)
{
	fake_block_forget(&rules);
	assert_int_equal(
		vmnet_interface_get_ip_port_forwarding_rules(interface, family, (void *)&rules),
		VMNET_SUCCESS);
	fake_wait(&rules, 1);
	return rules.object;
}

static void rules_are_added_listed_and_removed(void **state)
{
	uint16_t external, internal;
	struct in_addr address;
	uint8_t protocol;

	assert_null(listed(AF_INET));
	assert_int_equal(add(IPPROTO_TCP, 8080), VMNET_SUCCESS);
	assert_int_equal(fake.rule.external_port, 8080);
	assert_int_equal(fake.rule.internal.v4.s_addr, inside.s_addr);
	assert_int_equal(add(IPPROTO_UDP, 8080), VMNET_SUCCESS); /* another protocol */
	assert_int_equal(xpc_array_get_count(listed(AF_INET)), 2);
	assert_int_equal(
		vmnet_port_forwarding_rule_get_details(xpc_array_get_value(rules.object, 1),
						       &protocol, &external, &address, &internal),
		VMNET_SUCCESS);
	assert_int_equal(protocol, IPPROTO_UDP);
	assert_int_equal(external, 8080);
	assert_int_equal(internal, 80);
	assert_int_equal(address.s_addr, inside.s_addr);
	assert_int_equal(drop(IPPROTO_TCP, 8080), VMNET_SUCCESS);
	assert_int_equal(xpc_array_get_count(listed(AF_INET)), 1);
}

static void both_families_have_lists_of_their_own(void **state)
{
	uint16_t external, internal;
	struct in6_addr address;
	uint8_t protocol;

	assert_int_equal(add(IPPROTO_TCP, 8080), VMNET_SUCCESS);
	assert_int_equal(add6(8080), VMNET_SUCCESS);
	assert_int_equal(xpc_array_get_count(listed(AF_INET)), 1);
	assert_int_equal(xpc_array_get_count(listed(AF_INET6)), 1);
	assert_int_equal(vmnet_ip_port_forwarding_rule_get_details(
				 xpc_array_get_value(rules.object, 0), &protocol, &external,
				 AF_INET6, &address, &internal),
			 VMNET_SUCCESS);
	assert_memory_equal(&address, &inside6, sizeof(address));
	assert_int_equal(internal, 443);
	assert_int_equal(vmnet_ip_port_forwarding_rule_get_details(
				 xpc_array_get_value(rules.object, 0), &protocol, &external,
				 AF_INET, &address, &internal),
			 VMNET_INVALID_ARGUMENT);
}

static void what_is_no_rule_has_no_details(void **state)
{
	xpc_object_t wrong = xpc_dictionary_create_empty();
	uint16_t external, internal;
	struct in_addr address;
	uint8_t protocol;

	assert_int_equal(vmnet_port_forwarding_rule_get_details(wrong, &protocol, &external,
								&address, &internal),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_port_forwarding_rule_get_details(NULL, &protocol, &external,
								&address, &internal),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_port_forwarding_rule_get_details(wrong, NULL, NULL, NULL, NULL),
			 VMNET_INVALID_ARGUMENT);
	xpc_release(wrong);
}

static void wrong_arguments_are_refused_at_once(void **state)
{
	assert_int_equal(vmnet_interface_add_port_forwarding_rule(interface, IPPROTO_ICMP, 1,
								  inside, 1, (void *)&done),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_interface_add_port_forwarding_rule(interface, IPPROTO_TCP, 0, inside,
								  1, (void *)&done),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_interface_add_port_forwarding_rule(interface, IPPROTO_TCP, 1, inside,
								  0, (void *)&done),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_interface_add_ip_port_forwarding_rule(interface, IPPROTO_TCP, 1,
								     AF_UNIX, &inside, 1, NULL),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_interface_add_ip_port_forwarding_rule(interface, IPPROTO_TCP, 1,
								     AF_INET, NULL, 1, NULL),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_interface_get_port_forwarding_rules(interface, NULL),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(
		vmnet_interface_get_ip_port_forwarding_rules(interface, 77, (void *)&rules),
		VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_interface_remove_port_forwarding_rule(NULL, IPPROTO_TCP, 1, NULL),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(done.told, 0);
}

static void a_rule_twice_and_one_that_is_not_there_are_refused(void **state)
{
	assert_int_equal(add(IPPROTO_TCP, 8080), VMNET_SUCCESS);
	assert_int_equal(add(IPPROTO_TCP, 8080), VMNET_INVALID_ARGUMENT);
	assert_int_equal(drop(IPPROTO_TCP, 8081), VMNET_INVALID_ARGUMENT);
	assert_int_equal(drop(IPPROTO_UDP, 8080), VMNET_INVALID_ARGUMENT);
	assert_int_equal(fake.forwards, 1);
}

static void what_the_network_refuses_is_no_rule(void **state)
{
	fake.forward = VMNET_SHARING_SERVICE_BUSY;
	assert_int_equal(add(IPPROTO_TCP, 8080), VMNET_SHARING_SERVICE_BUSY);
	assert_null(listed(AF_INET));
	fake.forward = VMNET_SUCCESS;
}

static void a_handler_may_be_left_out(void **state)
{
	assert_int_equal(vmnet_interface_add_port_forwarding_rule(interface, IPPROTO_TCP, 8080,
								  inside, 80, NULL),
			 VMNET_SUCCESS);
	assert_int_equal(xpc_array_get_count(listed(AF_INET)), 1); /* in the order of the calls */
	assert_int_equal(
		vmnet_interface_remove_port_forwarding_rule(interface, IPPROTO_TCP, 8080, NULL),
		VMNET_SUCCESS);
	assert_null(listed(AF_INET));
}

static void there_is_a_most_of_rules(void **state)
{
	for (uint16_t port = 1; port <= 256; port++)
		assert_int_equal(add(IPPROTO_TCP, port), VMNET_SUCCESS);
	assert_int_equal(add(IPPROTO_TCP, 300), VMNET_INVALID_ARGUMENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(rules_are_added_listed_and_removed),
		TEST(both_families_have_lists_of_their_own),
		TEST(what_is_no_rule_has_no_details),
		TEST(wrong_arguments_are_refused_at_once),
		TEST(a_rule_twice_and_one_that_is_not_there_are_refused),
		TEST(what_the_network_refuses_is_no_rule),
		TEST(a_handler_may_be_left_out),
		TEST(there_is_a_most_of_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
