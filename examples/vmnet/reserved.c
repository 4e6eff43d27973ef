/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reserved.c - a network of one's own, and a guest that always has the same address there
 *
 *	reserved TIMEOUT_MS GATEWAY MASK MAC ADDRESS
 *
 * A network object (macOS 26) with a subnet and a reservation, an interface on it, and a question
 * for an address by that MAC. Status 0: it was offered the reserved one.
 */
#include <CoreFoundation/CoreFoundation.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Block.h>

#include "dhcp_packet.h"
#include "vmnet_example.h"

static vmnet_network_ref make_network(char **words, const ether_addr_t *mac,
				      const struct in_addr *address, vmnet_return_t *status)
{
	vmnet_network_configuration_ref configuration;
	vmnet_network_ref network = NULL;
	struct in_addr gateway, mask;

	configuration = vmnet_network_configuration_create(VMNET_SHARED_MODE, status);
	if (!configuration)
		return NULL;
	if (inet_pton(AF_INET, words[0], &gateway) != 1 || inet_pton(AF_INET, words[1], &mask) != 1)
		*status = VMNET_INVALID_ARGUMENT;
	else
		*status =
			vmnet_network_configuration_set_ipv4_subnet(configuration, &gateway, &mask);
	if (*status == VMNET_SUCCESS)
		*status = vmnet_network_configuration_add_dhcp_reservation(configuration, mac,
									   address);
	if (*status == VMNET_SUCCESS)
		network = vmnet_network_create(configuration, status);
	CFRelease(configuration);
	return network;
}

static bool ask(vmnet_network_ref network, const ether_addr_t *mac, unsigned int timeout_ms,
		struct in_addr *ret)
{
	struct example example = { 0 };
	xpc_object_t description = xpc_dictionary_create(NULL, NULL, 0);
	vmnet_start_interface_completion_handler_t handler = example_prepare(&example);
	bool offered;

	example_started(&example, vmnet_interface_start_with_network(network, description,
								     example.queue, handler));
	Block_release(handler);
	xpc_release(description);
	offered = dhcp_ask(&example, (const uint8_t *)mac, timeout_ms, ret);
	example_stop(&example);
	return offered;
}

static bool read_mac(const char *text, ether_addr_t *ret)
{
	unsigned int byte[MAC_LEN];
	uint8_t bytes[MAC_LEN];

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5]) != MAC_LEN)
		return false;
	for (int i = 0; i < MAC_LEN; i++)
		bytes[i] = (uint8_t)byte[i];
	memcpy(ret, bytes, sizeof(bytes));
	return true;
}

int main(int argc, char **argv)
{
	struct in_addr address, offer = { 0 };
	vmnet_network_ref network;
	vmnet_return_t status;
	ether_addr_t mac;
	bool same;

	if (argc != 6 || !read_mac(argv[4], &mac) || inet_pton(AF_INET, argv[5], &address) != 1) {
		fprintf(stderr, "usage: reserved TIMEOUT_MS GATEWAY MASK MAC ADDRESS\n");
		return 2;
	}
	network = make_network(argv + 2, &mac, &address, &status);
	if (!network) {
		fprintf(stderr, "network: %d, %s\n", (int)status, example_status(status));
		return 1;
	}
	same = ask(network, &mac, (unsigned int)atoi(argv[1]), &offer) &&
	       offer.s_addr == address.s_addr;
	printf("offered %s\n", inet_ntoa(offer));
	CFRelease(network);
	return same ? 0 : 1;
}
