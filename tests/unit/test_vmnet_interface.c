/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vmnet_interface.c - how interfaces come and go, and what becomes of handles
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vmnet/interfaces/interface.h"
#include "vmnet_fake.h"

static const uuid_t id = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static dispatch_queue_t queue;
static struct fake_block params, stopped;

static int set_up(void **state)
{
	fake_reset();
	fake_params_block(&params);
	fake_status_block(&stopped);
	queue = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
	return 0;
}

static int tear_down(void **state)
{
	fake_block_forget(&params);
	dispatch_release(queue);
	return 0;
}

static xpc_object_t shared(void)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty();

	xpc_dictionary_set_uint64(dictionary, vmnet_operation_mode_key, VMNET_SHARED_MODE);
	return dictionary;
}

static interface_ref start(xpc_object_t dictionary)
{
	interface_ref interface = vmnet_start_interface(dictionary, queue, (void *)&params);

	xpc_release(dictionary);
	return interface;
}

static vmnet_return_t start_and_wait(xpc_object_t dictionary, interface_ref *ret)
{
	fake_block_forget(&params);
	*ret = start(dictionary);
	assert_non_null(*ret);
	fake_wait(&params, 1);
	return params.status;
}

static vmnet_return_t write_one(interface_ref interface)
{
	uint8_t bytes[60] = { 0 };
	struct iovec iov = { bytes, sizeof(bytes) };
	struct vmpktdesc packet = { sizeof(bytes), &iov, 1, 0 };
	int n = 1;

	return vmnet_write(interface, &packet, &n);
}

static void missing_arguments_are_rejected_at_once(void **state)
{
	xpc_object_t dictionary = shared();
	xpc_object_t number = xpc_uint64_create(1);

	assert_null(vmnet_start_interface(NULL, queue, (void *)&params));
	assert_null(vmnet_start_interface(number, queue, (void *)&params));
	assert_null(vmnet_start_interface(dictionary, NULL, (void *)&params));
	assert_null(vmnet_start_interface(dictionary, queue, NULL));
	assert_int_equal(vmnet_stop_interface(NULL, queue, (void *)&stopped),
			 VMNET_INVALID_ARGUMENT);
	xpc_release(number);
	xpc_release(dictionary);
}

static void the_handler_gets_what_was_settled(void **state)
{
	xpc_object_t dictionary = shared();
	interface_ref interface;

	xpc_dictionary_set_uuid(dictionary, vmnet_interface_id_key, id);
	xpc_dictionary_set_bool(dictionary, vmnet_enable_isolation_key, true);
	fake.mtu = 1400;
	assert_int_equal(start_and_wait(dictionary, &interface), VMNET_SUCCESS);
	assert_int_equal(xpc_dictionary_get_uint64(params.object, vmnet_mtu_key), 1400);
	assert_int_equal(xpc_dictionary_get_uint64(params.object, vmnet_max_packet_size_key), 1414);
	assert_int_equal(xpc_dictionary_get_uint64(params.object, vmnet_read_max_packets_key), 256);
	assert_int_equal(xpc_dictionary_get_uint64(params.object, vmnet_write_max_packets_key),
			 256);
	assert_string_equal(xpc_dictionary_get_string(params.object, vmnet_start_address_key),
			    "192.168.64.1");
	assert_string_equal(xpc_dictionary_get_string(params.object, vmnet_end_address_key),
			    "192.168.64.254");
	assert_string_equal(xpc_dictionary_get_string(params.object, vmnet_subnet_mask_key),
			    "255.255.255.0");
	assert_string_equal(xpc_dictionary_get_string(params.object, vmnet_nat66_prefix_key),
			    "fd12::");
	assert_memory_equal(xpc_dictionary_get_uuid(params.object, vmnet_interface_id_key), id, 16);
	assert_true(fake.isolated);
	fake_stopped(interface, queue);
}

static void an_offload_makes_packets_longer(void **state)
{
	xpc_object_t dictionary = shared();
	interface_ref interface;

	xpc_dictionary_set_bool(dictionary, vmnet_enable_tso_key, true);
	assert_int_equal(start_and_wait(dictionary, &interface), VMNET_SUCCESS);
	assert_int_equal(xpc_dictionary_get_uint64(params.object, vmnet_max_packet_size_key),
			 65550);
	fake_stopped(interface, queue);
	dictionary = shared();
	xpc_dictionary_set_bool(dictionary, vmnet_enable_virtio_header_key, true);
	assert_int_equal(start_and_wait(dictionary, &interface), VMNET_SUCCESS);
	assert_int_equal(xpc_dictionary_get_uint64(params.object, vmnet_max_packet_size_key),
			 1514 + 12);
	fake_stopped(interface, queue);
}

static void the_same_id_gives_the_same_address(void **state)
{
	uint8_t first[FRAME_MAC];
	interface_ref interface;
	xpc_object_t dictionary;
	char text[18];

	for (int i = 0; i < 2; i++) {
		dictionary = shared();
		xpc_dictionary_set_uuid(dictionary, vmnet_interface_id_key, id);
		assert_int_equal(start_and_wait(dictionary, &interface), VMNET_SUCCESS);
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", fake.mac[0],
			 fake.mac[1], fake.mac[2], fake.mac[3], fake.mac[4], fake.mac[5]);
		assert_string_equal(xpc_dictionary_get_string(params.object, vmnet_mac_address_key),
				    text);
		if (i == 0)
			memcpy(first, fake.mac, sizeof(first));
		assert_memory_equal(first, fake.mac, sizeof(first));
		fake_stopped(interface, queue);
	}
	assert_int_equal(first[0] & 3, 2); /* one station's, locally given */

	assert_int_equal(start_and_wait(shared(), &interface), VMNET_SUCCESS);
	assert_memory_not_equal(first, fake.mac, sizeof(first));
	assert_non_null(xpc_dictionary_get_uuid(params.object, vmnet_interface_id_key));
	fake_stopped(interface, queue);
}

static void without_allocation_no_address_is_returned(void **state)
{
	xpc_object_t dictionary = shared();
	interface_ref interface;

	xpc_dictionary_set_bool(dictionary, vmnet_allocate_mac_address_key, false);
	assert_int_equal(start_and_wait(dictionary, &interface), VMNET_SUCCESS);
	assert_null(xpc_dictionary_get_value(params.object, vmnet_mac_address_key));
	fake_stopped(interface, queue);
}

static void every_failure_reaches_the_handler_and_leaves_nothing(void **state)
{
	static const vmnet_return_t codes[] = {
		VMNET_FAILURE,	      VMNET_MEM_FAILURE,	  VMNET_INVALID_ARGUMENT,
		VMNET_INVALID_ACCESS, VMNET_SHARING_SERVICE_BUSY, VMNET_NOT_AUTHORIZED
	};
	interface_ref interface;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		fake_reset();
		fake.open = codes[i];
		assert_int_equal(start_and_wait(shared(), &interface), codes[i]);
		assert_null(params.object);
		fake_reset();
		fake.plug = codes[i];
		assert_int_equal(start_and_wait(shared(), &interface), codes[i]);
	}
	fake_reset();
	fake.driver_new = -ENOMEM;
	assert_int_equal(start_and_wait(shared(), &interface), VMNET_MEM_FAILURE);
	fake.driver_new = -ETIMEDOUT;
	assert_int_equal(start_and_wait(shared(), &interface), VMNET_FAILURE);
	assert_int_equal(fake.backends, 0);
	assert_int_equal(start_and_wait(xpc_dictionary_create_empty(), &interface),
			 VMNET_INVALID_ARGUMENT);
	/* It is no interface any more. */
	assert_int_equal(write_one(interface), VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_stop_interface(interface, queue, (void *)&stopped),
			 VMNET_INVALID_ARGUMENT);
}

static dispatch_semaphore_t go;

static void wait_for_go(void)
{
	dispatch_semaphore_wait(go, DISPATCH_TIME_FOREVER);
}

static void before_it_is_started_an_interface_is_incomplete(void **state)
{
	interface_ref interface;
	uint8_t bytes[1514];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct vmpktdesc packet = { sizeof(bytes), &iov, 1, 0 };
	static struct fake_block event;
	int n = 1;

	fake_event_block(&event);
	go = dispatch_semaphore_create(0);
	fake.opening = wait_for_go;
	interface = start(shared());
	assert_int_equal(write_one(interface), VMNET_SETUP_INCOMPLETE);
	assert_int_equal(vmnet_read(interface, &packet, &n), VMNET_SETUP_INCOMPLETE);
	assert_int_equal(n, 0);
	assert_int_equal(vmnet_interface_set_event_callback(interface,
							    VMNET_INTERFACE_PACKETS_AVAILABLE,
							    queue, (void *)&event),
			 VMNET_SETUP_INCOMPLETE);
	assert_int_equal(
		vmnet_interface_remove_port_forwarding_rule(interface, IPPROTO_TCP, 80, NULL),
		VMNET_SETUP_INCOMPLETE);
	dispatch_semaphore_signal(go);
	fake_wait(&params, 1);
	assert_int_equal(write_one(interface), VMNET_SUCCESS);
	fake_stopped(interface, queue);
	dispatch_release(go);
}

/* Both handlers run, in order, whether or not the start succeeds. */
static void a_stop_while_starting_comes_behind_it(void **state)
{
	interface_ref interface;

	for (int fails = 0; fails < 2; fails++) {
		fake_reset();
		fake_block_forget(&params);
		stopped.told = 0;
		go = dispatch_semaphore_create(0);
		fake.opening = wait_for_go;
		fake.open = fails ? VMNET_FAILURE : VMNET_SUCCESS;
		interface = start(shared());
		assert_int_equal(vmnet_stop_interface(interface, queue, (void *)&stopped),
				 VMNET_SUCCESS);
		assert_int_equal(write_one(interface), VMNET_INVALID_ARGUMENT);
		assert_int_equal(stopped.told, 0);
		dispatch_semaphore_signal(go);
		fake_wait(&stopped, 1);
		assert_int_equal(params.told, 1);
		assert_int_equal(params.status, fake.open);
		assert_int_equal(stopped.status, VMNET_SUCCESS);
		assert_int_equal(fake.backends, 0);
		dispatch_release(go);
	}
}

static void a_second_stop_and_all_else_after_the_first_is_refused(void **state)
{
	interface_ref interface = fake_started(queue, NULL);
	uint8_t bytes[1514];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct vmpktdesc packet = { sizeof(bytes), &iov, 1, 0 };
	int n;

	assert_int_equal(vmnet_stop_interface(interface, NULL, (void *)&stopped),
			 VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_stop_interface(interface, queue, NULL), VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_stop_interface(interface, queue, (void *)&stopped), VMNET_SUCCESS);
	for (int handler_ran = 0; handler_ran < 2; handler_ran++) {
		n = 1;
		assert_int_equal(vmnet_stop_interface(interface, queue, (void *)&stopped),
				 VMNET_INVALID_ARGUMENT);
		assert_int_equal(write_one(interface), VMNET_INVALID_ARGUMENT);
		assert_int_equal(vmnet_read(interface, &packet, &n), VMNET_INVALID_ARGUMENT);
		assert_int_equal(vmnet_interface_set_event_callback(interface, 0, NULL, NULL),
				 VMNET_INVALID_ARGUMENT);
		fake_wait(&stopped, 1);
	}
	assert_int_equal(stopped.told, 1);
	assert_int_equal(fake.drains, 1); /* what was written before goes */
	assert_int_equal(fake.drivers, 0);
	assert_int_equal(fake.backends, 0);
}

/* The memory of the old one is used again, its handle is not. */
static void an_old_handle_is_not_the_next_interface(void **state)
{
	interface_ref old = fake_started(queue, NULL);
	interface_ref new;

	fake_stopped(old, queue);
	new = fake_started(queue, NULL);
	assert_ptr_not_equal(old, new);
	assert_int_equal(write_one(old), VMNET_INVALID_ARGUMENT);
	assert_int_equal(write_one(new), VMNET_SUCCESS);
	fake_stopped(new, queue);
}

static void handles_that_never_were_are_refused(void **state)
{
	static const uintptr_t wrong[] = { 0, 1, 2, 3, 0x7ff, 4096, UINTPTR_MAX, 0x7fffffffffff };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(write_one((interface_ref)wrong[i]), VMNET_INVALID_ARGUMENT);
}

static void many_interfaces_may_run_at_a_time(void **state)
{
	interface_ref all[64];

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 64; i++)
			all[i] = fake_started(queue, NULL);
		for (size_t i = 0; i < 64; i++)
			assert_int_equal(write_one(all[i]), VMNET_SUCCESS);
		assert_int_equal(fake.n_sent, 64 * (round + 1));
		for (size_t i = 0; i < 64; i++)
			fake_stopped(all[i], queue);
	}
}

static void an_interface_on_a_network_object_adopts_it(void **state)
{
	struct interface_network network = { .mode = VMNET_HOST_MODE };
	xpc_object_t dictionary = xpc_dictionary_create_empty();
	interface_ref interface;

	network.text = strdup("/run/network");
	network.object = xpc_string_create("any object"); /* CFRelease() of ours is the same */
	interface = interface_start(&network, dictionary, queue, &params);
	xpc_release(network.object);
	assert_non_null(interface);
	fake_wait(&params, 1);
	assert_int_equal(params.status, VMNET_SUCCESS);
	assert_string_equal(fake.adopted, "/run/network");
	fake_stopped(interface, queue);

	network.text = strdup("/run/network");
	assert_null(interface_start(&network, dictionary, queue, NULL));
	xpc_release(dictionary);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(missing_arguments_are_rejected_at_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_handler_gets_what_was_settled, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_offload_makes_packets_longer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_same_id_gives_the_same_address, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(without_allocation_no_address_is_returned, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			every_failure_reaches_the_handler_and_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(before_it_is_started_an_interface_is_incomplete,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stop_while_starting_comes_behind_it, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			a_second_stop_and_all_else_after_the_first_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_old_handle_is_not_the_next_interface, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(handles_that_never_were_are_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(many_interfaces_may_run_at_a_time, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_interface_on_a_network_object_adopts_it, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
