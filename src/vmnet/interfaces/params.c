/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * params.c - who an interface is: its id, the address that follows from it, and what its caller is
 * told of both and of the network
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "vmnet/interfaces/interface.h"
#include "vmnet/log.h"

/* FNV-1a, and a last mixing (of MurmurHash3), so that ids that differ little give addresses that
 * differ. */
static uint64_t hash_id(const uint8_t id[16])
{
	uint64_t hash = 0xcbf29ce484222325;

	for (unsigned int i = 0; i < 16; i++)
		hash = (hash ^ id[i]) * 0x100000001b3;
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
	return hash ^ hash >> 33;
}

static int random_id(uint8_t id[16])
{
	if (getrandom(id, 16, 0) != 16)
		return errno ? -errno : -EIO;
	id[6] = (id[6] & 0x0f) | 0x40; /* RFC 9562: version 4 */
	id[8] = (id[8] & 0x3f) | 0x80;
	return 0;
}

int interface_settle_mac(struct interface *interface)
{
	struct description *description = &interface->description;
	uint64_t hash;
	int r = 0;

	if (!description->id_given)
		r = random_id(description->id);
	if (r < 0) {
		vmnet_log("no random numbers: %s", strerror(-r));
		return r;
	}
	hash = hash_id(description->id);
	for (unsigned int i = 0; i < FRAME_MAC; i++)
		interface->mac[i] = (uint8_t)(hash >> 8 * i);
	interface->mac[0] = (interface->mac[0] & 0xfcu) | 2u; /* one station's, locally given */
	return 0;
}

static void add_ip4(xpc_object_t params, const char *key, struct in_addr address)
{
	char text[INET_ADDRSTRLEN];

	xpc_dictionary_set_string(params, key, inet_ntop(AF_INET, &address, text, sizeof(text)));
}

static void add_network(const struct interface *interface, const struct backend_facts *facts,
			xpc_object_t params)
{
	operating_modes_t mode = interface->description.request.mode;
	char text[INET6_ADDRSTRLEN];

	if (mode == VMNET_BRIDGED_MODE)
		return;
	/* A network with an identifier has none: 0.0.0.0. */
	add_ip4(params, vmnet_start_address_key, facts->start_address);
	add_ip4(params, vmnet_end_address_key, facts->end_address);
	add_ip4(params, vmnet_subnet_mask_key, facts->subnet_mask);
	if (mode == VMNET_SHARED_MODE && !IN6_IS_ADDR_UNSPECIFIED(&facts->nat66_prefix))
		xpc_dictionary_set_string(
			params, vmnet_nat66_prefix_key,
			inet_ntop(AF_INET6, &facts->nat66_prefix, text, sizeof(text)));
}

xpc_object_t interface_params(const struct interface *interface, const struct backend_facts *facts)
{
	const uint8_t *mac = interface->mac;
	xpc_object_t params = xpc_dictionary_create_empty();
	char text[3 * FRAME_MAC];

	if (!interface->description.no_mac) {
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
			 mac[2], mac[3], mac[4], mac[5]);
		xpc_dictionary_set_string(params, vmnet_mac_address_key, text);
	}
	xpc_dictionary_set_uint64(params, vmnet_mtu_key, interface->mtu);
	xpc_dictionary_set_uint64(params, vmnet_max_packet_size_key, interface->max_packet);
	xpc_dictionary_set_uint64(params, vmnet_read_max_packets_key, INTERFACE_BATCH);
	xpc_dictionary_set_uint64(params, vmnet_write_max_packets_key, INTERFACE_BATCH);
	xpc_dictionary_set_uuid(params, vmnet_interface_id_key, interface->description.id);
	add_network(interface, facts, params);
	return params;
}
