/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dnsmasq.h - DHCP, DNS and router advertisements of one network, by a dnsmasq of its own
 *
 * One thread: the loop's.
 */
#ifndef NET_KERNEL_DNSMASQ_H
#define NET_KERNEL_DNSMASQ_H

#include <uv.h>

#include "net/network.h"

struct dnsmasq;

struct dnsmasq_counters {
	uint64_t restarts;
	uint64_t exhausted; /* requests for an address when there was none left */
};

/**
 * dnsmasq_new() - returns when it serves
 * @network: is told of leases, and that it failed when dnsmasq cannot be kept running
 * @config: settled; outlives the result
 * @bridge: that has its addresses and is up; outlives the result
 * @dir: for its files, the network's runtime directory; outlives the result
 * @ret_error: a sentence; the caller frees
 * Return: 0 or -errno
 */
int dnsmasq_new(uv_loop_t *loop, struct network *network, const struct network_config *config,
		const char *bridge, const char *dir, struct dnsmasq **ret, char **ret_error);

/** dnsmasq_free() - it has ended when this returns; leases are kept. NULL is fine */
void dnsmasq_free(struct dnsmasq *dnsmasq);

/** dnsmasq_set_reservations() - these and no others. Return: 0 or -errno */
int dnsmasq_set_reservations(struct dnsmasq *dnsmasq,
			     const struct network_reservation *reservations, size_t n);

void dnsmasq_each_lease(const struct dnsmasq *dnsmasq,
			bool (*each)(void *opaque, const struct network_lease *lease),
			void *opaque);
const struct dnsmasq_counters *dnsmasq_counters(const struct dnsmasq *dnsmasq);

#endif
