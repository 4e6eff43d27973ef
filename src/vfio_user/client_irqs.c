/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_irqs.c - interrupts: "VFIO_USER_DEVICE_SET_IRQS"
 *
 * A message attaches eventfds or detaches them, never both, and carries no more than the server takes.
 * So what the caller wants at once becomes a row of messages. Each that the server did is recorded,
 * with duplicates of the eventfds that interrupts come by, for a reconnect.
 *
 * Several threads may be at it. What counts is the order on the wire, which replies need not keep: a
 * record knows the message that it came from, and gives way to later ones only. What a later message
 * detached is struck out of earlier ones that are still in flight, of which client->irqs_flying is
 * the list. Recorded is with the reply, not when its caller comes to it: a reconnect may be faster.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "vfio_user/client_internal.h"
#include "vfio_user/client_irq_records.h"

#define DATA_BITS   (RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_DATA_BOOL | RIG_SET_IRQS_DATA_EVENTFD)
#define ACTION_BITS (RIG_SET_IRQS_MASK | RIG_SET_IRQS_UNMASK | RIG_SET_IRQS_TRIGGER)

/* Bools in a message: what a server takes besides the data of regions is not told. */
#define BOOLS_MAX   8192u

/**
 * struct irqs_op
 * @flags, @index, @start, @left: what is not asked for yet
 * @fds:     duplicates, from start on; -1: detach. NULL: detach all
 * @struck:  of each of fds: a later message detached it
 * @bools:   from start on
 * @owned:   what fds or bools were copied to; n_owned fds in it are to be closed
 * @max_fds: that the server takes with one message
 * @part:    the message in flight, and of it: part_fds (NULL: it attaches nothing), part_struck
 * @old:     records that were replaced
 *
 * Of one that is in client->irqs_flying, part... and struck are covered by client->lock.
 */
struct irqs_op {
	struct op op;
	struct irqs_op *next_flying;
	uint32_t flags, index, start, left;
	int *fds;
	bool *struck;
	const uint8_t *bools;
	void *owned;
	uint32_t n_owned;
	uint32_t max_fds;
	bool any;
	int *part_fds;
	bool *part_struck;
	struct irq_record *old;
	struct wire_irq_set part; /* the last: it has no end of its own */
};

/* Interrupts come by these; other actions are not for a reconnect. */
static bool is_recorded(const struct irqs_op *self)
{
	return self->flags & RIG_SET_IRQS_TRIGGER;
}

/* The server has the fd: it is the record's, or the old records'. client->lock is held. */
static int record_fd(struct irqs_op *self, uint32_t i)
{
	struct irq_record *record = malloc(sizeof(*record));

	if (!record)
		return -ENOMEM;
	*record = (struct irq_record) { .order = self->op.call.order,
					.index = self->part.index,
					.vector = self->part.start + i,
					.fd = self->part_fds[i] };
	self->part_fds[i] = -1;
	return irq_records_attach(&self->op.client->irqs, record, &self->old);
}

/* Detached, after what self asked for before: self may not record it any more. */
static void strike(struct irqs_op *self, uint32_t start, uint32_t count)
{
	for (uint32_t i = 0; self->part_fds && i < self->part.count; i++) {
		const uint32_t vector = self->part.start + i;

		if (vector >= start && vector - start < count)
			self->part_struck[i] = true;
	}
}

/* client->lock is held, and the front's, with which a message gets its place in the order. */
static void record_detached(struct irqs_op *self, uint32_t start, uint32_t count)
{
	struct rig_client *client = self->op.client;
	const uint64_t order = self->op.call.order;

	irq_records_detach(&client->irqs, self->index, start, count, order, &self->old);
	for (struct irqs_op *other = client->irqs_flying; other; other = other->next_flying)
		if (other->op.session == self->op.session && other->index == self->index &&
		    other->op.call.order < order)
			strike(other, start, count);
}

/* The server did the part: remember. */
static int record_part(struct irqs_op *self)
{
	const struct wire_irq_set *part = &self->part;
	int r = 0;

	if (part->count == 0)
		record_detached(self, 0, UINT32_MAX);
	else if ((part->flags & RIG_SET_IRQS_DATA_EVENTFD) && !self->part_fds)
		record_detached(self, part->start, part->count);
	for (uint32_t i = 0; r == 0 && self->part_fds && i < part->count; i++)
		if (!self->part_struck[i])
			r = record_fd(self, i);
	return r;
}

static int irqs_accept(struct op *op, const void *payload, size_t len, struct link_fds *fds)
{
	struct irqs_op *self = (struct irqs_op *)op;
	int r;

	if (!is_recorded(self))
		return 0;
	pthread_mutex_lock(&op->client->lock);
	r = record_part(self);
	pthread_mutex_unlock(&op->client->lock);
	return r < 0 ? op_no_memory(op) : 0;
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

/* What is left becomes a part. */
static void take_part(struct irqs_op *self)
{
	const bool attach = self->fds && self->left > 0 && self->fds[0] >= 0;
	const uint32_t n = part_length(self);

	self->part = (struct wire_irq_set) { .argsz = sizeof(self->part),
					     .flags = self->flags,
					     .index = self->index,
					     .start = self->start,
					     .count = n };
	self->part_fds = attach ? self->fds : NULL;
	self->part_struck = self->struck;
	if (self->fds)
		self->fds += n;
	if (self->struck)
		self->struck += n;
	self->start += n;
	self->left -= n;
}

/* The part is in flight as soon as it is sent, which is when it gets its place in the order. */
static void fly(struct irqs_op *self)
{
	struct rig_client *client = self->op.client;

	if (!is_recorded(self)) {
		take_part(self);
		return;
	}
	pthread_mutex_lock(&client->lock);
	take_part(self);
	self->op.call.order = UINT64_MAX;
	if (!self->any) {
		self->next_flying = client->irqs_flying;
		client->irqs_flying = self;
	}
	pthread_mutex_unlock(&client->lock);
}

static int irqs_next(struct op *op, struct op_message *ret)
{
	struct irqs_op *self = (struct irqs_op *)op;

	if (self->any && self->left == 0)
		return 0;
	fly(self);
	self->any = true;
	ret->iov[0] = (struct iovec) { &self->part, sizeof(self->part) };
	ret->n_iov = 1;
	if (self->bools) {
		self->part.argsz += self->part.count;
		ret->iov[ret->n_iov++] = (struct iovec) { (void *)self->bools, self->part.count };
		self->bools += self->part.count;
	}
	if (self->part_fds) {
		ret->fds = self->part_fds;
		ret->n_fds = self->part.count;
	}
	return 1;
}

static int irqs_over(struct op *op, int result)
{
	struct irqs_op *self = (struct irqs_op *)op;
	struct rig_client *client = op->client;
	struct irqs_op **at = &client->irqs_flying;

	if (!is_recorded(self))
		return result;
	pthread_mutex_lock(&client->lock);
	while (*at && *at != self)
		at = &(*at)->next_flying;
	if (*at)
		*at = self->next_flying;
	pthread_mutex_unlock(&client->lock);
	return result;
}

static void irqs_clear(struct op *op)
{
	struct irqs_op *self = (struct irqs_op *)op;
	int *fds = self->owned;

	for (uint32_t i = 0; i < self->n_owned; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(self->owned);
	irq_records_drop(self->old);
}

static const struct op_kind irqs_kind = {
	.command = WIRE_DEVICE_SET_IRQS,
	.next = irqs_next,
	.accept = irqs_accept,
	.over = irqs_over,
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
	int *owned = calloc(count, sizeof(int) + sizeof(bool));

	if (!owned)
		return -ENOMEM;
	self->owned = self->fds = owned;
	self->struck = (bool *)&owned[count];
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

void client_irqs_free(struct rig_client *client)
{
	irq_records_free(&client->irqs);
}
