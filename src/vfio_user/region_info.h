/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * region_info.h - the reply to "VFIO_USER_DEVICE_GET_REGION_INFO"
 */
#ifndef VFIO_USER_REGION_INFO_H
#define VFIO_USER_REGION_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/link.h"
#include "vfio_user/wire.h"
#include <outrigger/server.h>

/** region_info_check() - can this region be described to a client? Return: 0, -EINVAL */
int region_info_check(const struct rig_region *region, uint32_t index);

/** struct region_info - a reply; region_info_clear() frees it */
struct region_info {
	struct wire_region_info *reply; /* followed by the capabilities */
	size_t len;			/* of the reply */
	int fds[LINK_MAX_FDS];		/* go along; the application's */
	size_t n_fds;
};

/**
 * region_info_new() - describe a region
 * @argsz: what the client has room for; at least the fixed part
 * @max_fds: that it takes with one message
 * @area_fds: did it agree to sparse_mmap_fds?
 *
 * What the client cannot map by these terms is described as a region that nobody can.
 *
 * Return: 0, -ENOMEM
 */
int region_info_new(const struct rig_region *region, uint32_t index, uint32_t argsz,
		    uint32_t max_fds, bool area_fds, struct region_info *ret);
void region_info_clear(struct region_info *info);

#endif
