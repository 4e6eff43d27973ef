/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_network.c - the "vmnet" kind of network: through Apple's API, on macOS and, by libvmnet, here
 *
 *   guest -- port -- interface of vmnet --+
 *   guest -- port -- interface of vmnet --+-- the system's network, its NAT, DHCP, DNS
 *                        anchor ----------+
 *
 * vmnet makes a network for its first interface and ends it with the last one. The anchor is an
 * interface that nobody reads: it shows whether vmnet takes the options before anybody is told that
 * the network is ready, says which addresses vmnet has chosen, keeps them while guests come and go, and
 * forwards ports. There is none where it would be in the way: isolation in host mode lets nobody else
 * in; and a bridged network has nothing that it could keep.
 */
#include "net/vmnet/vmn_network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/vmnet/vmn_desc.h"
#include "net/vmnet/vmn_forward.h"
#include "net/vmnet/vmn_internal.h"
#include "net/vmnet/vmn_object.h"
#include "sys/explain.h"

#define START_MS  30000u /* the system may have to start its services first */
#define STOP_MS	  10000u
#define ANSWER_MS 5000u

static const struct vmn_times default_times = { START_MS, STOP_MS, ANSWER_MS };

static const struct network_config *vmn_config(const struct network *network)
{
	return &((const struct vmn_network *)network)->config;
}

/* For ports */

void vmn_network_fail(struct vmn_network *network, const char *why)
{
	if (network->failed)
		return;
	network->failed = true;
	network_tell_failed(&network->network, why);
}

void vmn_network_started(struct vmn_network *network, const struct vmn_facts *facts)
{
	static const struct in6_addr none;
	struct network_config *config = &network->config;

	network->any_started = true;
	if (facts->mtu)
		config->mtu = facts->mtu;
	if (config->mode == NETWORK_BRIDGED)
		return;
	if (facts->start.s_addr && facts->end.s_addr && facts->mask.s_addr) {
		config->start_address = facts->start;
		config->end_address = facts->end;
		config->subnet_mask = facts->mask;
	}
	if (memcmp(&facts->prefix, &none, sizeof(none)) != 0)
		config->nat66_prefix = facts->prefix;
}

/* Forwards */

static int vmn_forward(struct network *base, const struct network_forward *forward,
		       char **ret_error)
{
	struct vmn_network *network = (struct vmn_network *)base;

	if (network->config.mode != NETWORK_SHARED)
		return explain(
			ret_error, -EOPNOTSUPP,
			"vmnet forwards ports of shared networks only; leave the forward out");
	return vmn_forward_add(vmn_iface_ref(network->anchor), forward, network->times.answer_ms,
			       ret_error);
}

static void vmn_unforward(struct network *base, const struct network_forward *forward)
{
	struct vmn_network *network = (struct vmn_network *)base;
	char *error = NULL;

	if (vmn_forward_remove(vmn_iface_ref(network->anchor), forward, network->times.answer_ms,
			       &error) < 0)
		log_warning("a forward may still be there: %s", error ? error : "no memory");
	free(error);
}

/* What there is to tell */

/* vmnet tells of no leases; what was reserved is known. */
static void vmn_each_lease(const struct network *base,
			   bool (*each)(void *opaque, const struct network_lease *lease),
			   void *opaque)
{
	const struct network_config *config = vmn_config(base);

	for (size_t i = 0; i < config->n_reservations; i++) {
		const struct network_reservation *reservation = &config->reservations[i];
		struct network_lease lease = { .address = reservation->address, .reserved = true };

		memcpy(lease.mac, reservation->mac, FRAME_MAC);
		memcpy(lease.name, reservation->name, sizeof(lease.name));
		if (!each(opaque, &lease))
			return;
	}
}

static void vmn_each_counter(const struct network *base,
			     void (*each)(void *opaque, const char *name, uint64_t value),
			     void *opaque)
{
	const struct vmn_counters *counters = &((const struct vmn_network *)base)->counters;

	each(opaque, "vmnet_interfaces", counters->interfaces);
	each(opaque, "vmnet_start_failed_total", counters->start_failed);
	each(opaque, "vmnet_read_failed_total", counters->read_failed);
	each(opaque, "vmnet_bad_packets_total", counters->read_bad);
	each(opaque, "vmnet_write_failed_frames_total", counters->write_failed);
	each(opaque, "vmnet_refused_frames_total", counters->write_refused);
	each(opaque, "vmnet_full_dropped_frames_total", counters->write_full);
	each(opaque, "vmnet_event_stopped_total", counters->source_stopped);
}

/* The whole */

static void vmn_free(struct network *base)
{
	struct vmn_network *network = (struct vmn_network *)base;

	vmn_iface_close(network->anchor);
	vmn_object_free(network->object);
	vmn_memory_clear(&network->memory);
	free(network->bounce);
	free(network);
}

static const struct network_ops vmn_ops = {
	.name = "vmnet",
	.open = vmn_open,
	.config = vmn_config,
	.forward_add = vmn_forward,
	.forward_remove = vmn_unforward,
	.each_lease = vmn_each_lease,
	.each_counter = vmn_each_counter,
	.free = vmn_free,
};

static bool wants_anchor(const struct network_config *config)
{
	return config->mode == NETWORK_SHARED ||
	       (config->mode == NETWORK_HOST && !config->isolated);
}

static int drop_anchor(struct vmn_network *network, char **ret_error)
{
	struct vmn_iface_config config = { .name = "vmnet",
					   .object = network->object,
					   .times = network->times };
	int r = vmn_desc_anchor(&network->config, &config.description, ret_error);

	if (r < 0)
		return r;
	r = vmn_iface_new(network->loop, &config, NULL, NULL, &network->anchor, ret_error);
	xpc_release(config.description);
	if (r >= 0)
		r = vmn_iface_wait(network->anchor, ret_error);
	if (r >= 0)
		vmn_network_started(network, vmn_iface_facts(network->anchor));
	return r;
}

static int fill(struct vmn_network *network, char **ret_error)
{
	const struct network_config *config = &network->config;
	int r = vmn_desc_check(config, ret_error);

	if (r >= 0 && vmn_desc_needs_object(config))
		r = vmn_object_new(config, network->times.answer_ms, &network->object, ret_error);
	if (r >= 0 && wants_anchor(config))
		r = drop_anchor(network, ret_error);
	return r;
}

int vmn_network_make(uv_loop_t *loop, const struct network_config *config,
		     const struct vmn_times *times, struct network **ret, char **ret_error)
{
	struct vmn_network *network = calloc(1, sizeof(*network));
	int r;

	*ret_error = NULL;
	if (!network)
		return -ENOMEM;
	network->network.ops = &vmn_ops;
	network->loop = loop;
	network->config = *config;
	network->times = *times;
	r = fill(network, ret_error);
	if (r < 0) {
		vmn_free(&network->network);
		return *ret_error
			       ? r
			       : explain(ret_error, r, "cannot make the network: %s", strerror(-r));
	}
	*ret = &network->network;
	return 0;
}

int vmn_network_new(uv_loop_t *loop, const struct network_config *config, struct network **ret,
		    char **ret_error)
{
	return vmn_network_make(loop, config, &default_times, ret, ret_error);
}
