/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_filter.h - which frames of guests may reach libslirp
 */
#ifndef NET_USER_UPLINK_FILTER_H
#define NET_USER_UPLINK_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/network.h"

/** struct uplink_filter - filled by uplink_filter_init(), read-only afterwards */
struct uplink_filter {
	const struct network_config *config;
	struct network_addresses addresses;
};

/** uplink_filter_init() - @config outlives the filter, and so does what it points to */
void uplink_filter_init(struct uplink_filter *filter, const struct network_config *config);

/**
 * uplink_filter_passes() - may this frame reach libslirp?
 * @frame, @len: an Ethernet frame of any content and length
 */
bool uplink_filter_passes(const struct uplink_filter *filter, const uint8_t *frame, size_t len);

#endif
