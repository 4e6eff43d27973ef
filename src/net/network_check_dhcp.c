/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_check_dhcp.c - reservations, and what else DHCP is told to say
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "net/network_check.h"
#include "net/network_text.h"
#include "sys/explain.h"

struct reservation_text {
	char s[NETWORK_RESERVATION_TEXT];
};

static struct reservation_text text_of(const struct network_reservation *reservation)
{
	struct reservation_text text;

	network_reservation_print(reservation, text.s);
	return text;
}

static bool has_dhcp(const struct network_config *config)
{
	return config->mode != NETWORK_BRIDGED && !config->uuid_given && !config->dhcp.off;
}

static int say_no_dhcp(const struct network_config *config, const char *option, const char *value,
		       char **ret_error)
{
	const char *why = config->mode == NETWORK_BRIDGED ? "a bridged network has the DHCP of its "
							    "segment"
			  : config->uuid_given		  ? "with --net-uuid there is no DHCP"
							  : "with --dhcp off there is no DHCP";

	return explain(ret_error, -EINVAL, "%s %s: %s; leave it out", option, value, why);
}

/* Nobody would say it. */
static int check_without_dhcp(const struct network_config *config, char **ret_error)
{
	const struct network_dhcp *dhcp = &config->dhcp;

	if (config->n_reservations)
		return say_no_dhcp(config, "--reserve", text_of(&config->reservations[0]).s,
				   ret_error);
	if (dhcp->n_name_servers)
		return say_no_dhcp(config, "--dns", network_text(dhcp->name_servers[0]).s,
				   ret_error);
	if (dhcp->domain)
		return say_no_dhcp(config, "--domain", dhcp->domain, ret_error);
	if (dhcp->boot_file)
		return say_no_dhcp(config, "--boot-file", dhcp->boot_file, ret_error);
	if (dhcp->boot_server.s_addr != INADDR_ANY)
		return say_no_dhcp(config, "--boot-server", network_text(dhcp->boot_server).s,
				   ret_error);
	return 0;
}

static int check_boot(const struct network_dhcp *dhcp, char **ret_error)
{
	if (dhcp->boot_file || dhcp->boot_server.s_addr == INADDR_ANY)
		return 0;
	return explain(ret_error, -EINVAL,
		       "--boot-server %s: which file it has is missing; give --boot-file, too",
		       network_text(dhcp->boot_server).s);
}

int network_check_reserved_address(const struct network_config *config, struct in_addr address,
				   char **ret_error)
{
	struct network_addresses addresses;
	uint32_t host_bits;

	network_config_addresses(config, &addresses);
	host_bits = address.s_addr & ~addresses.mask.s_addr;
	if ((address.s_addr & addresses.mask.s_addr) == addresses.network.s_addr && host_bits &&
	    host_bits != ~addresses.mask.s_addr && address.s_addr != addresses.gateway.s_addr)
		return 0;
	return explain(ret_error, -EINVAL,
		       "%s is no address for a guest; choose one of the subnet %s with mask %s, "
		       "inside or outside of what DHCP gives, but not the gateway's %s",
		       network_text(address).s, network_text(addresses.network).s,
		       network_text(addresses.mask).s, network_text(addresses.gateway).s);
}

static int check_address(const struct network_config *config,
			 const struct network_reservation *reservation, char **ret_error)
{
	int r = network_check_reserved_address(config, reservation->address, ret_error);

	if (r < 0)
		explain_about(ret_error, "--reserve %s: ", text_of(reservation).s);
	return r;
}

static int check_apart(const struct network_reservation *a, const struct network_reservation *b,
		       char **ret_error)
{
	const char *what = NULL;

	if (memcmp(a->mac, b->mac, FRAME_MAC) == 0)
		what = "MAC address";
	else if (a->address.s_addr == b->address.s_addr)
		what = "address";
	else if (*a->name && strcmp(a->name, b->name) == 0)
		what = "name";
	if (!what)
		return 0;
	return explain(ret_error, -EINVAL,
		       "--reserve %s: --reserve %s has the same %s; give each its own",
		       text_of(a).s, text_of(b).s, what);
}

static int check_reservations(const struct network_config *config, char **ret_error)
{
	for (size_t i = 0; i < config->n_reservations; i++) {
		const struct network_reservation *reservation = &config->reservations[i];
		int r = check_address(config, reservation, ret_error);

		for (size_t j = 0; j < i && r >= 0; j++)
			r = check_apart(reservation, &config->reservations[j], ret_error);
		if (r < 0)
			return r;
	}
	return 0;
}

int network_check_dhcp(const struct network_config *config, char **ret_error)
{
	int r;

	if (!has_dhcp(config))
		return check_without_dhcp(config, ret_error);
	r = check_boot(&config->dhcp, ret_error);
	return r < 0 ? r : check_reservations(config, ret_error);
}
