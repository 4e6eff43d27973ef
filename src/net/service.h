/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service.h - one network with all that is plugged into it, as `outrigger net` serves it
 *
 * Made of settings; changed while it runs by the control socket and by a reload. One thread: the
 * loop's.
 */
#ifndef NET_SERVICE_H
#define NET_SERVICE_H

#include "net/settings/settings.h"

struct net_service;

/**
 * net_service_new() - network, sockets, forwards
 * @settings: outlives the service
 * @ret_error: a sentence: what failed and what to do; the caller frees
 */
int net_service_new(uv_loop_t *loop, const struct net_settings *settings, struct net_service **ret,
		    char **ret_error);

/** net_service_free() - the loop must run once more before it is closed. NULL is fine */
void net_service_free(struct net_service *service);

struct network *net_service_network(struct net_service *service);
struct port_table *net_service_ports(struct net_service *service);
struct forwards *net_service_forwards(struct net_service *service);

/**
 * net_service_add_socket() - as at start
 * Return: 0, -EEXIST the name is taken, what port_socket_new() returns
 */
int net_service_add_socket(struct net_service *service, const struct port_socket_config *config,
			   char **ret_error);

/** net_service_remove_socket() - by its name, guests on it are unplugged. Return: 0, -ENOENT */
int net_service_remove_socket(struct net_service *service, const char *name);

#endif
