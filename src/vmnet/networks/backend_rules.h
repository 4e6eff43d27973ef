/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * backend_rules.h - who shares a network with whom
 *
 * Of a request and the networks that live already. No I/O, no state. Any thread.
 */
#ifndef VMNET_NETWORKS_BACKEND_RULES_H
#define VMNET_NETWORKS_BACKEND_RULES_H

#include "vmnet/networks/backend.h"

/** struct backend_range - an IPv4 range as vmnet has it; all 0: none */
struct backend_range {
	struct in_addr start, end, mask;
};

/**
 * struct backend_living - a network that lives
 * @asked: what it was started for: with range_given only if the program gave it
 * @range: its addresses; none: the host is not in it, or it is bridged
 */
struct backend_living {
	struct backend_request asked;
	struct backend_range range;
};

enum backend_relation {
	BACKEND_APART, /* both can be */
	BACKEND_SAME,  /* who asks belongs in there */
	BACKEND_BUSY,  /* it may not be beside that one */
};

/**
 * backend_relate() - of a request to one network
 * @ret_why: with BACKEND_BUSY, a constant: what stands in the way
 */
enum backend_relation backend_relate(const struct backend_request *request,
				     const struct backend_living *living, const char **ret_why);

/** backend_range_of() - the one that was asked for, or that of the host's address; else none */
struct backend_range backend_range_of(const struct backend_request *request);

/** backend_has_range() - is the host in such a network, so that there are addresses? */
bool backend_has_range(const struct backend_request *request);

/** backend_overlap() - none overlaps with nothing */
bool backend_overlap(const struct backend_range *a, const struct backend_range *b);

/**
 * backend_pick_range() - vmnet's default one for the mode, else the next /24 of 192.168.0.0/16 that is
 * free
 * @is_taken: by a network that lives, or by the host
 * Return: false: all are taken
 */
bool backend_pick_range(operating_modes_t mode,
			bool (*is_taken)(void *opaque, const struct backend_range *range),
			void *opaque, struct backend_range *ret);

#endif
