/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * method_status.c - methods: what network this is, and what it has counted
 */
#include <stdlib.h>
#include <string.h>

#include "net/control/json_net.h"
#include "net/control/methods.h"
#include "net/control/metrics.h"

static void put_addresses(struct json_object *o, const struct network_config *config)
{
	char uuid[NETWORK_UUID_TEXT];

	if (config->mode == NETWORK_BRIDGED)
		json_put_text(o, "ifname", config->ifname);
	if (config->uuid_given) {
		network_uuid_print(config->uuid, uuid);
		json_put_text(o, "uuid", uuid);
	}
	if (!network_config_has_gateway(config))
		return;
	json_put_address(o, "gateway", &config->start_address);
	json_put_address(o, "end_address", &config->end_address);
	json_put_address(o, "subnet_mask", &config->subnet_mask);
	if (config->mode == NETWORK_SHARED)
		json_put_address6(o, "nat66_prefix", &config->nat66_prefix);
}

static void count_forward(void *opaque, const struct forward_config *config,
			  const struct sockaddr_storage *target)
{
	++*(uint64_t *)opaque;
}

/* Is there an address left for the next guest? Not every kind of network counts all of this. */
static void put_pool(void *opaque, const char *name, uint64_t value)
{
	static const char *const names[] = { "dhcp_addresses", "dhcp_leased",
					     "dhcp_exhausted_total" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			json_put_number(opaque, name, value);
	}
}

static void put_counts(struct json_object *o, struct net_service *service)
{
	struct network *network = net_service_network(service);
	uint64_t ports = 0, up = 0, forwards = 0;

	for (struct port *port = port_first(net_service_ports(service)); port;
	     port = port_next(port)) {
		ports++;
		up += port_is_up(port);
	}
	forwards_each(net_service_forwards(service), count_forward, &forwards);
	json_put_number(o, "ports", ports);
	json_put_number(o, "ports_up", up);
	json_put_number(o, "leases", network_n_leases(network));
	json_put_number(o, "addresses", network_n_addresses(network));
	json_put_number(o, "forwards", forwards);
	network_each_counter(network, put_pool, o);
}

int control_status(struct control_call *call)
{
	struct net_service *service = call->host->service;
	const struct network_config *config = network_config_of(net_service_network(service));
	struct json_object *o = call->result;

	json_put_text(o, "version", call->host->version);
	json_put_number(o, "uptime_s", net_service_uptime_ms(service) / 1000);
	json_put_text(o, "mode", network_mode_name(config->mode));
	json_put_text(o, "network", network_kind_name(config->kind));
	put_addresses(o, config);
	json_put_number(o, "mtu", config->mtu);
	json_put_bool(o, "isolated", config->isolated);
	json_put_bool(o, "source_guard", config->source_guard);
	json_put_bool(o, "dhcp", !config->dhcp.off);
	put_counts(o, service);
	return 0;
}

static void put_counter(void *opaque, const char *name, uint64_t value)
{
	json_put_number(opaque, name, value);
}

/* What is counted for no port: by the network, and by sockets. */
int control_counters(struct control_call *call)
{
	struct net_service *service = call->host->service;
	struct json_object *network = json_object_new_object();
	struct json_object *sockets = json_object_new_object();

	if (network)
		network_each_counter(net_service_network(service), put_counter, network);
	json_put(call->result, "network", network);
	for (const struct socket_entry *entry = sockets_first(net_service_sockets(service)); entry;
	     entry = entry->next) {
		struct json_object *counters = json_object_new_object();

		if (counters)
			port_socket_each_counter(entry->socket, put_counter, counters);
		json_put(sockets, entry->config.name, counters);
	}
	json_put(call->result, "sockets", sockets);
	return 0;
}

int control_metrics(struct control_call *call)
{
	char *text;
	int r = metrics_print(call->host, &text);

	if (r < 0)
		return r;
	json_put_text(call->result, "text", text);
	free(text);
	return 0;
}
