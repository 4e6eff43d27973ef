/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dgram_batch.c - many datagrams in one system call
 */
#include "net/ports/dgram_batch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct dgram_rx *dgram_rx_new(void)
{
	struct dgram_rx *rx = calloc(1, sizeof(*rx));

	if (!rx)
		return NULL;
	rx->memory = malloc((size_t)DGRAM_RX_BATCH * DGRAM_FRAME_MAX);
	if (!rx->memory) {
		free(rx);
		return NULL;
	}
	return rx;
}

void dgram_rx_free(struct dgram_rx *rx)
{
	if (rx)
		free(rx->memory);
	free(rx);
}

static uint8_t *slot(const struct dgram_rx *rx, size_t i)
{
	return rx->memory + i * DGRAM_FRAME_MAX;
}

const uint8_t *dgram_rx_bytes(const struct dgram_rx *rx, size_t i)
{
	return slot(rx, i);
}

int dgram_rx_receive(struct dgram_rx *rx, int fd)
{
	struct mmsghdr messages[DGRAM_RX_BATCH];
	struct iovec iov[DGRAM_RX_BATCH];
	int n;

	for (size_t i = 0; i < DGRAM_RX_BATCH; i++) {
		iov[i] = (struct iovec) { slot(rx, i), DGRAM_FRAME_MAX };
		messages[i] =
			(struct mmsghdr) { .msg_hdr = { .msg_name = &rx->from[i].sun,
							.msg_namelen = sizeof(rx->from[i].sun),
							.msg_iov = &iov[i],
							.msg_iovlen = 1 } };
	}
	do
		n = recvmmsg(fd, messages, DGRAM_RX_BATCH, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	rx->first = rx->n_frames = 0;
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		rx->from[i].len = messages[i].msg_hdr.msg_namelen;
		rx->len[i] = messages[i].msg_len;
		rx->cut[i] = messages[i].msg_hdr.msg_flags & MSG_TRUNC;
	}
	return n;
}

void dgram_rx_keep(struct dgram_rx *rx, size_t i)
{
	size_t n = rx->n_frames++;

	assert(n < DGRAM_RX_BATCH);
	rx->iov[n] = (struct iovec) { slot(rx, i), rx->len[i] };
	rx->frames[n] = (struct frame) { .iov = &rx->iov[n], .n_iov = 1, .len = rx->len[i] };
}

int dgram_tx_send(int fd, const struct dgram_address *to, const struct frame *frames, size_t n)
{
	struct mmsghdr messages[DGRAM_TX_BATCH];
	int sent;

	assert(n > 0 && n <= DGRAM_TX_BATCH);
	for (size_t i = 0; i < n; i++) {
		messages[i] = (struct mmsghdr) {
			.msg_hdr = { .msg_name = to ? (void *)(uintptr_t)&to->sun : NULL,
				     .msg_namelen = to ? to->len : 0,
				     .msg_iov = (struct iovec *)(uintptr_t)frames[i].iov,
				     .msg_iovlen = frames[i].n_iov }
		};
	}
	do
		sent = sendmmsg(fd, messages, (unsigned int)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}
