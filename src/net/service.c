/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service.c - one network with all that is plugged into it, as `outrigger net` serves it
 *
 * Made from the network up, ended from the guests' side down: sockets (guests are disconnected),
 * ports, network.
 */
#include "net/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sys/explain.h"
#include "sys/log.h"

struct net_service {
	uv_loop_t *loop;
	struct network *network;
	struct port_table *ports;
	struct forwards *forwards;
	struct sockets *sockets;
	uint64_t started_ns;
	bool failed;
};

/* Leases that were kept over a restart may be told of before there are ports, or forwards. */
static void on_lease(void *opaque, const struct network_lease *lease, bool gone)
{
	struct net_service *service = opaque;

	if (service->ports)
		port_table_lease(service->ports, lease, gone);
	if (service->forwards)
		forwards_lease(service->forwards, lease, gone);
}

static void on_failed(void *opaque, const char *why)
{
	struct net_service *service = opaque;

	log_error("%s", why);
	service->failed = true;
	uv_stop(service->loop);
}

static const struct network_events network_events = { .lease = on_lease, .failed = on_failed };

static int add_forward(struct net_service *service, const struct forward_config *config,
		       char **ret_error)
{
	char text[FORWARD_TEXT_MAX], *why = NULL;
	int r = forwards_add(service->forwards, config, &why);

	if (r < 0) {
		forward_print(config, text);
		explain(ret_error, r, "--forward %s: %s", text, why ? why : strerror(-r));
	}
	free(why);
	return r;
}

static int fill(struct net_service *service, const struct net_settings *settings, char **ret_error)
{
	int r = network_new(service->loop, &settings->network, &network_events, service,
			    &service->network, ret_error);

	if (r >= 0)
		r = port_table_new(service->loop, service->network, &service->ports);
	if (r >= 0)
		r = forwards_new(service->network, &service->forwards);
	if (r >= 0)
		r = sockets_new(service->loop, service->ports, &service->sockets);
	for (size_t i = 0; i < settings->n_forwards && r >= 0; i++)
		r = add_forward(service, &settings->forwards[i], ret_error);
	for (size_t i = 0; i < settings->n_sockets && r >= 0; i++)
		r = sockets_add(service->sockets, &settings->sockets[i], NULL, ret_error);
	return r;
}

int net_service_new(uv_loop_t *loop, const struct net_settings *settings, struct net_service **ret,
		    char **ret_error)
{
	struct net_service *service = calloc(1, sizeof(*service));
	int r;

	if (!service)
		return -ENOMEM;
	service->loop = loop;
	service->started_ns = uv_hrtime();
	r = fill(service, settings, ret_error);
	if (r < 0) {
		net_service_free(service);
		return r;
	}
	*ret = service;
	return 0;
}

void net_service_free(struct net_service *service)
{
	if (!service)
		return;
	sockets_free(service->sockets);
	port_table_free(service->ports);
	service->ports = NULL;
	forwards_free(service->forwards);
	network_free(service->network);
	free(service);
}

bool net_service_failed(const struct net_service *service)
{
	return service->failed;
}

struct network *net_service_network(struct net_service *service)
{
	return service->network;
}

struct forwards *net_service_forwards(struct net_service *service)
{
	return service->forwards;
}

struct port_table *net_service_ports(struct net_service *service)
{
	return service->ports;
}

struct sockets *net_service_sockets(struct net_service *service)
{
	return service->sockets;
}

uint64_t net_service_uptime_ms(const struct net_service *service)
{
	return (uv_hrtime() - service->started_ns) / 1000000;
}

struct lease_search {
	const uint8_t *mac;
	struct network_lease lease;
	bool found;
};

static bool look_at_lease(void *opaque, const struct network_lease *lease)
{
	struct lease_search *search = opaque;

	if (memcmp(lease->mac, search->mac, FRAME_MAC) != 0)
		return true;
	search->lease = *lease;
	search->found = true;
	return false;
}

static struct lease_search find_lease(const struct net_service *service,
				      const uint8_t mac[FRAME_MAC])
{
	struct lease_search search = { .mac = mac };

	network_each_lease(service->network, look_at_lease, &search);
	return search;
}

/* Nobody is told of what he has asked for himself, so forwards and ports are told here. */
int net_service_reserve(struct net_service *service, const struct network_reservation *reservation,
			char **ret_error)
{
	int r = network_reserve(service->network, reservation, ret_error);
	struct lease_search after;

	if (r < 0)
		return r;
	port_table_leases_changed(service->ports);
	after = find_lease(service, reservation->mac);
	if (after.found)
		forwards_lease(service->forwards, &after.lease, false);
	return 0;
}

int net_service_unreserve(struct net_service *service, const uint8_t mac[FRAME_MAC])
{
	struct lease_search before = find_lease(service, mac), after;
	int r = network_unreserve(service->network, mac);

	if (r < 0)
		return r;
	port_table_leases_changed(service->ports);
	after = find_lease(service, mac);
	if (before.found && !after.found)
		forwards_lease(service->forwards, &before.lease, true);
	return 0;
}
