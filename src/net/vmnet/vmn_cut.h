/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_cut.h - packets with offloads, shown as the frames that they stand for
 *
 * With --offloads vmnet hands out TCP in packets of up to 64 KiB, and leaves checksums to us. No guest
 * of ours takes such: they are cut, and finished, when they are shown. Bytes are not copied; each
 * frame has headers of its own in front of a part of the packet.
 *
 * Pure; one thread.
 */
#ifndef NET_VMNET_VMN_CUT_H
#define NET_VMNET_VMN_CUT_H

#include <stdbool.h>
#include <sys/uio.h>

#include "virtio/frame.h"
#include "virtio/offload.h"

#define VMN_CUT_FRAMES 64u   /* that are shown at a time */
#define VMN_CUT_PIECES 1024u /* of one packet; whoever cuts it smaller than that means no good */

/**
 * struct vmn_offloads - what was asked of vmnet
 * @segments:  packets that are larger than the MTU; without it there is nothing else
 * @header:    each has a struct frame_header in front, which says what is to be done
 * @checksums: else it goes without saying that checksums are to be filled in
 */
struct vmn_offloads {
	bool segments, header, checksums;
};

/** vmn_cut_count() - into how many frames does a packet go? 0: it is none, or cannot be cut */
unsigned int vmn_cut_count(const struct vmn_offloads *offloads, uint16_t mtu, const void *packet,
			   size_t len);

/** struct vmn_piece - memory of a frame that is shown */
struct vmn_piece {
	uint8_t own[OFFLOAD_HEADERS_MAX];
	struct iovec iov[2];
	size_t len;
};

/**
 * vmn_cut_show() - frames of a packet that vmn_cut_count() counts
 * @first: so many are done with
 * @pieces, @n: for as many frames; they and the packet stay while these are looked at
 * Return: how many there are
 */
size_t vmn_cut_show(const struct vmn_offloads *offloads, uint16_t mtu, const struct iovec *packet,
		    unsigned int first, struct vmn_piece *pieces, struct frame *frames, size_t n);

#endif
