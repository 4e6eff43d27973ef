/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * outward.h - the interface of the host by which flows leave (--uplink), where it is not the routing
 * table's choice
 *
 * One thread: the loop's.
 */
#ifndef NET_USER_OUTWARD_H
#define NET_USER_OUTWARD_H

#include <stddef.h>
#include <stdint.h>

#include "net/network_config.h"

#define OUTWARD_NEAR_MAX 1024u

/**
 * struct outward - by outward_init()
 * @ifname: NULL: nothing is done
 * @frame:  libslirp looks at it; NULL: at none
 * @near:   datagram sockets that lead to the host so far, and whose they are, in any order
 */
struct outward {
	const char *ifname;
	struct network_addresses addresses;
	const uint8_t *frame;
	size_t len;
	size_t n_near, n_evicted;
	struct outward_near {
		int fd;
		struct outward_source {
			uint8_t address[16]; /* IPv4's in the first 4 bytes */
			uint8_t port[2];
			uint8_t v6, unused;
		} source;
	} near[OUTWARD_NEAR_MAX];
};

/**
 * outward_init() - @config outlives it
 * @ret_error: a sentence; the caller frees
 * Return: 0; -ENODEV no such interface; -EPERM the kernel is older than 5.7
 */
int outward_init(struct outward *outward, const struct network_config *config, char **ret_error);

/** outward_begin(), outward_end() - around what libslirp does with a guest's frame of any bytes */
void outward_begin(struct outward *outward, const uint8_t *frame, size_t len);
void outward_end(struct outward *outward);

/**
 * outward_opened(), outward_closed() - libslirp has made a socket, and not connected it yet, or is
 * about to close one; one of -1 is none
 */
void outward_opened(struct outward *outward, int fd);
void outward_closed(struct outward *outward, int fd);

#endif
