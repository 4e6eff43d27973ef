/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_newer.c - what vmnet got after macOS 10.15, looked up while we run
 */
#include <stdbool.h>

#include "net/vmnet/vmn_newer.h"

#include <dlfcn.h>
#include <string.h>
#include <uv.h>

static struct vmn_newer newer;
static bool has_objects;

/* A constant is a variable of the library's that points to the text. */
const char *vmn_key(const char *constant)
{
	const char *const *variable = dlsym(RTLD_DEFAULT, constant);

	return variable ? *variable : NULL;
}

/* POSIX has functions from dlsym() by their bytes: ISO C knows no cast. */
static bool look_up(const char *name, void *ret, size_t size)
{
	void *function = dlsym(RTLD_DEFAULT, name);

	memcpy(ret, &function, size);
	return function;
}

#define LOOK_UP(name, member)	    look_up(name, &newer.member, sizeof(newer.member))
#define CONFIGURATION(name, member) LOOK_UP("vmnet_network_configuration_" name, member)

static void settle(void)
{
	(void)LOOK_UP("vmnet_interface_add_ip_port_forwarding_rule", add_ip_rule);
	(void)LOOK_UP("vmnet_interface_remove_ip_port_forwarding_rule", remove_ip_rule);
	has_objects = CONFIGURATION("create", configuration_create) &&
		      CONFIGURATION("set_ipv4_subnet", set_ipv4_subnet) &&
		      CONFIGURATION("set_ipv6_prefix", set_ipv6_prefix) &&
		      CONFIGURATION("set_mtu", set_mtu) &&
		      CONFIGURATION("add_dhcp_reservation", add_dhcp_reservation) &&
		      CONFIGURATION("set_external_interface", set_external_interface) &&
		      CONFIGURATION("disable_nat44", disable_nat44) &&
		      CONFIGURATION("disable_nat66", disable_nat66) &&
		      CONFIGURATION("disable_dhcp", disable_dhcp) &&
		      CONFIGURATION("disable_dns_proxy", disable_dns_proxy) &&
		      CONFIGURATION("disable_router_advertisement", disable_router_advertisement) &&
		      LOOK_UP("vmnet_network_create", network_create) &&
		      LOOK_UP("vmnet_interface_start_with_network", start_with_network) &&
		      LOOK_UP("CFRelease", release);
}

const struct vmn_newer *vmn_newer(void)
{
	static uv_once_t once = UV_ONCE_INIT;

	uv_once(&once, settle);
	return &newer;
}

bool vmn_has_objects(void)
{
	(void)vmn_newer();
	return has_objects;
}
