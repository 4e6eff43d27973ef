/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_requests.c - the commands of a client: the way in, and the small ones
 *
 * What arrives here passed its rule in wire.c: fixed parts are whole, lengths agree with each
 * other, argsz has room for the fixed reply, numbers of fds are right. What is checked here is what
 * takes the device to know: indexes, ranges, permissions, the handshake.
 *
 * Many replies begin with the very bytes of the request; these are sent back from where they are.
 */
#include "vfio_user/server_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfio_user/region_info.h"

#define ARRAY_SIZE(a)	    (sizeof(a) / sizeof((a)[0]))

/* A client that does everything wrong fills no log. */
#define MAX_REFUSALS_LOGGED 20u

int server_refuse(struct rig_conn *conn, int error, const char *format, ...)
{
	char why[160];
	va_list args;

	if (conn->refusals >= MAX_REFUSALS_LOGGED)
		return error;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	server_log(conn->server, RIG_LOG_WARNING, "%s: %s (process %ld; its connection %s%s)", why,
		   strerror(-error), (long)conn->pid,
		   conn->state == CONN_CLOSING ? "ends" : "lives on",
		   ++conn->refusals == MAX_REFUSALS_LOGGED ? "; the last one that is logged" : "");
	return error;
}

void server_refused(void *opaque, const struct wire_header *header, size_t n_fds, int error)
{
	struct rig_conn *conn = opaque;

	if (conn->server)
		(void)server_refuse(conn, error, "%s (command %u) of %u bytes with %zu fds",
				    wire_command_name(header->command), header->command,
				    header->size, n_fds);
}

/* If it cannot be sent the front dies of it, which is noticed where that matters. */
int server_reply(struct rig_conn *conn, struct front_request *request, const void *payload,
		 size_t len)
{
	const struct iovec iov = { (void *)payload, len };

	front_reply_ok(conn->front, request, &iov, len > 0, NULL, 0);
	return 0;
}

/*
 * Our requests get a socket of their own, if the client can use one: its end goes into the reply.
 * Return: that, or -1. Without memory or descriptors for it there is none: it is a convenience.
 */
static int make_twin(struct rig_conn *conn)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	if (front_add_twin(conn->front, pair[0]) < 0) {
		close(pair[0]);
		close(pair[1]);
		return -1;
	}
	front_set_out_twin(conn->front);
	return pair[1];
}

static void agree(struct rig_conn *conn, bool with_twin)
{
	const struct rig_device *device = &conn->server->device;
	const struct version_caps ours = {
		.max_msg_fds = SERVER_MAX_MSG_FDS,
		.max_data_xfer_size = SERVER_MAX_DATA_XFER_SIZE,
		.max_dma_maps = device->max_dma_maps,
		.pgsizes = ~(uint64_t)(DMA_PAGE - 1),
		.twin_socket = with_twin,
		.write_multiple = device->flags & RIG_DEVICE_WRITE_MULTIPLE,
		.sparse_mmap_fds = true,
	};

	version_answer(&conn->client_caps, &ours, &conn->agreed);
}

static void send_version(struct rig_conn *conn, struct front_request *request)
{
	uint16_t minor = request->wire.version.minor;
	struct wire_version version = { VERSION_MAJOR,
					minor < VERSION_MINOR ? minor : VERSION_MINOR };
	char json[VERSION_REPLY_JSON];
	struct iovec iov[] = { { &version, sizeof(version) }, { json, 0 } };
	int twin = -1;

	if (conn->client_caps.twin_socket && conn->client_caps.max_msg_fds > 0 &&
	    !server_one_thread(conn->server))
		twin = make_twin(conn);
	agree(conn, twin >= 0);
	iov[1].iov_len = version_format(&conn->agreed, json, sizeof(json)) + 1;
	front_reply_ok(conn->front, request, iov, ARRAY_SIZE(iov), &twin, twin >= 0);
	if (twin >= 0)
		close(twin);
}

/* Before it is answered: whose turn is it, and does it speak our language? */
static int accept_version(struct rig_conn *conn, const struct wire_request *request)
{
	int r;

	conn->state = CONN_CLOSING; /* until server_claim() made it the client */
	if (request->command != WIRE_VERSION)
		return server_refuse(conn, -EINVAL, "%s before VERSION",
				     wire_command_name(request->command));
	if (request->version.major != VERSION_MAJOR)
		return server_refuse(conn, -EINVAL, "client speaks version %u.%u",
				     request->version.major, request->version.minor);
	r = version_parse(request->version.json, &conn->client_caps);
	if (r < 0)
		return server_refuse(conn, r, "capabilities of the client");
	r = server_claim(conn->server, conn);
	if (r < 0)
		return server_refuse(conn, r, "a second client");
	return 0;
}

static void serve_handshake(struct rig_conn *conn, struct front_request *request)
{
	struct rig_server *server = conn->server;
	int r = accept_version(conn, &request->wire);

	if (r < 0) {
		front_reply_error(conn->front, request, r);
		return;
	}
	send_version(conn, request);
	server_set_peer(server, conn);
	if (server->device.ops->connected)
		server->device.ops->connected(server->device.opaque);
}

static int serve_second_version(struct rig_conn *conn, struct front_request *request)
{
	return server_refuse(conn, -EINVAL, "a second VERSION");
}

static int serve_device_info(struct rig_conn *conn, struct front_request *request)
{
	const struct rig_device *device = &conn->server->device;
	const struct wire_device_info info = {
		.argsz = sizeof(info),
		.flags = device->flags & (RIG_DEVICE_RESET | RIG_DEVICE_PCI),
		.num_regions = device->n_regions,
		.num_irqs = device->n_irqs,
	};

	return server_reply(conn, request, &info, sizeof(info));
}

static int serve_region_info(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_region_info *asked = request->wire.region_info;
	const struct rig_device *device = &conn->server->device;
	struct region_info info;
	struct iovec iov;
	int r;

	if (asked->index >= device->n_regions)
		return server_refuse(conn, -EINVAL, "info of region %u", asked->index);
	r = region_info_new(&device->regions[asked->index], asked->index, asked->argsz,
			    conn->client_caps.max_msg_fds, conn->agreed.sparse_mmap_fds, &info);
	if (r < 0)
		return r;
	iov = (struct iovec) { info.reply, info.len };
	front_reply_ok(conn->front, request, &iov, 1, info.fds, info.n_fds);
	region_info_clear(&info);
	return 0;
}

static int serve_irq_info(struct rig_conn *conn, struct front_request *request)
{
	const struct rig_device *device = &conn->server->device;
	uint32_t index = request->wire.irq_info->index;
	struct wire_irq_info info = { .argsz = sizeof(info), .index = index };

	if (index >= device->n_irqs)
		return server_refuse(conn, -EINVAL, "info of irq index %u", index);
	info.flags = device->irqs[index].flags;
	info.count = device->irqs[index].count;
	return server_reply(conn, request, &info, sizeof(info));
}

/* Firing vectors changes nothing; everything else the device may want to know of. */
static bool changes_irqs(const struct wire_irq_set *set)
{
	return set->count == 0 || !(set->flags & RIG_SET_IRQS_TRIGGER) ||
	       (set->flags & RIG_SET_IRQS_DATA_EVENTFD);
}

static int irqs_told(struct rig_conn *conn, struct front_request *request, int error)
{
	const struct wire_irq_set *set = request->wire.irqs.set;

	if (error < 0)
		return server_refuse(conn, error,
				     "set irqs index %u start %u count %u flags 0x%x by the device",
				     set->index, set->start, set->count, set->flags);
	return server_reply(conn, request, NULL, 0);
}

static int serve_set_irqs(struct rig_conn *conn, struct front_request *request)
{
	static struct link_fds none;
	const struct rig_device *device = &conn->server->device;
	const struct wire_irq_set *set = request->wire.irqs.set;
	struct link_fds *fds = request->fds ? request->fds : &none;
	int r = irq_set_apply(conn->server->irqs, set, request->wire.irqs.bools, fds);

	if (r < 0)
		return server_refuse(conn, r,
				     "set irqs index %u start %u count %u flags 0x%x with %zu fds",
				     set->index, set->start, set->count, set->flags, fds->n);
	if (!device->ops->irqs_changed || !changes_irqs(set))
		return server_reply(conn, request, NULL, 0);
	server_calling(conn, request, SERVER_BLOCK_IRQS, irqs_told);
	return server_called(conn, device->ops->irqs_changed(
					   device->opaque, set->index, set->start,
					   set->count ? set->count : device->irqs[set->index].count,
					   set->flags));
}

static int reset_done(struct rig_conn *conn, struct front_request *request, int error)
{
	if (error < 0)
		return server_refuse(conn, error, "reset");
	server_features_reset(conn->server);
	return server_reply(conn, request, NULL, 0);
}

static int reset_quiet(struct rig_conn *conn, struct front_request *request, int error)
{
	const struct rig_device *device = &conn->server->device;

	if (error < 0)
		return server_refuse(conn, error, "reset: the device does not go quiet");
	server_calling(conn, request, SERVER_BLOCK_ALL, reset_done);
	return server_called(conn, device->ops->reset(device->opaque, RIG_RESET_COMMAND));
}

static int serve_reset(struct rig_conn *conn, struct front_request *request)
{
	if (!(conn->server->device.flags & RIG_DEVICE_RESET))
		return server_refuse(conn, -EINVAL, "reset");
	return server_quiesce(conn, request, reset_quiet);
}

static server_function *const serve[] = {
	[WIRE_VERSION] = serve_second_version,
	[WIRE_DMA_MAP] = server_serve_dma_map,
	[WIRE_DMA_UNMAP] = server_serve_dma_unmap,
	[WIRE_DEVICE_GET_INFO] = serve_device_info,
	[WIRE_DEVICE_GET_REGION_INFO] = serve_region_info,
	[WIRE_DEVICE_GET_REGION_IO_FDS] = server_serve_region_io_fds,
	[WIRE_DEVICE_GET_IRQ_INFO] = serve_irq_info,
	[WIRE_DEVICE_SET_IRQS] = serve_set_irqs,
	[WIRE_REGION_READ] = server_serve_region_read,
	[WIRE_REGION_WRITE] = server_serve_region_write,
	[WIRE_DMA_READ] = NULL, /* ours to send */
	[WIRE_DMA_WRITE] = NULL,
	[WIRE_DEVICE_RESET] = serve_reset,
	[WIRE_REGION_WRITE_MULTI] = server_serve_write_multi,
	[WIRE_DEVICE_FEATURE] = server_serve_feature,
	[WIRE_MIG_DATA_READ] = server_serve_mig_data_read,
	[WIRE_MIG_DATA_WRITE] = server_serve_mig_data_write,
};
static_assert(ARRAY_SIZE(serve) == WIRE_COMMANDS, "one function per command");

int server_serve(struct rig_conn *conn, struct front_request *request)
{
	/* The decoder let nothing through that a client may not send. */
	int r = serve[request->wire.command](conn, request);

	if (r < 0)
		front_reply_error(conn->front, request, r);
	return r == SERVER_WAIT ? SERVER_WAIT : 0;
}

void server_request(void *opaque, struct front_request *request)
{
	struct rig_conn *conn = opaque;

	switch (conn->state) {
	case CONN_NEW:
		serve_handshake(conn, request);
		break;
	case CONN_CLIENT:
		server_admit(conn, request);
		break;
	case CONN_CLOSING:
		server_hold(conn, request);
		break;
	case CONN_DEAD:
		front_reply_error(conn->front, request, -ENOTCONN);
		break;
	}
}
