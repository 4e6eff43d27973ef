/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_config.c - what a network shall be, key by key
 *
 * Each setter checks what it can by itself, and leaves the configuration as it was if it refuses.
 * What goes together is for vmnet_network_create() to say, as addresses may be automatic until then.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <vmnet/vmnet.h>

#include "virtio/frame.h"
#include "vmnet/log.h"
#include "vmnet/objects/network.h"
#include "vmnet/rule.h"

#define ULA_PREFIX 0xfdu

static void free_configuration(struct darwin_object *object)
{
	struct vmnet_network_configuration *config = (void *)object;

	network_live_remove(&config->live);
	free(config->reservations);
	free(config->forwards);
	free(config);
}

static const struct darwin_class configuration_class = { .free = free_configuration };

static bool is_good(const struct vmnet_network_configuration *config)
{
	return network_is_live(config, NETWORK_OBJECT_CONFIGURATION);
}

static vmnet_return_t refuse(const char *why)
{
	vmnet_log("network configuration: %s", why);
	return VMNET_INVALID_ARGUMENT;
}

vmnet_network_configuration_ref vmnet_network_configuration_create(vmnet_mode_t mode,
								   vmnet_return_t *status)
{
	struct vmnet_network_configuration *config = NULL;
	vmnet_return_t result = VMNET_SUCCESS;

	if (mode != VMNET_HOST_MODE && mode != VMNET_SHARED_MODE)
		result = refuse("the mode is neither host nor shared");
	else
		config = calloc(1, sizeof(*config));
	if (config) {
		config->request = (struct backend_request) { .mode = mode, .own = true };
		network_live_add(&config->live, NETWORK_OBJECT_CONFIGURATION, &configuration_class);
	} else if (result == VMNET_SUCCESS) {
		result = VMNET_MEM_FAILURE;
	}
	if (status)
		*status = result;
	return config;
}

vmnet_return_t vmnet_network_configuration_set_external_interface(
	vmnet_network_configuration_ref config, const char *interface_name)
{
	if (!is_good(config))
		return refuse("not a configuration, or no longer");
	if (config->request.mode != VMNET_SHARED_MODE)
		return refuse("a host network has no external interface");
	if (!interface_name || !*interface_name || strlen(interface_name) >= IF_NAMESIZE ||
	    !if_nametoindex(interface_name))
		return refuse("the host has no external interface of this name");
	strcpy(config->request.external, interface_name);
	return VMNET_SUCCESS;
}

/* Contiguous, with room for three reserved addresses and a guest's. */
static bool is_mask(uint32_t mask)
{
	uint32_t host_bits = ~mask;

	return (host_bits & (host_bits + 1)) == 0 && host_bits >= 3 && host_bits <= 0xffffffu;
}

/* RFC 1918, section 3 */
static bool is_private(uint32_t net, uint32_t mask)
{
	return (net >> 24 == 10) || (net >> 20 == 0xac1 && mask >> 20 == 0xfff) ||
	       (net >> 16 == 0xc0a8 && mask >> 16 == 0xffff);
}

vmnet_return_t vmnet_network_configuration_set_ipv4_subnet(vmnet_network_configuration_ref config,
							   const struct in_addr *subnet_addr,
							   const struct in_addr *subnet_mask)
{
	uint32_t mask, net;

	if (!is_good(config) || !subnet_addr || !subnet_mask)
		return refuse("IPv4 subnet: not a configuration, or no address or mask");
	mask = ntohl(subnet_mask->s_addr);
	net = ntohl(subnet_addr->s_addr) & mask;
	if (!is_mask(mask))
		return refuse("IPv4 subnet: not a mask of 8 to 30 bits");
	if (!is_private(net, mask))
		return refuse("IPv4 subnet: not inside 10/8, 172.16/12 or 192.168/16");
	config->request.range_given = true;
	config->request.start_address.s_addr = htonl(net + 1);
	config->request.end_address.s_addr = htonl((net | ~mask) - 1);
	config->request.subnet_mask.s_addr = htonl(mask);
	return VMNET_SUCCESS;
}

vmnet_return_t vmnet_network_configuration_set_ipv6_prefix(vmnet_network_configuration_ref config,
							   const struct in6_addr *prefix,
							   uint8_t prefix_len)
{
	if (!is_good(config) || !prefix)
		return refuse("IPv6 prefix: not a configuration, or no prefix");
	if (config->request.mode != VMNET_SHARED_MODE)
		return refuse("IPv6 prefix: a host network has none that is known");
	if (prefix_len != 64 || prefix->s6_addr[0] != ULA_PREFIX)
		return refuse("IPv6 prefix: not 64 bits inside fd00::/8");
	config->request.prefix_given = true;
	config->request.nat66_prefix = *prefix;
	memset(config->request.nat66_prefix.s6_addr + 8, 0, 8);
	return VMNET_SUCCESS;
}

vmnet_return_t vmnet_network_configuration_set_mtu(vmnet_network_configuration_ref config,
						   uint32_t mtu)
{
	if (!is_good(config))
		return refuse("not a configuration, or no longer");
	if (mtu < FRAME_MTU_MIN || mtu > FRAME_MTU_MAX)
		return refuse("MTU: not 68 to 65521");
	config->request.mtu = (uint16_t)mtu;
	return VMNET_SUCCESS;
}

static bool has_reservation(const struct backend_request *request,
			    const struct backend_reservation *reservation)
{
	for (size_t i = 0; i < request->n_reservations; i++) {
		const struct backend_reservation *each = &request->reservations[i];

		if (memcmp(each->mac, reservation->mac, sizeof(each->mac)) == 0 ||
		    each->address.s_addr == reservation->address.s_addr)
			return true;
	}
	return false;
}

static bool is_unicast(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return !(mac[0] & 1) && memcmp(mac, none, sizeof(none)) != 0;
}

vmnet_return_t vmnet_network_configuration_add_dhcp_reservation(
	vmnet_network_configuration_ref config, const ether_addr_t *client,
	const struct in_addr *reservation)
{
	struct backend_reservation added = { 0 }, *grown;
	struct backend_request *request;

	if (!is_good(config) || !client || !reservation)
		return refuse("reservation: not a configuration, or no client or address");
	request = &config->request;
	memcpy(added.mac, client->ether_addr_octet, sizeof(added.mac));
	added.address = *reservation;
	if (!is_unicast(added.mac))
		return refuse("reservation: not the MAC address of a guest");
	if (has_reservation(request, &added))
		return refuse("reservation: this client, or this address, has one");
	if (request->n_reservations == NETWORK_ENTRIES_MAX)
		return refuse("reservation: 1024 are the most there may be");
	grown = realloc(config->reservations, (request->n_reservations + 1) * sizeof(*grown));
	if (!grown)
		return VMNET_MEM_FAILURE;
	grown[request->n_reservations++] = added;
	request->reservations = config->reservations = grown;
	return VMNET_SUCCESS;
}

static bool has_forward(const struct backend_request *request, const struct backend_forward *rule)
{
	for (size_t i = 0; i < request->n_forwards; i++) {
		const struct backend_forward *each = &request->forwards[i];

		if (each->protocol == rule->protocol && each->family == rule->family &&
		    each->external_port == rule->external_port)
			return true;
	}
	return false;
}

static vmnet_return_t add_forward(struct vmnet_network_configuration *config,
				  const struct backend_forward *rule)
{
	struct backend_request *request = &config->request;
	struct backend_forward *grown;

	if (!rule_is_valid(rule) || !rule->internal_port)
		return refuse("port forwarding rule: not TCP or UDP, or a port is 0");
	if (has_forward(request, rule))
		return refuse("port forwarding rule: there is one for this external port");
	if (request->n_forwards == NETWORK_ENTRIES_MAX)
		return refuse("port forwarding rule: 1024 are the most there may be");
	grown = realloc(config->forwards, (request->n_forwards + 1) * sizeof(*grown));
	if (!grown)
		return VMNET_MEM_FAILURE;
	grown[request->n_forwards++] = *rule;
	request->forwards = config->forwards = grown;
	return VMNET_SUCCESS;
}

vmnet_return_t vmnet_network_configuration_add_port_forwarding_rule(
	vmnet_network_configuration_ref config, uint8_t protocol, sa_family_t address_family,
	uint16_t internal_port, uint16_t external_port, const void *internal_address)
{
	struct backend_forward rule = { .protocol = protocol,
					.family = address_family,
					.external_port = external_port,
					.internal_port = internal_port };

	if (!is_good(config) || !internal_address)
		return refuse("port forwarding rule: not a configuration, or no address");
	if (config->request.mode != VMNET_SHARED_MODE)
		return refuse("port forwarding rule: a host network is closed to the outside");
	if (address_family == AF_INET)
		memcpy(&rule.internal.v4, internal_address, sizeof(rule.internal.v4));
	else if (address_family == AF_INET6)
		memcpy(&rule.internal.v6, internal_address, sizeof(rule.internal.v6));
	else
		return refuse("port forwarding rule: neither IPv4 nor IPv6");
	return add_forward(config, &rule);
}

/* A host network has no NAT to be switched off. */
void vmnet_network_configuration_disable_nat44(vmnet_network_configuration_ref config)
{
	if (is_good(config))
		config->request.no_nat44 = config->request.mode == VMNET_SHARED_MODE;
}

void vmnet_network_configuration_disable_nat66(vmnet_network_configuration_ref config)
{
	if (is_good(config))
		config->request.no_nat66 = config->request.mode == VMNET_SHARED_MODE;
}

void vmnet_network_configuration_disable_dhcp(vmnet_network_configuration_ref config)
{
	if (is_good(config))
		config->request.no_dhcp = true;
}

void vmnet_network_configuration_disable_dns_proxy(vmnet_network_configuration_ref config)
{
	if (is_good(config))
		config->request.no_dns_proxy = true;
}

void vmnet_network_configuration_disable_router_advertisement(
	vmnet_network_configuration_ref config)
{
	if (is_good(config))
		config->request.no_router_advertisement = true;
}
