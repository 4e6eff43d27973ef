/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_reply.h - what libslirp tells guests about their network, corrected
 */
#ifndef NET_USER_UPLINK_REPLY_H
#define NET_USER_UPLINK_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/network.h"

/** enum uplink_reply - what kind of frame this is */
enum uplink_reply {
	UPLINK_REPLY_OTHER, /* nothing to correct */
	UPLINK_REPLY_DHCP,
	UPLINK_REPLY_ROUTER_ADVERTISEMENT,
};

/** uplink_reply_kind() - of a frame that comes from libslirp */
enum uplink_reply uplink_reply_kind(const uint8_t *frame, size_t len);

/**
 * uplink_dhcp_in_range() - is what this DHCP reply gives one of our leases (or nothing: a
 * refusal)?
 */
bool uplink_dhcp_in_range(const uint8_t *frame, size_t len,
			  const struct network_addresses *addresses);

/** uplink_dhcp_close() - take the router and name server out of a DHCP reply, in place */
void uplink_dhcp_close(uint8_t *frame, size_t len);

/** uplink_advertisement_close() - take the name server out of a router advertisement, in place */
void uplink_advertisement_close(uint8_t *frame, size_t len);

#endif
