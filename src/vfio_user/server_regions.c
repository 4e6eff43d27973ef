/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_regions.c - region accesses
 *
 * Checked here is what takes the device to know: ranges and permissions. Replies begin with the
 * very bytes of the request; these are sent back from where they are.
 */
#include "vfio_user/server_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Region reads up to this size are answered from the stack: registers, config space. */
#define SMALL_READ 256u

/* May the client access [offset, offset + count) of this region so? */
static int check_access(struct rig_conn *conn, uint32_t region, uint64_t offset, uint32_t count,
			uint32_t access)
{
	const struct rig_device *device = &conn->server->device;
	const char *how = access == RIG_REGION_READ ? "read" : "write";

	if (region >= device->n_regions ||
	    !wire_range_inside(offset, count, device->regions[region].size))
		return server_refuse(conn, -EINVAL, "%s of region %u at 0x%llx+0x%x", how, region,
				     (unsigned long long)offset, count);
	if (!(device->regions[region].flags & access) && count > 0)
		return server_refuse(conn, -EACCES, "%s of region %u", how, region);
	return 0;
}

/* data has room for count bytes, which are not the device's fault if it leaves some unwritten. */
static int read_and_reply(struct rig_conn *conn, struct front_request *request, uint8_t *data)
{
	const struct wire_region_io *io = request->wire.region_io;
	const struct rig_device *device = &conn->server->device;
	const struct iovec iov[] = { { (void *)io, sizeof(*io) }, { data, io->count } };
	int r;

	if (io->count > 0) {
		memset(data, 0, io->count);
		server_calling_access(conn, request, NULL, io->count, NULL);
		r = device->ops->region_read(device->opaque, io->region, io->offset, data,
					     io->count);
		r = server_called_access(conn->server, r);
		if (r == RIG_DEFERRED)
			return 0;
		if (r < 0)
			return r;
	}
	front_reply_ok(conn->front, request, iov, 2, NULL, 0);
	return 0;
}

int server_serve_region_read(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_region_io *io = request->wire.region_io;
	uint8_t small[SMALL_READ];
	uint8_t *large;
	int r;

	r = check_access(conn, io->region, io->offset, io->count, RIG_REGION_READ);
	if (r < 0)
		return r;
	if (io->count <= sizeof(small))
		return read_and_reply(conn, request, small);
	large = malloc(io->count);
	if (!large)
		return -ENOMEM;
	r = read_and_reply(conn, request, large);
	free(large);
	return r;
}

/* Return: as server_called_access() */
static int write_region(struct rig_conn *conn, struct front_request *request, uint32_t region,
			uint64_t offset, const void *data, uint32_t count, server_step *then)
{
	const struct rig_device *device = &conn->server->device;
	int r = check_access(conn, region, offset, count, RIG_REGION_WRITE);

	if (r < 0 || count == 0)
		return r;
	server_calling_access(conn, request, (void *)data, count, then);
	r = device->ops->region_write(device->opaque, region, offset, data, count);
	return server_called_access(conn->server, r);
}

int server_serve_region_write(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_region_io *io = request->wire.region_io;
	int r = write_region(conn, request, io->region, io->offset, io->data, io->count, NULL);

	if (r == RIG_DEFERRED)
		return 0;
	return r < 0 ? r : server_reply(conn, request, io, sizeof(*io));
}

/*
 * Many writes in one: in order, up to the first that fails; the reply says how many were done. A
 * client that wants no reply cannot learn that: its writes are independent, as they are if it
 * sends each alone. What the device defers, the writes behind it wait for.
 */
static int multi_go_on(struct rig_conn *conn, struct front_request *request, uint64_t i);

static int multi_stop(struct rig_conn *conn, struct front_request *request, uint64_t done,
		      int error)
{
	const struct wire_write_multi reply = { done };

	return done == 0 ? error : server_reply(conn, request, &reply, sizeof(reply));
}

/* Which of them was deferred is told by where its bytes are. */
static int multi_written(struct rig_conn *conn, struct front_request *request, int error)
{
	const struct wire_write_multi *multi = request->wire.write_multi;
	const uint8_t *data = conn->server->callback.data;
	uint64_t i = (uint64_t)(data - multi->entries[0].data) / sizeof(multi->entries[0]);

	if (conn->state != CONN_CLIENT)
		return -ENOTCONN;
	if (error < 0 && !request->wire.no_reply)
		return multi_stop(conn, request, i, error);
	return multi_go_on(conn, request, i + 1);
}

static int multi_go_on(struct rig_conn *conn, struct front_request *request, uint64_t i)
{
	const struct wire_write_multi *multi = request->wire.write_multi;

	for (; i < multi->wr_cnt; i++) {
		const struct wire_write_multi_entry *e = &multi->entries[i];
		int r = write_region(conn, request, e->region, e->offset, e->data, e->count,
				     multi_written);

		if (r == RIG_DEFERRED)
			return 0;
		if (r < 0 && !request->wire.no_reply)
			return multi_stop(conn, request, i, r);
	}
	return server_reply(conn, request, multi, sizeof(*multi));
}

int server_serve_write_multi(struct rig_conn *conn, struct front_request *request)
{
	return multi_go_on(conn, request, 0);
}
