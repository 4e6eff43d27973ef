/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * region_info.c - the reply to "VFIO_USER_DEVICE_GET_REGION_INFO"
 *
 * The fixed part and, for a region that may be mapped in parts, one capability: the list of these
 * parts (sparse mmap). If the client left too little room it gets the fixed part alone, with argsz
 * saying how much is needed, and asks again. That first answer has neither the capability flag
 * nor the fd: QEMU checks cap_offset before it looks at argsz.
 */
#include "vfio_user/region_info.h"

#include <errno.h>
#include <stdlib.h>

#define MAPPING_UNIT 4096u
#define MAX_AREAS    1024u

static int check_areas(const struct rig_region *region)
{
	if (region->n_areas > MAX_AREAS || (region->n_areas > 0 && !region->areas))
		return -EINVAL;
	for (size_t i = 0; i < region->n_areas; i++) {
		const struct rig_mmap_area *area = &region->areas[i];

		if (area->size == 0 || area->size % MAPPING_UNIT || area->offset % MAPPING_UNIT ||
		    !wire_range_inside(area->offset, area->size, region->size))
			return -EINVAL;
		if (i > 0 && area->offset < area[-1].offset + area[-1].size)
			return -EINVAL;
	}
	return 0;
}

int region_info_check(const struct rig_region *region)
{
	if (region->flags & ~(RIG_REGION_READ | RIG_REGION_WRITE | RIG_REGION_MMAP))
		return -EINVAL;
	if (!(region->flags & RIG_REGION_MMAP))
		return 0;
	if (region->mmap_fd < 0 || region->mmap_offset % MAPPING_UNIT)
		return -EINVAL;
	return check_areas(region);
}

/* Without areas all of the region may be mapped, which the flag alone says. */
static size_t capability_len(const struct rig_region *region, bool mmap)
{
	if (!mmap || region->n_areas == 0)
		return 0;
	return sizeof(struct wire_cap_sparse_mmap) +
	       region->n_areas * sizeof(struct wire_sparse_area);
}

static void put_sparse_mmap(const struct rig_region *region, struct wire_cap_sparse_mmap *cap)
{
	*cap = (struct wire_cap_sparse_mmap) {
		.header = { .id = RIG_REGION_CAP_SPARSE_MMAP, .version = 1 },
		.nr_areas = (uint32_t)region->n_areas,
	};
	for (size_t i = 0; i < region->n_areas; i++)
		cap->areas[i] = (struct wire_sparse_area) { region->areas[i].offset,
							    region->areas[i].size };
}

int region_info_new(const struct rig_region *region, uint32_t index, uint32_t argsz,
		    bool fds_allowed, struct region_info *ret)
{
	bool mmap = (region->flags & RIG_REGION_MMAP) && fds_allowed && region->size > 0;
	size_t cap_len = capability_len(region, mmap);
	size_t needed = sizeof(struct wire_region_info) + cap_len;
	bool whole = argsz >= needed;
	struct wire_region_info *reply = calloc(1, needed);

	if (!reply)
		return -ENOMEM;
	*reply = (struct wire_region_info) {
		.argsz = (uint32_t)needed,
		.index = index,
		.flags = region->size ? region->flags & (RIG_REGION_READ | RIG_REGION_WRITE) : 0,
		.size = region->size,
	};
	if (mmap) {
		reply->flags |= RIG_REGION_MMAP;
		reply->offset = region->mmap_offset;
	}
	if (cap_len > 0 && whole) {
		reply->flags |= RIG_REGION_CAPS;
		reply->cap_offset = sizeof(*reply);
		put_sparse_mmap(region, (struct wire_cap_sparse_mmap *)(reply + 1));
	}
	*ret = (struct region_info) { reply, whole ? needed : sizeof(*reply), mmap && whole };
	return 0;
}

void region_info_clear(struct region_info *info)
{
	free(info->reply);
	info->reply = NULL;
}
