/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_features.c - "VFIO_USER_DEVICE_FEATURE", migration, the log of dirty pages
 *
 * features[] has a row for each feature: what may be done with it and how much data that takes. A
 * feature or a use of one that is not there is -EINVAL, never the end of the connection: newer
 * clients probe for what there may be. The log is there for every device, migration for those that
 * said how.
 *
 * Migration. A SET asks the device for one arc after the other (migration.h) and is answered at the
 * end of the path. What concerns migration waits meanwhile (server_order.c), all else is served; so
 * it does behind data of the state that the device has not read or written yet. If the client goes, the path ends with the arc that is being done; the state stays, for the next
 * client to ask.
 *
 * The log. Everything that is mapped is logged, also what is mapped later: the ranges of a START are
 * checked, and then widened to all there is, as the kernel's VFIO permits. Pages of DMA_PAGE are
 * logged, which is what START replies, and reported in any size that is asked for. One message
 * carries no larger bitmap than the client says that it accepts in a message, so a client asks in
 * parts for what takes more (at 1 MiB and 4 KiB pages: 32 GiB).
 */
#include "vfio_user/server_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/migration.h"
#include "vfio_user/wire_feature.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/** struct server_features - what a server remembers of them */
struct server_features {
	const struct rig_migration_ops *ops; /* NULL: cannot be migrated */
	void *opaque;
	struct migration migration; /* without ops: RUNNING for good */
};

/* --- life --- */

static bool migration_is_whole(const struct rig_migration_ops *ops)
{
	const uint64_t known = RIG_MIGRATION_STOP_COPY | RIG_MIGRATION_PRE_COPY;

	return ops->transition && ops->read_data && ops->write_data &&
	       (ops->flags & RIG_MIGRATION_STOP_COPY) && (ops->flags & ~known) == 0;
}

int server_features_new(const struct rig_device *device, struct server_features **ret)
{
	struct server_features *features;

	if (device->migration && !migration_is_whole(device->migration))
		return -EINVAL;
	features = calloc(1, sizeof(*features));
	if (!features)
		return -ENOMEM;
	features->ops = device->migration;
	features->opaque = device->opaque;
	migration_init(&features->migration, features->ops ? features->ops->flags : 0);
	*ret = features;
	return 0;
}

void server_features_free(struct server_features *features)
{
	free(features);
}

void server_features_reset(struct rig_server *server)
{
	migration_reset(&server->features->migration);
}

void server_features_client_gone(struct rig_server *server)
{
	/* An error says that there was none. */
	(void)dma_dirty_stop(server->dma);
}

/* --- migration: its state --- */

static int get_migration(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_feature *asked = request->wire.feature.feature;
	const struct {
		struct wire_feature_head head;
		struct wire_migration migration;
	} WIRE_PACKED reply = {
		{ sizeof(reply), asked->flags },
		{ conn->server->features->ops->flags },
	};

	return server_reply(conn, request, &reply, sizeof(reply));
}

static int get_state(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_feature *asked = request->wire.feature.feature;
	const struct migration *migration = &conn->server->features->migration;
	const struct {
		struct wire_feature_head head;
		struct wire_device_state state;
	} WIRE_PACKED reply = {
		{ sizeof(reply), asked->flags },
		{ migration->state, -1 },
	};

	return server_reply(conn, request, &reply, sizeof(reply));
}

/* SET and PROBE are answered with what was asked. */
static int reply_as_asked(struct rig_conn *conn, struct front_request *request)
{
	return server_reply(conn, request, request->wire.feature.feature,
			    sizeof(struct wire_feature) + request->wire.feature.data_len);
}

static int refuse_arc(struct rig_conn *conn, enum rig_migration_state from,
		      enum rig_migration_state to, int error)
{
	return server_refuse(conn, error, "migration from %s to %s, now %s",
			     migration_state_name(from), migration_state_name(to),
			     migration_state_name(conn->server->features->migration.state));
}

static server_step arc_done;

static int walk(struct rig_conn *conn, struct front_request *request)
{
	const struct server_features *features = conn->server->features;
	const struct migration *migration = &features->migration;

	if (!migration_moving(migration))
		return reply_as_asked(conn, request);
	server_calling(conn, request, SERVER_BLOCK_MIGRATION, arc_done);
	return server_called(conn, features->ops->transition(features->opaque, migration->state,
							     migration_next(migration)));
}

static int arc_done(struct rig_conn *conn, struct front_request *request, int error)
{
	struct migration *migration = &conn->server->features->migration;
	enum rig_migration_state from = migration->state, to = migration_next(migration);

	migration_arrived(migration, error);
	if (error < 0)
		return refuse_arc(conn, from, to, error);
	/* Nobody waits for the rest of the path. */
	if (conn->state != CONN_CLIENT)
		migration_stay(migration);
	return walk(conn, request);
}

static int set_out(struct rig_conn *conn, struct front_request *request, int error)
{
	struct migration *migration = &conn->server->features->migration;

	if (error < 0 || conn->state != CONN_CLIENT)
		migration_stay(migration);
	if (error < 0)
		return server_refuse(conn, error, "migration: the device does not become quiet");
	return walk(conn, request);
}

static int set_state(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_device_state *wanted = (const void *)request->wire.feature.feature->data;
	struct migration *migration = &conn->server->features->migration;
	int r;

	r = migration_go(migration, wanted->state);
	if (r < 0)
		return server_refuse(conn, r, "migration from %s to state %u",
				     migration_state_name(migration->state), wanted->state);
	if (!migration_moving(migration))
		return reply_as_asked(conn, request);
	return server_quiesce(conn, request, set_out);
}

/* --- migration: its data --- */

static int refuse_data(struct rig_conn *conn, const char *what, uint32_t size, int error)
{
	return server_refuse(conn, error, "%s of %u bytes in %s", what, size,
			     migration_state_name(conn->server->features->migration.state));
}

/* What was read is in the callback. */
static int data_was_read(struct rig_conn *conn, struct front_request *request, int error)
{
	const struct server_callback *callback = &conn->server->callback;
	struct wire_mig_data head = {
		.argsz = (uint32_t)(sizeof(head) + callback->len),
		.size = (uint32_t)callback->len,
	};
	const struct iovec reply[] = { { &head, sizeof(head) }, { callback->data, callback->len } };

	if (error < 0)
		return refuse_data(conn, "MIG_DATA_READ", request->wire.mig_data->size, error);
	front_reply_ok(conn->front, request, reply, ARRAY_SIZE(reply), NULL, 0);
	return 0;
}

/* The device fills buf, and says how much; that it says more than there is, is its bug. */
static int read_data(struct rig_conn *conn, struct front_request *request, void *buf, size_t size)
{
	const struct server_features *features = conn->server->features;
	struct server_callback *callback = &conn->server->callback;
	ssize_t n = 0;

	server_calling_data(conn, request, NULL, size, data_was_read);
	if (size > 0)
		n = features->ops->read_data(features->opaque, buf, size);
	if (n < 0 || n == RIG_DEFERRED)
		return server_called(conn, (int)n);
	callback->data = buf;
	callback->len = (size_t)n;
	return server_called(conn, (size_t)n > size ? -EIO : 0);
}

int server_serve_mig_data_read(struct rig_conn *conn, struct front_request *request)
{
	const struct server_features *features = conn->server->features;
	uint32_t size = request->wire.mig_data->size;
	void *buf;
	int r;

	if (!migration_readable(&features->migration))
		return refuse_data(conn, "MIG_DATA_READ", size, -EINVAL);
	if (size > conn->client_caps.max_data_xfer_size)
		return refuse_data(conn, "MIG_DATA_READ", size, -E2BIG);
	/* Zeroed: what a device says that it filled, and did not, must not be our memory. */
	buf = calloc(1, size ? size : 1);
	if (!buf)
		return -ENOMEM;
	r = read_data(conn, request, buf, size);
	free(buf);
	return r;
}

static int data_was_written(struct rig_conn *conn, struct front_request *request, int error)
{
	if (error < 0)
		return refuse_data(conn, "MIG_DATA_WRITE", request->wire.mig_data->size, error);
	return server_reply(conn, request, NULL, 0);
}

int server_serve_mig_data_write(struct rig_conn *conn, struct front_request *request)
{
	const struct server_features *features = conn->server->features;
	const struct wire_mig_data *data = request->wire.mig_data;

	if (!migration_writable(&features->migration))
		return refuse_data(conn, "MIG_DATA_WRITE", data->size, -EINVAL);
	if (data->size == 0)
		return server_reply(conn, request, NULL, 0);
	server_calling_data(conn, request, (void *)data->data, data->size, data_was_written);
	return server_called(conn,
			     features->ops->write_data(features->opaque, data->data, data->size));
}

/* --- the log of dirty pages --- */

/* Exactly the ranges that it counts, each a range. */
static bool ranges_are_right(const struct wire_logging_start *start, size_t len)
{
	const struct wire_dma_range *ranges = (const void *)(start + 1);
	size_t n = (len - sizeof(*start)) / sizeof(*ranges);

	if (start->num_ranges != n || len != sizeof(*start) + n * sizeof(*ranges))
		return false;
	for (size_t i = 0; i < n; i++)
		if (ranges[i].length == 0 || ranges[i].iova > UINT64_MAX - (ranges[i].length - 1))
			return false;
	return true;
}

static int set_logging_start(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_feature *asked = request->wire.feature.feature;
	const struct wire_logging_start *start = (const void *)asked->data;
	uint64_t chosen = DMA_PAGE;
	const struct iovec reply[] = {
		{ (void *)asked, sizeof(*asked) },
		{ &chosen, sizeof(chosen) },
		{ (char *)start + sizeof(chosen), request->wire.feature.data_len - sizeof(chosen) },
	};
	int r = -EINVAL;

	static_assert(offsetof(struct wire_logging_start, page_size) == 0 &&
			      sizeof(start->page_size) == sizeof(chosen),
		      "the reply has another page size in front");
	if (ranges_are_right(start, request->wire.feature.data_len))
		r = dma_dirty_start(conn->server->dma, start->page_size);
	if (r < 0)
		return server_refuse(conn, r, "logging pages of 0x%llx in %u ranges",
				     (unsigned long long)start->page_size, start->num_ranges);
	front_reply_ok(conn->front, request, reply, ARRAY_SIZE(reply), NULL, 0);
	return 0;
}

static int set_logging_stop(struct rig_conn *conn, struct front_request *request)
{
	int r = dma_dirty_stop(conn->server->dma);

	if (r < 0)
		return server_refuse(conn, r, "stopping a log that was not started");
	return reply_as_asked(conn, request);
}

/* Bytes of a bitmap that a message to this client may carry. */
static uint64_t bitmap_max(const struct rig_conn *conn)
{
	uint32_t max = conn->client_caps.max_data_xfer_size;

	if (max > SERVER_MAX_DATA_XFER_SIZE)
		max = SERVER_MAX_DATA_XFER_SIZE;
	return max < WIRE_VARIABLE_MIN ? WIRE_VARIABLE_MIN : max;
}

/* The bitmap is not larger than bitmap_max(). */
static int report(struct rig_conn *conn, struct front_request *request,
		  const struct wire_logging_report *asked, size_t bitmap_len)
{
	struct wire_feature_head head = {
		(uint32_t)(sizeof(head) + sizeof(*asked) + bitmap_len),
		request->wire.feature.feature->flags,
	};
	void *bitmap = malloc(bitmap_len);
	const struct iovec reply[] = {
		{ &head, sizeof(head) },
		{ (void *)asked, sizeof(*asked) },
		{ bitmap, bitmap_len },
	};
	int r = -ENOMEM;

	if (bitmap)
		r = dma_dirty_report(conn->server->dma, asked->iova, asked->length,
				     asked->page_size, bitmap, bitmap_len);
	if (r == 0)
		front_reply_ok(conn->front, request, reply, ARRAY_SIZE(reply), NULL, 0);
	free(bitmap);
	return r;
}

static int get_logging_report(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_feature *feature = request->wire.feature.feature;
	const struct wire_logging_report *asked = (const void *)feature->data;
	uint64_t bitmap_len = dma_dirty_bitmap_len(asked->length, asked->page_size);
	int r;

	if (bitmap_len > bitmap_max(conn))
		r = -E2BIG;
	else if (bitmap_len == 0 || feature->argsz - sizeof(*feature) - sizeof(*asked) < bitmap_len)
		r = -EINVAL;
	else
		r = report(conn, request, asked, (size_t)bitmap_len);
	if (r < 0)
		return server_refuse(conn, r, "dirty pages of 0x%llx+0x%llx by 0x%llx, argsz %u",
				     (unsigned long long)asked->iova,
				     (unsigned long long)asked->length,
				     (unsigned long long)asked->page_size, feature->argsz);
	return 0;
}

/* --- the features --- */

/**
 * struct feature - one of them
 * @migration: only devices that can be migrated have it
 * @get, @set: NULL: not possible
 * @get_in, @get_out, @set_in: data that GET takes and (at least) gives, that SET takes
 */
struct feature {
	bool migration;
	server_function *get;
	size_t get_in, get_out;
	server_function *set;
	size_t set_in;
};

static const struct feature features[] = {
	[RIG_FEATURE_MIGRATION] = {
		.migration = true,
		.get = get_migration,
		.get_out = sizeof(struct wire_migration),
	},
	[RIG_FEATURE_MIG_DEVICE_STATE] = {
		.migration = true,
		.get = get_state,
		.get_out = sizeof(struct wire_device_state),
		.set = set_state,
		.set_in = sizeof(struct wire_device_state),
	},
	[RIG_FEATURE_DMA_LOGGING_START] = {
		.set = set_logging_start,
		.set_in = sizeof(struct wire_logging_start),
	},
	[RIG_FEATURE_DMA_LOGGING_STOP] = {
		.set = set_logging_stop,
	},
	[RIG_FEATURE_DMA_LOGGING_REPORT] = {
		.get = get_logging_report,
		.get_in = sizeof(struct wire_logging_report),
		.get_out = sizeof(struct wire_logging_report),
	},
};

/* NULL: there is no such feature. */
static const struct feature *feature_of(const struct front_request *request)
{
	uint32_t index = request->wire.feature.feature->flags & WIRE_FEATURE_INDEX_MASK;
	const struct feature *feature = index < ARRAY_SIZE(features) ? &features[index] : NULL;

	return feature && (feature->get || feature->set) ? feature : NULL;
}

bool server_feature_moves(const struct front_request *request)
{
	const struct feature *feature = feature_of(request);

	return feature && feature->migration;
}

/* May this device's feature be used so? */
static bool feature_has(const struct rig_server *server, const struct feature *feature,
			uint32_t flags)
{
	if (feature->migration && !server->features->ops)
		return false;
	return (!(flags & WIRE_FEATURE_GET) || feature->get) &&
	       (!(flags & WIRE_FEATURE_SET) || feature->set);
}

/* Is there room for the data that must come, and for that which is to go back? */
static bool sizes_suffice(const struct feature *feature, const struct wire_feature *asked,
			  size_t data_len)
{
	size_t room = asked->argsz - sizeof(*asked);

	if (asked->flags & WIRE_FEATURE_PROBE)
		return room >= data_len;
	if (asked->flags & WIRE_FEATURE_GET)
		return data_len >= feature->get_in && room >= feature->get_out;
	return data_len >= feature->set_in && room >= data_len;
}

int server_serve_feature(struct rig_conn *conn, struct front_request *request)
{
	const struct wire_feature *asked = request->wire.feature.feature;
	const struct feature *feature = feature_of(request);

	/* Not logged: probing for what there may be is no mistake. */
	if (!feature || !feature_has(conn->server, feature, asked->flags))
		return -EINVAL;
	if (!sizes_suffice(feature, asked, request->wire.feature.data_len))
		return server_refuse(conn, -EINVAL, "feature 0x%x: argsz %u and %zu bytes of data",
				     asked->flags, asked->argsz, request->wire.feature.data_len);
	if (asked->flags & WIRE_FEATURE_PROBE)
		return reply_as_asked(conn, request);
	return asked->flags & WIRE_FEATURE_GET ? feature->get(conn, request)
					       : feature->set(conn, request);
}
