/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_config.h - what a network shall be: mode, kind, addresses, DHCP; and which addresses make
 * one
 *
 * Plain data, from the command line or a configuration file. Strings and arrays belong to whoever
 * filled it in (struct net_settings) and outlive the network.
 */
#ifndef NET_NETWORK_CONFIG_H
#define NET_NETWORK_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/frame.h"

#define NETWORK_NAME_MAX 63u /* of a host name's label (RFC 1035, section 2.3.4) */

enum network_mode {
	NETWORK_SHARED,	 /* NAT, DHCP, DNS */
	NETWORK_HOST,	 /* guests and the host, nothing else */
	NETWORK_BRIDGED, /* guests on the segment of an interface of the host */
};

enum network_kind {
	NETWORK_USER,	/* no privileges: our switch and libslirp */
	NETWORK_KERNEL, /* a bridge, TAPs, nftables, dnsmasq */
	NETWORK_VMNET,	/* Apple's vmnet, or our libvmnet */
};

/** struct network_reservation - this guest always gets this address */
struct network_reservation {
	uint8_t mac[FRAME_MAC];
	struct in_addr address;
	char name[NETWORK_NAME_MAX + 1]; /* "" for none */
};

/** struct network_allow - a destination on the host's side that is closed by default */
struct network_allow {
	struct in6_addr address; /* IPv4 as ::ffff:0:0/96 */
	uint8_t prefix_len;	 /* of these 128 bits */
	uint16_t port;		 /* 0: all */
};

/** struct network_dhcp - what guests are told */
struct network_dhcp {
	bool off;
	uint32_t lease_s;
	struct in_addr *name_servers; /* none given: the gateway */
	size_t n_name_servers;
	const char *domain;	    /* NULL: none */
	const char *boot_file;	    /* PXE: option 67 and the header's file; NULL: none */
	struct in_addr boot_server; /* PXE: next server; 0.0.0.0: the gateway */
};

/** struct network_config - checked by network_config_check() before a network is made of it */
struct network_config {
	enum network_mode mode;
	enum network_kind kind;

	bool addresses_given;	      /* else the network picks, and keeps what it picked */
	struct in_addr start_address; /* the gateway */
	struct in_addr end_address;   /* last one that DHCP may give */
	struct in_addr subnet_mask;
	bool prefix_given;
	struct in6_addr nat66_prefix; /* 64 bits of it */

	bool isolated;	   /* ports reach the gateway and no other port */
	bool source_guard; /* drop frames with others' addresses; always on with isolated */
	uint16_t mtu;	   /* below 1280 there is no IPv6 (RFC 8200, section 5) */

	bool uuid_given; /* host mode: a named network without DHCP and, by default, without host */
	uint8_t uuid[16];
	bool host6_given; /* with UUID and addresses: the host's IPv6 address, and the prefix */
	struct in6_addr host6;
	const char *ifname; /* bridged: what to plug into */

	/* What a network does unless told otherwise. */
	bool no_nat44, no_nat66; /* shared: no way out by IPv4, by IPv6; see outrigger(1) */
	bool no_dns, no_ra;	 /* nobody tells guests of a name server, of a router by IPv6 */
	const char *uplink;	 /* shared: leave by this interface only; NULL: as routes go */
	bool offloads; /* kind vmnet: take packets that are larger than the MTU, cut them */

	struct network_dhcp dhcp;
	struct network_reservation *reservations;
	size_t n_reservations;

	bool host_loopback; /* the gateway's address leads to what is bound to loopback, too */
	struct network_allow *allows;
	size_t n_allows;

	const char *state_dir; /* leases and picked addresses live here; NULL: they are forgotten */
};

/** network_mode_name(), network_kind_name() - as on the command line */
const char *network_mode_name(enum network_mode mode);
const char *network_kind_name(enum network_kind kind);

/**
 * network_config_default() - vmnet's default addresses for the mode; a random ULA prefix; MTU
 * 1500; leases of a day; kind user, or kernel for bridged; on macOS, vmnet. Return: 0 or -errno
 */
int network_config_default(enum network_mode mode, struct network_config *ret);

/**
 * network_config_has_gateway() - does the host have an address in it? Then the addresses say which
 * Not in a bridged network, nor in one with a UUID unless it was given addresses.
 */
bool network_config_has_gateway(const struct network_config *config);

#define NETWORK_UUID_TEXT 37u
void network_uuid_print(const uint8_t uuid[16], char ret[NETWORK_UUID_TEXT]);

/**
 * struct network_addresses - who is where in a network of this configuration
 *
 * The gateway has the first address of the range, and is the name server, too. Leases follow.
 */
struct network_addresses {
	struct in_addr network, mask;
	struct in_addr gateway;
	struct in_addr first_lease, last_lease; /* inclusive */
	struct in6_addr prefix6;		/* 64 bits of it */
	struct in6_addr gateway6; /* ::2 in it (libslirp's router is fe80::2), or as given */
};

/** network_config_addresses() - any config; they make sense once it has passed the check below */
void network_config_addresses(const struct network_config *config, struct network_addresses *ret);

/**
 * network_config_check() - is it a network?
 * @ret_error: a sentence that names the option, what is wrong and what would be right; the caller
 * frees
 * Return: 0 or -EINVAL
 */
int network_config_check(const struct network_config *config, char **ret_error);

#endif
