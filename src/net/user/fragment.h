/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fragment.h - one fragment of an IP packet: which bytes of which packet it has
 *
 * Pure functions.
 */
#ifndef NET_USER_FRAGMENT_H
#define NET_USER_FRAGMENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/frame.h"

#define FRAGMENT_UNIT	  8u  /* bytes; offsets count in these */
#define FRAGMENT_HEAD_MAX 74u /* Ethernet, and IPv4 with all of its options */

/* What a reassembled packet may have, headers included; more of IPv6 libslirp does not take. */
#define FRAGMENT_PACKET4  65535u
#define FRAGMENT_PACKET6  FRAME_MTU_MAX

/** struct fragment_key - what fragments of one packet have in common. No padding */
struct fragment_key {
	uint64_t owner; /* the guest's, of the caller's choice */
	struct in6_addr source, destination;
	uint32_t id;
	uint32_t protocol; /* 0 for IPv6, whose fragments may differ in it */
	uint64_t v6;
};

/**
 * struct fragment
 * @head, @head_len: what goes before the packet's payload once it is whole: its Ethernet and IP
 *                   headers, without IPv6's fragment header; at most FRAGMENT_HEAD_MAX
 * @protocol:        what the payload is
 * @offset, @len:    the part of the payload that is here, at @payload; len is never 0, and a
 *                   multiple of FRAGMENT_UNIT if there is @more
 */
struct fragment {
	struct fragment_key key;
	const uint8_t *head, *payload;
	size_t head_len, offset, len;
	uint8_t protocol;
	bool more;
};

/**
 * fragment_is() - is a frame of any bytes and length an IP fragment, right or wrong?
 *
 * IPv6: those whose fragment header follows IP's at once. Behind other headers libslirp looks for
 * nothing.
 */
bool fragment_is(const uint8_t *frame, size_t len);

/**
 * fragment_read() - check one
 * @frame: fragment_is(); @ret points into it
 * Return: 0, or -EBADMSG: lengths lie, the header's checksum is wrong, it is empty, it ends where no
 * packet may, it is sent to a group, or it is what never comes in fragments
 */
int fragment_read(const uint8_t *frame, size_t len, uint64_t owner, struct fragment *ret);

/**
 * fragment_write_head() - the headers of the whole packet
 * @head: @head_len bytes that came with the first fragment, changed in place
 * @payload_len: of the whole
 * Return: 0, or -EMSGSIZE: such a packet there cannot be
 */
int fragment_write_head(uint8_t *head, size_t head_len, bool v6, uint8_t protocol,
			size_t payload_len);

#endif
