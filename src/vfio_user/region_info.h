/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * region_info.h - the reply to "VFIO_USER_DEVICE_GET_REGION_INFO"
 */
#ifndef VFIO_USER_REGION_INFO_H
#define VFIO_USER_REGION_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/wire.h"
#include <outrigger/server.h>

/** region_info_check() - can this region be described to a client? Return: 0, -EINVAL */
int region_info_check(const struct rig_region *region);

/** struct region_info - a reply; region_info_clear() frees it */
struct region_info {
	struct wire_region_info *reply; /* followed by the capabilities */
	size_t len;			/* of the reply */
	bool with_fd;			/* region->mmap_fd goes along */
};

/**
 * region_info_new() - describe a region
 * @argsz: what the client has room for; at least the fixed part
 * @fds_allowed: may a reply carry an fd?
 *
 * Return: 0, -ENOMEM
 */
int region_info_new(const struct rig_region *region, uint32_t index, uint32_t argsz,
		    bool fds_allowed, struct region_info *ret);
void region_info_clear(struct region_info *info);

#endif
