/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network.h - what ports are plugged into: one network of some kind, in some mode
 *
 * Kinds: user (src/net/user/). Modes and the names of their options are those of QEMU's vmnet
 * netdevs.
 */
#ifndef NET_NETWORK_H
#define NET_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "net/channel.h"

struct network;

enum network_mode {
	NETWORK_SHARED, /* NAT, DHCP, DNS */
	NETWORK_HOST,	/* guests and the host, nothing else */
};

/** struct network_config - checked by network_config_check() before a network is made of it */
struct network_config {
	enum network_mode mode;
	struct in_addr start_address; /* the gateway */
	struct in_addr end_address;   /* last one that DHCP may give */
	struct in_addr subnet_mask;
	struct in6_addr nat66_prefix; /* 64 bits of it */
	bool isolated;		      /* ports reach the gateway and no other port */
	uint16_t mtu;		      /* below 1280 there is no IPv6 (RFC 8200, section 5) */
};

/** network_mode_name() - "shared", "host" */
const char *network_mode_name(enum network_mode mode);

/**
 * network_config_default() - vmnet's default addresses for the mode; a random ULA prefix; MTU
 * 1500. Return: 0 or -errno
 */
int network_config_default(enum network_mode mode, struct network_config *ret);

/**
 * struct network_addresses - who is where in a network of this configuration
 *
 * The gateway has the first address of the range. libslirp's name server needs an address of its
 * own (it is told from the gateway by nothing else) and gets the next, as in QEMU's user network.
 * Leases follow. Host mode has no name server: nothing leads to the outside, lookups do not either.
 */
struct network_addresses {
	struct in_addr network, mask;
	struct in_addr gateway;
	struct in_addr name_server;		/* 0.0.0.0 in host mode */
	struct in_addr first_lease, last_lease; /* inclusive */
	struct in6_addr prefix6;		/* 64 bits of it */
	struct in6_addr gateway6;		/* ::2 in it */
	struct in6_addr name_server6;		/* ::3 in it; :: in host mode */
};

/** network_config_addresses() - any config; they make sense once it has passed the check below */
void network_config_addresses(const struct network_config *config, struct network_addresses *ret);

/* What libslirp's DHCP server can remember (NB_BOOTP_CLIENTS). */
#define NETWORK_MAX_PORTS 16u

/**
 * network_config_check() - is it a network?
 * @n_ports: that will want an address
 * @ret_error: a sentence that names the option, what is wrong and what would be right; the caller
 * frees
 * Return: 0 or -EINVAL
 */
int network_config_check(const struct network_config *config, unsigned int n_ports,
			 char **ret_error);

struct network_ops {
	const char *name; /* of the kind, for log lines */

	/* A new port. Return: 0, -ENOMEM, -ENOSPC */
	int (*open)(struct network *network, const struct channel_events *events, void *opaque,
		    struct channel **ret);

	/* Every channel is closed already. */
	void (*free)(struct network *network);
};

/* What every kind of network starts with. */
struct network {
	const struct network_ops *ops;
};

int network_open(struct network *network, const struct channel_events *events, void *opaque,
		 struct channel **ret);
void network_free(struct network *network); /* NULL is fine */

#endif
