/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_check.c - which options of a network vmnet has
 *
 * Said before anything is started: vmnet itself would name no option, and some it would ignore.
 */
#include "net/vmnet/vmn_desc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/network_text.h"
#include "net/vmnet/vmn_newer.h"
#include "sys/explain.h"

#define DEFAULT_MTU 1500u

/* Which interfaces can be bridged */

struct names {
	char *text; /* "en0, en1"; NULL: no memory */
	size_t size, n;
	bool has;
};

static struct names names_of(const char *wanted)
{
	xpc_object_t list = vmnet_copy_shared_interface_list();
	struct names names = { .n = list ? xpc_array_get_count(list) : 0 };
	FILE *out = open_memstream(&names.text, &names.size);

	for (size_t i = 0; i < names.n; i++) {
		const char *name = xpc_array_get_string(list, i);

		if (!name)
			continue;
		names.has |= strcmp(name, wanted) == 0;
		if (out)
			fprintf(out, "%s%s", i ? ", " : "", name);
	}
	if (out)
		fclose(out);
	if (list)
		xpc_release(list);
	return names;
}

static int check_ifname(const char *ifname, char **ret_error)
{
	struct names names = names_of(ifname);
	int r = 0;

	if (!names.has && !names.n)
		r = explain(ret_error, -ENODEV,
			    "--ifname %s: vmnet has no interface that can be bridged", ifname);
	else if (!names.has)
		r = explain(ret_error, -ENODEV,
			    "--ifname %s: no interface that vmnet can bridge; give one of %s",
			    ifname, names.text ? names.text : "those that it has");
	free(names.text);
	return r;
}

/* What vmnet has not */

static int refuse(char **ret_error, const char *option, const char *why)
{
	return explain(ret_error, -EOPNOTSUPP, "%s: %s; leave it out, or use --network user",
		       option, why);
}

static int check_services(const struct network_config *config, char **ret_error)
{
	const struct network_dhcp *dhcp = &config->dhcp;
	const struct {
		bool given;
		const char *option, *why;
	} rules[] = {
		{ config->host_loopback, "--host-loopback",
		  "what is bound to the host's loopback is not reached through vmnet" },
		{ config->n_allows, "--allow",
		  "what is bound to the host's loopback is not reached through vmnet" },
		{ dhcp->n_name_servers, "--dns", "guests of vmnet ask the gateway" },
		{ dhcp->domain, "--domain", "vmnet's DHCP tells no domain of ours" },
		{ dhcp->boot_file, "--boot-file", "vmnet's DHCP tells no boot file" },
		{ config->state_dir, "--state-dir", "the system keeps the leases of vmnet" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].given)
			return refuse(ret_error, rules[i].option, rules[i].why);
	}
	return 0;
}

/* NULL: nothing of a network object's is asked for */
static const char *object_option(const struct network_config *config)
{
	const struct {
		bool given;
		const char *option;
	} options[] = {
		{ config->n_reservations, "--reserve" },
		{ config->dhcp.off, "--dhcp off" },
		{ config->no_nat44, "--nat44 off" },
		{ config->no_nat66, "--nat66 off" },
		{ config->no_dns, "--dns-proxy off" },
		{ config->no_ra, "--router-advertisement off" },
		{ config->uplink, "--uplink" },
	};

	if (config->mode == NETWORK_BRIDGED || config->uuid_given)
		return NULL;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].given)
			return options[i].option;
	}
	return NULL;
}

bool vmn_desc_needs_object(const struct network_config *config)
{
	return object_option(config);
}

/* DHCP of a network object has all of the subnet. */
static bool range_is_whole(const struct network_config *config)
{
	uint32_t mask = ntohl(config->subnet_mask.s_addr);
	uint32_t first = ntohl(config->start_address.s_addr) & mask;

	return !config->addresses_given ||
	       (ntohl(config->start_address.s_addr) == first + 1 &&
		ntohl(config->end_address.s_addr) == (first | ~mask) - 1);
}

static int check_object(const struct network_config *config, char **ret_error)
{
	const char *option = object_option(config);

	if (!option)
		return 0;
	if (!vmn_has_objects())
		return refuse(ret_error, option, "vmnet has it from macOS 26 on");
	if (!range_is_whole(config))
		return explain(ret_error, -EOPNOTSUPP,
			       "--end-address %s: with %s vmnet's network has a whole subnet; give "
			       "its first address as --start-address and its last as "
			       "--end-address, or leave the three out",
			       network_text(config->end_address).s, option);
	return 0;
}

static int check_mtu(const struct network_config *config, char **ret_error)
{
	if (config->mode != NETWORK_BRIDGED || config->mtu == DEFAULT_MTU)
		return 0;
	return explain(ret_error, -EOPNOTSUPP,
		       "--mtu %u: vmnet takes the MTU of what it bridges to; leave it out",
		       config->mtu);
}

static int check_offloads(const struct network_config *config, char **ret_error)
{
	if (!config->offloads || vmn_key("vmnet_enable_tso_key"))
		return 0;
	return explain(ret_error, -EOPNOTSUPP,
		       "--offloads on: vmnet has it from macOS 11 on; leave it out or upgrade");
}

int vmn_desc_check(const struct network_config *config, char **ret_error)
{
	int r = check_services(config, ret_error);

	if (r >= 0)
		r = check_object(config, ret_error);
	if (r >= 0)
		r = check_mtu(config, ret_error);
	if (r >= 0)
		r = check_offloads(config, ret_error);
	if (r >= 0 && config->mode == NETWORK_BRIDGED)
		r = check_ifname(config->ifname, ret_error);
	return r;
}
