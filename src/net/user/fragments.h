/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fragments.h - IP packets that come in fragments, put together again
 *
 * Stands in front of libslirp, which therefore never sees a fragment (uplink_filter.c says why).
 * No I/O and no clock; one thread.
 */
#ifndef NET_USER_FRAGMENTS_H
#define NET_USER_FRAGMENTS_H

#include <stdint.h>

#include "net/user/fragment.h"

#define FRAGMENTS_PACKETS   128u   /* that are not whole yet */
#define FRAGMENTS_OF_GUEST  8u	   /* of these */
#define FRAGMENTS_EXPIRE_MS 30000u /* after a packet's first fragment came; RFC 8200: up to 60 s */

/** struct fragments_counters - since the start, but for waiting: packets that are not whole yet */
struct fragments_counters {
	uint64_t received;    /* fragments */
	uint64_t reassembled; /* packets */
	uint64_t invalid;     /* fragments that are none */
	uint64_t overlapping; /* packets whose fragments contradict each other */
	uint64_t lost;	      /* packets that had no time, no place or no memory to become whole */
	unsigned int waiting;
};

struct fragments;

int fragments_new(struct fragments **ret);	  /* 0, -ENOMEM */
void fragments_free(struct fragments *fragments); /* NULL is fine */

/**
 * fragments_take() - keep one, and see what is whole by it
 * @now_ms: monotonic
 * @owner:  the guest that it comes from: guests share no packets, and each has its share of the
 *          places
 * @frame:  fragment_is(), otherwise of any bytes; when a packet has become whole, *frame and *len
 *          are exchanged for it: a frame that is valid until the next call
 * Return: true if a packet has become whole
 */
bool fragments_take(struct fragments *fragments, uint64_t now_ms, uint64_t owner,
		    const uint8_t **frame, size_t *len);

const struct fragments_counters *fragments_counters(const struct fragments *fragments);

#endif
