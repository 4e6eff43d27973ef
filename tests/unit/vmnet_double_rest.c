/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_double_rest.c - the rest of the double: keys, names, rules, network objects; counted objects
 */
#include "vmnet_double.h"

#include <Block.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "vmnet_double_internal.h"

/* Keys: what programs get of them is the text. */

const char *const vmnet_operation_mode_key = "vmnet_operation_mode";
const char *const vmnet_mac_address_key = "vmnet_mac_address";
const char *const vmnet_mtu_key = "vmnet_mtu";
const char *const vmnet_max_packet_size_key = "vmnet_max_packet_size";
const char *const vmnet_interface_id_key = "vmnet_interface_id";
const char *const vmnet_shared_interface_name_key = "vmnet_shared_interface_name";
const char *const vmnet_allocate_mac_address_key = "vmnet_allocate_mac_address";
const char *const vmnet_start_address_key = "vmnet_start_address";
const char *const vmnet_end_address_key = "vmnet_end_address";
const char *const vmnet_subnet_mask_key = "vmnet_subnet_mask";
const char *const vmnet_nat66_prefix_key = "vmnet_nat66_prefix";
const char *const vmnet_network_identifier_key = "vmnet_network_identifier";
const char *const vmnet_host_ip_address_key = "vmnet_host_ip_address";
const char *const vmnet_host_subnet_mask_key = "vmnet_host_subnet_mask";
const char *const vmnet_host_ipv6_address_key = "vmnet_host_ipv6_address";
const char *const vmnet_enable_isolation_key = "vmnet_enable_isolation";
const char *const vmnet_enable_tso_key = "vmnet_enable_tso";
const char *const vmnet_enable_checksum_offload_key = "vmnet_enable_checksum_offload";
const char *const vmnet_enable_virtio_header_key = "vmnet_enable_virtio_header";
const char *const vmnet_read_max_packets_key = "vmnet_read_max_packets";
const char *const vmnet_write_max_packets_key = "vmnet_write_max_packets";

xpc_object_t vmnet_copy_shared_interface_list(void)
{
	const char *const *names = double_script.names;
	xpc_object_t list;

	if (!names[0])
		return NULL;
	list = xpc_array_create(NULL, 0);
	for (size_t i = 0; i < 64 && names[i]; i++) {
		xpc_object_t name = xpc_string_create(names[i]);

		xpc_array_append_value(list, name);
		xpc_release(name);
	}
	return list;
}

/* Rules */

static vmnet_interface_completion_handler_t held_rule;
static dispatch_queue_t rule_queue; /* not counted */
dispatch_queue_t __real_dispatch_queue_create(const char *label, dispatch_queue_attr_t attr);

static vmnet_return_t answer_rule(vmnet_interface_completion_handler_t handler)
{
	vmnet_return_t status =
		double_script.rule_status ? double_script.rule_status : VMNET_SUCCESS;

	if (double_script.rule_return)
		return double_script.rule_return;
	if (!rule_queue)
		rule_queue = __real_dispatch_queue_create("rules", DISPATCH_QUEUE_SERIAL);
	if (double_script.rule_held)
		held_rule = Block_copy(handler);
	else
		dispatch_async(rule_queue, ^{
		  handler(status);
		});
	return VMNET_SUCCESS;
}

void double_release_rule(void)
{
	vmnet_interface_completion_handler_t handler = held_rule;

	if (!handler)
		return;
	held_rule = NULL;
	dispatch_sync(rule_queue, ^{
	  handler(VMNET_SUCCESS);
	});
	Block_release(handler);
}

vmnet_return_t vmnet_interface_add_ip_port_forwarding_rule(
	interface_ref iface, uint8_t protocol, uint16_t external_port, uint8_t family,
	const void *address, uint16_t internal_port, vmnet_interface_completion_handler_t handler)
{
	double_lock();
	double_counting()->rules_added++;
	double_unlock();
	return answer_rule(handler);
}

vmnet_return_t vmnet_interface_remove_ip_port_forwarding_rule(
	interface_ref iface, uint8_t protocol, uint16_t external_port, uint8_t family,
	vmnet_interface_completion_handler_t handler)
{
	double_lock();
	double_counting()->rules_removed++;
	double_unlock();
	return answer_rule(handler);
}

/* The same of 10.15. */
vmnet_return_t vmnet_interface_add_port_forwarding_rule(
	interface_ref iface, uint8_t protocol, uint16_t external_port, struct in_addr address,
	uint16_t internal_port, vmnet_interface_completion_handler_t handler)
{
	return vmnet_interface_add_ip_port_forwarding_rule(iface, protocol, external_port, AF_INET,
							   &address, internal_port, handler);
}

vmnet_return_t vmnet_interface_remove_port_forwarding_rule(
	interface_ref iface, uint8_t protocol, uint16_t external_port,
	vmnet_interface_completion_handler_t handler)
{
	return vmnet_interface_remove_ip_port_forwarding_rule(iface, protocol, external_port,
							      AF_INET, handler);
}

/* Network objects: nothing but counted. */

static pthread_mutex_t object_gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t object_open = PTHREAD_COND_INITIALIZER;

static void *object_new(void)
{
	double_lock();
	double_counting()->objects++;
	double_counting()->objects_live++;
	double_unlock();
	return malloc(1);
}

vmnet_network_configuration_ref vmnet_network_configuration_create(vmnet_mode_t mode,
								   vmnet_return_t *status)
{
	return object_new();
}

vmnet_return_t vmnet_network_configuration_set_ipv4_subnet(vmnet_network_configuration_ref config,
							   const struct in_addr *address,
							   const struct in_addr *mask)
{
	return VMNET_SUCCESS;
}

vmnet_return_t vmnet_network_configuration_set_ipv6_prefix(vmnet_network_configuration_ref config,
							   const struct in6_addr *prefix,
							   uint8_t len)
{
	return VMNET_SUCCESS;
}

vmnet_return_t vmnet_network_configuration_set_mtu(vmnet_network_configuration_ref config,
						   uint32_t mtu)
{
	return VMNET_SUCCESS;
}

vmnet_return_t vmnet_network_configuration_add_dhcp_reservation(
	vmnet_network_configuration_ref config, const ether_addr_t *client,
	const struct in_addr *reservation)
{
	double_counting()->reservations++;
	return VMNET_SUCCESS;
}

void vmnet_network_configuration_disable_dhcp(vmnet_network_configuration_ref config)
{
	double_counting()->dhcp_disabled = true;
}

vmnet_return_t vmnet_network_configuration_set_external_interface(
	vmnet_network_configuration_ref config, const char *name)
{
	return VMNET_SUCCESS;
}

void vmnet_network_configuration_disable_nat44(vmnet_network_configuration_ref config)
{
}

void vmnet_network_configuration_disable_nat66(vmnet_network_configuration_ref config)
{
}

void vmnet_network_configuration_disable_dns_proxy(vmnet_network_configuration_ref config)
{
}

void vmnet_network_configuration_disable_router_advertisement(
	vmnet_network_configuration_ref config)
{
}

void double_release_object(void)
{
	pthread_mutex_lock(&object_gate);
	double_script.object_held = false;
	pthread_cond_broadcast(&object_open);
	pthread_mutex_unlock(&object_gate);
}

vmnet_network_ref vmnet_network_create(vmnet_network_configuration_ref config,
				       vmnet_return_t *status)
{
	pthread_mutex_lock(&object_gate);
	while (double_script.object_held)
		pthread_cond_wait(&object_open, &object_gate);
	pthread_mutex_unlock(&object_gate);
	*status = double_script.object_null ? VMNET_SHARING_SERVICE_BUSY : VMNET_SUCCESS;
	return double_script.object_null ? NULL : object_new();
}

interface_ref vmnet_interface_start_with_network(vmnet_network_ref network,
						 xpc_object_t description, dispatch_queue_t queue,
						 vmnet_start_interface_completion_handler_t handler)
{
	return vmnet_start_interface(description, queue, handler);
}

void CFRelease(const void *object);
void CFRelease(const void *object)
{
	double_lock();
	double_counting()->objects_live--;
	double_unlock();
	free((void *)(uintptr_t)object);
}

/* What is made is counted: the linker leads these calls here. */

static _Atomic(int) objects;

int double_objects(void)
{
	return atomic_load(&objects);
}

dispatch_queue_t __wrap_dispatch_queue_create(const char *label, dispatch_queue_attr_t attr);
dispatch_queue_t __wrap_dispatch_queue_create(const char *label, dispatch_queue_attr_t attr)
{
	atomic_fetch_add(&objects, 1);
	return __real_dispatch_queue_create(label, attr);
}

void __real_dispatch_retain(dispatch_object_t object);
void __wrap_dispatch_retain(dispatch_object_t object);
void __wrap_dispatch_retain(dispatch_object_t object)
{
	atomic_fetch_add(&objects, 1);
	__real_dispatch_retain(object);
}

void __real_dispatch_release(dispatch_object_t object);
void __wrap_dispatch_release(dispatch_object_t object);
void __wrap_dispatch_release(dispatch_object_t object)
{
	atomic_fetch_sub(&objects, 1);
	__real_dispatch_release(object);
}

xpc_object_t __real_xpc_dictionary_create(const char *const *keys, const xpc_object_t *values,
					  size_t n);
xpc_object_t __wrap_xpc_dictionary_create(const char *const *keys, const xpc_object_t *values,
					  size_t n);
xpc_object_t __wrap_xpc_dictionary_create(const char *const *keys, const xpc_object_t *values,
					  size_t n)
{
	atomic_fetch_add(&objects, 1);
	return __real_xpc_dictionary_create(keys, values, n);
}

xpc_object_t __real_xpc_array_create(const xpc_object_t *values, size_t n);
xpc_object_t __wrap_xpc_array_create(const xpc_object_t *values, size_t n);
xpc_object_t __wrap_xpc_array_create(const xpc_object_t *values, size_t n)
{
	atomic_fetch_add(&objects, 1);
	return __real_xpc_array_create(values, n);
}

xpc_object_t __real_xpc_string_create(const char *text);
xpc_object_t __wrap_xpc_string_create(const char *text);
xpc_object_t __wrap_xpc_string_create(const char *text)
{
	atomic_fetch_add(&objects, 1);
	return __real_xpc_string_create(text);
}

xpc_object_t __real_xpc_retain(xpc_object_t object);
xpc_object_t __wrap_xpc_retain(xpc_object_t object);
xpc_object_t __wrap_xpc_retain(xpc_object_t object)
{
	atomic_fetch_add(&objects, 1);
	return __real_xpc_retain(object);
}

void __real_xpc_release(xpc_object_t object);
void __wrap_xpc_release(xpc_object_t object);
void __wrap_xpc_release(xpc_object_t object)
{
	atomic_fetch_sub(&objects, 1);
	__real_xpc_release(object);
}
