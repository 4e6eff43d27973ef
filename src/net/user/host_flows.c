/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_flows.c - who of the guests speaks with which port of the gateway, and where that really is
 *
 * A fixed pool; each flow is in one hash chain and in the list by use. The first entry of the pool is
 * no flow: it ends the chains, and is both ends of the list. The hash is keyed with random bits, so
 * that guests cannot choose ports that all end in one chain.
 */
#include "net/user/host_flows.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define N_BUCKETS (2u * HOST_FLOWS_MAX)
#define NONE	  0u

static_assert(HOST_FLOWS_MAX < UINT16_MAX, "numbers of flows have 16 bits");
static_assert(sizeof(struct host_flow_key) == 24, "no padding: keys are compared as bytes");

struct host_flows {
	uint64_t secret;
	unsigned int n;
	uint16_t free; /* by chain; removed ones */
	uint16_t used; /* entries behind it were never used: their memory is not touched */
	uint16_t buckets[N_BUCKETS];
	struct host_flow pool[HOST_FLOWS_MAX + 1];
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccdu;
	return hash ^ hash >> 32;
}

static uint16_t *bucket_of(struct host_flows *flows, const struct host_flow_key *key)
{
	uint64_t words[3], hash = flows->secret;

	memcpy(words, key, sizeof(words));
	for (unsigned int i = 0; i < 3; i++)
		hash = mix(hash, words[i]);
	return &flows->buckets[mix(hash, flows->secret) & (N_BUCKETS - 1)];
}

static uint16_t number_of(const struct host_flows *flows, const struct host_flow *flow)
{
	return (uint16_t)(flow - flows->pool);
}

static void list_out(struct host_flows *flows, struct host_flow *flow)
{
	flows->pool[flow->older].newer = flow->newer;
	flows->pool[flow->newer].older = flow->older;
}

static void list_in(struct host_flows *flows, struct host_flow *flow)
{
	struct host_flow *end = &flows->pool[NONE];

	flow->newer = NONE;
	flow->older = end->older;
	flows->pool[end->older].newer = number_of(flows, flow);
	end->older = number_of(flows, flow);
}

struct host_flow *host_flows_find(struct host_flows *flows, const struct host_flow_key *key)
{
	uint16_t number = *bucket_of(flows, key);
	struct host_flow *flow = &flows->pool[number];

	while (number != NONE && memcmp(&flow->key, key, sizeof(*key)) != 0) {
		number = flow->chain;
		flow = &flows->pool[number];
	}
	if (number == NONE)
		return NULL;
	list_out(flows, flow);
	list_in(flows, flow);
	return flow;
}

static struct host_flow *flow_new(struct host_flows *flows)
{
	struct host_flow *flow;

	if (flows->free == NONE && flows->used < HOST_FLOWS_MAX)
		return &flows->pool[++flows->used];
	if (flows->free == NONE)
		host_flows_remove(flows, &flows->pool[flows->pool[NONE].newer]);
	flow = &flows->pool[flows->free];
	flows->free = flow->chain;
	return flow;
}

struct host_flow *host_flows_add(struct host_flows *flows, const struct host_flow_key *key)
{
	struct host_flow *flow = host_flows_find(flows, key);
	uint16_t *bucket;

	if (flow)
		return flow;
	flow = flow_new(flows);
	bucket = bucket_of(flows, key);
	*flow = (struct host_flow) { .key = *key, .chain = *bucket };
	*bucket = number_of(flows, flow);
	list_in(flows, flow);
	flows->n++;
	return flow;
}

void host_flows_remove(struct host_flows *flows, struct host_flow *flow)
{
	uint16_t *at = bucket_of(flows, &flow->key), number = number_of(flows, flow);

	while (*at != number)
		at = &flows->pool[*at].chain;
	*at = flow->chain;
	list_out(flows, flow);
	flow->chain = flows->free;
	flows->free = number;
	flows->n--;
}

unsigned int host_flows_count(const struct host_flows *flows)
{
	return flows->n;
}

int host_flows_new(struct host_flows **ret)
{
	struct host_flows *flows = calloc(1, sizeof(*flows));

	if (!flows)
		return -ENOMEM;
	if (getrandom(&flows->secret, sizeof(flows->secret), 0) != sizeof(flows->secret)) {
		free(flows);
		return -EIO;
	}
	*ret = flows;
	return 0;
}

void host_flows_free(struct host_flows *flows)
{
	free(flows);
}
