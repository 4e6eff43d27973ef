/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_nat.h - what is behind the gateway's address: the host, but not its loopback
 *
 * Between filter and libslirp. Told the time and the host's addresses; frames in, frames out. One
 * thread.
 */
#ifndef NET_USER_HOST_NAT_H
#define NET_USER_HOST_NAT_H

#include "net/network_config.h"

struct host_nat;

/** struct host_nat_config - @network outlives the host_nat, and so does what it points to */
struct host_nat_config {
	const struct network_config *network;
	struct network_addresses addresses;
	/* An address of the host's own, IPv4 as ::ffff:0:0/96. Return: false: it has none */
	bool (*host_address)(bool v6, struct in6_addr *ret);
	/* For a host without an address: the guest's frame, which goes nowhere. NULL: nobody asks */
	void (*refused)(void *opaque, const uint8_t *frame, size_t len);
	void *opaque; /* for refused */
};

int host_nat_new(const struct host_nat_config *config, struct host_nat **ret); /* 0, -errno */
void host_nat_free(struct host_nat *nat);				       /* NULL is fine */

/**
 * host_nat_from_guest() - a frame that passed the filter
 * @now_ms: monotonic
 * @frame:  may be exchanged for a copy, which is good until the next call
 * Return: false: it goes nowhere
 */
bool host_nat_from_guest(struct host_nat *nat, uint64_t now_ms, const uint8_t **frame, size_t len);

/** host_nat_to_guest() - a frame from libslirp; @frame as above */
void host_nat_to_guest(struct host_nat *nat, uint64_t now_ms, const uint8_t **frame, size_t len);

/** host_nat_each_counter() - as in struct network_ops */
void host_nat_each_counter(const struct host_nat *nat,
			   void (*each)(void *opaque, const char *name, uint64_t value),
			   void *opaque);

#endif
