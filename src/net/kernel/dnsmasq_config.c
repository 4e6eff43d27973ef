/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dnsmasq_config.c - dnsmasq's file formats
 *
 * It gets a complete configuration: neither the host's own dnsmasq.conf nor its /etc/hosts nor its
 * host name get into the network. Shared: it forwards what it does not know to the resolvers in the
 * host's resolv.conf, and follows that file. Host mode: it knows guests and nothing else, and is
 * no guest's router.
 */
#include "net/kernel/dnsmasq_config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "net/network_text.h"

#define RA_INTERVAL_S 60
#define RA_LIFETIME_S 1800
#define LEASES_MAX    65536u
#define MTU_MIN_IPV6  1280u /* RFC 8200, section 5 */

/* A comma, a "#" and the like are part of it; there is no control character in it. */
static void print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	fputc('"', out);
}

static void print_path(FILE *out, const char *dir, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	print_quoted(out, path);
	fputc('\n', out);
}

static void print_dns(FILE *out, const struct network_config *config, const char *dir)
{
	if (config->no_dns) {
		fputs("port=0\n", out);
		if (config->dhcp.domain)
			fprintf(out, "domain=%s\n", config->dhcp.domain);
		return;
	}
	fputs("no-hosts\nlocalise-queries\naddn-hosts=", out);
	print_path(out, dir, DNSMASQ_NAMES);
	if (config->mode == NETWORK_HOST)
		fputs("no-resolv\n", out);
	if (config->dhcp.domain)
		fprintf(out, "domain=%s\nlocal=/%s/\nexpand-hosts\n", config->dhcp.domain,
			config->dhcp.domain);
}

/* Also with a domain behind it, which dnsmasq takes off only after this. */
static void print_names_of_nobody(FILE *out)
{
	for (size_t i = 0; network_names_of_nobody[i]; i++)
		fprintf(out, "dhcp-name-match=set:nobodys,%s\ndhcp-name-match=set:nobodys,%s.*\n",
			network_names_of_nobody[i], network_names_of_nobody[i]);
	fputs("dhcp-ignore-names=tag:nobodys\n", out);
}

static void print_boot(FILE *out, const struct network_config *config)
{
	const struct network_dhcp *dhcp = &config->dhcp;
	struct in_addr server =
		dhcp->boot_server.s_addr ? dhcp->boot_server : config->start_address;

	if (!dhcp->boot_file)
		return;
	fputs("dhcp-boot=", out);
	print_quoted(out, dhcp->boot_file);
	fprintf(out, ",,%s\n", network_text(server).s);
}

/* No ping before an offer: it would delay each guest's start by seconds. */
static void print_dhcp(FILE *out, const struct network_config *config, const char *dir)
{
	const struct network_dhcp *dhcp = &config->dhcp;
	struct in_addr first = { htonl(ntohl(config->start_address.s_addr) + 1) };
	uint32_t n = ntohl(config->end_address.s_addr) - ntohl(config->start_address.s_addr);

	if (dhcp->off)
		return;
	fprintf(out, "dhcp-range=%s,%s,%s,%" PRIu32 "\n", network_text(first).s,
		network_text(config->end_address).s, network_text(config->subnet_mask).s,
		dhcp->lease_s);
	fprintf(out,
		"dhcp-authoritative\nno-ping\ndhcp-lease-max=%" PRIu32
		"\ndhcp-option=option:mtu,%u\ndhcp-hostsfile=",
		n < LEASES_MAX ? n : LEASES_MAX, config->mtu);
	print_path(out, dir, DNSMASQ_HOSTS);
	print_names_of_nobody(out);
	if (config->mode == NETWORK_HOST)
		fputs("dhcp-option=option:router\n", out); /* none */
	if (dhcp->n_name_servers || config->no_dns)	   /* without an address: none is told of */
		fputs("dhcp-option=option:dns-server", out);
	for (size_t i = 0; i < dhcp->n_name_servers; i++)
		fprintf(out, ",%s", network_text(dhcp->name_servers[i]).s);
	if (dhcp->n_name_servers || config->no_dns)
		fputc('\n', out);
	print_boot(out, config);
}

/* Addresses guests make themselves; a router to the outside only where there is a way. */
static void print_ra(FILE *out, const struct network_config *config, const char *bridge)
{
	struct network_addresses addresses;

	if (config->mtu < MTU_MIN_IPV6 || config->no_ra)
		return;
	network_config_addresses(config, &addresses);
	fprintf(out, "enable-ra\ndhcp-range=%s,ra-stateless,64\nra-param=%s,mtu:%u,%d,%d\n",
		network_text6(&addresses.prefix6).s, bridge, config->mtu, RA_INTERVAL_S,
		config->mode == NETWORK_SHARED ? RA_LIFETIME_S : 0);
}

void dnsmasq_config_print(FILE *out, const struct network_config *config, const char *bridge,
			  const char *dir)
{
	fprintf(out,
		"keep-in-foreground\nlog-facility=-\npid-file=\n"
		"user=root\ngroup=\n" /* stay who you are: see child.c */
		"interface=%s\nexcept-interface=lo\nbind-dynamic\ndhcp-leasefile=",
		bridge);
	print_path(out, dir, DNSMASQ_LEASES);
	print_dns(out, config, dir);
	print_dhcp(out, config, dir);
	print_ra(out, config, bridge);
}

/* "ignore", "infinite", and a lease's time: "90", "15m" */
bool dnsmasq_takes_name(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	if (strcmp(name, "ignore") == 0 || strcmp(name, "infinite") == 0)
		return false;
	return !digits || (name[digits] && (name[digits + 1] || !strchr("smhdw", name[digits])));
}

void dnsmasq_hosts_print(FILE *out, const struct network_reservation *reservations, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct network_reservation *each = &reservations[i];

		fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x,%s%s%s\n", each->mac[0], each->mac[1],
			each->mac[2], each->mac[3], each->mac[4], each->mac[5],
			network_text(each->address).s, each->name[0] ? "," : "", each->name);
	}
}

void dnsmasq_names_print(FILE *out, const struct network_reservation *reservations, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (reservations[i].name[0])
			fprintf(out, "%s %s\n", network_text(reservations[i].address).s,
				reservations[i].name);
}

/* "*": none. What is no host name by RFC 1123 is none either. */
static void take_name(const char *text, char ret[NETWORK_NAME_MAX + 1])
{
	size_t len = strlen(text);

	ret[0] = '\0';
	if (len > NETWORK_NAME_MAX)
		return;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && text[i] != '-')
			return;
	}
	for (size_t i = 0; i <= len; i++)
		ret[i] = (char)tolower((unsigned char)text[i]);
}

/* Six pairs of hex digits. Another hardware's type stands before its address: "06-02:..." */
static bool take_mac(const char *text, uint8_t ret[FRAME_MAC])
{
	if (strlen(text) != 3 * FRAME_MAC - 1)
		return false;
	for (size_t i = 0; i < FRAME_MAC; i++) {
		const char *pair = text + 3 * i;

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]) ||
		    pair[2] != (i == FRAME_MAC - 1 ? '\0' : ':'))
			return false;
		ret[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return true;
}

/* Up to 18 digits: what fits. */
bool dnsmasq_lease_parse(const char *line, size_t len, struct network_lease *ret)
{
	char text[256], expires[19], mac[19], address[16], name[128];
	struct network_lease lease = { 0 };

	if (len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	if (sscanf(text, "%18s %18s %15s %127s", expires, mac, address, name) != 4 ||
	    expires[strspn(expires, "0123456789")] || !take_mac(mac, lease.mac) ||
	    inet_pton(AF_INET, address, &lease.address) != 1)
		return false;
	lease.expires_s = strtoll(expires, NULL, 10);
	take_name(name, lease.name);
	*ret = lease;
	return true;
}
