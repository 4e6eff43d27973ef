/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * offload_headers.h - where the headers of a frame are, and the sum of RFC 1071
 *
 * Frames may hold anything. Pure; any thread.
 */
#ifndef VIRTIO_OFFLOAD_HEADERS_H
#define VIRTIO_OFFLOAD_HEADERS_H

#include <outrigger/common.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct offload_headers
 * @ip:        behind the Ethernet header and its tags
 * @transport: behind IP's headers; meaningless if @opaque
 * @payload:   behind TCP's or UDP's
 * @end:       behind the IP packet; padding may follow
 * @opaque:    a fragment, or source-routed: its transport checksum cannot be told from the frame
 */
struct offload_headers {
	bool v4, v6, opaque;
	bool tcp, udp;
	size_t ip, transport, payload, end;
};

/**
 * offload_headers_find() - what is no IP has neither @v4 nor @v6, and ends with the frame
 * Return: 0, -EINVAL: a header is cut short, or lengths contradict each other
 */
RIG_MUST_CHECK int offload_headers_find(const uint8_t *frame, size_t len,
					struct offload_headers *ret);

/** offload_sum() - add bytes, from an even position on, to a sum; offload_fold() - to 16 bits, as in
 * memory */
uint64_t offload_sum(uint64_t sum, const uint8_t *bytes, size_t len);
uint16_t offload_fold(uint64_t sum);

static inline unsigned int offload_get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static inline void offload_put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

#endif
