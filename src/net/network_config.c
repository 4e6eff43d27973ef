/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_config.c - default addresses, and who is where
 */
#include "net/network_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define DEFAULT_MTU	1500u
#define DEFAULT_LEASE_S 86400u /* vmnet's */
#define ULA_PREFIX	0xfdu

static const char *const mode_names[] = {
	[NETWORK_SHARED] = "shared",
	[NETWORK_HOST] = "host",
	[NETWORK_BRIDGED] = "bridged",
};

static const char *const kind_names[] = {
	[NETWORK_USER] = "user",
	[NETWORK_KERNEL] = "kernel",
	[NETWORK_VMNET] = "vmnet",
};

const char *network_mode_name(enum network_mode mode)
{
	return mode_names[mode];
}

const char *network_kind_name(enum network_kind kind)
{
	return kind_names[kind];
}

/*
 * The third byte is where vmnet's two default networks differ: 192.168.64.0/24 and
 * 192.168.128.0/24.
 */
static struct in_addr default_address(enum network_mode mode, uint32_t host)
{
	uint32_t third = mode == NETWORK_SHARED ? 64 : 128;

	return (struct in_addr) { htonl(192u << 24 | 168u << 16 | third << 8 | host) };
}

/* RFC 4193, section 3.2: fd, 40 random bits, a subnet number (ours: 0). */
static int random_ula_prefix(struct in6_addr *ret)
{
	struct in6_addr prefix = { .s6_addr = { ULA_PREFIX } };

	if (getrandom(prefix.s6_addr + 1, 5, 0) != 5)
		return -errno;
	*ret = prefix;
	return 0;
}

static enum network_kind default_kind(enum network_mode mode)
{
#ifdef __APPLE__
	return NETWORK_VMNET;
#else
	return mode == NETWORK_BRIDGED ? NETWORK_KERNEL : NETWORK_USER;
#endif
}

int network_config_default(enum network_mode mode, struct network_config *ret)
{
	struct network_config config = {
		.mode = mode,
		.start_address = default_address(mode, 1),
		.end_address = default_address(mode, 254),
		.subnet_mask = { htonl(0xffffff00u) },
		.kind = default_kind(mode),
		.mtu = DEFAULT_MTU,
		.dhcp = { .lease_s = DEFAULT_LEASE_S },
	};
	int r = random_ula_prefix(&config.nat66_prefix);

	if (r < 0)
		return r;
	*ret = config;
	return 0;
}

bool network_config_has_gateway(const struct network_config *config)
{
	return config->mode != NETWORK_BRIDGED && (!config->uuid_given || config->addresses_given);
}

void network_uuid_print(const uint8_t uuid[16], char ret[NETWORK_UUID_TEXT])
{
	size_t at = 0;

	for (unsigned int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			ret[at++] = '-';
		at += (size_t)snprintf(ret + at, NETWORK_UUID_TEXT - at, "%02x", uuid[i]);
	}
}

static struct in_addr address_plus(struct in_addr address, uint32_t n)
{
	return (struct in_addr) { htonl(ntohl(address.s_addr) + n) };
}

static struct in6_addr address6_in(struct in6_addr prefix, uint8_t host)
{
	memset(prefix.s6_addr + 8, 0, 8);
	prefix.s6_addr[15] = host;
	return prefix;
}

void network_config_addresses(const struct network_config *config, struct network_addresses *ret)
{
	*ret = (struct network_addresses) {
		.network = { config->start_address.s_addr & config->subnet_mask.s_addr },
		.mask = config->subnet_mask,
		.gateway = config->start_address,
		.first_lease = address_plus(config->start_address, 1),
		.last_lease = config->end_address,
		.prefix6 = address6_in(config->nat66_prefix, 0),
		.gateway6 =
			config->host6_given ? config->host6 : address6_in(config->nat66_prefix, 2),
	};
}
