/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port.h - one guest's place in a network: name, policy and counters
 *
 *   socket of a guest (ports/) --- channel ---> port --- channel ---> network (user/, kernel/)
 *
 * A port is a channel before a channel: frames pass it in both directions, and what is a matter of
 * the port, whatever its socket and whatever its network, happens here: link set down by the
 * administrator, source guard, rate limits, capture, counters.
 *
 * A table holds the ports of one network, by name. One thread: the loop's.
 */
#ifndef NET_PORT_H
#define NET_PORT_H

#include "net/network.h"
#include "net/policy/capture.h"
#include "net/policy/source_guard.h"

struct port;
struct port_table;

/** struct port_limits - bytes a second, 0: no limit */
struct port_limits {
	uint64_t from_guest, to_guest;
};

/** struct port_config - copied, but for what struct network_port says of the name */
struct port_config {
	const char *name; /* unique in its table */
	const char *kind; /* of its socket: "nic", "stream", "dgram"; a constant */
	uint8_t mac[FRAME_MAC];
	bool mac_known; /* else the first one that it sends from counts */
	bool isolated;
	bool no_guard; /* not judged whatever else is set: many may be behind it */
	uint16_t mtu;
	struct port_limits limits;
};

/** struct port_counters - the channel's, and what the port itself dropped, by reason */
struct port_counters {
	struct channel_stats channel;
	uint64_t guard_dropped; /* by the source guard: all, and by reason */
	uint64_t guard[SOURCE_GUARD_VERDICTS];
	uint64_t rate_dropped; /* of channel.received_dropped: while the limit held frames back */
	uint64_t link_dropped; /* link set down */
};

/** port_table_new() - @network: outlives the table */
int port_table_new(uv_loop_t *loop, struct network *network, struct port_table **ret);
/* Every port is closed already, captures go with it; NULL is fine. */
void port_table_free(struct port_table *table);

/** port_table_lease() - the network tells of a guest's address, as in network_events */
void port_table_lease(struct port_table *table, const struct network_lease *lease, bool gone);

/** port_table_leases_changed() - look at network_each_lease() again: reservations have changed */
void port_table_leases_changed(struct port_table *table);

/**
 * port_open() - plug in
 * @ret: the channel for the socket; channel_close() ends the port. The port's link is up when
 *       both the socket's (channel_set_link) and the administrator's (port_set_admin) are
 * Return: 0; -EEXIST the name is taken; what network_open() returns
 */
int port_open(struct port_table *table, const struct port_config *config,
	      const struct channel_events *events, void *opaque, struct channel **ret);

struct port *port_of_channel(struct channel *channel); /* one that port_open() gave */
struct port *port_find(struct port_table *table, const char *name);
struct port *port_first(struct port_table *table); /* in the order in which they were opened */
struct port *port_next(struct port *port);
unsigned int port_table_n_up(const struct port_table *table); /* how many port_is_up() */
struct network *port_table_network(struct port_table *table);
const struct channel *port_network_channel(const struct port *port); /* as in network_address */

const struct port_config *port_config(const struct port *port);
bool port_is_up(const struct port *port); /* somebody is behind it */
/* Given, or the first one that it sent from since its link came up. Return: is there one? */
bool port_mac(const struct port *port, uint8_t ret[FRAME_MAC]);
bool port_admin_is_up(const struct port *port);
void port_set_admin(struct port *port, bool up); /* up to begin with; told to the guest */
/* From now on, whatever waits. Return: 0, -ENOMEM: nothing has changed */
int port_set_limits(struct port *port, const struct port_limits *limits);
void port_counters(const struct port *port, struct port_counters *ret);

/**
 * port_table_capture_add() - show what passes to a capture, from now on
 * @port: what it sends and takes; it may be closed meanwhile, which ends the capture ("its port is
 *        gone"). NULL: the whole network, each frame once: what its ports send, and what comes to
 *        them from no other port
 * @config: its fd is taken, also if this fails; ended() may remove the capture
 * Return: 0; -ENOSPC too many run already; what capture_new() returns
 */
int port_table_capture_add(struct port_table *table, struct port *port,
			   const struct capture_config *config, struct capture **ret,
			   char **ret_error);

/** port_table_capture_remove() - end it without a word, and free it; also after ended() */
void port_table_capture_remove(struct port_table *table, struct capture *capture);

#endif
