/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_irqs.c - interrupts: "VFIO_USER_DEVICE_SET_IRQS"
 *
 * A message attaches eventfds or detaches them, never both, and carries no more than the server takes.
 * So what the caller wants at once becomes a row of messages. Each that the server did is recorded,
 * with duplicates of the eventfds that interrupts come by, for a reconnect.
 */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <unistd.h>

#include "vfio_user/client_internal.h"

#define DATA_BITS   (RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_DATA_BOOL | RIG_SET_IRQS_DATA_EVENTFD)
#define ACTION_BITS (RIG_SET_IRQS_MASK | RIG_SET_IRQS_UNMASK | RIG_SET_IRQS_TRIGGER)

/* Bools in a message: what a server takes besides the data of regions is not told. */
#define BOOLS_MAX   8192u

/** struct irq_record - an eventfd that the server has; fd is a duplicate of ours */
struct irq_record {
	uint32_t index;
	uint32_t vector;
	int fd;
};

static int compare_index(const void *a, const void *b)
{
	const struct irq_record *left = a, *right = b;

	return (left->index > right->index) - (left->index < right->index);
}

static int compare_vectors(const void *a, const void *b)
{
	const struct irq_record *left = a, *right = b;
	int by_index = compare_index(a, b);

	return by_index ? by_index
			: (left->vector > right->vector) - (left->vector < right->vector);
}

static void record_free(void *opaque)
{
	struct irq_record *record = opaque;

	close(record->fd);
	free(record);
}

/* The three that change the records are called with client->lock held. */

static void forget_vector(struct rig_client *client, uint32_t index, uint32_t vector)
{
	const struct irq_record key = { index, vector, -1 };
	struct irq_record **node = tfind(&key, &client->irqs, compare_vectors);
	struct irq_record *record = node ? *node : NULL;

	if (!record)
		return;
	tdelete(record, &client->irqs, compare_vectors);
	record_free(record);
}

static void forget_index(struct rig_client *client, uint32_t index)
{
	const struct irq_record key = { .index = index };
	struct irq_record **node;

	while ((node = tfind(&key, &client->irqs, compare_index)) != NULL)
		forget_vector(client, index, (*node)->vector);
}

/* fd is the record's if this returns 0. */
static int record_vector(struct rig_client *client, uint32_t index, uint32_t vector, int fd)
{
	struct irq_record *record = malloc(sizeof(*record));

	if (!record)
		return -ENOMEM;
	forget_vector(client, index, vector);
	*record = (struct irq_record) { index, vector, fd };
	if (tsearch(record, &client->irqs, compare_vectors))
		return 0;
	free(record);
	return -ENOMEM;
}

/**
 * struct irqs_op
 * @flags, @index, @start, @left: what is not asked for yet
 * @fds:     duplicates, from start on; -1: detach, or the record's by now. NULL: detach all
 * @bools:   from start on
 * @owned:   what fds or bools were copied to; n_owned fds in it are to be closed
 * @max_fds: that the server takes with one message
 * @restore: everything is recorded already
 */
struct irqs_op {
	struct op op;
	uint32_t flags, index, start, left;
	int *fds;
	const uint8_t *bools;
	void *owned;
	uint32_t n_owned;
	uint32_t max_fds;
	bool any, restore;
	struct wire_irq_set part;
};

/* The server did the part: remember. */
static int record_part(struct irqs_op *self)
{
	struct rig_client *client = self->op.client;
	const struct wire_irq_set *part = &self->part;
	int *fds = self->fds ? self->fds - part->count : NULL;
	int r = 0;

	if (self->restore || !(part->flags & RIG_SET_IRQS_TRIGGER))
		return 0;
	pthread_mutex_lock(&client->lock);
	if (part->count == 0)
		forget_index(client, part->index);
	for (uint32_t i = 0; i < part->count && (part->flags & RIG_SET_IRQS_DATA_EVENTFD); i++) {
		if (!fds || fds[i] < 0) {
			forget_vector(client, part->index, part->start + i);
			continue;
		}
		r = record_vector(client, part->index, part->start + i, fds[i]);
		if (r < 0)
			break;
		fds[i] = -1;
	}
	pthread_mutex_unlock(&client->lock);
	return r;
}

/* How many vectors the next message can be for. */
static uint32_t part_length(const struct irqs_op *self)
{
	const bool attach = self->fds && self->left > 0 && self->fds[0] >= 0;
	uint32_t n = self->left, max = self->left;

	if (self->bools)
		max = BOOLS_MAX;
	if (attach)
		max = self->max_fds;
	if (self->fds)
		for (n = 0; n < self->left && (self->fds[n] >= 0) == attach; n++)
			;
	return n < max ? n : max;
}

static int irqs_next(struct op *op, struct op_message *ret)
{
	struct irqs_op *self = (struct irqs_op *)op;
	const bool attach = self->fds && self->left > 0 && self->fds[0] >= 0;
	int r = self->any ? record_part(self) : 0;
	uint32_t n;

	if (r < 0)
		return op_no_memory(op);
	if (self->any && self->left == 0)
		return 0;
	self->any = true;
	n = part_length(self);
	self->part = (struct wire_irq_set) { .argsz = sizeof(self->part),
					     .flags = self->flags,
					     .index = self->index,
					     .start = self->start,
					     .count = n };
	ret->iov[0] = (struct iovec) { &self->part, sizeof(self->part) };
	ret->n_iov = 1;
	if (self->bools) {
		self->part.argsz += n;
		ret->iov[ret->n_iov++] = (struct iovec) { (void *)self->bools, n };
		self->bools += n;
	}
	if (attach) {
		ret->fds = self->fds;
		ret->n_fds = n;
	}
	if (self->fds)
		self->fds += n;
	self->start += n;
	self->left -= n;
	return 1;
}

static void irqs_clear(struct op *op)
{
	struct irqs_op *self = (struct irqs_op *)op;
	int *fds = self->owned;

	for (uint32_t i = 0; i < self->n_owned; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(self->owned);
}

static const struct op_kind irqs_kind = {
	.command = WIRE_DEVICE_SET_IRQS,
	.next = irqs_next,
	.clear = irqs_clear,
};

static bool single_bit(uint32_t bits)
{
	return bits != 0 && (bits & (bits - 1)) == 0;
}

static int check(struct rig_client *client, uint32_t index, uint32_t flags, uint32_t start,
		 uint32_t count, const void *data)
{
	bool known;

	if (!single_bit(flags & DATA_BITS) || !single_bit(flags & ACTION_BITS) ||
	    (flags & ~(DATA_BITS | ACTION_BITS)))
		return -EINVAL;
	if (count == 0 && (start != 0 || flags != (RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER)))
		return -EINVAL;
	if (start > UINT32_MAX - count || ((flags & RIG_SET_IRQS_DATA_BOOL) && !data))
		return -EINVAL;
	pthread_mutex_lock(&client->lock);
	known = !client->has_device || index < client->device.num_irqs;
	pthread_mutex_unlock(&client->lock);
	return known ? 0 : -EINVAL;
}

/* Duplicates, so that a caller may close its own at once, and the records have theirs. */
static int own_fds(struct irqs_op *self, const int *fds, uint32_t count)
{
	int *owned = malloc(count * sizeof(int));

	if (!owned)
		return -ENOMEM;
	self->owned = self->fds = owned;
	for (; self->n_owned < count; self->n_owned++) {
		int fd = fds[self->n_owned];

		if (fd >= 0 && self->max_fds == 0)
			return -EOPNOTSUPP;
		if (fd >= 0) {
			fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
			if (fd < 0)
				return -errno;
		}
		owned[self->n_owned] = fd < 0 ? -1 : fd;
	}
	return 0;
}

static int own_bools(struct irqs_op *self, const uint8_t *bools, uint32_t count)
{
	uint8_t *owned = malloc(count);

	if (!owned)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		owned[i] = bools[i] != 0; /* libvfio-user takes nothing else for true */
	self->owned = owned;
	self->bools = owned;
	return 0;
}

/* On failure there is nothing to clear. */
static int irqs_init(struct irqs_op *self, struct rig_client *client, uint32_t index,
		     uint32_t flags, uint32_t start, uint32_t count, const void *data)
{
	int r;

	if (client_forked(client))
		return -ENOTCONN;
	r = check(client, index, flags, start, count, data);
	if (r < 0)
		return r;
	self->op.kind = &irqs_kind;
	self->flags = flags;
	self->index = index;
	self->start = start;
	self->left = count;
	self->max_fds = client_caps(client).max_msg_fds;
	if (flags & RIG_SET_IRQS_DATA_BOOL)
		r = own_bools(self, data, count);
	else if ((flags & RIG_SET_IRQS_DATA_EVENTFD) && data)
		r = own_fds(self, data, count);
	if (r < 0)
		irqs_clear(&self->op);
	return r;
}

int rig_client_set_irqs(struct rig_client *client, uint32_t index, uint32_t flags, uint32_t start,
			uint32_t count, const void *data, rig_time deadline)
{
	struct irqs_op self = { 0 };
	int r = irqs_init(&self, client, index, flags, start, count, data);

	if (r < 0)
		return r;
	r = op_run(client, &self.op, deadline);
	irqs_clear(&self.op);
	return r;
}

int rig_client_set_irqs_async(struct rig_client *client, uint32_t index, uint32_t flags,
			      uint32_t start, uint32_t count, const void *data, rig_time deadline,
			      struct rig_completion done, rig_call *ret_call)
{
	struct irqs_op *self = calloc(1, sizeof(*self));
	int r;

	if (!self)
		return -ENOMEM;
	r = irqs_init(self, client, index, flags, start, count, data);
	if (r < 0) {
		free(self);
		return r;
	}
	return op_submit(client, &self->op, deadline, done, ret_call);
}

/* A reconnect */

struct irq_list {
	struct irq_record *records;
	size_t n;
};

static void count_record(const void *node, VISIT visit, void *opaque)
{
	struct irq_list *list = opaque;

	if (visit == postorder || visit == leaf)
		list->n++;
}

/* In order of index and vector. */
static void list_record(const void *node, VISIT visit, void *opaque)
{
	struct irq_list *list = opaque;

	if (visit == postorder || visit == leaf)
		list->records[list->n++] = **(struct irq_record *const *)node;
}

static int list_records(struct rig_client *client, struct irq_list *list)
{
	int r = 0;

	pthread_mutex_lock(&client->lock);
	twalk_r(client->irqs, count_record, list);
	list->records = calloc(list->n + 1, sizeof(*list->records));
	if (list->records) {
		list->n = 0;
		twalk_r(client->irqs, list_record, list);
	} else {
		r = -ENOMEM;
	}
	pthread_mutex_unlock(&client->lock);
	return r;
}

/* Records of one index with vectors in a row. */
static size_t run_length(const struct irq_record *records, size_t n)
{
	size_t i = 1;

	while (i < n && records[i].index == records[0].index &&
	       records[i].vector == records[0].vector + i)
		i++;
	return i;
}

static int restore_run(struct session *session, const struct irq_record *records, size_t n,
		       uint32_t max_fds, rig_time deadline)
{
	int *fds = malloc(n * sizeof(int));
	struct irqs_op self = {
		.op.kind = &irqs_kind,
		.flags = RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
		.index = records[0].index,
		.start = records[0].vector,
		.left = (uint32_t)n,
		.fds = fds,
		.max_fds = max_fds,
		.restore = true,
	};
	int r;

	if (!fds)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		fds[i] = records[i].fd;
	r = op_run_in(session, &self.op, deadline);
	free(fds);
	return r;
}

int client_irqs_restore(struct session *session, const struct version_caps *caps, rig_time deadline)
{
	struct irq_list list = { 0 };
	int r = list_records(session->client, &list);

	if (r == 0 && list.n > 0 && caps->max_msg_fds == 0)
		r = client_fail(session->client, RIG_LOG_WARNING, -EOPNOTSUPP,
				"the server takes no fds any more: interrupts cannot be restored");
	for (size_t i = 0; r == 0 && i < list.n;) {
		size_t n = run_length(&list.records[i], list.n - i);

		r = restore_run(session, &list.records[i], n, caps->max_msg_fds, deadline);
		i += n;
	}
	free(list.records);
	return r;
}

void client_irqs_free(struct rig_client *client)
{
	tdestroy(client->irqs, record_free);
	client->irqs = NULL;
}
