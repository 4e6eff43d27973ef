/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dhcp_settings.c - options: what guests are told by DHCP
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/network_text.h"
#include "net/settings/spec.h"
#include "net/settings/table.h"
#include "sys/explain.h"

#define LEASE_S_MIN	 60u
#define LEASE_S_MAX	 31536000u /* a year */
#define NAME_SERVERS_MAX 8u
#define RESERVATIONS_MAX 4096u
#define DOMAIN_MAX	 253u /* RFC 1035, section 2.3.4, as text */
#define BOOT_FILE_MAX	 127u /* what the header holds (RFC 2131, section 2) */

static int set_dhcp(struct net_settings *settings, char *value, char **ret_error)
{
	bool on;
	int r = spec_on_off(value, &on, ret_error);

	if (r >= 0)
		settings->network.dhcp.off = !on;
	return r;
}

static int set_dns_proxy(struct net_settings *settings, char *value, char **ret_error)
{
	bool on = true;
	int r = spec_on_off(value, &on, ret_error);

	settings->network.no_dns = !on;
	return r;
}

static int set_router_advertisement(struct net_settings *settings, char *value, char **ret_error)
{
	bool on = true;
	int r = spec_on_off(value, &on, ret_error);

	settings->network.no_ra = !on;
	return r;
}

static int set_lease_time(struct net_settings *settings, char *value, char **ret_error)
{
	uint64_t seconds;
	int r = spec_number(value, LEASE_S_MIN, LEASE_S_MAX, &seconds, ret_error);

	if (r < 0) {
		explain_about(ret_error, "seconds: ");
		return r;
	}
	settings->network.dhcp.lease_s = (uint32_t)seconds;
	return 0;
}

static int parse_server(const char *value, struct in_addr *ret, char **ret_error)
{
	struct in_addr address;

	if (inet_pton(AF_INET, value, &address) != 1 || address.s_addr == INADDR_ANY)
		return explain(ret_error, -EINVAL,
			       "no IPv4 address of a server; give four numbers like 192.168.64.1");
	*ret = address;
	return 0;
}

static int set_dns(struct net_settings *settings, char *value, char **ret_error)
{
	struct network_dhcp *dhcp = &settings->network.dhcp;
	struct in_addr address = { 0 };
	int r = parse_server(value, &address, ret_error);

	if (r < 0)
		return r;
	r = settings_grow(&dhcp->name_servers, &dhcp->n_name_servers, sizeof(address),
			  NAME_SERVERS_MAX, ret_error);
	if (r >= 0)
		dhcp->name_servers[dhcp->n_name_servers - 1] = address;
	return r;
}

/* Labels and dots between them. */
static bool is_domain(const char *value)
{
	char copy[DOMAIN_MAX + 1], label[NETWORK_NAME_MAX + 1];
	char *rest = copy, *part, *error = NULL;

	if (!*value || strlen(value) > DOMAIN_MAX)
		return false;
	strcpy(copy, value);
	while ((part = strsep(&rest, "."))) {
		if (network_name_parse(part, label, &error) < 0) {
			free(error);
			return false;
		}
	}
	return true;
}

static int set_domain(struct net_settings *settings, char *value, char **ret_error)
{
	if (!is_domain(value))
		return explain(ret_error, -EINVAL,
			       "no name of a domain; give labels and dots, like guests.example");
	settings->network.dhcp.domain = value;
	return 0;
}

static bool has_control(const char *text)
{
	while (*text && !iscntrl((unsigned char)*text))
		text++;
	return *text;
}

static int set_boot_file(struct net_settings *settings, char *value, char **ret_error)
{
	if (!*value || strlen(value) > BOOT_FILE_MAX)
		return explain(ret_error, -EINVAL, "%s; DHCP carries 1 to %u bytes",
			       *value ? "too long" : "empty", BOOT_FILE_MAX);
	if (has_control(value))
		return explain(ret_error, -EINVAL, "has a control character; remove it");
	settings->network.dhcp.boot_file = value;
	return 0;
}

static int set_boot_server(struct net_settings *settings, char *value, char **ret_error)
{
	return parse_server(value, &settings->network.dhcp.boot_server, ret_error);
}

static int set_reserve(struct net_settings *settings, char *value, char **ret_error)
{
	struct network_config *network = &settings->network;
	struct network_reservation reservation;
	char text[NETWORK_RESERVATION_TEXT];
	int r = network_reservation_parse(value, &reservation, ret_error);

	if (r < 0)
		return r;
	r = settings_grow(&network->reservations, &network->n_reservations, sizeof(reservation),
			  RESERVATIONS_MAX, ret_error);
	if (r < 0)
		return r;
	network->reservations[network->n_reservations - 1] = reservation;
	network_reservation_print(&reservation, text);
	return settings_call(settings, text);
}

const struct setting dhcp_settings[] = {
	{ "dhcp", SETTING_VALUE, "on|off", "off: guests have addresses of their own; default: on",
	  set_dhcp },
	{ "lease-time", SETTING_VALUE, "SECONDS", "60 to 31536000; default: 86400, a day",
	  set_lease_time },
	{ "reserve", SETTING_LIST, "MAC=ADDR",
	  "the guest with this MAC always gets this address, and with\n"
	  "MAC=ADDR,name=NAME this name; may be repeated",
	  set_reserve },
	{ "dns", SETTING_LIST, "ADDR", "a name server instead of the gateway; may be repeated",
	  set_dns },
	{ "dns-proxy", SETTING_VALUE, "on|off",
	  "off: no name server at the gateway's address; default: on", set_dns_proxy },
	{ "router-advertisement", SETTING_VALUE, "on|off",
	  "off: guests are told of no router and prefix by IPv6; default: on",
	  set_router_advertisement },
	{ "domain", SETTING_VALUE, "NAME", "the guests' domain", set_domain },
	{ "boot-file", SETTING_VALUE, "NAME", "for guests that boot from the network",
	  set_boot_file },
	{ "boot-server", SETTING_VALUE, "ADDR", "which has that file; default: the gateway",
	  set_boot_server },
	{ 0 },
};
