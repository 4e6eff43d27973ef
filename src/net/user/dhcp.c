/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dhcp.c - the DHCP server of a user network
 *
 * What a REQUEST means is told by what is in it (RFC 2131, section 4.3.6, table 4):
 *
 *               server id   wanted address   ciaddr
 *   SELECTING   ours        yes              0        our offer is taken; another's id: it is not
 *   INIT-REBOOT -           yes              0        "may I still have this?"
 *   RENEWING    -           -                yes      the same, sent to us
 *   REBINDING   -           -                yes      the same, sent to everybody
 *
 * Anything else is answered by silence. One departure: a client of which a server has no record is
 * to be met with silence, too, since it may be another server's. Here there is no other: it keeps
 * its address if that is free (so guests go on after a restart without --state-dir), and is told at
 * once to ask anew if not.
 *
 * The length of a lease is ours to say: what a client wishes (option 51) is not looked at.
 */
#include "net/user/dhcp.h"

#include <errno.h>
#include <stdlib.h>

#include "sys/log.h"

#define NAME_SERVERS_MAX 16u

struct dhcp {
	const struct network_config *config;
	struct network_addresses addresses;
	struct leases *leases;
	struct udp_station server;
	struct dhcp_counters counters;
	struct log_limit exhausted, port_limited;
};

/* What a message is about, for as long as it is answered. */
struct exchange {
	struct dhcp *dhcp;
	struct dhcp_request request;
	uint64_t port;
	uint8_t *frame;
};

int dhcp_new(const struct network_config *config, struct leases *leases, struct dhcp **ret)
{
	struct dhcp *dhcp = calloc(1, sizeof(*dhcp));

	if (!dhcp)
		return -ENOMEM;
	dhcp->config = config;
	dhcp->leases = leases;
	network_config_addresses(config, &dhcp->addresses);
	dhcp->server = (struct udp_station) {
		.mac = { PACKET_SLIRP_MAC0, PACKET_SLIRP_MAC1 },
		.address = dhcp->addresses.gateway,
		.port = DHCP_SERVER_PORT,
	};
	memcpy(dhcp->server.mac + 2, &dhcp->addresses.gateway, 4);
	*ret = dhcp;
	return 0;
}

void dhcp_free(struct dhcp *dhcp)
{
	free(dhcp);
}

const struct dhcp_counters *dhcp_counters(const struct dhcp *dhcp)
{
	return &dhcp->counters;
}

static bool in_subnet(const struct dhcp *dhcp, struct in_addr address)
{
	const struct network_addresses *addresses = &dhcp->addresses;

	return (address.s_addr & addresses->mask.s_addr) == addresses->network.s_addr;
}

static bool is_gateway(const struct dhcp *dhcp, struct in_addr address)
{
	return address.s_addr == dhcp->addresses.gateway.s_addr;
}

bool dhcp_is_for(const struct dhcp *dhcp, const struct udp_frame *datagram)
{
	const struct network_addresses *addresses = &dhcp->addresses;
	const struct udp_station *to = &datagram->to;

	if (to->v6 || to->port != DHCP_SERVER_PORT)
		return false;
	return to->address.s_addr == INADDR_BROADCAST || is_gateway(dhcp, to->address) ||
	       to->address.s_addr == (addresses->network.s_addr | ~addresses->mask.s_addr);
}

/* Answers */

static void add_times(const struct dhcp *dhcp, struct dhcp_reply *reply)
{
	uint32_t lease_s = dhcp->config->dhcp.lease_s;

	dhcp_reply_add32(reply, DHCP_LEASE_TIME, lease_s);
	if (lease_s == LEASES_FOREVER_S)
		return;
	dhcp_reply_add32(reply, DHCP_T1, lease_s / 2); /* RFC 2131, section 4.4.5 */
	dhcp_reply_add32(reply, DHCP_T2, (uint32_t)((uint64_t)lease_s * 7 / 8));
}

/* Always: who does not list these may still need them. */
static void add_network(const struct dhcp *dhcp, struct dhcp_reply *reply)
{
	const struct network_addresses *addresses = &dhcp->addresses;
	const struct network_dhcp *told = &dhcp->config->dhcp;
	size_t n =
		told->n_name_servers < NAME_SERVERS_MAX ? told->n_name_servers : NAME_SERVERS_MAX;

	dhcp_reply_add(reply, DHCP_MASK, &addresses->mask, 4);
	if (dhcp->config->mode != NETWORK_HOST)
		dhcp_reply_add(reply, DHCP_ROUTER, &addresses->gateway, 4);
	if (n)
		dhcp_reply_add(reply, DHCP_NAME_SERVER, told->name_servers, 4 * n);
	else if (!dhcp->config->no_dns)
		dhcp_reply_add(reply, DHCP_NAME_SERVER, &addresses->gateway, 4);
}

static void add_text(struct exchange *x, struct dhcp_reply *reply, enum dhcp_option option,
		     const char *text)
{
	if (text && dhcp_request_lists(&x->request, option))
		dhcp_reply_add(reply, option, text, strlen(text));
}

/* What it lists, or everything. */
static void add_rest(struct exchange *x, struct dhcp_reply *reply, const struct lease *lease)
{
	const struct network_addresses *addresses = &x->dhcp->addresses;
	const struct network_config *config = x->dhcp->config;
	struct in_addr all = { addresses->network.s_addr | ~addresses->mask.s_addr };
	uint8_t mtu[2];

	packet_put16(mtu, config->mtu);
	if (dhcp_request_lists(&x->request, DHCP_INTERFACE_MTU))
		dhcp_reply_add(reply, DHCP_INTERFACE_MTU, mtu, sizeof(mtu));
	if (dhcp_request_lists(&x->request, DHCP_BROADCAST))
		dhcp_reply_add(reply, DHCP_BROADCAST, &all, 4);
	add_text(x, reply, DHCP_BOOT_FILE, config->dhcp.boot_file);
	add_text(x, reply, DHCP_DOMAIN_NAME, config->dhcp.domain);
	add_text(x, reply, DHCP_HOST_NAME, lease ? lease->name : NULL);
}

/* RFC 2131, section 4.1: where an answer goes when no relay agent is between. */
static struct udp_station client(const struct exchange *x, enum dhcp_type type,
				 struct in_addr yours)
{
	const struct dhcp_request *request = &x->request;
	struct udp_station to = { .port = DHCP_CLIENT_PORT };

	if (type != DHCP_NAK && request->ciaddr.s_addr)
		to.address = request->ciaddr;
	else if (type != DHCP_NAK && !request->broadcast && yours.s_addr)
		to.address = yours;
	else
		to.address.s_addr = INADDR_BROADCAST;
	if (to.address.s_addr == INADDR_BROADCAST)
		memset(to.mac, 0xff, FRAME_MAC);
	else
		memcpy(to.mac, request->mac, FRAME_MAC);
	return to;
}

static size_t answer(struct exchange *x, enum dhcp_type type, struct in_addr yours)
{
	const struct network_dhcp *told = &x->dhcp->config->dhcp;
	struct in_addr nobody = { 0 };
	struct udp_station to = client(x, type, yours);
	struct in_addr next =
		told->boot_server.s_addr ? told->boot_server : x->dhcp->addresses.gateway;
	struct dhcp_reply reply;
	bool boots = type != DHCP_NAK && told->boot_file;

	dhcp_reply_start(&reply, x->frame + UDP_FRAME_PAYLOAD4, &x->request, type, yours,
			 boots ? next : nobody, boots ? told->boot_file : NULL);
	dhcp_reply_add(&reply, DHCP_SERVER_ID, &x->dhcp->addresses.gateway, 4);
	if (yours.s_addr)
		add_times(x->dhcp, &reply);
	if (x->request.client_id) /* RFC 6842 */
		dhcp_reply_add(&reply, DHCP_CLIENT_ID, x->request.client_id,
			       x->request.client_id_len);
	if (type != DHCP_NAK) {
		add_network(x->dhcp, &reply);
		add_rest(x, &reply, leases_find_mac(x->dhcp->leases, x->request.mac));
	} else {
		x->dhcp->counters.refused++;
	}
	x->dhcp->counters.answered++;
	return udp_frame_write(x->frame, &x->dhcp->server, &to, dhcp_reply_end(&reply));
}

/* Messages */

static void complain(struct exchange *x, int error)
{
	const uint8_t *mac = x->request.mac;

	if (error == -ENOSPC)
		log_limited(&x->dhcp->exhausted, LOG_LEVEL_WARNING,
			    "DHCP: all addresses up to --end-address are taken; "
			    "%02x:%02x:%02x:%02x:%02x:%02x gets none",
			    mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	else if (error == -EDQUOT)
		log_limited(&x->dhcp->port_limited, LOG_LEVEL_WARNING,
			    "DHCP: %u leases at one port; %02x:%02x:%02x:%02x:%02x:%02x gets none",
			    LEASES_PORT_HELD, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static size_t discover(struct exchange *x)
{
	struct in_addr offered;
	int r = leases_offer(x->dhcp->leases, x->request.mac, x->port, x->request.wanted, &offered);

	if (r == 0)
		return answer(x, DHCP_OFFER, offered);
	complain(x, r);
	return 0;
}

static size_t request_address(struct exchange *x, struct in_addr address)
{
	int r = leases_bind(x->dhcp->leases, x->request.mac, x->port, address, x->request.name);

	if (r == 0)
		return answer(x, DHCP_ACK, address);
	if (r == -EADDRNOTAVAIL)
		return answer(x, DHCP_NAK, (struct in_addr) { 0 });
	complain(x, r);
	return 0;
}

static size_t invalid(struct exchange *x)
{
	x->dhcp->counters.invalid++;
	return 0;
}

static size_t request(struct exchange *x)
{
	const struct dhcp_request *request = &x->request;

	if (request->server_id.s_addr && !is_gateway(x->dhcp, request->server_id)) {
		leases_withdraw(x->dhcp->leases, request->mac);
		return 0;
	}
	if (!request->wanted.s_addr == !request->ciaddr.s_addr)
		return invalid(x);
	if (request->wanted.s_addr)
		return request_address(x, request->wanted);
	if (request->server_id.s_addr)
		return invalid(x);
	return request_address(x, request->ciaddr);
}

static size_t decline(struct exchange *x)
{
	const struct dhcp_request *request = &x->request;

	if (!is_gateway(x->dhcp, request->server_id) ||
	    leases_decline(x->dhcp->leases, request->mac, x->port, request->wanted) < 0)
		return invalid(x);
	return 0;
}

static size_t release(struct exchange *x)
{
	const struct dhcp_request *request = &x->request;

	if (!is_gateway(x->dhcp, request->server_id) ||
	    leases_release(x->dhcp->leases, request->mac, x->port, request->ciaddr) < 0)
		return invalid(x);
	return 0;
}

/* It has an address from elsewhere and wants to know the rest. */
static size_t inform(struct exchange *x)
{
	if (!in_subnet(x->dhcp, x->request.ciaddr))
		return invalid(x);
	return answer(x, DHCP_ACK, (struct in_addr) { 0 });
}

size_t dhcp_answer(struct dhcp *dhcp, const struct udp_frame *datagram, uint64_t port,
		   uint8_t *frame)
{
	struct exchange x = { .dhcp = dhcp, .port = port, .frame = frame };

	dhcp->counters.received++;
	if (dhcp_request_read(datagram->payload, datagram->len, &x.request) < 0)
		return invalid(&x);
	switch (x.request.type) {
	case DHCP_DISCOVER:
		return discover(&x);
	case DHCP_REQUEST:
		return request(&x);
	case DHCP_DECLINE:
		return decline(&x);
	case DHCP_RELEASE:
		return release(&x);
	case DHCP_INFORM:
		return inform(&x);
	default:
		return invalid(&x);
	}
}
