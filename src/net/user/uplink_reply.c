/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_reply.c - what libslirp tells guests about their network, corrected
 *
 * libslirp has no notion of the last address that it may give, nor of a network without a way out.
 * Both are told by it in two messages, which are corrected on their way to the guest:
 *
 *   DHCP reply             an address beyond the range: not sent. Host mode: options 3 (router) and
 *                          6 (name server) become padding (vmnet's host mode has no router either)
 *   router advertisement   host mode: the name server's lifetime becomes 0, "no longer to be used"
 *                          (RFC 8106, section 5.1)
 *
 * Offsets stay and so do lengths. The UDP checksum is left out, as IPv4 allows; ICMPv6's is
 * adjusted.
 *
 *   | Ethernet 14 | IPv4 20 | UDP 8 | BOOTP 236, cookie 4, options ... |
 *   | Ethernet 14 | IPv6 40 | router advertisement 16 | options, each in units of 8 bytes ... |
 */
#include "net/user/uplink_reply.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <string.h>

#define IP4		 FRAME_ETH_HEADER
#define IP4_PROTOCOL	 (IP4 + 9u)
#define UDP		 (IP4 + 20u)
#define UDP_CHECKSUM	 (UDP + 6u)
#define BOOTP		 (UDP + 8u)
#define BOOTP_YIADDR	 (BOOTP + 16u)
#define DHCP_OPTIONS	 (BOOTP + 236u + 4u)

#define DHCP_SERVER_PORT 67u
#define DHCP_CLIENT_PORT 68u
#define DHCP_PAD	 0u
#define DHCP_ROUTER	 3u
#define DHCP_NAME_SERVER 6u
#define DHCP_END	 255u

#define IP6		 FRAME_ETH_HEADER
#define IP6_NEXT_HEADER	 (IP6 + 6u)
#define ICMP6		 (IP6 + 40u)
#define ICMP6_CHECKSUM	 (ICMP6 + 2u)
#define RA_OPTIONS	 (ICMP6 + 16u)
#define RA_NAME_SERVER	 25u /* RFC 8106: type, length, 2 reserved, 4 lifetime, addresses */

static unsigned int get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* libslirp sends its replies unfragmented and with an IPv4 header of 20 bytes. */
static bool is_dhcp(const uint8_t *frame, size_t len)
{
	return len >= DHCP_OPTIONS && get16(frame + 12) == ETH_P_IP && frame[IP4] == 0x45 &&
	       frame[IP4_PROTOCOL] == IPPROTO_UDP && get16(frame + UDP) == DHCP_SERVER_PORT &&
	       get16(frame + UDP + 2) == DHCP_CLIENT_PORT;
}

static bool is_router_advertisement(const uint8_t *frame, size_t len)
{
	return len >= RA_OPTIONS && get16(frame + 12) == ETH_P_IPV6 &&
	       frame[IP6_NEXT_HEADER] == IPPROTO_ICMPV6 && frame[ICMP6] == ND_ROUTER_ADVERT;
}

enum uplink_reply uplink_reply_kind(const uint8_t *frame, size_t len)
{
	if (is_dhcp(frame, len))
		return UPLINK_REPLY_DHCP;
	if (is_router_advertisement(frame, len))
		return UPLINK_REPLY_ROUTER_ADVERTISEMENT;
	return UPLINK_REPLY_OTHER;
}

bool uplink_dhcp_in_range(const uint8_t *frame, size_t len,
			  const struct network_addresses *addresses)
{
	struct in_addr given;
	uint32_t address;

	memcpy(&given, frame + BOOTP_YIADDR, sizeof(given));
	address = ntohl(given.s_addr);
	/* A refusal (DHCPNAK) gives all ones in libslirp, and nothing by RFC 2131. */
	return address == INADDR_ANY || address == INADDR_BROADCAST ||
	       (address >= ntohl(addresses->first_lease.s_addr) &&
		address <= ntohl(addresses->last_lease.s_addr));
}

void uplink_dhcp_close(uint8_t *frame, size_t len)
{
	size_t at = DHCP_OPTIONS;

	while (at + 2 <= len && frame[at] != DHCP_END) {
		size_t size;

		if (frame[at] == DHCP_PAD) {
			at++;
			continue;
		}
		size = 2u + frame[at + 1];
		if (size > len - at)
			break;
		if (frame[at] == DHCP_ROUTER || frame[at] == DHCP_NAME_SERVER)
			memset(frame + at, DHCP_PAD, size);
		at += size;
	}
	put16(frame + UDP_CHECKSUM, 0);
}

/* A word of the message becomes zero: RFC 1624, HC' = ~(~HC + ~m + m'). */
static void clear_word(uint8_t *frame, size_t at)
{
	uint32_t sum =
		(uint16_t)~get16(frame + ICMP6_CHECKSUM) + (uint32_t)(uint16_t)~get16(frame + at);

	sum = (sum & 0xffff) + (sum >> 16);
	put16(frame + at, 0);
	put16(frame + ICMP6_CHECKSUM, (uint16_t)~sum);
}

void uplink_advertisement_close(uint8_t *frame, size_t len)
{
	size_t at = RA_OPTIONS;

	while (at + 8 <= len && frame[at + 1] != 0) {
		size_t size = (size_t)8 * frame[at + 1];

		if (size > len - at)
			break;
		if (frame[at] == RA_NAME_SERVER) {
			clear_word(frame, at + 4);
			clear_word(frame, at + 6);
		}
		at += size;
	}
}
