/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink.h - the way out of a user network: libslirp on a port of the switch
 *
 * NAT, DNS and router advertisements come from libslirp. In host mode a filter in front
 * of it lets through only what is meant for the host. One thread: the loop's.
 */
#ifndef NET_USER_UPLINK_H
#define NET_USER_UPLINK_H

#include "net/network.h"
#include "net/user/switch.h"

struct uplink;

enum uplink_verdict {
	UPLINK_PASS,	 /* nothing to us: on to the filter, and libslirp */
	UPLINK_TAKEN,	 /* dealt with: nobody else sees it */
	UPLINK_REPLACED, /* another frame goes to libslirp in its place, past the filter */
};

/**
 * struct uplink_services - what answers at the gateway's address instead of libslirp; a member may
 * be NULL
 *
 * Frames are plain and in one piece. Called from the loop; uplink_send() is fine meanwhile.
 */
struct uplink_services {
	/* From a guest, any content and length. *frame and *len name the replacement. */
	enum uplink_verdict (*from_guest)(void *opaque, const uint8_t **frame, size_t *len);
	/* From libslirp. *frame and *len may be exchanged. Return: false: it is not sent */
	bool (*to_guest)(void *opaque, const uint8_t **frame, size_t *len);
};

/**
 * uplink_new() - plugs itself into the switch
 * @config: outlives the uplink, and so does what it points to
 * @services: NULL for none
 * @ret_error: a sentence, or NULL
 * Return: 0, -ENOMEM, -EIO libslirp refused, what outward_init() returns
 */
int uplink_new(uv_loop_t *loop, const struct network_config *config, struct eth_switch *eth_switch,
	       const struct uplink_services *services, void *opaque, struct uplink **ret,
	       char **ret_error);

/** uplink_send() - to the guests, by the switch, as if it came from the gateway */
void uplink_send(struct uplink *uplink, const uint8_t *frame, size_t len);

/** uplink_forward_add(), uplink_forward_remove() - as in struct network_ops */
int uplink_forward_add(struct uplink *uplink, const struct network_forward *forward,
		       char **ret_error);
void uplink_forward_remove(struct uplink *uplink, const struct network_forward *forward);

/** uplink_each_counter() - as in struct network_ops */
void uplink_each_counter(const struct uplink *uplink,
			 void (*each)(void *opaque, const char *name, uint64_t value),
			 void *opaque);

/**
 * uplink_free() - also closes its handles; the loop must run once more before it is closed itself.
 * NULL is fine
 */
void uplink_free(struct uplink *uplink);

#endif
