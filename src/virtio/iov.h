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

/**
 * iov_to_buf() - copy up to len bytes that start offset bytes into the iovecs. Return: how many
 * there were
 */
static inline size_t iov_to_buf(const struct iovec *iov, size_t n, size_t offset, void *buf,
				size_t len)
{
	uint8_t *to = buf;
	size_t done = 0;

	for (size_t i = 0; i < n && done < len; i++) {
		size_t part = iov[i].iov_len;

		if (offset >= part) {
			offset -= part;
			continue;
		}
		part -= offset;
		if (part > len - done)
			part = len - done;
		memcpy(to + done, (const uint8_t *)iov[i].iov_base + offset, part);
		done += part;
		offset = 0;
	}
	atomic_signal_fence(memory_order_seq_cst);
	return done;
}

/** iov_from_buf() - the other way. Return: how many bytes there was room for */
static inline size_t iov_from_buf(const struct iovec *iov, size_t n, size_t offset, const void *buf,
				  size_t len)
{
	const uint8_t *from = buf;
	size_t done = 0;

	for (size_t i = 0; i < n && done < len; i++) {
		size_t part = iov[i].iov_len;

		if (offset >= part) {
			offset -= part;
			continue;
		}
		part -= offset;
		if (part > len - done)
			part = len - done;
		memcpy((uint8_t *)iov[i].iov_base + offset, from + done, part);
		done += part;
		offset = 0;
	}
	return done;
}

#endif
