/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iov.h - copying between one piece of memory and many
 *
 * Each byte of the scattered side is touched once. What is copied out of guest memory is ours from
 * then on: the fence keeps the compiler from going back to the source for a value it has already
 * given us.
 */
#ifndef VIRTIO_IOV_H
#define VIRTIO_IOV_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

/** struct iov_at - a position in scattered memory, offset bytes behind the start of the iovecs */
struct iov_at {
	const struct iovec *iov;
	size_t n;
	size_t offset;
};

/** iov_next() - the next piece that is not scattered, of up to max bytes; of none at the end */
static inline struct iovec iov_next(struct iov_at *at, size_t max)
{
	struct iovec piece = { NULL, 0 };

	while (at->n > 0 && at->offset >= at->iov->iov_len) {
		at->offset -= at->iov->iov_len;
		at->iov++;
		at->n--;
	}
	if (at->n == 0)
		return piece;
	piece.iov_base = (uint8_t *)at->iov->iov_base + at->offset;
	piece.iov_len = at->iov->iov_len - at->offset;
	if (piece.iov_len > max)
		piece.iov_len = max;
	at->offset += piece.iov_len;
	return piece;
}

/**
 * iov_to_buf() - copy up to len bytes that start offset bytes into the iovecs. Return: how many
 * there were
 */
static inline size_t iov_to_buf(const struct iovec *iov, size_t n, size_t offset, void *buf,
				size_t len)
{
	struct iov_at at = { iov, n, offset };
	struct iovec piece;
	size_t done = 0;

	while ((piece = iov_next(&at, len - done)).iov_len > 0) {
		memcpy((uint8_t *)buf + done, piece.iov_base, piece.iov_len);
		done += piece.iov_len;
	}
	atomic_signal_fence(memory_order_seq_cst);
	return done;
}

/** iov_from_buf() - the other way. Return: how many bytes there was room for */
static inline size_t iov_from_buf(const struct iovec *iov, size_t n, size_t offset, const void *buf,
				  size_t len)
{
	struct iov_at at = { iov, n, offset };
	struct iovec piece;
	size_t done = 0;

	while ((piece = iov_next(&at, len - done)).iov_len > 0) {
		memcpy(piece.iov_base, (const uint8_t *)buf + done, piece.iov_len);
		done += piece.iov_len;
	}
	return done;
}

#endif
