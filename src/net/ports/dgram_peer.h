/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dgram_peer.h - whom a datagram socket talks to: addresses, who is alive, what a datagram is
 *
 * Pure, but for dgram_address_check(). One thread: the loop's.
 */
#ifndef NET_PORTS_DGRAM_PEER_H
#define NET_PORTS_DGRAM_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net/ports/stream_frames.h"

/* What fits behind a stream's length is a frame here, too. */
#define DGRAM_FRAME_MIN STREAM_FRAME_MIN
#define DGRAM_FRAME_MAX STREAM_FRAME_MAX

/** struct dgram_address - of a UNIX socket; len 0: none */
struct dgram_address {
	struct sockaddr_un sun;
	socklen_t len;
};

/** enum dgram_content - what a datagram is, whoever sent it */
enum dgram_content {
	DGRAM_FRAME,
	DGRAM_HELLO, /* vfkit's and krunkit's "VFKT": says nothing but where it came from */
	DGRAM_EMPTY,
	DGRAM_RUNT,
	DGRAM_LONG,
};

/** dgram_content() - @cut: there was more than the buffer took */
enum dgram_content dgram_content(const uint8_t *bytes, size_t len, bool cut);

/** dgram_address_is_named() - a socket without a name cannot be sent to */
bool dgram_address_is_named(const struct dgram_address *address);
bool dgram_address_is_same(const struct dgram_address *a, const struct dgram_address *b);

/**
 * dgram_address_print() - for a log line: a path, or an abstract name behind a "@"
 *
 * The peer chose it: spaces, backslashes and what is not printable ASCII are written as \xNN.
 */
#define DGRAM_ADDRESS_TEXT (4 * sizeof(((struct sockaddr_un *)NULL)->sun_path) + 2)
void dgram_address_print(const struct dgram_address *address, char buf[DGRAM_ADDRESS_TEXT]);

/**
 * dgram_address_check() - does somebody hold this address?
 * @fd: a datagram socket without a name, which gets connected there: then it is writable when that
 *	one's queue has room
 * Return: 0; -EPERM somebody does, but has connected to another socket (ours, perhaps) and is
 * spoken to by nobody else; -ECONNREFUSED, -ENOENT nobody does; -EACCES; -errno
 */
int dgram_address_check(int fd, const struct dgram_address *address);

#endif
