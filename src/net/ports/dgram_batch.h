/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dgram_batch.h - many datagrams in one system call
 */
#ifndef NET_PORTS_DGRAM_BATCH_H
#define NET_PORTS_DGRAM_BATCH_H

#include "net/ports/dgram_peer.h"

#define DGRAM_RX_BATCH 32u
#define DGRAM_TX_BATCH 64u

/** struct dgram_rx - what one recvmmsg() brought, and the frames among it */
struct dgram_rx {
	uint8_t *memory; /* what was never touched costs nothing */
	struct dgram_address from[DGRAM_RX_BATCH];
	size_t len[DGRAM_RX_BATCH];
	bool cut[DGRAM_RX_BATCH];
	struct iovec iov[DGRAM_RX_BATCH];
	struct frame frames[DGRAM_RX_BATCH]; /* [first..n_frames): to hand on */
	size_t first, n_frames;
};

/** dgram_rx_new() - Return: NULL if there is no memory */
struct dgram_rx *dgram_rx_new(void);
void dgram_rx_free(struct dgram_rx *rx); /* NULL is fine */

/** dgram_rx_receive() - what waits. Return: datagrams; -EAGAIN none; -errno. Never waits */
int dgram_rx_receive(struct dgram_rx *rx, int fd);
const uint8_t *dgram_rx_bytes(const struct dgram_rx *rx, size_t i);

/** dgram_rx_keep() - the i-th is a frame to hand on */
void dgram_rx_keep(struct dgram_rx *rx, size_t i);

/**
 * dgram_tx_send() - a datagram for each frame
 * @to: NULL: the socket is connected
 * @n: 1 to DGRAM_TX_BATCH
 * Return: how many went out; -errno of the first if none did (-EAGAIN, too). Never waits
 */
int dgram_tx_send(int fd, const struct dgram_address *to, const struct frame *frames, size_t n);

#endif
