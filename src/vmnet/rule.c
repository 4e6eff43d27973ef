/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmnet/rule.h"

#include <arpa/inet.h>
#include <string.h>

/* Of our own dictionaries; callers use the functions below. */
#define RULE_PROTOCOL "protocol"
#define RULE_FAMILY   "address_family"
#define RULE_EXTERNAL "external_port"
#define RULE_ADDRESS  "internal_address"
#define RULE_INTERNAL "internal_port"

bool rule_is_valid(const struct backend_forward *rule)
{
	return (rule->protocol == IPPROTO_TCP || rule->protocol == IPPROTO_UDP) &&
	       (rule->family == AF_INET || rule->family == AF_INET6) && rule->external_port != 0;
}

xpc_object_t rule_to_xpc(const struct backend_forward *rule)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty();
	char text[INET6_ADDRSTRLEN];

	inet_ntop(rule->family, &rule->internal, text, sizeof(text));
	xpc_dictionary_set_uint64(dictionary, RULE_PROTOCOL, rule->protocol);
	xpc_dictionary_set_uint64(dictionary, RULE_FAMILY, rule->family);
	xpc_dictionary_set_uint64(dictionary, RULE_EXTERNAL, rule->external_port);
	xpc_dictionary_set_string(dictionary, RULE_ADDRESS, text);
	xpc_dictionary_set_uint64(dictionary, RULE_INTERNAL, rule->internal_port);
	return dictionary;
}

vmnet_return_t vmnet_ip_port_forwarding_rule_get_details(xpc_object_t rule, uint8_t *protocol,
							 uint16_t *external_port,
							 uint8_t address_family,
							 void *internal_address,
							 uint16_t *internal_port)
{
	const char *text = xpc_dictionary_get_string(rule, RULE_ADDRESS);

	if (!protocol || !external_port || !internal_address || !internal_port || !text ||
	    xpc_dictionary_get_uint64(rule, RULE_FAMILY) != address_family ||
	    inet_pton(address_family, text, internal_address) != 1)
		return VMNET_INVALID_ARGUMENT;
	*protocol = (uint8_t)xpc_dictionary_get_uint64(rule, RULE_PROTOCOL);
	*external_port = (uint16_t)xpc_dictionary_get_uint64(rule, RULE_EXTERNAL);
	*internal_port = (uint16_t)xpc_dictionary_get_uint64(rule, RULE_INTERNAL);
	return VMNET_SUCCESS;
}

vmnet_return_t vmnet_port_forwarding_rule_get_details(xpc_object_t rule, uint8_t *protocol,
						      uint16_t *external_port,
						      struct in_addr *internal_address,
						      uint16_t *internal_port)
{
	return vmnet_ip_port_forwarding_rule_get_details(rule, protocol, external_port, AF_INET,
							 internal_address, internal_port);
}
