/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_dma.c - which guest memory the device may use
 *
 * A record for each map, in a balanced tree by address (a guest behind a virtual IOMMU has a million),
 * made before the server is asked and gone when it cannot use the memory any more; its states are in
 * client_dma.h.
 *
 * unmap_all changes every record at once: meanwhile, and during a reconnect, nothing else may change
 * (-EBUSY). A record whose host memory is being copied from or to is freed behind that.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/client_dma.h"

#define MAP_FLAGS (RIG_DMA_READ | RIG_DMA_WRITE | RIG_DMA_ACCESS_MMAP | RIG_DMA_ACCESS_FILE)

/* Records never overlap, so "overlaps" can stand for "equal". */
static int compare_ranges(const void *a, const void *b)
{
	const struct dma_record *left = a, *right = b;

	if (left->last < right->region.address)
		return -1;
	return left->region.address > right->last;
}

struct dma_record *dma_find(struct client_dma *dma, uint64_t first, uint64_t last)
{
	const struct dma_record key = { .region.address = first, .last = last };
	struct dma_record **node = tfind(&key, &dma->maps, compare_ranges);

	return node ? *node : NULL;
}

static void wait_unused(struct client_dma *dma, const size_t *users)
{
	while (*users > 0)
		pthread_cond_wait(&dma->unused, &dma->lock);
}

void dma_remove(struct client_dma *dma, struct dma_record *record)
{
	tdelete(record, &dma->maps, compare_ranges);
	dma->n--;
	wait_unused(dma, &record->users);
	free(record);
}

void client_dma_init(struct rig_client *client)
{
	pthread_mutex_init(&client->dma.lock, NULL);
	pthread_cond_init(&client->dma.unused, NULL);
}

void client_dma_free(struct rig_client *client)
{
	tdestroy(client->dma.maps, free);
}

/* Map */

struct map_op {
	struct op op;
	struct wire_dma_map wire;
	struct dma_record *record;
	bool asked;
};

struct wire_dma_map dma_message(const struct rig_dma_region *region)
{
	return (struct wire_dma_map) {
		.argsz = sizeof(struct wire_dma_map),
		.flags = region->flags,
		.offset = region->offset,
		.address = region->address,
		.size = region->size,
	};
}

static int map_next(struct op *op, struct op_message *ret)
{
	struct map_op *self = (struct map_op *)op;
	const struct rig_dma_region *region = &self->record->region;

	if (self->asked)
		return 0;
	self->asked = true;
	self->wire = dma_message(region);
	ret->iov[0] = (struct iovec) { &self->wire, sizeof(self->wire) };
	ret->n_iov = 1;
	ret->fds = &region->fd;
	ret->n_fds = region->fd >= 0 ? 1 : 0;
	return 1;
}

/* Did a message go out of which it is not known what it did? */
static bool in_doubt(const struct op *op, int result)
{
	return op->sent && (result == -ETIMEDOUT || result == -ECANCELED || result == -EPROTO);
}

static int map_over(struct op *op, int result)
{
	struct map_op *self = (struct map_op *)op;
	struct client_dma *dma = &op->client->dma;

	pthread_mutex_lock(&dma->lock);
	dma->calls--;
	if (result == 0)
		self->record->state = DMA_MAPPED;
	else if (in_doubt(op, result))
		self->record->state = DMA_DOUBT;
	else
		dma_remove(dma, self->record);
	pthread_mutex_unlock(&dma->lock);
	/* Servers do not agree on how to say it. */
	return op->sent && result == -EINVAL ? -EEXIST : result;
}

static const struct op_kind map_kind = {
	.command = WIRE_DMA_MAP,
	.next = map_next,
	.over = map_over,
};

int dma_check(const struct rig_dma_region *region, const struct version_caps *caps)
{
	const uint64_t page = caps->pgsizes & -caps->pgsizes;
	const uint32_t access = region->flags & (RIG_DMA_ACCESS_MMAP | RIG_DMA_ACCESS_FILE);

	if (region->size == 0 || region->address > UINT64_MAX - (region->size - 1))
		return -EINVAL;
	if ((region->address | region->size) % page != 0)
		return -EINVAL;
	if ((region->flags & ~MAP_FLAGS) || !(region->flags & (RIG_DMA_READ | RIG_DMA_WRITE)))
		return -EINVAL;
	if (access == (RIG_DMA_ACCESS_MMAP | RIG_DMA_ACCESS_FILE))
		return -EINVAL;
	if (region->fd < 0 && (access != 0 || region->offset != 0))
		return -EINVAL;
	return region->fd >= 0 && caps->max_msg_fds == 0 ? -EOPNOTSUPP : 0;
}

static int insert_locked(struct client_dma *dma, struct dma_record *record, uint32_t max_maps)
{
	if (dma->all)
		return -EBUSY;
	if (dma_find(dma, record->region.address, record->last))
		return -EEXIST;
	if (dma->n >= max_maps)
		return -ENOSPC;
	if (!tsearch(record, &dma->maps, compare_ranges))
		return -ENOMEM;
	dma->n++;
	dma->calls++;
	return 0;
}

static int record_new(struct rig_client *client, const struct rig_dma_region *region,
		      struct dma_record **ret)
{
	struct version_caps caps;
	struct dma_record *record;
	int r;

	if (client_forked(client))
		return -ENOTCONN;
	caps = client_caps(client);
	r = dma_check(region, &caps);
	if (r < 0)
		return r;
	record = malloc(sizeof(*record));
	if (!record)
		return -ENOMEM;
	*record = (struct dma_record) { .region = *region,
					.last = region->address + (region->size - 1),
					.state = DMA_MAPPING };
	pthread_mutex_lock(&client->dma.lock);
	r = insert_locked(&client->dma, record, caps.max_dma_maps);
	pthread_mutex_unlock(&client->dma.lock);
	if (r < 0) {
		free(record);
		return r;
	}
	*ret = record;
	return 0;
}

/* A record that was never told to anybody. */
static void record_undo(struct rig_client *client, struct dma_record *record)
{
	pthread_mutex_lock(&client->dma.lock);
	client->dma.calls--;
	dma_remove(&client->dma, record);
	pthread_mutex_unlock(&client->dma.lock);
}

int rig_client_dma_map(struct rig_client *client, const struct rig_dma_region *region,
		       rig_time deadline)
{
	struct map_op self = { .op.kind = &map_kind };
	int r = record_new(client, region, &self.record);

	return r < 0 ? r : op_run(client, &self.op, deadline);
}

int rig_client_dma_map_async(struct rig_client *client, const struct rig_dma_region *region,
			     rig_time deadline, struct rig_completion done, rig_call *ret_call)
{
	struct dma_record *record;
	struct map_op *self;
	int r = record_new(client, region, &record);

	if (r < 0)
		return r;
	self = calloc(1, sizeof(*self));
	if (!self) {
		record_undo(client, record);
		return -ENOMEM;
	}
	self->op.kind = &map_kind;
	self->record = record;
	return op_submit(client, &self->op, deadline, done, ret_call);
}

/* Unmap */

/** struct unmap_op - record: NULL: all of them; before: its state until then */
struct unmap_op {
	struct op op;
	struct wire_dma_unmap wire;
	struct dma_record *record;
	enum dma_state before;
	bool asked;
};

static int unmap_next(struct op *op, struct op_message *ret)
{
	struct unmap_op *self = (struct unmap_op *)op;

	if (self->asked)
		return 0;
	self->asked = true;
	self->wire.argsz = sizeof(self->wire);
	ret->iov[0] = (struct iovec) { &self->wire, sizeof(self->wire) };
	ret->n_iov = 1;
	ret->reply_min = ret->reply_max = sizeof(self->wire);
	return 1;
}

static int unmap_accept(struct op *op, const void *payload, size_t len, struct link_fds *fds)
{
	const struct unmap_op *self = (struct unmap_op *)op;
	struct wire_dma_unmap reply;

	memcpy(&reply, payload, sizeof(reply));
	if (reply.address != self->wire.address || reply.size != self->wire.size)
		return op_wrong(op, "the reply is for 0x%llx+0x%llx",
				(unsigned long long)reply.address, (unsigned long long)reply.size);
	return 0;
}

static int unmap_over(struct op *op, int result)
{
	struct unmap_op *self = (struct unmap_op *)op;
	struct client_dma *dma = &op->client->dma;
	/* The server does not have it: what was asked for holds. */
	bool unknown = op->sent && result == -ENOENT;

	pthread_mutex_lock(&dma->lock);
	dma->calls--;
	if (result == 0 || result == -ENOTCONN || unknown)
		dma_remove(dma, self->record);
	else if (in_doubt(op, result))
		self->record->state = DMA_DOUBT;
	else
		self->record->state = self->before;
	pthread_mutex_unlock(&dma->lock);
	return unknown && self->before == DMA_DOUBT ? 0 : result;
}

static const struct op_kind unmap_kind = {
	.command = WIRE_DMA_UNMAP,
	.next = unmap_next,
	.accept = unmap_accept,
	.over = unmap_over,
};

static int begin_unmap_locked(struct client_dma *dma, struct unmap_op *self)
{
	const uint64_t address = self->wire.address;
	struct dma_record *record = dma_find(dma, address, address);

	if (dma->all)
		return -EBUSY;
	if (!record || record->region.address != address || record->region.size != self->wire.size)
		return -ENOENT;
	if (record->state != DMA_MAPPED && record->state != DMA_DOUBT)
		return -EBUSY;
	self->record = record;
	self->before = record->state;
	record->state = DMA_UNMAPPING;
	dma->calls++;
	return 0;
}

static int begin_unmap(struct rig_client *client, uint64_t address, uint64_t size,
		       struct unmap_op *self)
{
	int r;

	if (client_forked(client))
		return -ENOTCONN;
	self->op.kind = &unmap_kind;
	self->wire.address = address;
	self->wire.size = size;
	pthread_mutex_lock(&client->dma.lock);
	r = begin_unmap_locked(&client->dma, self);
	pthread_mutex_unlock(&client->dma.lock);
	return r;
}

int rig_client_dma_unmap(struct rig_client *client, uint64_t address, uint64_t size,
			 rig_time deadline)
{
	struct unmap_op self = { 0 };
	int r = begin_unmap(client, address, size, &self);

	return r < 0 ? r : op_run(client, &self.op, deadline);
}

int rig_client_dma_unmap_async(struct rig_client *client, uint64_t address, uint64_t size,
			       rig_time deadline, struct rig_completion done, rig_call *ret_call)
{
	struct unmap_op *self = calloc(1, sizeof(*self));
	int r;

	if (!self)
		return -ENOMEM;
	r = begin_unmap(client, address, size, self);
	if (r < 0) {
		free(self);
		return r;
	}
	return op_submit(client, &self->op, deadline, done, ret_call);
}

/* Everything */

static void doubt_record(const void *node, VISIT visit, int depth)
{
	if (visit == postorder || visit == leaf)
		(*(struct dma_record *const *)node)->state = DMA_DOUBT;
}

static int unmap_all_over(struct op *op, int result)
{
	struct client_dma *dma = &op->client->dma;
	void *gone = NULL;

	pthread_mutex_lock(&dma->lock);
	if (result == 0 || result == -ENOTCONN) {
		gone = dma->maps;
		dma->maps = NULL;
		dma->n = 0;
		wait_unused(dma, &dma->users);
	} else if (in_doubt(op, result)) {
		twalk(dma->maps, doubt_record);
	}
	dma->all = false;
	pthread_mutex_unlock(&dma->lock);
	tdestroy(gone, free);
	return result;
}

static const struct op_kind unmap_all_kind = {
	.command = WIRE_DMA_UNMAP,
	.next = unmap_next,
	.accept = unmap_accept,
	.over = unmap_all_over,
};

int client_dma_hold(struct rig_client *client)
{
	struct client_dma *dma = &client->dma;
	int r = 0;

	pthread_mutex_lock(&dma->lock);
	if (dma->all || dma->calls > 0)
		r = -EBUSY;
	else
		dma->all = true;
	pthread_mutex_unlock(&dma->lock);
	return r;
}

void client_dma_go_on(struct rig_client *client)
{
	pthread_mutex_lock(&client->dma.lock);
	client->dma.all = false;
	pthread_mutex_unlock(&client->dma.lock);
}

int rig_client_dma_unmap_all(struct rig_client *client, rig_time deadline)
{
	struct unmap_op self = { .op.kind = &unmap_all_kind, .wire.flags = RIG_DMA_UNMAP_ALL };
	int r;

	if (client_forked(client))
		return -ENOTCONN;
	r = client_dma_hold(client);
	return r < 0 ? r : op_run(client, &self.op, deadline);
}
