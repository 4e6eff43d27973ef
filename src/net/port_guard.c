/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_guard.c - the source guard of a network's ports: what it is told, what it is shown
 *
 * Every port has one, so that who is not judged has a MAC that others must not use either. Which
 * ports are judged is a matter of the network's settings, or the port's: who is kept from the others
 * shall not be able to pass for them either.
 */
#include "net/port_internal.h"

#include <arpa/inet.h>

/* libslirp's: 52:55 or 52:56, then an IP address or the end of one (src/net/user/uplink_filter.c). */
static void reserve_libslirp(struct source_guard_table *guards)
{
	static const uint8_t macs[][2] = { { 0x52, 0x55 }, { 0x52, 0x56 } };

	for (size_t i = 0; i < 2; i++)
		(void)source_guard_reserve_mac(guards, macs[i], sizeof(macs[i]));
	for (uint8_t i = 2; i <= 3; i++) {
		const struct in6_addr link_local = { .s6_addr = { 0xfe, 0x80, [15] = i } };

		(void)source_guard_reserve_v6(guards, &link_local);
	}
}

/* The gateway's, and the subnet's first and last, which are nobody's. */
static void reserve_addresses(struct source_guard_table *guards,
			      const struct network_config *config)
{
	struct network_addresses a;
	struct in_addr last;

	network_config_addresses(config, &a);
	last.s_addr = a.network.s_addr | ~a.mask.s_addr;
	(void)source_guard_reserve_v4(guards, a.gateway);
	(void)source_guard_reserve_v4(guards, a.network);
	(void)source_guard_reserve_v4(guards, last);
	(void)source_guard_reserve_v6(guards, &a.gateway6);
}

static bool learn_lease(void *opaque, const struct network_lease *lease)
{
	source_guard_lease(opaque, lease->mac, lease->address);
	return true;
}

void port_table_leases_changed(struct port_table *table)
{
	source_guard_leases_clear(table->guards);
	network_each_lease(table->network, learn_lease, table->guards);
}

/* A bridged network's addresses are somebody else's; one with a UUID alone has none. */
int port_guards_new(struct port_table *table)
{
	const struct network_config *config = network_config_of(table->network);
	int r = source_guard_table_new(&table->guards);
	uint8_t mac[FRAME_MAC];

	if (r < 0)
		return r;
	if (config && config->kind == NETWORK_USER)
		reserve_libslirp(table->guards);
	if (network_mac(table->network, mac) == 0)
		(void)source_guard_reserve_mac(table->guards, mac, FRAME_MAC);
	if (config && network_config_has_gateway(config))
		reserve_addresses(table->guards, config);
	port_table_leases_changed(table);
	return 0;
}

void port_table_lease(struct port_table *table, const struct network_lease *lease, bool gone)
{
	if (!gone)
		source_guard_lease(table->guards, lease->mac, lease->address);
	else if (!lease->reserved) /* else it is kept for the same guest */
		source_guard_lease_gone(table->guards, lease->mac, lease->address);
}

void port_guard_open(struct port *port)
{
	const struct network_config *config = network_config_of(port->table->network);

	port->guarded =
		!port->config.no_guard &&
		(port->config.isolated || (config && (config->isolated || config->source_guard)));
	source_guard_add(port->table->guards, &port->guard,
			 port->config.mac_known ? port->config.mac : NULL);
}

void port_guard_see(struct port *port, const struct frame *frame)
{
	uint8_t addresses[2 * FRAME_MAC];

	if (frame->len < FRAME_ETH_HEADER)
		return;
	port_frame_head(frame, addresses, sizeof(addresses));
	source_guard_see(&port->guard, addresses + FRAME_MAC);
}

static enum source_guard_verdict judge(struct port *port, const struct frame *frame)
{
	size_t len = frame->len < SOURCE_GUARD_HEAD ? frame->len : SOURCE_GUARD_HEAD;
	uint8_t gathered[SOURCE_GUARD_HEAD];
	const uint8_t *head = gathered;

	if (frame->n_iov == 1)
		head = frame->iov->iov_base;
	else
		port_frame_head(frame, gathered, len);
	return source_guard_judge(&port->guard, head, len, frame->len, uv_now(port->table->loop));
}

size_t port_guard_judge(struct port *port, const struct frame *frames, size_t n,
			enum source_guard_verdict *ret_why)
{
	size_t i = 0;

	for (; i < n; i++) {
		*ret_why = judge(port, &frames[i]);
		if (*ret_why != SOURCE_GUARD_PASS)
			break;
	}
	return i;
}
