/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * offload.h - what a NIC does for its driver, in software: checksums, and TCP segments
 *
 * A frame is looked at once (offload_plan), which says into how many frames it goes and keeps where
 * its headers are; then each of these is made (offload_piece): headers of its own, and a part of the
 * frame's bytes, which are not copied.
 *
 * Frames may hold anything; what cannot be done is an errno. Pure; any thread.
 */
#ifndef VIRTIO_OFFLOAD_H
#define VIRTIO_OFFLOAD_H

#include <outrigger/common.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/frame.h"
#include "virtio/offload_headers.h"

#define OFFLOAD_HEADERS_MAX 256u /* Ethernet with tags, IP with options or extensions, TCP */

/**
 * struct offload_want - what is to be done with frames
 * @mtu:       what is longer has to be segmented
 * @segment:   TCP that is longer than @mtu
 * @checksums: fill in those of the IPv4 header, of TCP and of UDP, as far as the frame is no fragment
 */
struct offload_want {
	uint16_t mtu;
	bool segment, checksums;
};

/** struct offload_plan - for offload_piece(); only @n_pieces is for others */
struct offload_plan {
	const uint8_t *frame;
	size_t len;
	size_t n_pieces; /* at least 1 */

	struct offload_headers at;
	bool finish_ip, finish_transport, partial;
	size_t partial_start, partial_at; /* of a virtio header's checksum */
	size_t own;			  /* bytes that each piece has of its own */
	size_t mss;			  /* 0: not segmented */
};

/**
 * offload_plan() - look at a frame
 * @frame:  from the destination address on, without virtio header; stays while pieces are made
 * @header: of the frame, in the byte order of the wire; its wishes count besides @want's. May be NULL
 * Return: 0, -EINVAL headers contradict each other, the frame or the wish, -EMSGSIZE too long and
 * not to be segmented
 */
RIG_MUST_CHECK int offload_plan(const uint8_t *frame, size_t len, const struct offload_want *want,
				const struct frame_header *header, struct offload_plan *ret);

/**
 * offload_piece() - the i-th frame
 * @own: gets the bytes that are the piece's own
 * @ret: [0] is @own or empty, [1] in the frame
 * Return: its length
 */
size_t offload_piece(const struct offload_plan *plan, size_t i, uint8_t own[OFFLOAD_HEADERS_MAX],
		     struct iovec ret[2]);

#endif
