/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_config.c - default addresses, and which addresses make a network
 *
 * vmnet's rules: RFC 1918 addresses, the first of the range is the gateway, the rest of it DHCP's,
 * the rest of the subnet free for static use; a ULA /64 for NAT66. One rule, one function; the
 * first that is broken speaks, in the words of the command line's options.
 */
#include "net/network_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "sys/explain.h"

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

int network_config_default(enum network_mode mode, struct network_config *ret)
{
	struct network_config config = {
		.mode = mode,
		.start_address = default_address(mode, 1),
		.end_address = default_address(mode, 254),
		.subnet_mask = { htonl(0xffffff00u) },
		.kind = mode == NETWORK_BRIDGED ? NETWORK_KERNEL : NETWORK_USER,
		.mtu = DEFAULT_MTU,
		.dhcp = { .lease_s = DEFAULT_LEASE_S },
	};
	int r = random_ula_prefix(&config.nat66_prefix);

	if (r < 0)
		return r;
	*ret = config;
	return 0;
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
		.gateway6 = address6_in(config->nat66_prefix, 2),
	};
	if (config->mode == NETWORK_SHARED) {
		ret->name_server = address_plus(config->start_address, 1);
		ret->first_lease = address_plus(config->start_address, 2);
		ret->name_server6 = address6_in(config->nat66_prefix, 3);
	}
}

/* For the messages: an address as text, for as long as the full expression around it. */
struct text {
	char s[INET6_ADDRSTRLEN];
};

static struct text text_of(struct in_addr address)
{
	struct text text;

	inet_ntop(AF_INET, &address, text.s, sizeof(text.s));
	return text;
}

static struct text text6_of(const struct in6_addr *address)
{
	struct text text;

	inet_ntop(AF_INET6, address, text.s, sizeof(text.s));
	return text;
}

static int check_mask(const struct network_config *config, char **ret_error)
{
	uint32_t host_bits = ~ntohl(config->subnet_mask.s_addr);

	if (host_bits & (host_bits + 1))
		return explain(ret_error, -EINVAL,
			       "--subnet-mask %s: the one bits are not in one piece at the front; "
			       "give a mask like 255.255.255.0",
			       text_of(config->subnet_mask).s);
	if (host_bits < 3 || host_bits > 0xffffff)
		return explain(ret_error, -EINVAL,
			       "--subnet-mask %s: a subnet has 8 to 30 network bits; "
			       "give 255.0.0.0 to 255.255.255.252",
			       text_of(config->subnet_mask).s);
	return 0;
}

static bool subnet_is_private(uint32_t first, uint32_t last)
{
	static const struct {
		uint32_t first, last;
	} blocks[] = {
		/* RFC 1918, section 3 */
		{ 0x0a000000u, 0x0affffffu }, /* 10/8 */
		{ 0xac100000u, 0xac1fffffu }, /* 172.16/12 */
		{ 0xc0a80000u, 0xc0a8ffffu }, /* 192.168/16 */
	};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (first >= blocks[i].first && last <= blocks[i].last)
			return true;
	}
	return false;
}

static int check_private(const struct network_config *config, char **ret_error)
{
	uint32_t mask = ntohl(config->subnet_mask.s_addr);
	uint32_t first = ntohl(config->start_address.s_addr) & mask;

	if (subnet_is_private(first, first | ~mask))
		return 0;
	return explain(
		ret_error, -EINVAL,
		"--start-address %s, --subnet-mask %s: the subnet is not a private one; choose one "
		"inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
		text_of(config->start_address).s, text_of(config->subnet_mask).s);
}

static int check_host_address(const struct network_config *config, const char *option,
			      struct in_addr address, char **ret_error)
{
	uint32_t host_bits = ~config->subnet_mask.s_addr & address.s_addr;

	if (host_bits == 0)
		return explain(
			ret_error, -EINVAL,
			"%s %s: this is the subnet's own address; the next one is free for use",
			option, text_of(address).s);
	if (host_bits == ~config->subnet_mask.s_addr)
		return explain(
			ret_error, -EINVAL,
			"%s %s: this is the subnet's broadcast address; the one before is free for use",
			option, text_of(address).s);
	return 0;
}

static int check_order(const struct network_config *config, char **ret_error)
{
	uint32_t mask = config->subnet_mask.s_addr;

	if ((config->start_address.s_addr & mask) != (config->end_address.s_addr & mask))
		return explain(
			ret_error, -EINVAL,
			"--end-address %s: not in the subnet of --start-address %s with --subnet-mask %s; "
			"both must be in one subnet",
			text_of(config->end_address).s, text_of(config->start_address).s,
			text_of(config->subnet_mask).s);
	if (ntohl(config->start_address.s_addr) >= ntohl(config->end_address.s_addr))
		return explain(
			ret_error, -EINVAL,
			"--end-address %s: not after --start-address %s; the range runs from the gateway "
			"up to the last address that a guest may get",
			text_of(config->end_address).s, text_of(config->start_address).s);
	return 0;
}

static int check_ports(unsigned int n_ports, char **ret_error)
{
	if (n_ports > NETWORK_MAX_PORTS)
		return explain(
			ret_error, -EINVAL,
			"--nic: %u of them, but libslirp's DHCP server knows at most %u guests; serve the "
			"others on a second network",
			n_ports, NETWORK_MAX_PORTS);
	return 0;
}

static int check_range(const struct network_config *config, unsigned int n_ports, char **ret_error)
{
	uint32_t start = ntohl(config->start_address.s_addr);
	uint32_t have = ntohl(config->end_address.s_addr) - start + 1;
	struct network_addresses addresses;
	uint32_t own;

	network_config_addresses(config, &addresses);
	own = ntohl(addresses.first_lease.s_addr) - start;
	if (have >= own + n_ports)
		return 0;
	return explain(
		ret_error, -EINVAL,
		"--end-address %s: %u addresses from --start-address on, but %u are needed: %s, and one for "
		"each NIC",
		text_of(config->end_address).s, have, own + n_ports,
		own == 1 ? "the gateway" : "gateway, name server");
}

static int check_prefix6(const struct network_config *config, char **ret_error)
{
	static const uint8_t zero[8];

	if (config->nat66_prefix.s6_addr[0] != ULA_PREFIX)
		return explain(
			ret_error, -EINVAL,
			"--nat66-prefix %s: not a unique local prefix; choose one inside fd00::/8, like "
			"fd12:3456:789a::",
			text6_of(&config->nat66_prefix).s);
	if (memcmp(config->nat66_prefix.s6_addr + 8, zero, sizeof(zero)) != 0)
		return explain(
			ret_error, -EINVAL,
			"--nat66-prefix %s: more than 64 bits; the last 64 must be zero, like in "
			"fd12:3456:789a::",
			text6_of(&config->nat66_prefix).s);
	return 0;
}

/* Which options a mode has. */
static int check_mode(const struct network_config *config, char **ret_error)
{
	if (config->prefix_given && config->mode != NETWORK_SHARED)
		return explain(
			ret_error, -EINVAL,
			"--nat66-prefix %s: a %s network has no NAT66; leave it out or serve a shared "
			"network",
			text6_of(&config->nat66_prefix).s, network_mode_name(config->mode));
	if (config->mode == NETWORK_BRIDGED && config->kind == NETWORK_USER)
		return explain(
			ret_error, -EINVAL,
			"--network user: cannot bridge, which takes the kernel; leave it out, "
			"or serve a shared network");
	return 0;
}

static int check_mtu(const struct network_config *config, char **ret_error)
{
	if (config->mtu < FRAME_MTU_MIN || config->mtu > FRAME_MTU_MAX)
		return explain(ret_error, -EINVAL, "--mtu %u: out of range; give %u to %u",
			       config->mtu, FRAME_MTU_MIN, FRAME_MTU_MAX);
	return 0;
}

/* The mask first: every rule about addresses is meant relative to it. */
static int check_addresses(const struct network_config *config, char **ret_error)
{
	int r = check_mask(config, ret_error);

	if (r < 0)
		return r;
	r = check_private(config, ret_error);
	if (r < 0)
		return r;
	r = check_host_address(config, "--start-address", config->start_address, ret_error);
	if (r < 0)
		return r;
	r = check_order(config, ret_error);
	if (r < 0)
		return r;
	return check_host_address(config, "--end-address", config->end_address, ret_error);
}

int network_config_check(const struct network_config *config, unsigned int n_ports,
			 char **ret_error)
{
	int r = check_mode(config, ret_error);

	if (r < 0)
		return r;
	r = check_addresses(config, ret_error);
	if (r < 0)
		return r;
	r = check_ports(n_ports, ret_error);
	if (r < 0)
		return r;
	r = check_range(config, n_ports, ret_error);
	if (r < 0)
		return r;
	r = check_prefix6(config, ret_error);
	if (r < 0)
		return r;
	return check_mtu(config, ret_error);
}
