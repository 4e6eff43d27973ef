/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * region_caps.c - a client's view of the reply to "VFIO_USER_DEVICE_GET_REGION_INFO"
 *
 * The chain is the server's: each "next" may point anywhere. A step is taken only to where a whole
 * header is inside the reply, and no more steps than headers fit, so that a loop ends. Numbers of
 * areas are compared with the bytes that are there before anything is allocated.
 */
#include "vfio_user/region_caps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/wire.h"

/* No page is smaller, so nothing smaller can be mapped by itself. */
#define MAPPING_UNIT 4096u

struct chain {
	const uint8_t *reply;
	size_t len;
	size_t n_fds;
	bool sparse_mmap_fds;
	uint64_t size;		       /* of the region */
	uint64_t offset;	       /* of the region in the first fd */
	struct rig_region_area *areas; /* NULL: not listed */
	size_t n_areas;
	bool many_fds; /* each area names its own; else the first is all of them's */
	bool has_type;
	uint32_t type, subtype;
	const char *why;
};

static int wrong(struct chain *chain, const char *why)
{
	chain->why = why;
	return -EPROTO;
}

/* An area must not be empty nor leave the region or what a file can have. */
static int add_area(struct chain *chain, const struct rig_region_area *area)
{
	if (area->size == 0 || !wire_range_inside(area->offset, area->size, chain->size))
		return wrong(chain, "a mappable area is empty or leaves the region");
	if (area->offset % MAPPING_UNIT != 0 || area->size % MAPPING_UNIT != 0)
		return wrong(chain, "a mappable area is not made of whole pages");
	if (!wire_range_inside(area->fd_offset, area->size, INT64_MAX))
		return wrong(chain, "a mappable area is beyond the end of any file");
	chain->areas[chain->n_areas++] = *area;
	return 0;
}

static int compare_areas(const void *a, const void *b)
{
	const struct rig_region_area *left = a, *right = b;

	return (left->offset > right->offset) - (left->offset < right->offset);
}

/* Sorted, so that each has to be compared with the one before only. */
static int check_overlap(struct chain *chain)
{
	if (chain->n_areas == 0)
		return 0;
	qsort(chain->areas, chain->n_areas, sizeof(*chain->areas), compare_areas);
	for (size_t i = 1; i < chain->n_areas; i++)
		if (chain->areas[i].offset - chain->areas[i - 1].offset < chain->areas[i - 1].size)
			return wrong(chain, "mappable areas overlap");
	return 0;
}

/* Room for the areas of a list that says it has n, each of which takes area_len bytes. */
static int begin_areas(struct chain *chain, size_t room, uint32_t n, size_t area_len)
{
	if (chain->areas)
		return wrong(chain, "mappable areas are listed twice");
	if (n > room / area_len)
		return wrong(chain, "the list of mappable areas leaves the reply");
	chain->areas = calloc(n ? n : 1, sizeof(*chain->areas));
	return chain->areas ? 0 : -ENOMEM;
}

static int parse_area(struct chain *chain, const uint8_t *bytes)
{
	struct wire_sparse_area area;

	memcpy(&area, bytes, sizeof(area));
	/* Where that is in the file: a sum beyond 64 bits is beyond the region or the file, too. */
	if (chain->offset > UINT64_MAX - area.offset)
		return wrong(chain, "a mappable area is beyond the end of any file");
	return add_area(chain, &(struct rig_region_area) {
				       .offset = area.offset,
				       .size = area.size,
				       .fd_offset = chain->offset + area.offset,
			       });
}

/* Says itself which fd it is in, and where. */
static int parse_fd_area(struct chain *chain, const uint8_t *bytes)
{
	struct wire_sparse_fd_area area;

	memcpy(&area, bytes, sizeof(area));
	if (area.fd_index >= chain->n_fds)
		return wrong(chain, "a mappable area names an fd that did not come");
	return add_area(chain, &(struct rig_region_area) {
				       .offset = area.offset,
				       .size = area.size,
				       .fd_offset = area.fd_offset,
				       .fd_index = area.fd_index,
			       });
}

/* Either kind of list: a head and areas of one length. */
static int parse_list(struct chain *chain, const uint8_t *cap, size_t room, size_t area_len,
		      int (*parse)(struct chain *chain, const uint8_t *bytes))
{
	struct wire_cap_sparse_mmap list;
	int r;

	if (room < sizeof(list))
		return wrong(chain, "a capability leaves the reply");
	memcpy(&list, cap, sizeof(list));
	r = begin_areas(chain, room - sizeof(list), list.nr_areas, area_len);
	for (uint32_t i = 0; r == 0 && i < list.nr_areas; i++)
		r = parse(chain, cap + sizeof(list) + i * area_len);
	return r < 0 ? r : check_overlap(chain);
}

static int parse_type(struct chain *chain, const uint8_t *cap, size_t room)
{
	struct wire_cap_type type;

	if (room < sizeof(type))
		return wrong(chain, "a capability leaves the reply");
	memcpy(&type, cap, sizeof(type));
	chain->has_type = true;
	chain->type = type.type;
	chain->subtype = type.subtype;
	return 0;
}

/* room: bytes from the capability's header to the end of the reply */
static int parse_cap(struct chain *chain, const struct wire_cap_header *header, const uint8_t *cap,
		     size_t room)
{
	if (header->version != 1)
		return 0;
	switch (header->id) {
	case RIG_REGION_CAP_SPARSE_MMAP:
		return parse_list(chain, cap, room, sizeof(struct wire_sparse_area), parse_area);
	case RIG_REGION_CAP_TYPE:
		return parse_type(chain, cap, room);
	case RIG_REGION_CAP_SPARSE_MMAP_FDS:
		if (!chain->sparse_mmap_fds)
			return wrong(chain, "capability 0x8001 was not agreed on");
		chain->many_fds = true;
		return parse_list(chain, cap, room, sizeof(struct wire_sparse_fd_area),
				  parse_fd_area);
	default:
		return 0;
	}
}

static int parse_chain(struct chain *chain, uint32_t offset)
{
	size_t steps = chain->len / sizeof(struct wire_cap_header);

	while (offset != 0) {
		struct wire_cap_header header;
		int r;

		if (offset < sizeof(struct wire_region_info) ||
		    !wire_range_inside(offset, sizeof(header), chain->len))
			return wrong(chain, "the capability chain leaves the reply");
		if (steps-- == 0)
			return wrong(chain, "the capability chain is a loop");
		memcpy(&header, chain->reply + offset, sizeof(header));
		r = parse_cap(chain, &header, chain->reply + offset, chain->len - offset);
		if (r < 0)
			return r;
		offset = header.next;
	}
	return 0;
}

/* Without a list all of the region may be mapped. */
static int whole_region(struct chain *chain)
{
	if (!wire_range_inside(chain->offset, chain->size, INT64_MAX))
		return wrong(chain, "the region is beyond the end of any file");
	chain->areas = calloc(1, sizeof(*chain->areas));
	if (!chain->areas)
		return -ENOMEM;
	chain->areas[0].size = chain->size;
	chain->areas[0].fd_offset = chain->offset;
	chain->n_areas = 1;
	return 0;
}

/* What may be mapped, with what: nothing of what the flags or missing fds rule out. */
static int settle_areas(struct chain *chain, uint32_t flags)
{
	if (!(flags & RIG_REGION_MMAP) || chain->size == 0)
		chain->n_fds = 0;
	if (chain->n_fds == 0)
		chain->n_areas = 0;
	else if (!chain->many_fds)
		chain->n_fds = 1;
	return chain->n_fds > 0 && !chain->areas ? whole_region(chain) : 0;
}

int region_caps_parse(const void *reply, size_t len, size_t n_fds, bool sparse_mmap_fds,
		      struct rig_region_info *ret, const char **ret_why)
{
	struct chain chain = { reply, len, n_fds, sparse_mmap_fds };
	struct wire_region_info info;
	int r = 0;

	memcpy(&info, reply, sizeof(info));
	chain.size = info.size;
	chain.offset = info.offset;
	if (info.flags & RIG_REGION_CAPS)
		r = parse_chain(&chain, info.cap_offset);
	if (r == 0)
		r = settle_areas(&chain, info.flags);
	if (r < 0) {
		free(chain.areas);
		*ret_why = chain.why;
		return r;
	}
	*ret = (struct rig_region_info) {
		.index = info.index,
		.flags = info.flags,
		.size = info.size,
		.has_type = chain.has_type,
		.type = chain.type,
		.subtype = chain.subtype,
		.n_areas = chain.n_areas,
		.areas = chain.areas,
		.n_fds = chain.n_fds,
	};
	return 0;
}

void region_caps_clear(struct rig_region_info *info)
{
	free((void *)info->areas);
	info->areas = NULL;
	info->n_areas = 0;
}
