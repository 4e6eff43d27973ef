/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packet_rewrite.h - another address in a packet, checksums included
 *
 * Checksums are updated, not made anew: one that was wrong stays so. Pure functions.
 */
#ifndef NET_USER_PACKET_REWRITE_H
#define NET_USER_PACKET_REWRITE_H

#include "net/user/packet.h"

/**
 * packet_replace_address() - in place
 * @ip:   of this frame
 * @at:   ip->source or ip->destination
 * @with: 4 or, for IPv6, 16 bytes
 */
void packet_replace_address(uint8_t *frame, size_t len, const struct packet_transport *ip,
			    size_t at, const void *with);

/** struct packet_error - the packet that an ICMP or ICMPv6 error is about: offsets in the frame */
struct packet_error {
	uint8_t protocol;
	size_t source, destination;
	size_t at; /* of the header behind IP's; its first 4 bytes, the ports, are there */
};

/**
 * packet_find_error() - is this an error that says that a packet did not arrive?
 * @ip: of this frame
 * Return: false: it is not, or not enough of the packet is there
 */
bool packet_find_error(const uint8_t *frame, size_t len, const struct packet_transport *ip,
		       struct packet_error *ret);

/** packet_replace_in_error() - the address that the packet went to, in place */
void packet_replace_in_error(uint8_t *frame, const struct packet_transport *ip,
			     const struct packet_error *error, const void *with);

#endif
