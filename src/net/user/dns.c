/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dns.c - the names of guests
 *
 * A name of ours is turned into what it stands for (struct found), and that into an answer: so
 * every type of question about it has one, if only "there is none of that type".
 *
 * Of our domain and our subnet nothing is ever asked outside: what is not known there does not
 * exist. A single label that is no guest's is the outside's to know. In host mode there is no
 * outside, and the answer is REFUSED, which makes a guest's resolver try its next server.
 */
#include "net/user/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/network_text.h"
#include "net/user/slaac.h"

#define IPV6_MTU_MIN 1280u
#define SUFFIX4	     ".in-addr.arpa"
#define SUFFIX6	     ".ip6.arpa"

struct dns {
	const struct leases *leases;
	struct network_addresses addresses;
	bool host_mode, ipv6;
	char domain[DNS_NAME_MAX + 1]; /* in lower case, without a dot at its end; "": none */
};

/* What a name stands for. */
struct found {
	enum { NOT_OURS, NOBODY, SOMEBODY } is;
	bool has_address, has_address6;
	struct in_addr address;
	struct in6_addr address6;
	uint8_t pointer[DNS_NAME_MAX]; /* as on the wire */
	size_t pointer_len;	       /* 0: none */
};

static void copy_domain(struct dns *dns, const char *domain)
{
	size_t len = strlen(domain);

	while (len && domain[len - 1] == '.')
		len--;
	if (len >= DNS_NAME_MAX - NETWORK_NAME_MAX - 1)
		return; /* with a name in front it would be none */
	for (size_t i = 0; i < len; i++)
		dns->domain[i] = (char)(domain[i] >= 'A' && domain[i] <= 'Z' ? domain[i] - 'A' + 'a'
									     : domain[i]);
}

int dns_new(const struct network_config *config, const struct leases *leases, struct dns **ret)
{
	struct dns *dns = calloc(1, sizeof(*dns));

	if (!dns)
		return -ENOMEM;
	dns->leases = leases;
	dns->host_mode = config->mode == NETWORK_HOST;
	dns->ipv6 = config->mtu >= IPV6_MTU_MIN;
	network_config_addresses(config, &dns->addresses);
	if (config->dhcp.domain)
		copy_domain(dns, config->dhcp.domain);
	*ret = dns;
	return 0;
}

void dns_free(struct dns *dns)
{
	free(dns);
}

/* Names to addresses */

static void find_gateway(const struct dns *dns, struct found *found)
{
	*found = (struct found) { .is = SOMEBODY,
				  .has_address = true,
				  .address = dns->addresses.gateway,
				  .has_address6 = dns->ipv6,
				  .address6 = dns->addresses.gateway6 };
}

/* Return: whether there is somebody of this name */
static bool find_label(const struct dns *dns, const char *label, struct found *found)
{
	const struct lease *lease;

	if (strcmp(label, NETWORK_NAME_GATEWAY) == 0 || strcmp(label, NETWORK_NAME_HOST) == 0) {
		find_gateway(dns, found);
		return true;
	}
	lease = leases_find_name(dns->leases, label);
	if (!lease)
		return false;
	*found = (struct found) { .is = SOMEBODY,
				  .has_address = true,
				  .address = lease->address,
				  .has_address6 = dns->ipv6 && lease->has_slaac,
				  .address6 = slaac_make(&dns->addresses.prefix6, lease->mac) };
	return true;
}

/* Of a name in our domain what is before it, "" for the domain's own. Return: false: it is not */
static bool cut_domain(const struct dns *dns, const char *name, char *ret)
{
	size_t len = strlen(name), domain_len = strlen(dns->domain);
	size_t rest = len - domain_len;

	if (!domain_len || len < domain_len || strcmp(name + rest, dns->domain) != 0)
		return false;
	if (rest && name[rest - 1] != '.')
		return false;
	memcpy(ret, name, rest ? rest - 1 : 0);
	ret[rest ? rest - 1 : 0] = '\0';
	return true;
}

static void find_forward(const struct dns *dns, const char *name, struct found *found)
{
	char label[DNS_NAME_MAX + 1];

	if (cut_domain(dns, name, label)) {
		if (!*label)
			found->is = SOMEBODY; /* it exists, and has nothing */
		else if (!find_label(dns, label, found))
			found->is = NOBODY;
	} else if (*name && !strchr(name, '.')) {
		find_label(dns, name, found);
	}
}

/* Addresses to names */

static void point_to(const struct dns *dns, const char *label, struct found *found)
{
	char name[NETWORK_NAME_MAX + 1 + DNS_NAME_MAX + 1];

	found->is = SOMEBODY;
	strcpy(name, label);
	if (*dns->domain) {
		strcat(name, ".");
		strcat(name, dns->domain);
	}
	found->pointer_len = dns_name_write(found->pointer, name);
}

/* @lease: NULL is nobody's */
static void point_to_lease(const struct dns *dns, const struct lease *lease, struct found *found)
{
	if (lease && *lease->name && leases_find_name(dns->leases, lease->name) == lease)
		point_to(dns, lease->name, found);
}

static bool ends_with(const char *name, const char *suffix, size_t *ret_rest)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	if (len < suffix_len || strcmp(name + len - suffix_len, suffix) != 0)
		return false;
	*ret_rest = len - suffix_len;
	return true;
}

/* "4.3.2.1" in front of the suffix is 1.2.3.4. */
static bool read_reverse4(const char *name, size_t len, uint32_t *ret)
{
	uint32_t address = 0;
	size_t at = 0;

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int value = 0;
		size_t digits = 0;

		while (at < len && name[at] >= '0' && name[at] <= '9' && digits < 3) {
			value = value * 10 + (unsigned int)(name[at++] - '0');
			digits++;
		}
		if (!digits || value > 255 || (i < 3 ? at >= len || name[at++] != '.' : at != len))
			return false;
		address |= value << 8 * i;
	}
	*ret = address;
	return true;
}

static void find_reverse4(const struct dns *dns, uint32_t value, struct found *found)
{
	const struct network_addresses *addresses = &dns->addresses;
	struct in_addr address = { htonl(value) };

	if ((address.s_addr & addresses->mask.s_addr) != addresses->network.s_addr)
		return;
	found->is = NOBODY;
	if (address.s_addr == addresses->gateway.s_addr) {
		point_to(dns, NETWORK_NAME_GATEWAY, found);
		return;
	}
	point_to_lease(dns, leases_find_address(dns->leases, address), found);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 digits with dots between, the last one of the address first. */
static bool read_reverse6(const char *name, size_t len, struct in6_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (len != 63)
		return false;
	for (unsigned int i = 0; i < 32; i++) {
		int value = hex_value(name[(size_t)2 * i]);

		if (value < 0 || (i < 31 && name[2 * i + 1] != '.'))
			return false;
		ret->s6_addr[15 - i / 2] |= (uint8_t)(value << (i % 2 ? 4 : 0));
	}
	return true;
}

static void find_reverse6(const struct dns *dns, const struct in6_addr *address,
			  struct found *found)
{
	const struct lease *lease;
	uint8_t mac[FRAME_MAC];

	if (!dns->ipv6 || memcmp(address, &dns->addresses.prefix6, 8) != 0)
		return;
	found->is = NOBODY;
	if (memcmp(address, &dns->addresses.gateway6, sizeof(*address)) == 0) {
		point_to(dns, NETWORK_NAME_GATEWAY, found);
		return;
	}
	lease = slaac_mac(address, mac) ? leases_find_mac(dns->leases, mac) : NULL;
	if (lease && lease->has_slaac)
		point_to_lease(dns, lease, found);
}

/* Answers */

static void find(const struct dns *dns, const struct dns_query *query, struct found *found)
{
	struct in6_addr address6;
	uint32_t address;
	size_t rest;

	*found = (struct found) { .is = NOT_OURS };
	if (query->class != DNS_CLASS_IN && query->class != DNS_CLASS_ANY)
		return;
	if (ends_with(query->name, SUFFIX4, &rest)) {
		if (read_reverse4(query->name, rest, &address))
			find_reverse4(dns, address, found);
	} else if (ends_with(query->name, SUFFIX6, &rest)) {
		if (read_reverse6(query->name, rest, &address6))
			find_reverse6(dns, &address6, found);
	} else {
		find_forward(dns, query->name, found);
	}
}

static bool asks_for(const struct dns_query *query, uint16_t type)
{
	return query->type == type || query->type == DNS_TYPE_ANY;
}

static void add_found(struct dns_answer *answer, const struct dns_query *query,
		      const struct found *found)
{
	if (found->has_address && asks_for(query, DNS_TYPE_A))
		dns_answer_add(answer, DNS_TYPE_A, DNS_TTL_S, &found->address, 4);
	if (found->has_address6 && asks_for(query, DNS_TYPE_AAAA))
		dns_answer_add(answer, DNS_TYPE_AAAA, DNS_TTL_S, &found->address6, 16);
	if (found->pointer_len && asks_for(query, DNS_TYPE_PTR))
		dns_answer_add(answer, DNS_TYPE_PTR, DNS_TTL_S, found->pointer, found->pointer_len);
}

enum dns_outcome dns_answer(const struct dns *dns, const uint8_t *message, size_t len, uint8_t *to,
			    size_t *ret_len)
{
	enum dns_rcode rcode = DNS_NOERROR;
	struct dns_answer answer;
	struct dns_query query;
	struct found found;
	int r = dns_query_read(message, len, &query);

	if (r < 0) {
		if (!dns->host_mode)
			return DNS_FORWARD;
		if (r == -EBADMSG)
			return DNS_IGNORED;
		dns_answer_start(&answer, to, message, NULL, DNS_NOTIMP, false);
		*ret_len = dns_answer_end(&answer);
		return DNS_ANSWERED;
	}
	find(dns, &query, &found);
	if (found.is == NOT_OURS && !dns->host_mode)
		return DNS_FORWARD;
	if (query.edns && query.edns_version > 0)
		rcode = DNS_BADVERS;
	else if (found.is != SOMEBODY)
		rcode = found.is == NOBODY ? DNS_NXDOMAIN : DNS_REFUSED;
	dns_answer_start(&answer, to, message, &query, rcode, !dns->host_mode);
	if (rcode == DNS_NOERROR)
		add_found(&answer, &query, &found);
	*ret_len = dns_answer_end(&answer);
	return DNS_ANSWERED;
}
