/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network.c - a network of any kind, called by its ops
 */
#include "net/network.h"

int network_open(struct network *network, const struct channel_events *events, void *opaque,
		 struct channel **ret)
{
	return network->ops->open(network, events, opaque, ret);
}

void network_free(struct network *network)
{
	if (network)
		network->ops->free(network);
}
