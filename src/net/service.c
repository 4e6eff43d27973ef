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
	struct plugged *plugged;
};

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

static int fill(struct net_service *service, const struct net_settings *settings, char **ret_error)
{
	int r = network_new(service->loop, &settings->network, NULL, service, &service->network,
			    ret_error);

	if (r < 0)
		return r;
	r = port_table_new(service->loop, service->network, &service->ports);
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
	network_free(service->network);
	free(service);
}

struct network *net_service_network(struct net_service *service)
{
	return service->network;
}

struct port_table *net_service_ports(struct net_service *service)
{
	return service->ports;
}
