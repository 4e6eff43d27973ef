/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_flows.h - who of the guests speaks with which port of the gateway, and where that really is
 *
 * Bounded: the flow that was used least recently makes room. One thread.
 */
#ifndef NET_USER_HOST_FLOWS_H
#define NET_USER_HOST_FLOWS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define HOST_FLOWS_MAX 4096u

/** struct host_flow_key - ports in the host's order; IPv4 as ::ffff:0:0/96. No padding */
struct host_flow_key {
	struct in6_addr guest;
	uint16_t guest_port, port;
	uint32_t protocol;
};

/**
 * struct host_flow
 * @address:  what libslirp knows as the other side
 * @inbound:  begun on the host's side, by a forward
 * @heard_ms: when libslirp last sent something of it, for inbound ones
 */
struct host_flow {
	struct host_flow_key key;
	struct in6_addr address;
	bool inbound;
	uint64_t heard_ms;
	uint16_t chain, older, newer; /* of host_flows.c */
};

struct host_flows;

int host_flows_new(struct host_flows **ret);	/* 0, -ENOMEM, -errno of getrandom() */
void host_flows_free(struct host_flows *flows); /* NULL is fine */

/** host_flows_find() - it is now the most recently used. Return: NULL if there is none */
struct host_flow *host_flows_find(struct host_flows *flows, const struct host_flow_key *key);

/** host_flows_add() - the one that is there, or a new one with @address zero */
struct host_flow *host_flows_add(struct host_flows *flows, const struct host_flow_key *key);

void host_flows_remove(struct host_flows *flows, struct host_flow *flow);

unsigned int host_flows_count(const struct host_flows *flows);

#endif
