/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gateway.h - what a user network offers at its gateway's address besides the way out: DHCP and DNS
 *
 * Sits in the uplink's place on the switch, before the filter and libslirp (struct
 * uplink_services). Owns the leases, their file, and the clock for both. The loop's thread.
 */
#ifndef NET_USER_GATEWAY_H
#define NET_USER_GATEWAY_H

#include "net/user/leases.h"
#include "net/user/uplink.h"

struct gateway;

/**
 * gateway_new()
 * @config: a picked prefix is exchanged for the one that --state-dir remembers; what it points to
 *          lives as long as the gateway, and so does it
 * @told: of guests' leases, from the loop; may be NULL
 * @ret_error: a sentence, which the caller frees
 * Return: 0 or -errno
 */
int gateway_new(uv_loop_t *loop, struct network_config *config, const struct eth_switch *eth_switch,
		void (*told)(void *opaque, const struct lease *lease, enum lease_event event),
		void *opaque, struct gateway **ret, char **ret_error);

/** gateway_free() - the loop must run until all is closed. NULL is fine */
void gateway_free(struct gateway *gateway);

/** gateway_services() - for uplink_new(), with the gateway as opaque */
const struct uplink_services *gateway_services(void);

/** gateway_attach() - where answers go; before the loop runs */
void gateway_attach(struct gateway *gateway, struct uplink *uplink);

struct leases *gateway_leases(struct gateway *gateway);
void gateway_leases_changed(struct gateway *gateway); /* by others: to be saved */

void gateway_each_counter(const struct gateway *gateway,
			  void (*each)(void *opaque, const char *name, uint64_t value),
			  void *opaque);

#endif
