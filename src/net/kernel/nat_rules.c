/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nat_rules.c - who may talk to whom through the host
 *
 *   from \ to          guests            host                     outside, other networks
 *   guests             by the bridge     any of its addresses     shared: masqueraded
 *                                        host: the gateway's      host: nothing
 *   host               yes
 *   outside, others    answers, forwards
 *
 * Masquerading asks the routing table for every connection anew: no uplink is named, unless by
 * --uplink: what the routes send elsewhere is dropped then. With --nat44 off and --nat66 off guests
 * leave with their own addresses, for a network outside that knows the way back. Between two
 * networks of ours each one's table drops what begins outside of it.
 *
 * The kernel never delivers a guest's packet to 127.0.0.0/8, so what is bound to the host's loopback
 * only is closed. A forward from a loopback address lifts that protection from the bridge
 * (route_localnet), which is why the guard is there before any forward can be.
 */
#include "net/kernel/nat_rules.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/metadata.h"
#include "net/network_text.h"

static void print_subnet4(FILE *out, const struct network_addresses *addresses)
{
	fprintf(out, "%s/%d", network_text(addresses->network).s,
		__builtin_popcount(addresses->mask.s_addr));
}

static void rules_guard(FILE *out, const char *bridge)
{
	fprintf(out,
		"chain guard {\n"
		"type filter hook prerouting priority raw; policy accept;\n"
		"iifname \"%s\" ip daddr 127.0.0.0/8 counter drop\n"
		"iifname \"%s\" ip saddr 127.0.0.0/8 counter drop\n"
		"}\n",
		bridge, bridge);
}

static void rules_input(FILE *out, const struct network_config *config, const char *bridge)
{
	fputs("chain input {\ntype filter hook input priority filter; policy accept;\n", out);
	if (config->mode == NETWORK_HOST)
		fprintf(out,
			"iifname \"%s\" fib daddr . iif type != { local, broadcast, multicast } "
			"counter drop\n",
			bridge);
	fputs("}\n", out);
}

static void match_daddr(FILE *out, const struct in6_addr *address, unsigned int prefix_len,
			const char *bridge)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(address) && prefix_len >= 96;
	struct in_addr address4;

	memcpy(&address4, address->s6_addr + 12, sizeof(address4));
	fprintf(out, "iifname \"%s\" %s daddr %s/%u", bridge, v4 ? "ip" : "ip6",
		v4 ? network_text(address4).s : network_text6(address).s,
		v4 ? prefix_len - 96 : prefix_len);
}

/* One exception from what is closed. */
static void rule_allow(FILE *out, const struct network_allow *allow, const char *bridge)
{
	match_daddr(out, &allow->address, allow->prefix_len, bridge);
	if (allow->port)
		fprintf(out, " meta l4proto { tcp, udp } th dport %u", allow->port);
	fputs(" accept\n", out);
}

/* Link-local addresses are never routed by right; clouds answer there with the host's secrets. */
static void rules_metadata(FILE *out, const struct network_config *config, const char *bridge)
{
	const struct metadata_range *range;

	for (size_t i = 0; i < config->n_allows; i++)
		rule_allow(out, &config->allows[i], bridge);
	fprintf(out,
		"iifname \"%s\" ip daddr 169.254.0.0/16 counter drop\n"
		"iifname \"%s\" ip6 daddr fe80::/10 counter drop\n",
		bridge, bridge);
	for (size_t i = 0; (range = metadata_range(i)); i++) {
		match_daddr(out, &range->address, range->prefix_len, bridge);
		fputs(" counter drop\n", out);
	}
}

static void rules_forward(FILE *out, const struct network_config *config,
			  const struct network_addresses *addresses, const char *bridge)
{
	fputs("chain opened {\n}\n"
	      "chain forward {\ntype filter hook forward priority filter; policy accept;\n",
	      out);
	/* Between guests; with br_netfilter, what the bridge forwards passes here, too. */
	fprintf(out, "iifname \"%s\" oifname \"%s\" %s\n", bridge, bridge,
		config->isolated ? "counter drop" : "accept");
	if (config->mode == NETWORK_HOST) {
		fprintf(out, "iifname \"%s\" counter drop\noifname \"%s\" counter drop\n}\n",
			bridge, bridge);
		return;
	}
	fprintf(out,
		"oifname \"%s\" ct state established,related accept\n"
		"oifname \"%s\" ct status dnat accept\n"
		"oifname \"%s\" counter drop\n",
		bridge, bridge, bridge);
	fprintf(out, "iifname \"%s\" ip saddr != ", bridge);
	print_subnet4(out, addresses);
	fprintf(out, " counter drop\niifname \"%s\" ip6 saddr != %s/64 counter drop\n", bridge,
		network_text6(&addresses->prefix6).s);
	if (config->uplink)
		fprintf(out, "iifname \"%s\" oifname != \"%s\" counter drop\n", bridge,
			config->uplink);
	rules_metadata(out, config, bridge);
	fputs("jump opened\n}\n", out);
}

/* Between ports of one bridge nothing is routed, but br_netfilter shows it here nevertheless. */
void nat_rules_opened(FILE *out, const char *bridge, const struct nat_opened *opened, size_t n)
{
	fprintf(out, "flush chain " NAT_TABLE "%s opened\n", bridge);
	for (size_t i = 0; i < n; i++)
		fprintf(out,
			"add rule " NAT_TABLE "%s opened meta nfproto %s iifname \"%s\" "
			"oifname != \"%s\" oifname != \"rig*\" counter drop\n",
			bridge, opened[i].family == AF_INET ? "ipv4" : "ipv6", opened[i].name,
			opened[i].name);
}

static void rules_postrouting(FILE *out, const struct network_config *config,
			      const struct network_addresses *addresses, const char *bridge)
{
	fprintf(out,
		"chain postrouting {\ntype nat hook postrouting priority srcnat; policy accept;\n"
		"oifname \"%s\" ct status dnat fib saddr type local masquerade\n"
		"oifname \"%s\" ct status dnat ip saddr ",
		bridge, bridge);
	print_subnet4(out, addresses);
	fprintf(out, " masquerade\noifname \"%s\" ct status dnat ip6 saddr %s/64 masquerade\n",
		bridge, network_text6(&addresses->prefix6).s);
	if (config->mode == NETWORK_SHARED && !config->no_nat44) {
		fprintf(out, "oifname != \"%s\" ip saddr ", bridge);
		print_subnet4(out, addresses);
		fputs(" masquerade\n", out);
	}
	if (config->mode == NETWORK_SHARED && !config->no_nat66)
		fprintf(out, "oifname != \"%s\" ip6 saddr %s/64 masquerade\n", bridge,
			network_text6(&addresses->prefix6).s);
	fputs("}\n", out);
}

void nat_rules_table(FILE *out, const struct network_config *config, const char *bridge)
{
	struct network_addresses addresses;

	network_config_addresses(config, &addresses);
	fprintf(out, "table " NAT_TABLE "%s {\nflags owner\n", bridge);
	rules_guard(out, bridge);
	rules_input(out, config, bridge);
	rules_forward(out, config, &addresses, bridge);
	rules_postrouting(out, config, &addresses, bridge);
	fputs("chain dstnat {\ntype nat hook prerouting priority dstnat; policy accept;\n}\n"
	      "chain dstnat_local {\ntype nat hook output priority -100; policy accept;\n}\n"
	      "}\n",
	      out);
}

/* Forwards */

static const char *protocol_name(const struct network_forward *forward)
{
	return forward->protocol == IPPROTO_TCP ? "tcp" : "udp";
}

static void forward4(FILE *out, const char *bridge, const struct network_forward *forward)
{
	const struct sockaddr_in *host = (const void *)&forward->host;
	const struct sockaddr_in *guest = (const void *)&forward->guest;
	bool any = host->sin_addr.s_addr == INADDR_ANY;
	bool loopback = ntohl(host->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	char to[96], match[96];

	snprintf(match, sizeof(match), "%s%s",
		 any ? "meta nfproto ipv4 fib daddr type local" : "ip daddr ",
		 any ? "" : network_text(host->sin_addr).s);
	snprintf(to, sizeof(to), "dnat ip to %s:%u", network_text(guest->sin_addr).s,
		 ntohs(guest->sin_port));
	if (!loopback)
		fprintf(out, "add rule " NAT_TABLE "%s dstnat %s %s dport %u %s\n", bridge, match,
			protocol_name(forward), ntohs(host->sin_port), to);
	fprintf(out, "add rule " NAT_TABLE "%s dstnat_local %s %s dport %u %s\n", bridge, match,
		protocol_name(forward), ntohs(host->sin_port), to);
}

/* The kernel has no route_localnet for ::1: local_forwards.c does what the host sends there. */
static void forward6(FILE *out, const char *bridge, const struct network_forward *forward)
{
	const struct sockaddr_in6 *host = (const void *)&forward->host;
	const struct sockaddr_in6 *guest = (const void *)&forward->guest;
	bool any = IN6_IS_ADDR_UNSPECIFIED(&host->sin6_addr);
	char to[96], match[96];

	snprintf(match, sizeof(match), "%s%s",
		 any ? "ip6 daddr != ::1 fib daddr type local" : "ip6 daddr ",
		 any ? "" : network_text6(&host->sin6_addr).s);
	snprintf(to, sizeof(to), "dnat ip6 to [%s]:%u", network_text6(&guest->sin6_addr).s,
		 ntohs(guest->sin6_port));
	fprintf(out, "add rule " NAT_TABLE "%s dstnat %s %s dport %u %s\n", bridge, match,
		protocol_name(forward), ntohs(host->sin6_port), to);
	fprintf(out, "add rule " NAT_TABLE "%s dstnat_local %s %s dport %u %s\n", bridge, match,
		protocol_name(forward), ntohs(host->sin6_port), to);
}

void nat_rules_forwards(FILE *out, const char *bridge, const struct network_forward *forwards,
			size_t n)
{
	fprintf(out,
		"flush chain " NAT_TABLE "%s dstnat\nflush chain " NAT_TABLE "%s dstnat_local\n",
		bridge, bridge);
	for (size_t i = 0; i < n; i++) {
		if (forwards[i].host.ss_family == AF_INET)
			forward4(out, bridge, &forwards[i]);
		else
			forward6(out, bridge, &forwards[i]);
	}
}

/* Others' chains */

/*
 * A line at a time:
 *	table ip filter {
 *		chain FORWARD {
 *			type filter hook forward priority filter; policy drop;
 *	table inet firewalld {
 *		chain filter_FORWARD {
 *			type filter hook forward priority filter + 10; policy accept;
 *			...
 *			reject with icmpx admin-prohibited
 */
struct scan {
	char table[160], chain[160];
	bool guests; /* what they send comes by this chain, and it was not named yet */
	bool any;
	FILE *out;
};

/* Whatever comes so far. */
static bool drops_all(const char *line)
{
	line += strspn(line, " \t");
	if (strncmp(line, "counter ", 8) == 0)
		line += 8;
	return strcmp(line, "drop") == 0 || strcmp(line, "reject") == 0 ||
	       strncmp(line, "reject with ", 12) == 0;
}

static void scan_line(struct scan *scan, const char *line)
{
	char family[16], name[128];
	bool head = strstr(line, " hook ");

	if (sscanf(line, " table %15s %127s", family, name) == 2) {
		snprintf(scan->table, sizeof(scan->table), "%s %s", family, name);
		scan->guests = false;
	} else if (sscanf(line, " chain %127s", name) == 1) {
		snprintf(scan->chain, sizeof(scan->chain), "%s", name);
		scan->guests = false;
	} else if (head) {
		scan->guests = strstr(line, "hook forward") || strstr(line, "hook input");
	}
	if (scan->guests && ((head && strstr(line, "policy drop")) || drops_all(line))) {
		fprintf(scan->out, "%s%s %s", scan->any ? ", " : "", scan->table, scan->chain);
		scan->any = true;
		scan->guests = false;
	}
}

char *nat_rules_dropping(const char *listing)
{
	struct scan scan = { 0 };
	char *found = NULL;
	size_t size;

	scan.out = open_memstream(&found, &size);
	if (!scan.out)
		return NULL;
	while (*listing) {
		size_t len = strcspn(listing, "\n");
		char line[512];

		snprintf(line, sizeof(line), "%.*s", (int)len, listing);
		scan_line(&scan, line);
		listing += len + (listing[len] == '\n');
	}
	if (fclose(scan.out) < 0 || !scan.any) {
		free(found);
		return NULL;
	}
	return found;
}
