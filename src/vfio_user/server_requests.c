/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_requests.c - the commands of a client, one small function each
 *
 * What arrives here passed its rule in wire.c: fixed parts are whole, lengths agree with each
 * other, argsz has room for the fixed reply, numbers of fds are right. What is checked here is what
 * takes the device to know: indexes, ranges, permissions, the handshake.
 *
 * A function answers and returns 0, or changes nothing and returns the errno of the reply. Many
 * replies begin with the very bytes of the request; these are sent back from where they are.
 */
#include "vfio_user/server_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/region_info.h"

#define ARRAY_SIZE(a)	    (sizeof(a) / sizeof((a)[0]))

/* Region reads up to this size are answered from the stack: registers, config space. */
#define SMALL_READ	    256u

/* A client that does everything wrong fills no log. */
#define MAX_REFUSALS_LOGGED 20u

typedef int serve_function(struct rig_conn *conn, link_token token,
			   const struct wire_request *request, struct link_fds *fds);

/* Log why, return the errno. */
__attribute__((format(printf, 3, 4))) static int refuse(struct rig_conn *conn, int error,
							const char *format, ...)
{
	char why[160];
	va_list args;

	if (conn->refusals >= MAX_REFUSALS_LOGGED)
		return error;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	server_log(conn->server, RIG_LOG_WARNING, "%s: %s%s", why, strerror(-error),
		   ++conn->refusals == MAX_REFUSALS_LOGGED ? " (the last one that is logged)" : "");
	return error;
}

/* If it cannot be sent the link dies of it, which is noticed where that matters. */
static int reply(struct rig_conn *conn, link_token token, const void *payload, size_t len)
{
	const struct iovec iov = { (void *)payload, len };

	link_reply_ok(conn->link, token, &iov, len > 0, NULL, 0);
	return 0;
}

static void send_version(struct rig_conn *conn, link_token token, uint16_t minor)
{
	const struct version_caps ours = {
		.max_msg_fds = SERVER_MAX_MSG_FDS,
		.max_data_xfer_size = SERVER_MAX_DATA_XFER_SIZE,
		.max_dma_maps = conn->server->device.max_dma_maps,
		.pgsizes = ~(uint64_t)(DMA_PAGE - 1),
	};
	struct wire_version version = { VERSION_MAJOR,
					minor < VERSION_MINOR ? minor : VERSION_MINOR };
	char json[VERSION_REPLY_JSON];
	struct iovec iov[] = { { &version, sizeof(version) }, { json, 0 } };
	struct version_caps answer;

	version_answer(&conn->client_caps, &ours, &answer);
	iov[1].iov_len = version_format(&answer, json, sizeof(json)) + 1;
	link_reply_ok(conn->link, token, iov, ARRAY_SIZE(iov), NULL, 0);
}

/* Before it is answered: whose turn is it, and does it speak our language? */
static int accept_version(struct rig_conn *conn, const struct wire_request *request)
{
	int r;

	if (request->command != WIRE_VERSION)
		return refuse(conn, -EINVAL, "%s before VERSION",
			      wire_command_name(request->command));
	if (request->version.major != VERSION_MAJOR)
		return refuse(conn, -EINVAL, "client speaks version %u.%u", request->version.major,
			      request->version.minor);
	r = version_parse(request->version.json, &conn->client_caps);
	if (r < 0)
		return refuse(conn, r, "capabilities of the client");
	r = server_claim(conn->server, conn);
	if (r < 0)
		return refuse(conn, r, "a second client");
	return 0;
}

static void serve_handshake(struct rig_conn *conn, link_token token,
			    const struct wire_request *request)
{
	struct rig_server *server = conn->server;
	int r = accept_version(conn, request);

	if (r < 0) {
		conn->state = CONN_CLOSING;
		link_reply_error(conn->link, token, r);
		return;
	}
	send_version(conn, token, request->version.minor);
	if (server->device.ops->connected)
		server->device.ops->connected(server->device.opaque);
}

static int serve_second_version(struct rig_conn *conn, link_token token,
				const struct wire_request *request, struct link_fds *fds)
{
	return refuse(conn, -EINVAL, "a second VERSION");
}

static int refuse_map(struct rig_conn *conn, const struct wire_dma_map *m, int error)
{
	const struct dma_range *other = dma_map_overlap(conn->server->dma, m->address, m->size);

	if (error == -EEXIST && other)
		return refuse(conn, error, "dma map 0x%llx+0x%llx overlaps 0x%llx+0x%llx",
			      (unsigned long long)m->address, (unsigned long long)m->size,
			      (unsigned long long)other->address, (unsigned long long)other->size);
	return refuse(conn, error, "dma map 0x%llx+0x%llx flags 0x%x",
		      (unsigned long long)m->address, (unsigned long long)m->size, m->flags);
}

static int serve_dma_map(struct rig_conn *conn, link_token token,
			 const struct wire_request *request, struct link_fds *fds)
{
	const struct wire_dma_map *m = request->dma_map;
	struct rig_server *server = conn->server;
	int r;

	/* The fd is closed by the link: the mapping holds the memory. */
	r = dma_map_add(server->dma, m->address, m->size, m->flags, m->offset,
			fds->n > 0 ? fds->fd[0] : -1);
	if (r < 0)
		return refuse_map(conn, m, r);
	if (server->device.ops->dma_mapped)
		server->device.ops->dma_mapped(server->device.opaque, m->address, m->size);
	return reply(conn, token, NULL, 0);
}

static int serve_dma_unmap(struct rig_conn *conn, link_token token,
			   const struct wire_request *request, struct link_fds *fds)
{
	const struct wire_dma_unmap *u = request->dma_unmap;
	struct rig_server *server = conn->server;
	const struct dma_range *range;

	if (u->flags == RIG_DMA_UNMAP_ALL && u->address == 0 && u->size == 0) {
		server_unmap_all(server);
		return reply(conn, token, u, sizeof(*u));
	}
	if (u->flags != 0)
		return refuse(conn, -EINVAL, "dma unmap 0x%llx+0x%llx flags 0x%x",
			      (unsigned long long)u->address, (unsigned long long)u->size,
			      u->flags);
	range = dma_map_get(server->dma, u->address, u->size);
	if (!range)
		return refuse(conn, -ENOENT, "dma unmap 0x%llx+0x%llx",
			      (unsigned long long)u->address, (unsigned long long)u->size);
	server_unmapping(server, range);
	dma_map_remove(server->dma, u->address, u->size);
	return reply(conn, token, u, sizeof(*u));
}

static int serve_device_info(struct rig_conn *conn, link_token token,
			     const struct wire_request *request, struct link_fds *fds)
{
	const struct rig_device *device = &conn->server->device;
	const struct wire_device_info info = {
		.argsz = sizeof(info),
		.flags = device->flags,
		.num_regions = device->n_regions,
		.num_irqs = device->n_irqs,
	};

	return reply(conn, token, &info, sizeof(info));
}

static int serve_region_info(struct rig_conn *conn, link_token token,
			     const struct wire_request *request, struct link_fds *fds)
{
	const struct wire_region_info *asked = request->region_info;
	const struct rig_device *device = &conn->server->device;
	struct region_info info;
	struct iovec iov;
	int r;

	if (asked->index >= device->n_regions)
		return refuse(conn, -EINVAL, "info of region %u", asked->index);
	r = region_info_new(&device->regions[asked->index], asked->index, asked->argsz,
			    conn->client_caps.max_msg_fds > 0, &info);
	if (r < 0)
		return r;
	iov = (struct iovec) { info.reply, info.len };
	link_reply_ok(conn->link, token, &iov, 1, &device->regions[asked->index].mmap_fd,
		      info.with_fd);
	region_info_clear(&info);
	return 0;
}

/* No region has ioeventfds: the list is empty. */
static int serve_region_io_fds(struct rig_conn *conn, link_token token,
			       const struct wire_request *request, struct link_fds *fds)
{
	const struct rig_device *device = &conn->server->device;
	const struct wire_region_io_fds *asked = request->region_io_fds;
	const struct wire_region_io_fds none = { .argsz = sizeof(none), .index = asked->index };

	if (asked->index >= device->n_regions || device->regions[asked->index].size == 0)
		return refuse(conn, -EINVAL, "io fds of region %u", asked->index);
	return reply(conn, token, &none, sizeof(none));
}

static int serve_irq_info(struct rig_conn *conn, link_token token,
			  const struct wire_request *request, struct link_fds *fds)
{
	const struct rig_device *device = &conn->server->device;
	uint32_t index = request->irq_info->index;
	struct wire_irq_info info = { .argsz = sizeof(info), .index = index };

	if (index >= device->n_irqs)
		return refuse(conn, -EINVAL, "info of irq index %u", index);
	info.flags = device->irqs[index].flags;
	info.count = device->irqs[index].count;
	return reply(conn, token, &info, sizeof(info));
}

static int serve_set_irqs(struct rig_conn *conn, link_token token,
			  const struct wire_request *request, struct link_fds *fds)
{
	const struct wire_irq_set *set = request->irqs.set;
	int r = irq_set_apply(conn->server->irqs, set, request->irqs.bools, fds);

	if (r < 0)
		return refuse(conn, r,
			      "set irqs index %u start %u count %u flags 0x%x with %zu fds",
			      set->index, set->start, set->count, set->flags, fds->n);
	return reply(conn, token, NULL, 0);
}

/* May the client access [offset, offset + count) of this region so? */
static int check_access(struct rig_conn *conn, uint32_t region, uint64_t offset, uint32_t count,
			uint32_t access)
{
	const struct rig_device *device = &conn->server->device;
	const char *how = access == RIG_REGION_READ ? "read" : "write";

	if (region >= device->n_regions ||
	    !wire_range_inside(offset, count, device->regions[region].size))
		return refuse(conn, -EINVAL, "%s of region %u at 0x%llx+0x%x", how, region,
			      (unsigned long long)offset, count);
	if (!(device->regions[region].flags & access) && count > 0)
		return refuse(conn, -EACCES, "%s of region %u", how, region);
	return 0;
}

/* data has room for count bytes, which are not the device's fault if it leaves some unwritten. */
static int read_and_reply(struct rig_conn *conn, link_token token, const struct wire_region_io *io,
			  uint8_t *data)
{
	const struct rig_device *device = &conn->server->device;
	const struct iovec iov[] = { { (void *)io, sizeof(*io) }, { data, io->count } };
	int r;

	if (io->count > 0) {
		memset(data, 0, io->count);
		r = device->ops->region_read(device->opaque, io->region, io->offset, data,
					     io->count);
		if (r < 0)
			return r;
	}
	link_reply_ok(conn->link, token, iov, ARRAY_SIZE(iov), NULL, 0);
	return 0;
}

static int serve_region_read(struct rig_conn *conn, link_token token,
			     const struct wire_request *request, struct link_fds *fds)
{
	const struct wire_region_io *io = request->region_io;
	uint8_t small[SMALL_READ];
	uint8_t *large;
	int r;

	r = check_access(conn, io->region, io->offset, io->count, RIG_REGION_READ);
	if (r < 0)
		return r;
	if (io->count <= sizeof(small))
		return read_and_reply(conn, token, io, small);
	large = malloc(io->count);
	if (!large)
		return -ENOMEM;
	r = read_and_reply(conn, token, io, large);
	free(large);
	return r;
}

static int write_region(struct rig_conn *conn, uint32_t region, uint64_t offset, const void *data,
			uint32_t count)
{
	const struct rig_device *device = &conn->server->device;
	int r = check_access(conn, region, offset, count, RIG_REGION_WRITE);

	if (r < 0 || count == 0)
		return r;
	return device->ops->region_write(device->opaque, region, offset, data, count);
}

static int serve_region_write(struct rig_conn *conn, link_token token,
			      const struct wire_request *request, struct link_fds *fds)
{
	const struct wire_region_io *io = request->region_io;
	int r = write_region(conn, io->region, io->offset, io->data, io->count);

	return r < 0 ? r : reply(conn, token, io, sizeof(*io));
}

/*
 * In order, up to the first that fails; the reply says how many were done. A client that wants no
 * reply cannot learn that: its writes are independent, as they are if it sends each alone.
 */
static int serve_write_multi(struct rig_conn *conn, link_token token,
			     const struct wire_request *request, struct link_fds *fds)
{
	const struct wire_write_multi *multi = request->write_multi;
	struct wire_write_multi done = { 0 };

	for (uint64_t i = 0; i < multi->wr_cnt; i++) {
		const struct wire_write_multi_entry *e = &multi->entries[i];
		int r = write_region(conn, e->region, e->offset, e->data, e->count);

		if (r < 0 && !request->no_reply) {
			if (i == 0)
				return r;
			break;
		}
		done.wr_cnt++;
	}
	return reply(conn, token, &done, sizeof(done));
}

static int serve_reset(struct rig_conn *conn, link_token token, const struct wire_request *request,
		       struct link_fds *fds)
{
	const struct rig_device *device = &conn->server->device;

	if (!(device->flags & RIG_DEVICE_RESET))
		return refuse(conn, -EINVAL, "reset");
	device->ops->reset(device->opaque);
	return reply(conn, token, NULL, 0);
}

/* No feature is there yet. Never a reason to close: newer clients probe for what there may be. */
static int serve_unsupported(struct rig_conn *conn, link_token token,
			     const struct wire_request *request, struct link_fds *fds)
{
	return -EINVAL;
}

static serve_function *const serve[] = {
	[WIRE_VERSION] = serve_second_version,
	[WIRE_DMA_MAP] = serve_dma_map,
	[WIRE_DMA_UNMAP] = serve_dma_unmap,
	[WIRE_DEVICE_GET_INFO] = serve_device_info,
	[WIRE_DEVICE_GET_REGION_INFO] = serve_region_info,
	[WIRE_DEVICE_GET_REGION_IO_FDS] = serve_region_io_fds,
	[WIRE_DEVICE_GET_IRQ_INFO] = serve_irq_info,
	[WIRE_DEVICE_SET_IRQS] = serve_set_irqs,
	[WIRE_REGION_READ] = serve_region_read,
	[WIRE_REGION_WRITE] = serve_region_write,
	[WIRE_DMA_READ] = NULL, /* ours to send */
	[WIRE_DMA_WRITE] = NULL,
	[WIRE_DEVICE_RESET] = serve_reset,
	[WIRE_REGION_WRITE_MULTI] = serve_write_multi,
	[WIRE_DEVICE_FEATURE] = serve_unsupported,
	[WIRE_MIG_DATA_READ] = serve_unsupported,
	[WIRE_MIG_DATA_WRITE] = serve_unsupported,
};
static_assert(ARRAY_SIZE(serve) == WIRE_COMMANDS, "one function per command");

void server_request(void *opaque, link_token token, const struct wire_request *request,
		    struct link_fds *fds)
{
	struct rig_conn *conn = opaque;
	int r;

	switch (conn->state) {
	case CONN_NEW:
		serve_handshake(conn, token, request);
		break;
	case CONN_CLIENT:
		/* The decoder let nothing through that a client may not send. */
		r = serve[request->command](conn, token, request, fds);
		if (r < 0)
			link_reply_error(conn->link, token, r);
		break;
	case CONN_CLOSING:
	case CONN_DEAD:
		break;
	}
}
