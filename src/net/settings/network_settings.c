/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_settings.c - options: the network's mode, kind and addresses
 *
 * Names and rules are those of QEMU's vmnet netdevs, where these have the option.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "net/settings/spec.h"
#include "net/settings/table.h"
#include "sys/explain.h"

static int set_mode(struct net_settings *settings, char *value, char **ret_error)
{
	for (enum network_mode mode = NETWORK_SHARED; mode <= NETWORK_BRIDGED; mode++) {
		if (strcmp(value, network_mode_name(mode)) == 0) {
			settings->network.mode = mode;
			return 0;
		}
	}
	return explain(ret_error, -EINVAL,
		       "unknown mode of a network; give shared, host or bridged");
}

static int set_kind(struct net_settings *settings, char *value, char **ret_error)
{
	for (enum network_kind kind = NETWORK_USER; kind <= NETWORK_VMNET; kind++) {
		if (strcmp(value, network_kind_name(kind)) == 0) {
			settings->network.kind = kind;
			return 0;
		}
	}
	return explain(ret_error, -EINVAL, "unknown kind of network; give user, kernel or vmnet");
}

static int set_ipv4(const char *value, struct in_addr *ret, char **ret_error)
{
	struct in_addr address;

	if (inet_pton(AF_INET, value, &address) != 1)
		return explain(ret_error, -EINVAL,
			       "no IPv4 address; give four numbers like 192.168.64.1");
	*ret = address;
	return 0;
}

static int set_start(struct net_settings *settings, char *value, char **ret_error)
{
	return set_ipv4(value, &settings->network.start_address, ret_error);
}

static int set_end(struct net_settings *settings, char *value, char **ret_error)
{
	return set_ipv4(value, &settings->network.end_address, ret_error);
}

static int set_mask(struct net_settings *settings, char *value, char **ret_error)
{
	return set_ipv4(value, &settings->network.subnet_mask, ret_error);
}

/* "fd12:3456:789a::", as vmnet takes it; "/64" may follow. */
static int set_prefix6(struct net_settings *settings, char *value, char **ret_error)
{
	char *slash = strchr(value, '/');

	if (slash && strcmp(slash, "/64") != 0)
		return explain(ret_error, -EINVAL, "the prefix has 64 bits; leave out \"%s\"",
			       slash);
	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET6, value, &settings->network.nat66_prefix) != 1)
		return explain(ret_error, -EINVAL,
			       "no IPv6 prefix; give one inside fd00::/8, like fd12:3456:789a::");
	settings->network.prefix_given = true;
	return 0;
}

static int set_isolated(struct net_settings *settings, char *value, char **ret_error)
{
	return spec_on_off(value, &settings->network.isolated, ret_error);
}

static int set_source_guard(struct net_settings *settings, char *value, char **ret_error)
{
	return spec_on_off(value, &settings->network.source_guard, ret_error);
}

static int set_mtu(struct net_settings *settings, char *value, char **ret_error)
{
	return spec_mtu(value, &settings->network.mtu, ret_error);
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* RFC 9562, section 4: 8-4-4-4-12 hexadecimal digits. */
static int set_uuid(struct net_settings *settings, char *value, char **ret_error)
{
	uint8_t uuid[16];
	const char *at = value;

	for (size_t i = 0; i < sizeof(uuid); i++) {
		bool hyphen = i == 4 || i == 6 || i == 8 || i == 10;
		int high, low;

		if (hyphen && *at++ != '-')
			goto bad;
		high = hex_digit(at[0]);
		low = high < 0 ? -1 : hex_digit(at[1]);
		if (low < 0)
			goto bad;
		uuid[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	if (*at)
		goto bad;
	memcpy(settings->network.uuid, uuid, sizeof(uuid));
	settings->network.uuid_given = true;
	return 0;
bad:
	return explain(ret_error, -EINVAL,
		       "no UUID; give one as uuidgen prints it, like "
		       "2f6a7b1c-0d3e-4f58-9a6b-7c8d9e0f1a2b");
}

static int check_ifname(const char *value, char **ret_error)
{
	if (!*value || strlen(value) >= IF_NAMESIZE || strpbrk(value, "/ ") ||
	    strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return explain(
			ret_error, -EINVAL,
			"no name of an interface; it has 1 to %d characters, no slash and no "
			"space among them",
			IF_NAMESIZE - 1);
	return 0;
}

static int set_ifname(struct net_settings *settings, char *value, char **ret_error)
{
	settings->network.ifname = value;
	return check_ifname(value, ret_error);
}

static int set_uplink(struct net_settings *settings, char *value, char **ret_error)
{
	settings->network.uplink = value;
	return check_ifname(value, ret_error);
}

static int set_nat44(struct net_settings *settings, char *value, char **ret_error)
{
	bool on = true;
	int r = spec_on_off(value, &on, ret_error);

	settings->network.no_nat44 = !on;
	return r;
}

static int set_nat66(struct net_settings *settings, char *value, char **ret_error)
{
	bool on = true;
	int r = spec_on_off(value, &on, ret_error);

	settings->network.no_nat66 = !on;
	return r;
}

static int set_offloads(struct net_settings *settings, char *value, char **ret_error)
{
	return spec_on_off(value, &settings->network.offloads, ret_error);
}

static int set_host6(struct net_settings *settings, char *value, char **ret_error)
{
	if (inet_pton(AF_INET6, value, &settings->network.host6) != 1)
		return explain(ret_error, -EINVAL,
			       "no IPv6 address; give one inside fd00::/8, like "
			       "fd12:3456:789a::1");
	settings->network.host6_given = true;
	return 0;
}

static int set_state_dir(struct net_settings *settings, char *value, char **ret_error)
{
	if (!*value)
		return explain(ret_error, -EINVAL, "the path is empty; give that of a directory");
	settings->network.state_dir = value;
	return 0;
}

const struct setting network_settings[] = {
	{ "mode", SETTING_VALUE, "MODE", "shared, host or bridged, if not the first argument",
	  set_mode },
	{ "network", SETTING_VALUE, "KIND",
	  "user: no privileges; kernel: bridge, TAPs, nftables, dnsmasq; vmnet:\n"
	  "through Apple's API, on Linux libvmnet. Default: user; for bridged,\n"
	  "kernel; on macOS vmnet",
	  set_kind },
	{ "start-address", SETTING_VALUE, "ADDR",
	  "the gateway, first of the range; default 192.168.64.1 (shared),\n"
	  "192.168.128.1 (host)",
	  set_start },
	{ "end-address", SETTING_VALUE, "ADDR", "the last address that DHCP gives; default .254",
	  set_end },
	{ "subnet-mask", SETTING_VALUE, "MASK", "default 255.255.255.0", set_mask },
	{ "nat66-prefix", SETTING_VALUE, "PREFIX",
	  "64 bits inside fd00::/8 for IPv6 (shared only); default: random", set_prefix6 },
	{ "isolated", SETTING_SWITCH, NULL, "guests do not reach each other", set_isolated },
	{ "source-guard", SETTING_SWITCH, NULL,
	  "drop what a guest sends under another's address; always with --isolated",
	  set_source_guard },
	{ "mtu", SETTING_VALUE, "BYTES", "68 to 65521, default 1500; IPv6 from 1280 on", set_mtu },
	{ "net-uuid", SETTING_VALUE, "UUID",
	  "host only: a network of this name, without DHCP and without the host", set_uuid },
	{ "host-ipv6", SETTING_VALUE, "ADDR",
	  "with --net-uuid and the three addresses: the host's by IPv6", set_host6 },
	{ "nat44", SETTING_VALUE, "on|off", "shared only; off: no way out by IPv4; default: on",
	  set_nat44 },
	{ "nat66", SETTING_VALUE, "on|off", "shared only; off: no way out by IPv6; default: on",
	  set_nat66 },
	{ "uplink", SETTING_VALUE, "IF",
	  "shared only: the way out leads by this interface of the host and no\n"
	  "other; default: as the host's routes have it",
	  set_uplink },
	{ "ifname", SETTING_VALUE, "IF",
	  "bridged only: the bridge or interface of the host to plug into", set_ifname },
	{ "offloads", SETTING_VALUE, "on|off",
	  "vmnet only: take TCP in packets of up to 64 KiB, cut them for guests;\n"
	  "default: off",
	  set_offloads },
	{ "state-dir", SETTING_VALUE, "DIR", "leases live here and survive a restart",
	  set_state_dir },
	{ 0 },
};
