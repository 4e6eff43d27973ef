/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * subnet.c - a subnet that nobody on this host uses
 *
 * A subnet is in use if it shares an address with one of an interface's or with the destination of
 * a route: guests would be cut off from that, or the host from it. Default routes do not count.
 */
#include "net/kernel/subnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/kernel/host_scan.h"
#include "net/kernel/state_file.h"
#include "sys/explain.h"
#include "sys/log.h"

#define STATE_NAME "kernel-subnet"
#define STATE_MAX  128u
#define THIRD(a)   (ntohl((a).s_addr) >> 8 & 0xff)

static unsigned int prefix_len_of(struct in_addr mask)
{
	return (unsigned int)__builtin_popcount(mask.s_addr);
}

static struct in_addr network_of(const struct network_config *config)
{
	return (struct in_addr) { config->start_address.s_addr & config->subnet_mask.s_addr };
}

/* "192.168.64.1/24 of interface rig0 (outrigger: ...)", "the route to 10.0.0.0/8 by tun0" */
static void describe(const struct host_links *links, const struct host_subnet *subnet, char *ret,
		     size_t size)
{
	const struct host_link *link = host_links_by_index(links, subnet->ifindex);
	char address[INET_ADDRSTRLEN];
	const char *name = link ? link->name : "no interface";

	inet_ntop(AF_INET, &subnet->address, address, sizeof(address));
	snprintf(ret, size, "%s%s/%u %s %s%s%s%s", subnet->is_address ? "" : "the route to ",
		 address, subnet->prefix_len, subnet->is_address ? "of interface" : "by", name,
		 link && link->alias[0] ? " (" : "", link ? link->alias : "",
		 link && link->alias[0] ? ")" : "");
}

static int refuse(struct netlink *netlink, const struct network_config *config,
		  const struct host_subnet *owner, char **ret_error)
{
	struct in_addr network = network_of(config);
	struct host_links links = { 0 };
	char asked[INET_ADDRSTRLEN], start[INET_ADDRSTRLEN], who[512];

	(void)host_links_scan(netlink, &links); /* without: no name */
	describe(&links, owner, who, sizeof(who));
	host_links_free(&links);
	inet_ntop(AF_INET, &network, asked, sizeof(asked));
	inet_ntop(AF_INET, &config->start_address, start, sizeof(start));
	return explain(
		ret_error, -EADDRINUSE,
		"--start-address %s: its subnet %s/%u overlaps with %s; choose another one, or "
		"none to get a free one",
		start, asked, prefix_len_of(config->subnet_mask), who);
}

static void set_third(struct network_config *config, unsigned int third)
{
	uint32_t base = 192u << 24 | 168u << 16 | third << 8;

	config->start_address.s_addr = htonl(base | 1);
	config->end_address.s_addr = htonl(base | 254);
	config->subnet_mask.s_addr = htonl(0xffffff00u);
}

/* @but: an interface that does not count; 0: all do */
static const struct host_subnet *owner_of(const struct host_subnets *subnets,
					  const struct network_config *config, unsigned int but)
{
	return host_subnets_overlap(subnets, network_of(config), prefix_len_of(config->subnet_mask),
				    but);
}

/* "66 fd12:3456:789a::": the third number of 192.168.N.0/24, and the prefix */
static bool read_kept(struct network_config *config)
{
	char text[STATE_MAX], prefix[INET6_ADDRSTRLEN + 1];
	struct in6_addr kept;
	unsigned int third;

	if (state_file_read(config->state_dir, STATE_NAME, text, sizeof(text)) <= 0)
		return false;
	if (sscanf(text, "%3u %46s", &third, prefix) != 2 || third > 255 ||
	    inet_pton(AF_INET6, prefix, &kept) != 1 || kept.s6_addr[0] != 0xfd) {
		log_warning("%s/%s: not understood, other addresses are chosen", config->state_dir,
			    STATE_NAME);
		return false;
	}
	memset(kept.s6_addr + 8, 0, 8);
	if (!config->prefix_given)
		config->nat66_prefix = kept;
	if (!config->addresses_given)
		set_third(config, third);
	return true;
}

void subnet_keep(const struct network_config *config)
{
	char text[STATE_MAX], prefix[INET6_ADDRSTRLEN];
	int r;

	inet_ntop(AF_INET6, &config->nat66_prefix, prefix, sizeof(prefix));
	snprintf(text, sizeof(text), "%u %s\n", THIRD(config->start_address), prefix);
	r = state_file_write(config->state_dir, STATE_NAME, text);
	if (r < 0)
		log_warning("%s/%s: the addresses chosen are not kept: %s", config->state_dir,
			    STATE_NAME, strerror(-r));
}

static int pick(const struct host_subnets *subnets, struct network_config *config,
		unsigned int skip, char **ret_error)
{
	unsigned int first = THIRD(config->start_address) + skip;

	for (unsigned int i = 0; i < 256; i++) {
		set_third(config, (first + i) % 256);
		if (!owner_of(subnets, config, 0))
			return 0;
	}
	return explain(
		ret_error, -EADDRINUSE,
		"every subnet 192.168.0.0/24 to 192.168.255.0/24 overlaps with an address or a "
		"route of this host; choose another by --start-address, --end-address and "
		"--subnet-mask");
}

static int scan(struct netlink *netlink, struct host_subnets *ret, char **ret_error)
{
	int r = host_subnets_scan(netlink, ret);

	if (r < 0)
		return explain(ret_error, r, "cannot read the host's addresses: %s", strerror(-r));
	return 0;
}

int subnet_choose(struct netlink *netlink, struct network_config *config, unsigned int skip,
		  char **ret_error)
{
	struct host_subnets subnets;
	const struct host_subnet *owner;
	int r = scan(netlink, &subnets, ret_error);

	if (r < 0)
		return r;
	(void)read_kept(config);
	owner = owner_of(&subnets, config, 0);
	if (config->addresses_given && owner)
		r = refuse(netlink, config, owner, ret_error);
	else if (!config->addresses_given && (owner || skip))
		r = pick(&subnets, config, skip, ret_error);
	host_subnets_free(&subnets);
	return r;
}

int subnet_recheck(struct netlink *netlink, const struct network_config *config,
		   unsigned int ifindex, char **ret_error)
{
	struct host_subnets subnets;
	const struct host_subnet *owner;
	int r = scan(netlink, &subnets, ret_error);

	if (r < 0)
		return r;
	owner = owner_of(&subnets, config, ifindex);
	if (owner)
		r = refuse(netlink, config, owner, ret_error);
	host_subnets_free(&subnets);
	return r;
}
