/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packet_split.h - a packet that is longer than the MTU, as fragments
 *
 * Pure.
 */
#ifndef NET_USER_PACKET_SPLIT_H
#define NET_USER_PACKET_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/frame.h"

/* struct packet_part - one fragment, as two pieces of memory: its own headers, a part of the packet */
struct packet_part {
	const uint8_t *head, *payload;
	size_t head_len, len;
};

/**
 * packet_split() - each part of a frame, in order
 * @frame, @len: any bytes; what is no IP, or fits, is one part, unchanged
 * @mtu: of the IP packets; FRAME_MTU_MIN or more
 * @id:  of the fragments, for IPv6. IPv4's packets have their own
 * @each: a part lives as long as the call
 * Return: false: it must not be fragmented (IPv4), lengths lie, or it is not the sender's to
 * fragment (extension headers); nothing was told
 */
bool packet_split(const uint8_t *frame, size_t len, size_t mtu, uint32_t id,
		  void (*each)(void *opaque, const struct packet_part *part), void *opaque);

#endif
