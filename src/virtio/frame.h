/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame.h - one Ethernet frame on its way, with its virtio-net header
 *
 * Both the device and the networks pass frames around as this: nobody copies to hand over.
 */
#ifndef VIRTIO_FRAME_H
#define VIRTIO_FRAME_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define FRAME_ETH_HEADER 14u
#define FRAME_MAC	 6u
#define FRAME_TYPE_VLAN	 0x8100u /* EtherType of an 802.1Q tag, whose 4 bytes follow */
#define FRAME_VLAN_TAG	 4u
#define FRAME_MTU_MIN	 68u	/* IPv4's own */
#define FRAME_MTU_MAX	 65521u /* what libslirp carries: 65535 less an Ethernet header */
#define FRAME_MAX	 (FRAME_ETH_HEADER + FRAME_VLAN_TAG + FRAME_MTU_MAX) /* with a VLAN tag */

/* struct virtio_net_hdr of virtio 1.x, little-endian ("5.1.6 Device Operation"). */
struct frame_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};
static_assert(sizeof(struct frame_header) == 12, "virtio 1.x: 12 bytes");

/**
 * struct frame
 * @header: offloads asked for; all zero: a plain frame with its checksums done
 * @iov, @n_iov: the bytes, from the destination address on, without FCS; memory that no guest can
 *               write while the frame is looked at
 * @len:    their sum, FRAME_ETH_HEADER to FRAME_MAX
 * @in_stream: it has one iovec, and the 4 bytes before that are @len, big-endian: as it came from a
 *             stream socket, and may go to another
 */
struct frame {
	struct frame_header header;
	const struct iovec *iov;
	size_t n_iov;
	size_t len;
	bool in_stream;
};

#endif
