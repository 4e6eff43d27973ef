/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_frames.h - frames in a byte stream: 4 bytes of length, big-endian, before each
 *
 * What QEMU's -netdev stream, passt's and socket_vmnet's clients, and libkrun speak. Pure: bytes in,
 * frames out, and back; no I/O, no allocation.
 */
#ifndef NET_PORTS_STREAM_FRAMES_H
#define NET_PORTS_STREAM_FRAMES_H

#include <stdint.h>

#include "virtio/frame.h"

#define STREAM_PREFIX	 4u /* bytes of length */
#define STREAM_FRAME_MIN FRAME_ETH_HEADER
/* IP's own largest packet, in Ethernet with a VLAN tag: a guest may set any MTU up to that. */
#define STREAM_FRAME_MAX (FRAME_ETH_HEADER + FRAME_VLAN_TAG + 65535u)
#define STREAM_RX_BYTES	 ((size_t)2 * (STREAM_PREFIX + STREAM_FRAME_MAX))
#define STREAM_TX_BYTES	 (STREAM_PREFIX + STREAM_FRAME_MAX)
#define STREAM_BATCH	 128u /* frames in one sendmsg() of what has waited */
#define STREAM_RX_BATCH	 512u /* frames handed on at once */
/* Up to here a copy costs less than an iovec of its own does in the kernel. */
#define STREAM_COPY_MAX	 2048u

/**
 * struct stream_rx - bytes that came and are not dealt with
 *
 * buf[start..end) are these; the first of them is that of a length. A length that no frame has
 * is an error for good: where the next frame begins is unknown.
 */
struct stream_rx {
	uint8_t *buf; /* STREAM_RX_BYTES, the caller's */
	size_t start, end;
};

/**
 * stream_rx_space() - where to read to
 * @ret_len: room for at least one more frame, if whole ones have been consumed
 */
void *stream_rx_space(struct stream_rx *rx, size_t *ret_len);
void stream_rx_add(struct stream_rx *rx, size_t len); /* read to there */

/**
 * stream_rx_peek() - show whole frames, oldest first; good until the next stream_rx_space()
 * @iov: one for each frame
 * Return: how many, 0 if more bytes are needed; -EBADMSG the next length is no frame's
 */
int stream_rx_peek(const struct stream_rx *rx, struct frame *frames, struct iovec *iov, size_t n);
void stream_rx_consume(struct stream_rx *rx, size_t n); /* the n oldest, which are there */

/** stream_rx_next_len() - the length that was no frame's */
uint32_t stream_rx_next_len(const struct stream_rx *rx);

/** stream_rx_left() - bytes that no frame has been made of */
size_t stream_rx_left(const struct stream_rx *rx);

/**
 * struct stream_tx - what has to go out before the next frame may
 *
 * When a socket takes a frame in part the rest of it is copied: the network may drop what waits in
 * its queue (when a link goes down), and the peer would read the next frame as the end of this one.
 * Until then the buffer holds what sendmsg() is shown: lengths, and small frames with them.
 */
struct stream_tx {
	uint8_t *buf;	   /* STREAM_TX_BYTES, the caller's */
	size_t start, end; /* left */
	size_t staged;	   /* bytes of the last stream_tx_gather() */
};

/**
 * stream_tx_gather() - for sendmsg(): as many of the frames as fit; those that lie behind one another
 *	as they came from a stream go as they are
 * @iov, @max_iov: of it up to 1 and n_iov go to each frame; the first must fit. They stay good until
 *		   stream_tx_sent()
 * @ret_len: bytes
 * Return: iovecs used. Not while something is left
 */
size_t stream_tx_gather(struct stream_tx *tx, const struct frame *frames, size_t n,
			struct iovec *iov, size_t max_iov, size_t *ret_len);

/**
 * stream_tx_sent() - so many bytes of what was gathered went out
 * Return: frames that are done with, the last one perhaps because its rest is left here
 */
size_t stream_tx_sent(struct stream_tx *tx, const struct frame *frames, size_t n, size_t len);

/** stream_tx_left() - the rest of a frame. Return: its length, 0 if there is none */
size_t stream_tx_left(const struct stream_tx *tx, const void **ret);
void stream_tx_left_sent(struct stream_tx *tx, size_t len);

#endif
