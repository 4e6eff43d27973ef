/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network.h - what ports are plugged into: one network of some kind, in some mode
 *
 * Kinds: user (src/net/user/), kernel (src/net/kernel/), vmnet (src/net/vmnet/). Modes and the names of their options are
 * those of QEMU's vmnet netdevs. One thread: the loop's.
 */
#ifndef NET_NETWORK_H
#define NET_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "net/channel.h"
#include "net/network_config.h"

struct network;

/**
 * struct network_lease - who has an address
 *
 * @name: of the guest, as a host name in lower case, "" if it gave none
 * @expires_s: on CLOCK_REALTIME, 0: never
 * @reserved: by --reserve; then it is told of whether or not the guest has asked for it
 */
struct network_lease {
	uint8_t mac[FRAME_MAC];
	struct in_addr address;
	char name[NETWORK_NAME_MAX + 1];
	int64_t expires_s;
	bool reserved;
};

/** struct network_address - an entry of the switch's or bridge's table */
struct network_address {
	uint8_t mac[FRAME_MAC];
	const struct channel *channel; /* of the port behind which it is; NULL: the uplink */
	uint64_t age_ms;
};

/**
 * struct network_forward - concrete: what comes in on @host goes to @guest
 *
 * Families of the two may differ only if host is a UNIX socket.
 */
struct network_forward {
	uint8_t protocol;	       /* IPPROTO_TCP, IPPROTO_UDP */
	struct sockaddr_storage host;  /* AF_INET, AF_INET6 or AF_UNIX (TCP only) */
	struct sockaddr_storage guest; /* AF_INET or AF_INET6 */
};

/** struct network_port - what a network knows of a port when it is plugged in */
struct network_port {
	const char *name; /* for log lines and names of interfaces; the caller keeps it alive */
	bool isolated;
	uint16_t mtu;
	const uint8_t *mac; /* FRAME_MAC bytes of the guest's, for the call; NULL: not known yet */
};

/** struct network_events - what a network tells its owner; never inside a call of the network */
struct network_events {
	/* A guest got an address, gave it back or lost it. */
	void (*lease)(void *opaque, const struct network_lease *lease, bool gone);
	/* The network cannot go on (a child keeps dying, its bridge was removed). */
	void (*failed)(void *opaque, const char *why);
};

/* A member that is NULL: networks of this kind or mode have no such thing. */
struct network_ops {
	const char *name; /* of the kind, for log lines */

	/* A new port. Return: 0, -ENOMEM, -ENOSPC */
	int (*open)(struct network *network, const struct network_port *port,
		    const struct channel_events *events, void *opaque, struct channel **ret);

	/* What was settled when the network was made: configuration with nothing left open. */
	const struct network_config *(*config)(const struct network *network);

	/* Of the network's own station: the gateway; the host, where it is bridged. 0 or -errno */
	int (*mac)(const struct network *network, uint8_t ret[FRAME_MAC]);

	/* @ret_error as in network_config_check(). Return: 0, -EEXIST, -EADDRINUSE, -EACCES, -errno */
	int (*forward_add)(struct network *network, const struct network_forward *forward,
			   char **ret_error);
	void (*forward_remove)(struct network *network, const struct network_forward *forward);

	/* Return: 0, -EINVAL outside of the range, -EEXIST address or MAC has one, -errno */
	int (*reserve)(struct network *network, const struct network_reservation *reservation,
		       char **ret_error);
	int (*unreserve)(struct network *network, const uint8_t mac[FRAME_MAC]); /* 0, -ENOENT */

	/* Until the callback says false. The network must not be changed meanwhile. */
	void (*each_lease)(const struct network *network,
			   bool (*each)(void *opaque, const struct network_lease *lease),
			   void *opaque);
	void (*each_address)(const struct network *network,
			     bool (*each)(void *opaque, const struct network_address *address),
			     void *opaque);

	/* What is written into status and metrics besides: name and value pairs. */
	void (*each_counter)(const struct network *network,
			     void (*each)(void *opaque, const char *name, uint64_t value),
			     void *opaque);

	/* Every channel is closed already. */
	void (*free)(struct network *network);
};

/* What every kind of network starts with. */
struct network {
	const struct network_ops *ops;
	const struct network_events *events;
	void *opaque; /* for events */
};

/**
 * network_new() - of the kind that config names
 * @config: has passed network_config_check(); what it points to lives as long as the network
 * @events: may be NULL
 * @ret_error: a sentence: what is missing or in the way, and what to do; the caller frees
 * Return: 0 or -errno
 */
int network_new(uv_loop_t *loop, const struct network_config *config,
		const struct network_events *events, void *opaque, struct network **ret,
		char **ret_error);

int network_open(struct network *network, const struct network_port *port,
		 const struct channel_events *events, void *opaque, struct channel **ret);
void network_free(struct network *network); /* NULL is fine; the loop must run once more */

/* The rest of ops; -EOPNOTSUPP, or nothing to tell of, where this kind has no such thing. */
const struct network_config *network_config_of(const struct network *network);
int network_mac(const struct network *network, uint8_t ret[FRAME_MAC]);
int network_forward_add(struct network *network, const struct network_forward *forward,
			char **ret_error);
void network_forward_remove(struct network *network, const struct network_forward *forward);
int network_reserve(struct network *network, const struct network_reservation *reservation,
		    char **ret_error);
int network_unreserve(struct network *network, const uint8_t mac[FRAME_MAC]);
void network_each_lease(const struct network *network,
			bool (*each)(void *opaque, const struct network_lease *lease),
			void *opaque);
void network_each_address(const struct network *network,
			  bool (*each)(void *opaque, const struct network_address *address),
			  void *opaque);
/* How many of them each of the above tells. */
uint64_t network_n_leases(const struct network *network);
uint64_t network_n_addresses(const struct network *network);
void network_each_counter(const struct network *network,
			  void (*each)(void *opaque, const char *name, uint64_t value),
			  void *opaque);

/* For implementations: tell the owner, if it wants to know. */
void network_tell_lease(struct network *network, const struct network_lease *lease, bool gone);
void network_tell_failed(struct network *network, const char *why);

#endif
