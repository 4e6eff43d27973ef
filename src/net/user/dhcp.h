/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dhcp.h - the DHCP server of a user network (RFC 2131)
 *
 * A guest's datagram in, an answer out: no I/O, no clock. It is the network's only server, and
 * answers as one (see dhcp.c). The loop's thread.
 */
#ifndef NET_USER_DHCP_H
#define NET_USER_DHCP_H

#include "net/user/dhcp_packet.h"
#include "net/user/leases.h"
#include "net/user/udp_frame.h"

#define DHCP_FRAME_MAX (UDP_FRAME_PAYLOAD4 + DHCP_MESSAGE_MAX)

/** struct dhcp_counters - messages since the start */
struct dhcp_counters {
	uint64_t received, answered, refused; /* refused: DHCPNAK, also one that is answered */
	uint64_t invalid;		      /* no DHCP, or against its rules */
};

struct dhcp;

/**
 * dhcp_new()
 * @config:  what guests are told; what it points to outlives the server
 * @leases:  the same
 * Return: 0, -ENOMEM
 */
int dhcp_new(const struct network_config *config, struct leases *leases, struct dhcp **ret);
void dhcp_free(struct dhcp *dhcp); /* NULL is fine */

/** dhcp_is_for() - is this for a DHCP server on this network, at whichever address? */
bool dhcp_is_for(const struct dhcp *dhcp, const struct udp_frame *datagram);

/**
 * dhcp_answer() - leases_tick() was just called
 * @datagram: as above
 * @port: which port of the switch it came from, 0: not known
 * @frame: room for DHCP_FRAME_MAX
 * Return: length of the answer, 0 for none
 */
size_t dhcp_answer(struct dhcp *dhcp, const struct udp_frame *datagram, uint64_t port,
		   uint8_t *frame);

const struct dhcp_counters *dhcp_counters(const struct dhcp *dhcp);

#endif
