/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network.c - a network of any kind, called by its ops
 */
#include "net/network.h"

#include <errno.h>

#include "net/kernel/kernel_network.h"
#include "net/user/network.h"
#include "net/vmnet/vmn_network.h"
#include "sys/explain.h"

int network_new(uv_loop_t *loop, const struct network_config *config,
		const struct network_events *events, void *opaque, struct network **ret,
		char **ret_error)
{
	struct network *network;
	int r;

	switch (config->kind) {
	case NETWORK_KERNEL:
		r = kernel_network_new(loop, config, &network, ret_error);
		break;
	case NETWORK_VMNET:
		r = vmn_network_new(loop, config, &network, ret_error);
		break;
	case NETWORK_USER:
	default:
		r = user_network_new(loop, config, &network, ret_error);
		break;
	}
	if (r < 0)
		return r;
	network->events = events;
	network->opaque = opaque;
	*ret = network;
	return 0;
}

int network_open(struct network *network, const struct network_port *port,
		 const struct channel_events *events, void *opaque, struct channel **ret)
{
	return network->ops->open(network, port, events, opaque, ret);
}

void network_free(struct network *network)
{
	if (network)
		network->ops->free(network);
}

const struct network_config *network_config_of(const struct network *network)
{
	return network->ops->config(network);
}

static int unsupported(const struct network *network, const char *what, char **ret_error)
{
	return explain(ret_error, -EOPNOTSUPP, "a %s network of kind %s has no %s",
		       network_mode_name(network_config_of(network)->mode), network->ops->name,
		       what);
}

int network_forward_add(struct network *network, const struct network_forward *forward,
			char **ret_error)
{
	if (!network->ops->forward_add)
		return unsupported(network, "port forwards", ret_error);
	return network->ops->forward_add(network, forward, ret_error);
}

void network_forward_remove(struct network *network, const struct network_forward *forward)
{
	network->ops->forward_remove(network, forward);
}

int network_reserve(struct network *network, const struct network_reservation *reservation,
		    char **ret_error)
{
	if (!network->ops->reserve)
		return unsupported(network, "reservations", ret_error);
	return network->ops->reserve(network, reservation, ret_error);
}

int network_mac(const struct network *network, uint8_t ret[FRAME_MAC])
{
	return network->ops->mac ? network->ops->mac(network, ret) : -EOPNOTSUPP;
}

int network_unreserve(struct network *network, const uint8_t mac[FRAME_MAC])
{
	return network->ops->unreserve ? network->ops->unreserve(network, mac) : -EOPNOTSUPP;
}

void network_each_lease(const struct network *network,
			bool (*each)(void *opaque, const struct network_lease *lease), void *opaque)
{
	if (network->ops->each_lease)
		network->ops->each_lease(network, each, opaque);
}

void network_each_address(const struct network *network,
			  bool (*each)(void *opaque, const struct network_address *address),
			  void *opaque)
{
	if (network->ops->each_address)
		network->ops->each_address(network, each, opaque);
}

static bool count_lease(void *opaque, const struct network_lease *lease)
{
	++*(uint64_t *)opaque;
	return true;
}

static bool count_address(void *opaque, const struct network_address *address)
{
	++*(uint64_t *)opaque;
	return true;
}

uint64_t network_n_leases(const struct network *network)
{
	uint64_t n = 0;

	network_each_lease(network, count_lease, &n);
	return n;
}

uint64_t network_n_addresses(const struct network *network)
{
	uint64_t n = 0;

	network_each_address(network, count_address, &n);
	return n;
}

void network_each_counter(const struct network *network,
			  void (*each)(void *opaque, const char *name, uint64_t value),
			  void *opaque)
{
	if (network->ops->each_counter)
		network->ops->each_counter(network, each, opaque);
}

void network_tell_lease(struct network *network, const struct network_lease *lease, bool gone)
{
	if (network->events && network->events->lease)
		network->events->lease(network->opaque, lease, gone);
}

void network_tell_failed(struct network *network, const char *why)
{
	if (network->events && network->events->failed)
		network->events->failed(network->opaque, why);
}
