/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gateway_counters.h - what the gateway counts, by the names that status and metrics have for it
 */
#ifndef NET_USER_GATEWAY_COUNTERS_H
#define NET_USER_GATEWAY_COUNTERS_H

#include "net/user/dhcp.h"
#include "net/user/leases.h"

/** struct gateway_dns_counters - queries since the start */
struct gateway_dns_counters {
	uint64_t answered, forwarded, invalid;
};

typedef void gateway_tell_fn(void *opaque, const char *name, uint64_t value);

void gateway_tell_leases(const struct leases *leases, gateway_tell_fn *each, void *opaque);
void gateway_tell_dhcp(const struct dhcp_counters *counters, gateway_tell_fn *each, void *opaque);
void gateway_tell_dns(const struct gateway_dns_counters *counters, gateway_tell_fn *each,
		      void *opaque);

#endif
