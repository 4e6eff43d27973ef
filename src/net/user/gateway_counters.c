/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gateway_counters.c - what the gateway counts, by name
 *
 * Those that end in _total only grow; the others say how it is now.
 */
#include "net/user/gateway_counters.h"

void gateway_tell_leases(const struct leases *leases, gateway_tell_fn *each, void *opaque)
{
	const struct leases_counters *counters = leases_counters(leases);
	struct leases_usage usage;

	leases_usage(leases, &usage);
	each(opaque, "dhcp_addresses", usage.pool);
	each(opaque, "dhcp_leased", usage.bound);
	each(opaque, "dhcp_offered", usage.offered);
	each(opaque, "dhcp_remembered", usage.remembered);
	each(opaque, "dhcp_set_aside", usage.aside);
	each(opaque, "dhcp_reserved", usage.reserved);
	each(opaque, "dhcp_exhausted_total", counters->exhausted);
	each(opaque, "dhcp_port_limited_total", counters->port_limited);
	each(opaque, "dhcp_declined_total", counters->declined);
	each(opaque, "dhcp_name_taken_total", counters->name_taken);
}

void gateway_tell_dhcp(const struct dhcp_counters *counters, gateway_tell_fn *each, void *opaque)
{
	each(opaque, "dhcp_received_total", counters->received);
	each(opaque, "dhcp_answered_total", counters->answered);
	each(opaque, "dhcp_refused_total", counters->refused);
	each(opaque, "dhcp_invalid_total", counters->invalid);
}

void gateway_tell_dns(const struct gateway_dns_counters *counters, gateway_tell_fn *each,
		      void *opaque)
{
	each(opaque, "dns_answered_total", counters->answered);
	each(opaque, "dns_forwarded_total", counters->forwarded);
	each(opaque, "dns_invalid_total", counters->invalid);
}
