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

struct plugged {
	struct plugged *next;
	char *name;
	struct port_socket *socket;
};

struct net_service {
	uv_loop_t *loop;
	struct network *network;
	struct port_table *ports;
	struct forwards *forwards;
	struct plugged *plugged;
};

/* Leases that were kept over a restart may be told of before there is anything to forward. */
static void on_lease(void *opaque, const struct network_lease *lease, bool gone)
{
	struct net_service *service = opaque;

	if (service->forwards)
		forwards_lease(service->forwards, lease, gone);
}

static const struct network_events network_events = { .lease = on_lease };

static struct plugged **plugged_find(struct net_service *service, const char *name)
{
	struct plugged **at = &service->plugged;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static void plugged_free(struct plugged *plugged)
{
	port_socket_free(plugged->socket);
	free(plugged->name);
	free(plugged);
}

int net_service_add_socket(struct net_service *service, const struct port_socket_config *config,
			   char **ret_error)
{
	struct plugged **at = plugged_find(service, config->name);
	struct plugged *plugged;
	int r = -ENOMEM;

	if (*at)
		return explain(ret_error, -EEXIST, "--%s: another port has the name %s already",
			       port_socket_kind_name(config->kind), config->name);
	plugged = calloc(1, sizeof(*plugged));
	if (!plugged)
		return -ENOMEM;
	plugged->name = strdup(config->name);
	if (plugged->name)
		r = port_socket_new(service->loop, config, service->ports, &plugged->socket,
				    ret_error);
	if (r < 0) {
		plugged_free(plugged);
		return r;
	}
	*at = plugged;
	return 0;
}

int net_service_remove_socket(struct net_service *service, const char *name)
{
	struct plugged **at = plugged_find(service, name), *plugged = *at;

	if (!plugged)
		return -ENOENT;
	*at = plugged->next;
	plugged_free(plugged);
	return 0;
}

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
	for (size_t i = 0; i < settings->n_forwards && r >= 0; i++)
		r = add_forward(service, &settings->forwards[i], ret_error);
	for (size_t i = 0; i < settings->n_sockets && r >= 0; i++)
		r = net_service_add_socket(service, &settings->sockets[i], ret_error);
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
	while (service->plugged)
		net_service_remove_socket(service, service->plugged->name);
	port_table_free(service->ports);
	forwards_free(service->forwards);
	network_free(service->network);
	free(service);
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
