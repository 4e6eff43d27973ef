/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_dma.c - guest memory comes and goes
 *
 * A device that has a quiesce callback is quiet whenever that happens. What would be refused anyway
 * is refused before: once a device is quiet, a callback must follow that lets it go on.
 *
 * An unmap whose memory somebody uses is answered when the last of them let go
 * (server_dma_released(), from whichever thread, wakes ours), and holds up nothing but what would
 * map those addresses again.
 */
#include "vfio_user/server_internal.h"

#include <errno.h>

#include "vfio_user/server_inbox.h"

static bool unmaps_all(const struct wire_dma_unmap *u)
{
	return u->flags == RIG_DMA_UNMAP_ALL;
}

/* What was mapped may end at 2^64. What is to be mapped was not looked at yet. */
static bool overlaps(const struct wire_dma_unmap *u, const struct wire_dma_map *m)
{
	return m->address - u->address < u->size || u->address - m->address < m->size;
}

/* Must this wait for an unmap that is not over? m is NULL for an unmap. */
static bool must_wait(const struct rig_conn *conn, const struct wire_dma_map *m)
{
	for (const struct front_request *r = conn->removals; r; r = r->user) {
		if (unmaps_all(r->wire.dma_unmap) || (m && overlaps(r->wire.dma_unmap, m)))
			return true;
	}
	return false;
}

static int refuse_map(struct rig_conn *conn, const struct wire_dma_map *m, int error)
{
	const struct dma_range *other = dma_map_overlap(conn->server->dma, m->address, m->size);

	if (error == -EEXIST && other)
		return server_refuse(conn, error, "dma map 0x%llx+0x%llx overlaps 0x%llx+0x%llx",
				     (unsigned long long)m->address, (unsigned long long)m->size,
				     (unsigned long long)other->address,
				     (unsigned long long)other->size);
	return server_refuse(conn, error, "dma map 0x%llx+0x%llx flags 0x%x",
			     (unsigned long long)m->address, (unsigned long long)m->size, m->flags);
}

void server_forget_untold(struct rig_conn *conn)
{
	if (conn->untold.size > 0)
		(void)dma_map_remove_begin(conn->server->dma, conn->untold.address,
					   conn->untold.size);
	conn->untold.size = 0;
}

/* It is there already, though neither device nor guest know: so this cannot fail. */
static int map_quiet(struct rig_conn *conn, struct front_request *request, int error)
{
	const struct wire_dma_map *m = request->wire.dma_map;
	const struct rig_device *device = &conn->server->device;

	if (error < 0) {
		server_forget_untold(conn);
		return refuse_map(conn, m, error);
	}
	conn->untold.size = 0;
	if (device->ops->dma_mapped)
		device->ops->dma_mapped(device->opaque, m->address, m->size);
	return server_reply(conn, request, NULL, 0);
}

int server_serve_dma_map(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_dma_map *m = request->wire.dma_map;
	int fd = request->fds && request->fds->n > 0 ? request->fds->fd[0] : -1;
	int r;

	if (must_wait(conn, m))
		return SERVER_WAIT;
	/* The fd is closed with the request: the mapping holds the memory. */
	r = dma_map_add(conn->server->dma, m->address, m->size, m->flags, m->offset, fd);
	if (r < 0)
		return refuse_map(conn, m, r);
	/* One at a time: everything waits until the device is quiet. */
	conn->untold.address = m->address;
	conn->untold.size = m->size;
	return server_quiesce(conn, request, map_quiet);
}

static int reply_unmap(struct rig_conn *conn, struct front_request *request)
{
	return server_reply(conn, request, request->wire.dma_unmap,
			    sizeof(*request->wire.dma_unmap));
}

static int refuse_unmap(struct rig_conn *conn, const struct wire_dma_unmap *u, int error)
{
	return server_refuse(conn, error, "dma unmap 0x%llx+0x%llx flags 0x%x",
			     (unsigned long long)u->address, (unsigned long long)u->size, u->flags);
}

static void wait_for_release(struct rig_conn *conn, struct front_request *request)
{
	request->user = conn->removals;
	conn->removals = request;
}

void server_tell_unmapping(struct rig_server *server)
{
	const struct rig_device *device = &server->device;

	if (!device->ops->dma_unmapping)
		return;
	for (const struct dma_range *range = dma_map_first(server->dma); range;
	     range = dma_map_next(server->dma, range))
		device->ops->dma_unmapping(device->opaque, range->address, range->size);
}

static int unmap_quiet(struct rig_conn *conn, struct front_request *request, int error)
{
	const struct wire_dma_unmap *u = request->wire.dma_unmap;
	struct rig_server *server = conn->server;
	const struct rig_device *device = &server->device;
	int r;

	if (error < 0)
		return refuse_unmap(conn, u, error);
	if (unmaps_all(u)) {
		server_tell_unmapping(server);
		r = dma_map_remove_all(server->dma);
	} else {
		if (device->ops->dma_unmapping)
			device->ops->dma_unmapping(device->opaque, u->address, u->size);
		r = dma_map_remove_begin(server->dma, u->address, u->size);
	}
	if (r != -EINPROGRESS)
		return r < 0 ? r : reply_unmap(conn, request);
	wait_for_release(conn, request);
	return 0;
}

int server_serve_dma_unmap(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_dma_unmap *u = request->wire.dma_unmap;

	if (must_wait(conn, NULL))
		return SERVER_WAIT;
	if (unmaps_all(u) && u->address == 0 && u->size == 0) {
		if (!dma_map_first(conn->server->dma) && !conn->removals)
			return reply_unmap(conn, request);
		return server_quiesce(conn, request, unmap_quiet);
	}
	if (u->flags != 0)
		return refuse_unmap(conn, u, -EINVAL);
	if (!dma_map_get(conn->server->dma, u->address, u->size))
		return refuse_unmap(conn, u, -ENOENT);
	return server_quiesce(conn, request, unmap_quiet);
}

/* Answer the unmap of exactly this range. */
static void range_gone(void *opaque, uint64_t address, uint64_t size)
{
	struct rig_conn *conn = opaque;
	void **at = &conn->removals;

	while (*at) {
		struct front_request *request = *at;
		const struct wire_dma_unmap *u = request->wire.dma_unmap;

		if (!unmaps_all(u) && u->address == address && u->size == size) {
			*at = request->user;
			request->user = NULL;
			reply_unmap(conn, request);
			return;
		}
		at = &request->user;
	}
}

void server_reap(struct rig_server *server)
{
	struct rig_conn *conn = server->client;

	if (!conn)
		return;
	/* With nothing left, an unmap of everything is over too. */
	if (dma_map_reap(server->dma, range_gone, conn) == 0) {
		while (conn->removals) {
			struct front_request *request = conn->removals;

			conn->removals = request->user;
			request->user = NULL;
			reply_unmap(conn, request);
		}
	}
	server_go_on(conn);
}

void server_dma_released(void *opaque)
{
	struct rig_server *server = opaque;

	server_inbox_wake(server->inbox);
}
