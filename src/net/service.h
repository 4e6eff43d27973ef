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
#include "net/sockets.h"

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

/** net_service_failed() - the network cannot go on, and has stopped the loop; why is in the log */
bool net_service_failed(const struct net_service *service);

struct network *net_service_network(struct net_service *service);
struct port_table *net_service_ports(struct net_service *service);
struct forwards *net_service_forwards(struct net_service *service);

struct sockets *net_service_sockets(struct net_service *service);

/**
 * net_service_reserve(), net_service_unreserve() - while it runs; forwards to the guest follow
 * Return: as network_reserve(), network_unreserve()
 */
int net_service_reserve(struct net_service *service, const struct network_reservation *reservation,
			char **ret_error);
int net_service_unreserve(struct net_service *service, const uint8_t mac[FRAME_MAC]);

/** net_service_uptime_ms() - since it was made */
uint64_t net_service_uptime_ms(const struct net_service *service);

#endif
