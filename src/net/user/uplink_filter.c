/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_filter.c - which frames of guests may reach libslirp
 *
 * libslirp believes that it has one guest on a wire of its own: it looks at no destination Ethernet
 * address and turns every IP packet into a socket of the host. On a switch that is wrong in three
 * ways, in every mode:
 *
 *   - A frame for another guest whose address the switch has forgotten is flooded; libslirp would
 *     answer in that guest's place. Only frames for the addresses that libslirp itself uses, or
 *     for groups, pass.
 *   - A packet for the subnet itself (another guest, the subnet's broadcast) would leave the host
 *     by its default route; multicast would reach the host's LAN. No router does that; loopback
 *     and the like neither.
 *   - libslirp cannot forward ICMPv6 and complains on stderr about each echo request that it would
 *     have to.
 *
 * And IPv4 fragments do not pass, in any mode: libslirp 4.7.0 as Debian 12 compiles it (ip_reass()
 * breaks C's aliasing rules) copies the first fragment of any datagram over its own list pointers,
 * so one packet would give a guest a write to an address of its choice in this process; and no
 * version bounds how many half datagrams it keeps. What comes in fragments is put together before
 * (fragments.h).
 *
 * Host mode closes the way to the outside as well: what is left is ARP, neighbour discovery, the
 * gateway's own addresses, which lead to the host (host_nat.h), and what --allow names. libslirp's
 * "restricted" would close the gateway, too. So do --nat44 off and --nat66 off, each for its own: the
 * way out of a user network is NAT, or there is none.
 *
 * Where clouds keep the credentials of their machines (169.254.169.254 and others, host_access.h) is
 * closed in every mode unless --allow opens it: a guest is not the machine.
 *
 * DHCP and DNS are not seen here: they are taken before (gateway.h). DHCPv6, which could tell of name
 * servers only, does not pass: router advertisements do.
 *
 * The decision is made by the fixed part of the IP header, which decides in libslirp as well: what
 * options or extension headers hold cannot change it. Ethernet types that are not listed (VLAN tags
 * among them) do not pass.
 */
#include "net/user/uplink_filter.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "net/user/host_access.h"
#include "net/user/packet.h"

#define ETH_TYPE_OFFSET 12u

void uplink_filter_init(struct uplink_filter *filter, const struct network_config *config)
{
	filter->config = config;
	network_config_addresses(config, &filter->addresses);
}

/* libslirp's own: 52:55 and an IPv4 address, 52:56 and the end of an IPv6 address. */
static bool ethernet_passes(const uint8_t *destination)
{
	return destination[0] & 1 || packet_is_for_uplink(destination);
}

static bool same(struct in_addr a, struct in_addr b)
{
	return a.s_addr == b.s_addr;
}

/* What --allow compares with: 0 for protocols without ports, and for a cut packet. */
static uint16_t port_of(uint8_t protocol, const uint8_t *transport, size_t len)
{
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || len < 4)
		return 0;
	return (uint16_t)packet_get16(transport + 2);
}

/*
 * No router forwards to these: this subnet, 0/8, 127/8, from 224/4 on (RFC 6890). --allow neither:
 * loopback that it opens is at the gateway's address.
 */
static bool is_never_forwarded(const struct network_addresses *addresses,
			       struct in_addr destination)
{
	uint32_t first = ntohl(destination.s_addr) >> 24;

	return (destination.s_addr & addresses->mask.s_addr) == addresses->network.s_addr ||
	       first == 0 || first == IN_LOOPBACKNET || first >= 224;
}

/* Closed unless allowed: 169.254/16, other metadata, and in host mode everything. */
static bool ipv4_is_open(const struct uplink_filter *filter, struct in_addr destination)
{
	struct in6_addr mapped = host_access_mapped(destination);

	return filter->config->mode != NETWORK_HOST && !filter->config->no_nat44 &&
	       ntohl(destination.s_addr) >> 16 != 0xa9fe && !host_access_is_metadata(&mapped);
}

static bool ipv4_passes(const struct uplink_filter *filter, const uint8_t *packet, size_t len)
{
	const struct network_addresses *addresses = &filter->addresses;
	struct in_addr destination;
	struct in6_addr mapped;
	struct iphdr header;
	size_t header_len;

	if (len < sizeof(header))
		return false;
	memcpy(&header, packet, sizeof(header));
	header_len = (size_t)header.ihl * 4;
	if (header.version != 4 || header_len < sizeof(header) || header_len > len ||
	    (ntohs(header.frag_off) & ~IP_DF))
		return false;
	destination.s_addr = header.daddr;
	if (same(destination, addresses->gateway))
		return true;
	if (is_never_forwarded(addresses, destination))
		return false;
	if (ipv4_is_open(filter, destination))
		return true;
	mapped = host_access_mapped(destination);
	return host_access_is_allowed(
		filter->config, &mapped,
		port_of(header.protocol, packet + header_len, len - header_len));
}

static bool same6(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool same_prefix6(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, 8) == 0;
}

/*
 * Groups of neighbour and router discovery (RFC 4291, 2.7.1): all nodes, all routers, solicited
 * node.
 */
static bool is_discovery_group(const struct in6_addr *address)
{
	static const struct in6_addr all_nodes = { .s6_addr = { 0xff, 2, [15] = 1 } };
	static const struct in6_addr all_routers = { .s6_addr = { 0xff, 2, [15] = 2 } };
	static const uint8_t solicited_node[13] = { 0xff, 2, [11] = 1, 0xff };

	return same6(address, &all_nodes) || same6(address, &all_routers) ||
	       memcmp(address, solicited_node, sizeof(solicited_node)) == 0;
}

/*
 * 2000::/3 is what is assigned; other private prefixes may be routed on the host's side. Never
 * link-local ones: libslirp takes any of the prefix, and some versions of those, for ::1.
 */
static bool is_outside6(const struct network_addresses *addresses,
			const struct in6_addr *destination)
{
	if (same_prefix6(destination, &addresses->prefix6))
		return false;
	return (destination->s6_addr[0] & 0xe0) == 0x20 || (destination->s6_addr[0] & 0xfe) == 0xfc;
}

/* The gateway's, from which libslirp sends its router advertisements. */
static bool is_own_link_local(const struct in6_addr *address)
{
	static const uint8_t gateway[8] = { [7] = 2 };

	return IN6_IS_ADDR_LINKLOCAL(address) && memcmp(address->s6_addr + 8, gateway, 8) == 0;
}

/* libslirp answers echo requests for itself, complains about all others. */
static bool icmp6_passes(const struct network_addresses *addresses,
			 const struct in6_addr *destination, const uint8_t *message, size_t len)
{
	if (same6(destination, &addresses->gateway6) || is_own_link_local(destination))
		return true;
	return is_discovery_group(destination) && len > 0 && message[0] != ICMP6_ECHO_REQUEST;
}

static bool ipv6_passes(const struct uplink_filter *filter, const uint8_t *packet, size_t len)
{
	const struct network_addresses *addresses = &filter->addresses;
	struct ip6_hdr header;

	if (len < sizeof(header))
		return false;
	memcpy(&header, packet, sizeof(header));
	if (header.ip6_vfc >> 4 != 6)
		return false;
	if (header.ip6_nxt == IPPROTO_ICMPV6)
		return icmp6_passes(addresses, &header.ip6_dst, packet + sizeof(header),
				    len - sizeof(header));
	if (same6(&header.ip6_dst, &addresses->gateway6))
		return true;
	if (!is_outside6(addresses, &header.ip6_dst))
		return false;
	if (filter->config->mode != NETWORK_HOST && !filter->config->no_nat66 &&
	    !host_access_is_metadata(&header.ip6_dst))
		return true;
	return host_access_is_allowed(
		filter->config, &header.ip6_dst,
		port_of(header.ip6_nxt, packet + sizeof(header), len - sizeof(header)));
}

bool uplink_filter_passes(const struct uplink_filter *filter, const uint8_t *frame, size_t len)
{
	unsigned int type;

	if (len < FRAME_ETH_HEADER || !ethernet_passes(frame))
		return false;
	type = (unsigned int)frame[ETH_TYPE_OFFSET] << 8 | frame[ETH_TYPE_OFFSET + 1];
	switch (type) {
	case ETH_P_ARP:
		return true;
	case ETH_P_IP:
		return ipv4_passes(filter, frame + FRAME_ETH_HEADER, len - FRAME_ETH_HEADER);
	case ETH_P_IPV6:
		return ipv6_passes(filter, frame + FRAME_ETH_HEADER, len - FRAME_ETH_HEADER);
	default:
		return false;
	}
}
