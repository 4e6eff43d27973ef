/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * udp_frame.h - a UDP datagram in an Ethernet frame, IPv4 or IPv6: taken apart, and made
 *
 * For the services at the gateway's address. Pure functions.
 */
#ifndef NET_USER_UDP_FRAME_H
#define NET_USER_UDP_FRAME_H

#include <netinet/in.h>
#include <stdbool.h>

#include "net/user/packet.h"

/* Where the payload of a datagram that is made begins. */
#define UDP_FRAME_PAYLOAD4 (FRAME_ETH_HEADER + PACKET_IP4_HEADER + PACKET_UDP_HEADER)
#define UDP_FRAME_PAYLOAD6 (FRAME_ETH_HEADER + PACKET_IP6_HEADER + PACKET_UDP_HEADER)

/** struct udp_station - one end; an IPv4 address is in_addr, and v6 is false */
struct udp_station {
	uint8_t mac[FRAME_MAC];
	bool v6;
	union {
		struct in_addr address;
		struct in6_addr address6;
	};
	uint16_t port;
};

struct udp_frame {
	struct udp_station from, to; /* v6 in both or neither */
	const uint8_t *payload;	     /* in the frame */
	size_t len;
};

/**
 * udp_frame_read() - lengths and checksums are right, nothing is fragmented, no extension headers
 * @frame, @len: any bytes
 * Return: 0; -EPROTONOSUPPORT no UDP, or with what is said above; -EBADMSG broken
 */
int udp_frame_read(const uint8_t *frame, size_t len, struct udp_frame *ret);

/**
 * udp_frame_write() - headers in front of a payload that is at UDP_FRAME_PAYLOAD4 or 6 already
 * Return: length of the frame
 */
size_t udp_frame_write(uint8_t *frame, const struct udp_station *from, const struct udp_station *to,
		       size_t payload_len);

#endif
