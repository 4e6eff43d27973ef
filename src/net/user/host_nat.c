/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_nat.c - what is behind the gateway's address: the host, but not its loopback
 *
 * libslirp sends what is for the gateway to 127.0.0.1 or ::1, where much listens that trusts whoever
 * can get there. Guests shall have what the host offers to others, too. So TCP and UDP for the
 * gateway get another destination before libslirp sees them:
 *
 *   --host-loopback            none: libslirp's way
 *   --allow of loopback        that address, if the port fits
 *   else                       an address of the host's own, at which the kernel delivers to
 *                              whatever listens at all addresses, and to no loopback address;
 *                              none of this network's subnet
 *
 * What libslirp then sends from there gets the gateway's address back. This needs a memory, because
 * a guest may speak with the host's own address as well: flows, by protocol, guest and port. A flow
 * that is forgotten is learned again from the guest's next packet.
 *
 * Forwards are flows that begin on the host's side. Clients on the host's loopback are seen as the
 * gateway: libslirp does so for most; where it does not (a forward of UDP that has answered another
 * client; 127.0.0.2) it is done here. The answer must find back to loopback: so for these flows, and
 * only for as long as libslirp is heard of them, what the guest sends to the gateway goes there. A
 * TCP connection that the guest begins is never one of them.
 *
 * Errors that libslirp sends about a packet have its new destination in them, and get the old one.
 * ICMP to the gateway is libslirp's to answer.
 */
#include "net/user/host_nat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/host_access.h"
#include "net/user/host_flows.h"
#include "net/user/packet_rewrite.h"
#include "sys/log.h"

/* The host's addresses change: uplinks and VPNs come and go. */
#define ADDRESS_AGE_MS 2000u

/* As long as libslirp keeps a UDP socket that nothing comes from. */
#define INBOUND_AGE_MS 240000u

#define TCP_HEADER     20u
#define TCP_FLAGS      13u
#define TCP_SYN	       0x02u
#define TCP_ACK	       0x10u

struct address {
	struct in6_addr address;
	bool known;
	bool found;
	uint64_t asked_ms;
};

struct host_nat {
	struct host_nat_config config;
	struct in6_addr gateways[2]; /* IPv4's, IPv6's */
	struct address own[2];
	struct host_flows *flows;
	uint64_t n_refused;
	struct log_limit refused;
	uint8_t copy[FRAME_MAX];
};

/* Parts of a frame */

static struct in6_addr address_at(const uint8_t *frame, size_t at, bool v6)
{
	struct in6_addr address = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (v6)
		memcpy(&address, frame + at, 16);
	else
		memcpy(address.s6_addr + 12, frame + at, 4);
	return address;
}

/* What packet_replace_address() takes. */
static const void *bytes_of(const struct in6_addr *address, bool v6)
{
	return address->s6_addr + (v6 ? 0 : 12);
}

static bool is_loopback(const struct in6_addr *address)
{
	if (IN6_IS_ADDR_V4MAPPED(address))
		return address->s6_addr[12] == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(address);
}

static bool has_ports(unsigned int protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/* The flow of a packet whose guest and ports are there. */
static struct host_flow_key key_of(const uint8_t *frame, bool v6, unsigned int protocol,
				   size_t guest_at, size_t guest_port_at, size_t port_at)
{
	return (struct host_flow_key) {
		.guest = address_at(frame, guest_at, v6),
		.guest_port = (uint16_t)packet_get16(frame + guest_port_at),
		.port = (uint16_t)packet_get16(frame + port_at),
		.protocol = protocol,
	};
}

/* Where to */

/*
 * Two networks may have one subnet: this host's interface, or it is itself a guest of one. libslirp
 * takes an address inside of its own network for the host's loopback.
 */
static bool is_inside(const struct host_nat *nat, bool v6, const struct in6_addr *address)
{
	const struct network_addresses *addresses = &nat->config.addresses;
	in_addr_t v4;

	if (v6)
		return memcmp(address, &addresses->prefix6, 8) == 0;
	memcpy(&v4, address->s6_addr + 12, sizeof(v4));
	return (v4 & addresses->mask.s_addr) == addresses->network.s_addr;
}

static bool own_address(struct host_nat *nat, bool v6, uint64_t now_ms, struct in6_addr *ret)
{
	struct address *own = &nat->own[v6];

	if (!own->known || now_ms - own->asked_ms >= ADDRESS_AGE_MS) {
		own->known = true;
		own->asked_ms = now_ms;
		own->found = nat->config.host_address(v6, &own->address) &&
			     !is_inside(nat, v6, &own->address);
	}
	if (own->found)
		*ret = own->address;
	return own->found;
}

static bool decide(struct host_nat *nat, bool v6, const struct host_flow_key *key, uint64_t now_ms,
		   struct in6_addr *ret)
{
	if (nat->config.network->host_loopback) {
		*ret = nat->gateways[v6];
		return true;
	}
	if (host_access_loopback(nat->config.network, v6, key->port, ret) ||
	    own_address(nat, v6, now_ms, ret))
		return true;
	nat->n_refused++;
	log_limited(&nat->refused, LOG_LEVEL_WARNING,
		    "a guest asks the gateway for %s port %u, but this host has no IPv%c address "
		    "outside of this network except loopback's, which --host-loopback or --allow "
		    "would open",
		    key->protocol == IPPROTO_TCP ? "TCP" : "UDP", key->port, v6 ? '6' : '4');
	return false;
}

/* Does the flow say where the packet goes, whatever was decided now? */
static bool is_settled(const struct host_flow *flow, const uint8_t *transport, uint64_t now_ms)
{
	if (flow->key.protocol == IPPROTO_TCP)
		return (transport[TCP_FLAGS] & (TCP_SYN | TCP_ACK)) != TCP_SYN;
	return flow->inbound && now_ms - flow->heard_ms < INBOUND_AGE_MS;
}

static bool destination_of(struct host_nat *nat, const struct host_flow_key *key, bool v6,
			   const uint8_t *transport, uint64_t now_ms, struct in6_addr *ret)
{
	struct host_flow *flow = host_flows_find(nat->flows, key);

	if (flow && is_settled(flow, transport, now_ms)) {
		*ret = flow->address;
		return true;
	}
	if (!decide(nat, v6, key, now_ms, ret))
		return false;
	if (!flow)
		flow = host_flows_add(nat->flows, key);
	flow->address = *ret;
	flow->inbound = false;
	return true;
}

/* From the guests */

/* The guest speaks with that address itself: answers stay as they are. */
static void forget_if_direct(struct host_nat *nat, const struct host_flow_key *key,
			     const struct in6_addr *destination)
{
	struct host_flow *flow = host_flows_find(nat->flows, key);

	if (flow && IN6_ARE_ADDR_EQUAL(&flow->address, destination))
		host_flows_remove(nat->flows, flow);
}

static bool exchange(struct host_nat *nat, const uint8_t **frame, size_t len,
		     const struct packet_transport *ip, size_t at, const struct in6_addr *with)
{
	if (len > sizeof(nat->copy))
		return false;
	memcpy(nat->copy, *frame, len);
	packet_replace_address(nat->copy, len, ip, at, bytes_of(with, ip->v6));
	*frame = nat->copy;
	return true;
}

bool host_nat_from_guest(struct host_nat *nat, uint64_t now_ms, const uint8_t **frame, size_t len)
{
	struct packet_transport ip;
	struct host_flow_key key;
	struct in6_addr destination, target;

	if (!packet_find_transport(*frame, len, &ip) || !has_ports(ip.protocol))
		return true;
	key = key_of(*frame, ip.v6, ip.protocol, ip.source, ip.at, ip.at + 2);
	destination = address_at(*frame, ip.destination, ip.v6);
	if (!IN6_ARE_ADDR_EQUAL(&destination, &nat->gateways[ip.v6])) {
		forget_if_direct(nat, &key, &destination);
		return true;
	}
	if (ip.protocol == IPPROTO_TCP && len - ip.at < TCP_HEADER)
		return false;
	if (!destination_of(nat, &key, ip.v6, *frame + ip.at, now_ms, &target)) {
		if (nat->config.refused)
			nat->config.refused(nat->config.opaque, *frame, len);
		return false;
	}
	return IN6_ARE_ADDR_EQUAL(&target, &destination) ||
	       exchange(nat, frame, len, &ip, ip.destination, &target);
}

/* From libslirp */

static void note_inbound(struct host_nat *nat, const struct host_flow_key *key,
			 const struct in6_addr *source, uint64_t now_ms)
{
	struct host_flow *flow = host_flows_add(nat->flows, key);

	flow->address = *source;
	flow->inbound = true;
	flow->heard_ms = now_ms;
}

static void error_to_guest(struct host_nat *nat, const uint8_t **frame, size_t len,
			   const struct packet_transport *ip)
{
	struct packet_error error;
	struct host_flow_key key;
	struct host_flow *flow;
	struct in6_addr destination;

	if (!packet_find_error(*frame, len, ip, &error) || !has_ports(error.protocol) ||
	    len > sizeof(nat->copy))
		return;
	key = key_of(*frame, ip->v6, error.protocol, error.source, error.at, error.at + 2);
	destination = address_at(*frame, error.destination, ip->v6);
	flow = host_flows_find(nat->flows, &key);
	if (!flow || !IN6_ARE_ADDR_EQUAL(&flow->address, &destination))
		return;
	memcpy(nat->copy, *frame, len);
	packet_replace_in_error(nat->copy, ip, &error, bytes_of(&nat->gateways[ip->v6], ip->v6));
	*frame = nat->copy;
}

void host_nat_to_guest(struct host_nat *nat, uint64_t now_ms, const uint8_t **frame, size_t len)
{
	struct packet_transport ip;
	struct host_flow_key key;
	struct in6_addr source;
	struct host_flow *flow;
	bool from_gateway;

	if (!packet_find_transport(*frame, len, &ip))
		return;
	if (!has_ports(ip.protocol)) {
		error_to_guest(nat, frame, len, &ip);
		return;
	}
	key = key_of(*frame, ip.v6, ip.protocol, ip.destination, ip.at + 2, ip.at);
	source = address_at(*frame, ip.source, ip.v6);
	from_gateway = IN6_ARE_ADDR_EQUAL(&source, &nat->gateways[ip.v6]);
	flow = host_flows_find(nat->flows, &key);
	if (!flow || flow->inbound || !IN6_ARE_ADDR_EQUAL(&flow->address, &source)) {
		if (!from_gateway && !is_loopback(&source))
			return;
		note_inbound(nat, &key, &source, now_ms);
	}
	if (!from_gateway)
		exchange(nat, frame, len, &ip, ip.source, &nat->gateways[ip.v6]);
}

void host_nat_each_counter(const struct host_nat *nat,
			   void (*each)(void *opaque, const char *name, uint64_t value),
			   void *opaque)
{
	each(opaque, "host_flows", host_flows_count(nat->flows));
	each(opaque, "host_refused_total", nat->n_refused);
}

int host_nat_new(const struct host_nat_config *config, struct host_nat **ret)
{
	struct host_nat *nat = calloc(1, sizeof(*nat));
	int r;

	if (!nat)
		return -ENOMEM;
	nat->config = *config;
	nat->gateways[0] = host_access_mapped(config->addresses.gateway);
	nat->gateways[1] = config->addresses.gateway6;
	r = host_flows_new(&nat->flows);
	if (r < 0) {
		free(nat);
		return r;
	}
	*ret = nat;
	return 0;
}

void host_nat_free(struct host_nat *nat)
{
	if (!nat)
		return;
	host_flows_free(nat->flows);
	free(nat);
}
