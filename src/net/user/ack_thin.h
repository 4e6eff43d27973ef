/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ack_thin.h - of the acknowledgements that libslirp sends in one batch, the last one for each connection
 *
 * libslirp acknowledges each segment by itself, and at once. For a guest each of these is a frame to
 * take and a run through its TCP, and the last one says all that those before it did. So while a
 * batch of the guest's frames is worked on, a pure acknowledgement is held until something else is
 * sent, or the batch ends, and the next one of the same connection takes its place if it acknowledges
 * more. One that does not - a duplicate, which a sender counts, or a new window - takes nobody's.
 *
 * One thread: the loop's.
 */
#ifndef NET_USER_ACK_THIN_H
#define NET_USER_ACK_THIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACK_THIN_HELD	8u
#define ACK_THIN_LENGTH 74u /* at most: Ethernet, IPv6, TCP without options */

struct ack_thin {
	void (*send)(void *opaque, const uint8_t *frame, size_t len);
	void *opaque;
	size_t n;
	struct ack_thin_held {
		size_t len;
		uint8_t frame[ACK_THIN_LENGTH];
	} held[ACK_THIN_HELD];
};

/** ack_thin_send() - a frame of libslirp's; it and those held go to send(), now or by ack_thin_flush() */
void ack_thin_send(struct ack_thin *thin, const uint8_t *frame, size_t len);

/** ack_thin_flush() - the end of the batch */
void ack_thin_flush(struct ack_thin *thin);

#endif
