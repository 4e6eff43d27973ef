/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * region_info.c - the reply to "VFIO_USER_DEVICE_GET_REGION_INFO"
 *
 * The fixed part, and up to two capabilities: what a device-specific region is (type), and which
 * parts of a region may be mapped, if not all of it may: of the region's file (sparse mmap), or of
 * files of their own (sparse mmap fds; areas of one file share its fd). If the client left too
 * little room it gets the fixed part alone, with argsz saying how much is needed, and asks again.
 * That first answer has neither the capability flag nor fds: QEMU checks cap_offset before it looks
 * at argsz.
 */
#include "vfio_user/region_info.h"

#include <errno.h>
#include <stdlib.h>

#define MAPPING_UNIT 4096u
#define MAX_AREAS    1024u

#define REGION_FLAGS (RIG_REGION_READ | RIG_REGION_WRITE | RIG_REGION_MMAP | RIG_REGION_AREA_FDS)

static bool area_valid(const struct rig_region *region, const struct rig_mmap_area *area)
{
	if ((region->flags & RIG_REGION_AREA_FDS) &&
	    (area->fd < 0 || area->fd_offset % MAPPING_UNIT))
		return false;
	return area->size > 0 && area->size % MAPPING_UNIT == 0 &&
	       area->offset % MAPPING_UNIT == 0 &&
	       wire_range_inside(area->offset, area->size, region->size);
}

static int check_areas(const struct rig_region *region)
{
	if (region->n_areas > MAX_AREAS || (region->n_areas > 0 && !region->areas))
		return -EINVAL;
	for (size_t i = 0; i < region->n_areas; i++) {
		const struct rig_mmap_area *area = &region->areas[i];

		if (!area_valid(region, area))
			return -EINVAL;
		if (i > 0 && area->offset < area[-1].offset + area[-1].size)
			return -EINVAL;
	}
	return 0;
}

static bool has_type(const struct rig_region *region)
{
	return region->type != 0 || region->subtype != 0;
}

int region_info_check(const struct rig_region *region, uint32_t index)
{
	if ((region->flags & ~REGION_FLAGS) || (has_type(region) && index < RIG_PCI_REGIONS))
		return -EINVAL;
	if (!(region->flags & RIG_REGION_MMAP))
		return region->flags & RIG_REGION_AREA_FDS ? -EINVAL : 0;
	if (region->flags & RIG_REGION_AREA_FDS)
		return region->n_areas > 0 ? check_areas(region) : -EINVAL;
	if (region->mmap_fd < 0 || region->mmap_offset % MAPPING_UNIT)
		return -EINVAL;
	return check_areas(region);
}

/* Return: its index among those that go along; n_fds if it is not among them */
static size_t find_fd(const struct region_info *info, int fd)
{
	size_t i = 0;

	while (i < info->n_fds && info->fds[i] != fd)
		i++;
	return i;
}

static bool add_fd(struct region_info *info, int fd, size_t max)
{
	if (find_fd(info, fd) < info->n_fds)
		return true;
	if (info->n_fds >= max)
		return false;
	info->fds[info->n_fds++] = fd;
	return true;
}

/* Return: may the client map anything? Then all the fds for that are in info. */
static bool collect_fds(const struct rig_region *region, uint32_t max_fds, bool area_fds,
			struct region_info *info)
{
	size_t max = max_fds < LINK_MAX_FDS ? max_fds : LINK_MAX_FDS;

	if (!(region->flags & RIG_REGION_MMAP) || region->size == 0)
		return false;
	if (!(region->flags & RIG_REGION_AREA_FDS))
		return add_fd(info, region->mmap_fd, max);
	if (!area_fds)
		return false;
	for (size_t i = 0; i < region->n_areas; i++)
		if (!add_fd(info, region->areas[i].fd, max))
			return false;
	return true;
}

static size_t areas_len(const struct rig_region *region)
{
	/* Without areas all of the region may be mapped, which the flag alone says. */
	if (region->n_areas == 0)
		return 0;
	return sizeof(struct wire_cap_sparse_mmap) +
	       region->n_areas * (region->flags & RIG_REGION_AREA_FDS
					  ? sizeof(struct wire_sparse_fd_area)
					  : sizeof(struct wire_sparse_area));
}

static void put_type(const struct rig_region *region, struct wire_cap_type *cap)
{
	*cap = (struct wire_cap_type) {
		.header = { .id = RIG_REGION_CAP_TYPE, .version = 1 },
		.type = region->type,
		.subtype = region->subtype,
	};
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

static void put_sparse_mmap_fds(const struct rig_region *region, const struct region_info *info,
				struct wire_cap_sparse_mmap *cap)
{
	struct wire_sparse_fd_area *areas = (void *)(cap + 1);

	*cap = (struct wire_cap_sparse_mmap) {
		.header = { .id = RIG_REGION_CAP_SPARSE_MMAP_FDS, .version = 1 },
		.nr_areas = (uint32_t)region->n_areas,
	};
	for (size_t i = 0; i < region->n_areas; i++)
		areas[i] = (struct wire_sparse_fd_area) {
			.offset = region->areas[i].offset,
			.fd_offset = region->areas[i].fd_offset,
			.size = region->areas[i].size,
			.fd_index = (uint32_t)find_fd(info, region->areas[i].fd),
		};
}

static void put_caps(const struct rig_region *region, const struct region_info *info,
		     size_t type_len, size_t sparse_len)
{
	struct wire_region_info *reply = info->reply;
	uint8_t *caps = (uint8_t *)(reply + 1);

	reply->flags |= RIG_REGION_CAPS;
	reply->cap_offset = sizeof(*reply);
	if (type_len > 0) {
		struct wire_cap_type *type = (struct wire_cap_type *)caps;

		put_type(region, type);
		if (sparse_len > 0)
			type->header.next = (uint32_t)(sizeof(*reply) + type_len);
	}
	if (sparse_len > 0 && (region->flags & RIG_REGION_AREA_FDS))
		put_sparse_mmap_fds(region, info, (void *)(caps + type_len));
	else if (sparse_len > 0)
		put_sparse_mmap(region, (void *)(caps + type_len));
}

int region_info_new(const struct rig_region *region, uint32_t index, uint32_t argsz,
		    uint32_t max_fds, bool area_fds, struct region_info *ret)
{
	bool mmap, whole;
	size_t type_len = has_type(region) ? sizeof(struct wire_cap_type) : 0;
	size_t sparse_len, needed;

	ret->n_fds = 0;
	mmap = collect_fds(region, max_fds, area_fds, ret);
	sparse_len = mmap ? areas_len(region) : 0;
	needed = sizeof(*ret->reply) + type_len + sparse_len;
	whole = argsz >= needed;

	ret->reply = calloc(1, needed);
	if (!ret->reply)
		return -ENOMEM;
	*ret->reply = (struct wire_region_info) {
		.argsz = (uint32_t)needed,
		.index = index,
		.flags = region->size ? region->flags & (RIG_REGION_READ | RIG_REGION_WRITE) : 0,
		.size = region->size,
	};
	if (mmap) {
		ret->reply->flags |= RIG_REGION_MMAP;
		ret->reply->offset = region->flags & RIG_REGION_AREA_FDS ? 0 : region->mmap_offset;
	}
	if (whole && type_len + sparse_len > 0)
		put_caps(region, ret, type_len, sparse_len);
	ret->len = whole ? needed : sizeof(*ret->reply);
	if (!mmap || !whole)
		ret->n_fds = 0;
	return 0;
}

void region_info_clear(struct region_info *info)
{
	free(info->reply);
	info->reply = NULL;
}
