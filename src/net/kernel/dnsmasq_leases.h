/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dnsmasq_leases.h - who has which address: dnsmasq's lease file, as a list that tells of changes
 *
 * One thread: the loop's.
 */
#ifndef NET_KERNEL_DNSMASQ_LEASES_H
#define NET_KERNEL_DNSMASQ_LEASES_H

#include <uv.h>

#include "net/network.h"

struct dnsmasq_leases;

/**
 * dnsmasq_leases_new() - watch a file that exists
 * @network: is told of each change, from the loop only
 * @reservations: each counts as a lease, whether or not the guest has asked
 * @state_dir: a copy is kept there under @state_name; may be NULL
 * Return: 0 or -errno
 */
int dnsmasq_leases_new(uv_loop_t *loop, struct network *network, const char *path,
		       const char *state_dir, const char *state_name, struct dnsmasq_leases **ret);
void dnsmasq_leases_free(struct dnsmasq_leases *leases); /* NULL is fine */

/** dnsmasq_leases_set_reservations() - these and no others; copied. Return: 0 or -ENOMEM */
int dnsmasq_leases_set_reservations(struct dnsmasq_leases *leases,
				    const struct network_reservation *reservations, size_t n);

void dnsmasq_leases_each(const struct dnsmasq_leases *leases,
			 bool (*each)(void *opaque, const struct network_lease *lease),
			 void *opaque);

#endif
