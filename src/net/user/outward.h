/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * outward.h - the interface of the host by which flows leave (--uplink), where it is not the routing
 * table's choice
 *
 * One thread: the loop's.
 */
#ifndef NET_USER_OUTWARD_H
#define NET_USER_OUTWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/network_config.h"

/** struct outward - by outward_init() */
struct outward {
	const char *ifname; /* NULL: nothing is done */
	struct network_addresses addresses;
	bool leaves; /* the frame that libslirp looks at does */
};

/**
 * outward_init() - @config outlives it
 * @ret_error: a sentence; the caller frees
 * Return: 0; -ENODEV no such interface; -EPERM the kernel is older than 5.7
 */
int outward_init(struct outward *outward, const struct network_config *config, char **ret_error);

/** outward_begin(), outward_end() - around what libslirp does with a guest's frame */
void outward_begin(struct outward *outward, const uint8_t *frame, size_t len);
void outward_end(struct outward *outward);

/** outward_opened() - libslirp has made a socket, and not connected it yet */
void outward_opened(const struct outward *outward, int fd);

#endif
