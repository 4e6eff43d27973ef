/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_facts.c - what vmnet says of an interface that it has started
 */
#include "net/vmnet/vmn_facts.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "net/vmnet/vmn_newer.h"

#define MAX_PACKET_PLAIN 1514u

static struct in_addr address_of(xpc_object_t parameters, const char *key)
{
	const char *text = xpc_dictionary_get_string(parameters, key);
	struct in_addr address;

	if (!text || inet_pton(AF_INET, text, &address) != 1)
		address.s_addr = 0;
	return address;
}

/* Between 1 and what counts so many packets; not said before macOS 15. */
static unsigned int packets_of(xpc_object_t parameters, const char *constant)
{
	const char *key = vmn_key(constant);
	uint64_t packets = key ? xpc_dictionary_get_uint64(parameters, key) : 0;

	return packets > 0 && packets < UINT32_MAX ? (unsigned int)packets : VMN_CALL_PACKETS;
}

static void read_sizes(xpc_object_t parameters, struct vmn_facts *facts)
{
	uint64_t mtu = xpc_dictionary_get_uint64(parameters, vmnet_mtu_key);
	uint64_t max_packet = xpc_dictionary_get_uint64(parameters, vmnet_max_packet_size_key);

	if (mtu >= FRAME_MTU_MIN && mtu <= FRAME_MTU_MAX)
		facts->mtu = (uint16_t)mtu;
	if (facts->mtu && max_packet < FRAME_ETH_HEADER + (uint64_t)facts->mtu)
		max_packet = FRAME_ETH_HEADER + (uint64_t)facts->mtu;
	if (max_packet >= FRAME_ETH_HEADER)
		facts->max_packet =
			max_packet < VMN_PACKET_MAX ? (size_t)max_packet : VMN_PACKET_MAX;
}

void vmn_facts_read(xpc_object_t parameters, struct vmn_facts *ret)
{
	const char *text;

	*ret = (struct vmn_facts) { .max_packet = MAX_PACKET_PLAIN,
				    .read_packets = VMN_CALL_PACKETS,
				    .write_packets = VMN_CALL_PACKETS };
	if (!parameters)
		return;
	read_sizes(parameters, ret);
	ret->read_packets = packets_of(parameters, "vmnet_read_max_packets_key");
	ret->write_packets = packets_of(parameters, "vmnet_write_max_packets_key");
	ret->start = address_of(parameters, vmnet_start_address_key);
	ret->end = address_of(parameters, vmnet_end_address_key);
	ret->mask = address_of(parameters, vmnet_subnet_mask_key);
	text = xpc_dictionary_get_string(parameters, vmnet_nat66_prefix_key);
	if (text && inet_pton(AF_INET6, text, &ret->prefix) != 1)
		ret->prefix = (struct in6_addr) { 0 };
	text = xpc_dictionary_get_string(parameters, vmnet_mac_address_key);
	if (text)
		snprintf(ret->mac, sizeof(ret->mac), "%s", text);
}
