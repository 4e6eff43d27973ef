/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * refusal.h - what a host answers to a packet for a port at which nobody is
 *
 * Pure.
 */
#ifndef NET_USER_REFUSAL_H
#define NET_USER_REFUSAL_H

#include <stddef.h>
#include <stdint.h>

#include "virtio/frame.h"

/* An error quotes the packet, up to what every link carries whole (RFC 1812, RFC 4443). */
#define REFUSAL_PACKET4 576u
#define REFUSAL_PACKET6 1280u
#define REFUSAL_MAX	(FRAME_ETH_HEADER + REFUSAL_PACKET6)

/**
 * refusal_write() - TCP's reset, or "port unreachable" for UDP, from where the frame was sent to
 * @frame, @len: any bytes
 * Return: its length; 0: there is none: for other protocols, for a reset, for what is sent to or from
 * a group or from nobody, and for what is cut
 */
size_t refusal_write(const uint8_t *frame, size_t len, uint8_t ret[REFUSAL_MAX]);

#endif
