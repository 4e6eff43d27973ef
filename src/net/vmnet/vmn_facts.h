/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_facts.h - what vmnet says of an interface that it has started
 *
 * Whatever it does not say, or says wrong, is what its documentation promises for every interface:
 * nobody behind this has to check again. Pure.
 */
#ifndef NET_VMNET_VMN_FACTS_H
#define NET_VMNET_VMN_FACTS_H

#include <netinet/in.h>

#include "virtio/frame.h"

#include <vmnet/vmnet.h>

#define VMN_CALL_PACKETS 200u		     /* documented: the most of one call */
#define VMN_CALL_BYTES	 ((size_t)256 << 10) /* likewise */
#define VMN_PACKET_MAX	 65600u		     /* 65550 is known, with a virtio header before it */
#define VMN_MAC_TEXT	 18u

/**
 * struct vmn_facts
 * @mac: the one that vmnet would have the guest use; "" if it gave none
 * @max_packet: bytes of the longest packet, FRAME_ETH_HEADER to VMN_PACKET_MAX
 * @read_packets, @write_packets: the most of one call, 1 or more
 * @start and the rest: 0 where there is none
 */
struct vmn_facts {
	char mac[VMN_MAC_TEXT];
	uint16_t mtu; /* 0: not said */
	size_t max_packet;
	unsigned int read_packets, write_packets;
	struct in_addr start, end, mask;
	struct in6_addr prefix;
};

/** vmn_facts_read() - @parameters: of the start handler; NULL: it said nothing */
void vmn_facts_read(xpc_object_t parameters, struct vmn_facts *ret);

#endif
