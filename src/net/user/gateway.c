/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gateway.c - DHCP and DNS at the gateway's address
 *
 *   guest's frame -+- UDP 67 ----------------> dhcp ------------+-> uplink_send()
 *                  +- UDP 53 of the gateway -> dns -- a guest's-+
 *                  |                            '---- other ----+-> dns_rewrite -> libslirp
 *                  +- TCP 53 of the gateway --------------------'
 *                  '- anything else: passes
 *
 * libslirp's answers come back through dns_rewrite. A name asked for by TCP is not looked up here:
 * answers about guests fit into a datagram, so nobody has a reason to. In host mode, where nothing
 * is forwarded, TCP to port 53 is dropped: it would lead to a resolver of the host.
 */
#include "net/user/gateway.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <time.h>

#include "net/user/dhcp.h"
#include "net/user/dns.h"
#include "net/user/dns_rewrite.h"
#include "net/user/gateway_counters.h"
#include "net/user/lease_store.h"
#include "net/user/router_advert.h"
#include "net/user/slaac.h"
#include "sys/explain.h"
#include "sys/log.h"

#define ANSWER_MAX (UDP_FRAME_PAYLOAD6 + DNS_ANSWER_MAX)
static_assert(DHCP_FRAME_MAX >= ANSWER_MAX, "one buffer for both");

struct gateway {
	const struct network_config *config;
	struct network_addresses addresses;
	const struct eth_switch *eth_switch;
	struct uplink *uplink;
	void (*told)(void *opaque, const struct lease *lease, enum lease_event event);
	void *opaque;
	struct leases *leases;
	struct lease_store *store; /* NULL: no --state-dir */
	struct dhcp *dhcp;	   /* NULL: no DHCP */
	struct dns *dns;
	struct gateway_dns_counters dns_counters;
	uv_timer_t expiry;
	struct log_limit news;
	uint8_t answer[DHCP_FRAME_MAX];
	uint8_t query[FRAME_MAX];   /* rewritten, to libslirp */
	uint8_t forward[FRAME_MAX]; /* rewritten, from libslirp */
};

/* Time */

static int64_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* The file of leases may name any time. Looked at again after this. */
#define WAIT_MAX_S 86400u

static void on_expiry(uv_timer_t *timer);

/* Once per deadline, not per lease: nothing is due before. */
static void arm(struct gateway *gateway)
{
	int64_t deadline = leases_deadline(gateway->leases), now = now_s();
	uint64_t wait_s = deadline > now ? (uint64_t)deadline - (uint64_t)now : 0;

	if (wait_s > WAIT_MAX_S)
		wait_s = WAIT_MAX_S;
	if (deadline == INT64_MAX)
		uv_timer_stop(&gateway->expiry);
	else
		uv_timer_start(&gateway->expiry, on_expiry, wait_s * 1000 + 1, 0);
}

static void on_expiry(uv_timer_t *timer)
{
	struct gateway *gateway = timer->data;

	leases_tick(gateway->leases, now_s());
	arm(gateway);
}

/* Leases */

static void on_lease(void *opaque, const struct lease *lease, enum lease_event event)
{
	struct gateway *gateway = opaque;
	const uint8_t *mac = lease->mac;
	uint32_t address = ntohl(lease->address.s_addr);

	if (event != LEASE_RENEWED)
		log_limited(
			&gateway->news, LOG_LEVEL_DEBUG,
			"DHCP: %u.%u.%u.%u is %s %02x:%02x:%02x:%02x:%02x:%02x%s%s", address >> 24,
			address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff,
			event == LEASE_GOT ? "leased to" : "no longer leased to", mac[0], mac[1],
			mac[2], mac[3], mac[4], mac[5], *lease->name ? ", " : "", lease->name);
	gateway_leases_changed(gateway);
	if (gateway->told)
		gateway->told(gateway->opaque, lease, event);
}

struct leases *gateway_leases(struct gateway *gateway)
{
	return gateway->leases;
}

void gateway_leases_changed(struct gateway *gateway)
{
	if (gateway->store)
		lease_store_changed(gateway->store);
}

static bool write_lease(void *opaque, const struct lease *lease)
{
	if (lease->was_bound)
		lease_file_write_lease(opaque, lease);
	return true;
}

static void write_state(void *opaque, FILE *to)
{
	struct gateway *gateway = opaque;

	lease_file_write_head(to, &gateway->config->nat66_prefix);
	leases_each(gateway->leases, write_lease, to);
}

/* From the guests */

static bool for_our_station(const uint8_t *mac)
{
	return mac[0] & 1 || packet_is_for_uplink(mac);
}

static void serve_dhcp(struct gateway *gateway, const struct udp_frame *datagram)
{
	uint64_t port = switch_port_of(gateway->eth_switch, datagram->from.mac);
	size_t len;

	leases_tick(gateway->leases, now_s());
	len = dhcp_answer(gateway->dhcp, datagram, port, gateway->answer);
	if (len)
		uplink_send(gateway->uplink, gateway->answer, len);
	arm(gateway);
}

/* What is not served goes to no one at the gateway's address: a server of the host's may be there. */
static enum uplink_verdict take_dhcp(struct gateway *gateway, const uint8_t *frame, size_t len,
				     const struct packet_transport *ip)
{
	struct udp_frame datagram;

	if (gateway->dhcp && udp_frame_read(frame, len, &datagram) == 0 &&
	    dhcp_is_for(gateway->dhcp, &datagram)) {
		serve_dhcp(gateway, &datagram);
		return UPLINK_TAKEN;
	}
	return memcmp(frame + ip->destination, &gateway->addresses.gateway, 4) == 0 ? UPLINK_TAKEN
										    : UPLINK_PASS;
}

static enum uplink_verdict forward_query(struct gateway *gateway, const uint8_t **frame,
					 const size_t *len)
{
	if (*len > sizeof(gateway->query))
		return UPLINK_TAKEN;
	memcpy(gateway->query, *frame, *len);
	dns_rewrite_query(&gateway->addresses, gateway->query, *len);
	*frame = gateway->query;
	gateway->dns_counters.forwarded++;
	return UPLINK_REPLACED;
}

static void send_dns(struct gateway *gateway, const struct udp_frame *query, size_t payload_len)
{
	size_t len = udp_frame_write(gateway->answer, &query->to, &query->from, payload_len);

	gateway->dns_counters.answered++;
	uplink_send(gateway->uplink, gateway->answer, len);
}

static enum uplink_verdict take_dns_datagram(struct gateway *gateway, const uint8_t **frame,
					     size_t *len)
{
	struct udp_frame query;
	size_t answer_len;
	uint8_t *payload;

	if (udp_frame_read(*frame, *len, &query) < 0) {
		gateway->dns_counters.invalid++;
		return UPLINK_TAKEN;
	}
	payload = gateway->answer + (query.to.v6 ? UDP_FRAME_PAYLOAD6 : UDP_FRAME_PAYLOAD4);
	switch (dns_answer(gateway->dns, query.payload, query.len, payload, &answer_len)) {
	case DNS_FORWARD:
		return forward_query(gateway, frame, len);
	case DNS_ANSWERED:
		send_dns(gateway, &query, answer_len);
		return UPLINK_TAKEN;
	default:
		gateway->dns_counters.invalid++;
		return UPLINK_TAKEN;
	}
}

/* What DNS then tells others: guests may have this address, and whether they do shows only here. */
static void note_slaac(struct gateway *gateway, const uint8_t *frame, size_t len)
{
	struct in6_addr source;

	if (len < PACKET_IP + PACKET_IP6_HEADER ||
	    packet_get16(frame + PACKET_ETH_TYPE) != ETH_P_IPV6)
		return;
	source = slaac_make(&gateway->addresses.prefix6, frame + FRAME_MAC);
	if (memcmp(frame + PACKET_IP + 8, &source, sizeof(source)) == 0)
		leases_heard_slaac(gateway->leases, frame + FRAME_MAC);
}

static enum uplink_verdict from_guest(void *opaque, const uint8_t **frame, size_t *len)
{
	struct gateway *gateway = opaque;
	struct packet_transport ip;

	note_slaac(gateway, *frame, *len);
	if (!packet_find_transport(*frame, *len, &ip) || !for_our_station(*frame))
		return UPLINK_PASS;
	if (!ip.v6 && ip.protocol == IPPROTO_UDP &&
	    packet_get16(*frame + ip.at + 2) == DHCP_SERVER_PORT)
		return take_dhcp(gateway, *frame, *len, &ip);
	if (packet_get16(*frame + ip.at + 2) != PACKET_DNS_PORT || **frame & 1 ||
	    !dns_rewrite_is_query(&gateway->addresses, *frame, *len))
		return UPLINK_PASS;
	if (gateway->config->no_dns)
		return UPLINK_TAKEN;
	if (ip.protocol == IPPROTO_UDP)
		return take_dns_datagram(gateway, frame, len);
	if (gateway->config->mode == NETWORK_HOST)
		return UPLINK_TAKEN;
	return forward_query(gateway, frame, len);
}

/* From libslirp */

static bool to_guest(void *opaque, const uint8_t **frame, size_t *len)
{
	struct gateway *gateway = opaque;
	bool advert = router_advert_is(*frame, *len);

	if (!advert && !dns_rewrite_is_answer(&gateway->addresses, *frame, *len))
		return true;
	if (*len > sizeof(gateway->forward) || (advert && gateway->config->no_ra))
		return false;
	memcpy(gateway->forward, *frame, *len);
	if (advert && gateway->config->no_dns)
		router_advert_end_server(gateway->forward, *len);
	else if (advert)
		router_advert_set_server(gateway->forward, *len, &gateway->addresses.gateway6);
	else
		dns_rewrite_answer(&gateway->addresses, gateway->forward, *len);
	*frame = gateway->forward;
	return true;
}

const struct uplink_services *gateway_services(void)
{
	static const struct uplink_services services = {
		.from_guest = from_guest,
		.to_guest = to_guest,
	};

	return &services;
}

void gateway_attach(struct gateway *gateway, struct uplink *uplink)
{
	gateway->uplink = uplink;
}

void gateway_each_counter(const struct gateway *gateway,
			  void (*each)(void *opaque, const char *name, uint64_t value),
			  void *opaque)
{
	gateway_tell_leases(gateway->leases, each, opaque);
	if (gateway->dhcp)
		gateway_tell_dhcp(dhcp_counters(gateway->dhcp), each, opaque);
	gateway_tell_dns(&gateway->dns_counters, each, opaque);
}

/* Making and ending one */

struct loading {
	struct gateway *gateway;
	struct network_config *config;
	bool prefix_known;
	unsigned int dropped;
};

static void load_prefix6(void *opaque, const struct in6_addr *prefix)
{
	struct loading *loading = opaque;

	if (loading->config->prefix_given)
		return;
	loading->config->nat66_prefix = *prefix;
	loading->prefix_known = true;
}

static void load_lease(void *opaque, const struct network_lease *lease)
{
	struct loading *loading = opaque;

	if (leases_restore(loading->gateway->leases, lease) < 0)
		loading->dropped++;
}

static int load(struct gateway *gateway, uv_loop_t *loop, struct network_config *config,
		char **ret_error)
{
	static const struct lease_file_reader reader = { load_prefix6, load_lease };
	struct loading loading = { .gateway = gateway, .config = config };
	int r;

	if (!config->state_dir)
		return 0;
	r = lease_store_open(loop, config->state_dir, write_state, gateway, &gateway->store,
			     ret_error);
	if (r < 0)
		return r;
	lease_store_load(gateway->store, &reader, &loading);
	if (loading.dropped)
		log_warning(
			"--state-dir %s: %u leases do not go with the range or the reservations "
			"and are dropped",
			config->state_dir, loading.dropped);
	if (!loading.prefix_known || loading.dropped)
		lease_store_changed(gateway->store);
	return 0;
}

static int fill_leases(struct gateway *gateway, char **ret_error)
{
	const struct network_config *config = gateway->config;
	struct leases_config leases_config;
	int r;

	network_config_addresses(config, &gateway->addresses);
	leases_config = (struct leases_config) {
		.network = gateway->addresses.network,
		.mask = gateway->addresses.mask,
		.gateway = gateway->addresses.gateway,
		.first = gateway->addresses.first_lease,
		.last = gateway->addresses.last_lease,
		.lease_s = config->dhcp.lease_s,
	};
	r = leases_new(&leases_config, on_lease, gateway, &gateway->leases);
	if (r < 0)
		return explain(ret_error, r, "no memory for leases");
	leases_tick(gateway->leases, now_s());
	for (size_t i = 0; i < config->n_reservations && r >= 0; i++)
		r = leases_reserve(gateway->leases, &config->reservations[i], ret_error);
	return r;
}

static int fill(struct gateway *gateway, uv_loop_t *loop, struct network_config *config,
		char **ret_error)
{
	int r = fill_leases(gateway, ret_error);

	if (r >= 0)
		r = load(gateway, loop, config, ret_error);
	if (r < 0)
		return r;
	network_config_addresses(config, &gateway->addresses);
	if (!config->dhcp.off)
		r = dhcp_new(config, gateway->leases, &gateway->dhcp);
	if (r >= 0)
		r = dns_new(config, gateway->leases, &gateway->dns);
	if (r < 0)
		return explain(ret_error, r, "no memory for DHCP and DNS");
	arm(gateway);
	return 0;
}

int gateway_new(uv_loop_t *loop, struct network_config *config, const struct eth_switch *eth_switch,
		void (*told)(void *opaque, const struct lease *lease, enum lease_event event),
		void *opaque, struct gateway **ret, char **ret_error)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	int r;

	if (!gateway)
		return explain(ret_error, -ENOMEM, "no memory for a gateway");
	gateway->config = config;
	gateway->eth_switch = eth_switch;
	gateway->told = told;
	gateway->opaque = opaque;
	uv_timer_init(loop, &gateway->expiry);
	gateway->expiry.data = gateway;
	r = fill(gateway, loop, config, ret_error);
	if (r < 0) {
		gateway_free(gateway);
		return r;
	}
	*ret = gateway;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void gateway_free(struct gateway *gateway)
{
	if (!gateway)
		return;
	lease_store_close(gateway->store);
	dhcp_free(gateway->dhcp);
	dns_free(gateway->dns);
	leases_free(gateway->leases);
	uv_close((uv_handle_t *)&gateway->expiry, on_closed);
}
