/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_newer.h - what vmnet got after macOS 10.15, looked up while we run
 *
 * So that one program, whatever header it was built with, uses what the system has that it runs on.
 * Any thread.
 */
#ifndef NET_VMNET_VMN_NEWER_H
#define NET_VMNET_VMN_NEWER_H

#include <netinet/in.h>

#include <vmnet/vmnet.h>

/** vmn_key() - a key's text, by the name of its constant. Return: NULL: this system has it not */
const char *vmn_key(const char *constant);

/*
 * struct vmn_newer - functions; a member is NULL where the system has it not. Network objects are
 * pointers without a type: their types are newer, too. All of them, or none.
 */
struct vmn_newer {
	/* 11.0 */
	vmnet_return_t (*add_ip_rule)(interface_ref interface, uint8_t protocol,
				      uint16_t external_port, uint8_t family, const void *address,
				      uint16_t internal_port,
				      vmnet_interface_completion_handler_t handler);
	vmnet_return_t (*remove_ip_rule)(interface_ref interface, uint8_t protocol,
					 uint16_t external_port, uint8_t family,
					 vmnet_interface_completion_handler_t handler);

	/* 26.0 */
	void *(*configuration_create)(unsigned int mode, vmnet_return_t *status);
	vmnet_return_t (*set_ipv4_subnet)(void *configuration, const struct in_addr *address,
					  const struct in_addr *mask);
	vmnet_return_t (*set_ipv6_prefix)(void *configuration, const struct in6_addr *prefix,
					  uint8_t len);
	vmnet_return_t (*set_mtu)(void *configuration, uint32_t mtu);
	vmnet_return_t (*add_dhcp_reservation)(void *configuration, const void *mac,
					       const struct in_addr *address);
	vmnet_return_t (*set_external_interface)(void *configuration, const char *name);
	void (*disable_nat44)(void *configuration);
	void (*disable_nat66)(void *configuration);
	void (*disable_dhcp)(void *configuration);
	void (*disable_dns_proxy)(void *configuration);
	void (*disable_router_advertisement)(void *configuration);
	void *(*network_create)(void *configuration, vmnet_return_t *status);
	interface_ref (*start_with_network)(void *network, xpc_object_t description,
					    dispatch_queue_t queue,
					    vmnet_start_interface_completion_handler_t handler);
	void (*release)(const void *object);
};

/** vmn_newer() - what this system has; settled at the first call */
const struct vmn_newer *vmn_newer(void);

/** vmn_has_objects() - does it have network objects? */
bool vmn_has_objects(void);

#endif
