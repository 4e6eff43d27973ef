/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_map.c - regions mapped into this process
 *
 * The files are the server's, which may truncate them at any moment: sys/guarded_map.h. Maps belong
 * to the client, not to a connection: they stay, and what they show is the old server's memory,
 * until their owner unmaps them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sys/guarded_map.h"
#include "vfio_user/client_internal.h"
#include "vfio_user/wire.h"

struct region_map {
	struct region_map *next;
	struct guarded_map *guarded;
};

static int check_prot(const struct rig_region_info *info, int prot)
{
	if (prot == 0 || (prot & ~(PROT_READ | PROT_WRITE)))
		return -EINVAL;
	if ((prot & PROT_READ) && !(info->flags & RIG_REGION_READ))
		return -EINVAL;
	if ((prot & PROT_WRITE) && !(info->flags & RIG_REGION_WRITE))
		return -EINVAL;
	return 0;
}

static const struct rig_region_area *find_area(const struct rig_region_info *info, uint64_t offset,
					       size_t size)
{
	for (size_t i = 0; i < info->n_areas; i++) {
		const struct rig_region_area *area = &info->areas[i];

		if (offset >= area->offset &&
		    wire_range_inside(offset - area->offset, size, area->size))
			return area;
	}
	return NULL;
}

/* What the server promised was checked; whether its file keeps it shows here. */
static int map_area(struct rig_client *client, const struct rig_region_info *info,
		    const struct rig_region_area *area, uint64_t offset, size_t size, int prot,
		    struct guarded_map **ret)
{
	int r = guarded_map_new(info->fds[area->fd_index],
				area->fd_offset + (offset - area->offset), size, prot, ret);

	if (r == -EINVAL || r == -EBADF)
		return client_fail(client, RIG_LOG_WARNING, -EPROTO,
				   "region %u: its fd is no memory, or ends before the area does",
				   info->index);
	if (r < 0)
		return client_fail(client, RIG_LOG_WARNING, r,
				   "region %u: its fd cannot be mapped for that: %s", info->index,
				   strerror(-r));
	return 0;
}

static int keep_map(struct rig_client *client, struct guarded_map *guarded)
{
	struct region_map *map = malloc(sizeof(*map));

	if (!map)
		return -ENOMEM;
	map->guarded = guarded;
	pthread_mutex_lock(&client->lock);
	map->next = client->region_maps;
	client->region_maps = map;
	pthread_mutex_unlock(&client->lock);
	return 0;
}

static int map_part(struct rig_client *client, const struct rig_region_info *info, uint64_t offset,
		    size_t size, int prot, struct guarded_map **ret)
{
	const struct rig_region_area *area;
	int r = check_prot(info, prot);

	if (r < 0 || size == 0)
		return -EINVAL;
	area = find_area(info, offset, size);
	if (!area)
		return -ENXIO;
	return map_area(client, info, area, offset, size, prot, ret);
}

int rig_client_region_map(struct rig_client *client, uint32_t region, uint64_t offset, size_t size,
			  int prot, void **ret, rig_time deadline)
{
	const struct rig_region_info *info;
	struct guarded_map *guarded = NULL;
	int r = client_region_hold(client, region, &info, deadline);

	if (r < 0)
		return r;
	r = map_part(client, info, offset, size, prot, &guarded);
	client_region_release(info);
	if (r < 0)
		return r;
	r = keep_map(client, guarded);
	if (r < 0) {
		guarded_map_free(guarded);
		return r;
	}
	*ret = guarded_map_addr(guarded);
	return 0;
}

static void region_map_free(struct rig_client *client, struct region_map *map)
{
	client->memory_lost |= guarded_map_lost(map->guarded);
	guarded_map_free(map->guarded);
	free(map);
}

void rig_client_region_unmap(struct rig_client *client, void *addr)
{
	struct region_map **at, *map;

	if (client_forked(client))
		return;
	pthread_mutex_lock(&client->lock);
	at = &client->region_maps;
	while (*at && guarded_map_addr((*at)->guarded) != addr)
		at = &(*at)->next;
	map = *at;
	if (map) {
		*at = map->next;
		region_map_free(client, map);
	}
	pthread_mutex_unlock(&client->lock);
}

bool rig_client_memory_lost(struct rig_client *client)
{
	bool lost;

	if (client_forked(client))
		return false;
	pthread_mutex_lock(&client->lock);
	for (struct region_map *map = client->region_maps; map && !client->memory_lost;
	     map = map->next)
		client->memory_lost = guarded_map_lost(map->guarded);
	lost = client->memory_lost;
	pthread_mutex_unlock(&client->lock);
	return lost;
}

/* In a child of a fork the mappings are not touched: another's lock may be held there. */
void client_region_maps_free(struct rig_client *client)
{
	while (client->region_maps) {
		struct region_map *map = client->region_maps;

		client->region_maps = map->next;
		if (client_forked(client))
			free(map);
		else
			region_map_free(client, map);
	}
}
