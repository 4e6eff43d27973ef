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

#include <outrigger/vfio_user.h>

struct chain {
	const uint8_t *reply;
	size_t len;
	size_t n_fds;
	bool sparse_mmap_fds;
	struct client_region *region;
	const char *why;
};

static int wrong(struct chain *chain, const char *why)
{
	chain->why = why;
	return -EPROTO;
}

/* An area must not be empty nor leave the region, or overlap the one before it. */
static int add_area(struct chain *chain, uint64_t offset, uint64_t size)
{
	struct client_region *region = chain->region;
	const struct client_area *last =
		region->n_areas ? &region->areas[region->n_areas - 1] : NULL;

	if (size == 0 || !wire_range_inside(offset, size, region->size))
		return wrong(chain, "a mappable area is empty or leaves the region");
	if (last && offset < last->offset + last->size && last->offset < offset + size)
		return wrong(chain, "mappable areas overlap");
	region->areas[region->n_areas++] = (struct client_area) { offset, size };
	return 0;
}

/* Room for the areas of a list that says it has n, each of which takes area_len bytes. */
static int begin_areas(struct chain *chain, size_t room, uint32_t n, size_t area_len)
{
	if (chain->region->areas)
		return wrong(chain, "mappable areas are listed twice");
	if (n > room / area_len)
		return wrong(chain, "the list of mappable areas leaves the reply");
	chain->region->areas = calloc(n ? n : 1, sizeof(*chain->region->areas));
	return chain->region->areas ? 0 : -ENOMEM;
}

static int parse_sparse_mmap(struct chain *chain, const uint8_t *cap, size_t room)
{
	struct wire_cap_sparse_mmap list;
	int r;

	if (room < sizeof(list))
		return wrong(chain, "a capability leaves the reply");
	memcpy(&list, cap, sizeof(list));
	r = begin_areas(chain, room - sizeof(list), list.nr_areas, sizeof(struct wire_sparse_area));
	for (uint32_t i = 0; r == 0 && i < list.nr_areas; i++) {
		struct wire_sparse_area area;

		memcpy(&area, cap + sizeof(list) + i * sizeof(area), sizeof(area));
		r = add_area(chain, area.offset, area.size);
	}
	return r;
}

/* The same head, and an fd for each area. */
static int parse_sparse_mmap_fds(struct chain *chain, const uint8_t *cap, size_t room)
{
	struct wire_cap_sparse_mmap list;
	int r;

	if (!chain->sparse_mmap_fds)
		return wrong(chain, "capability 0x8001 was not agreed on");
	if (room < sizeof(list))
		return wrong(chain, "a capability leaves the reply");
	memcpy(&list, cap, sizeof(list));
	r = begin_areas(chain, room - sizeof(list), list.nr_areas,
			sizeof(struct wire_sparse_fd_area));
	for (uint32_t i = 0; r == 0 && i < list.nr_areas; i++) {
		struct wire_sparse_fd_area area;

		memcpy(&area, cap + sizeof(list) + i * sizeof(area), sizeof(area));
		if (area.fd_index >= chain->n_fds)
			return wrong(chain, "a mappable area names an fd that did not come");
		r = add_area(chain, area.offset, area.size);
	}
	return r;
}

static int parse_type(struct chain *chain, const uint8_t *cap, size_t room)
{
	struct wire_cap_type type;

	if (room < sizeof(type))
		return wrong(chain, "a capability leaves the reply");
	memcpy(&type, cap, sizeof(type));
	chain->region->has_type = true;
	chain->region->type = type.type;
	chain->region->subtype = type.subtype;
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
		return parse_sparse_mmap(chain, cap, room);
	case RIG_REGION_CAP_TYPE:
		return parse_type(chain, cap, room);
	case RIG_REGION_CAP_SPARSE_MMAP_FDS:
		return parse_sparse_mmap_fds(chain, cap, room);
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

int region_caps_parse(const void *reply, size_t len, size_t n_fds, bool sparse_mmap_fds,
		      struct client_region *ret, const char **ret_why)
{
	struct wire_region_info info;
	struct client_region region;
	struct chain chain = { reply, len, n_fds, sparse_mmap_fds, &region, "" };
	int r = 0;

	memcpy(&info, reply, sizeof(info));
	region = (struct client_region) {
		.size = info.size,
		.offset = info.offset,
		.flags = info.flags,
		.has_fd = n_fds > 0,
	};
	if (info.flags & RIG_REGION_CAPS)
		r = parse_chain(&chain, info.cap_offset);
	if (r < 0) {
		client_region_clear(&region);
		*ret_why = chain.why;
		return r;
	}
	*ret = region;
	return 0;
}

void client_region_clear(struct client_region *region)
{
	free(region->areas);
	region->areas = NULL;
	region->n_areas = 0;
}
