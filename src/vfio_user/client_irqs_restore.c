/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_irqs_restore.c - a reconnect: every recorded eventfd is attached again
 */
#include <errno.h>
#include <stdlib.h>

#include "vfio_user/client_internal.h"
#include "vfio_user/client_irq_records.h"

/** struct restore_op - @records, @n: what is not asked for yet; @fds: room for a run */
struct restore_op {
	struct op op;
	const struct irq_record *records;
	size_t n;
	uint32_t max_fds;
	int *fds;
	struct wire_irq_set part;
};

/* Records of one index with vectors in a row, as many as a message may carry. */
static uint32_t run_length(const struct restore_op *self)
{
	const struct irq_record *records = self->records;
	uint32_t i = 1;

	while (i < self->n && i < self->max_fds && records[i].index == records[0].index &&
	       records[i].vector == records[0].vector + i)
		i++;
	return i;
}

static int restore_next(struct op *op, struct op_message *ret)
{
	struct restore_op *self = (struct restore_op *)op;
	uint32_t n;

	if (self->n == 0)
		return 0;
	n = run_length(self);
	self->part =
		(struct wire_irq_set) { .argsz = sizeof(self->part),
					.flags = RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
					.index = self->records[0].index,
					.start = self->records[0].vector,
					.count = n };
	for (uint32_t i = 0; i < n; i++)
		self->fds[i] = self->records[i].fd;
	ret->iov[0] = (struct iovec) { &self->part, sizeof(self->part) };
	ret->n_iov = 1;
	ret->fds = self->fds;
	ret->n_fds = n;
	self->records += n;
	self->n -= n;
	return 1;
}

static const struct op_kind restore_kind = {
	.command = WIRE_DEVICE_SET_IRQS,
	.next = restore_next,
};

static int restore(struct session *session, const struct irq_record *records, size_t n,
		   uint32_t max_fds, rig_time deadline)
{
	struct restore_op self = {
		.op.kind = &restore_kind, .records = records, .n = n, .max_fds = max_fds
	};
	int r;

	if (n == 0)
		return 0;
	if (max_fds == 0)
		return client_fail(
			session->client, RIG_LOG_WARNING, -EOPNOTSUPP,
			"the server takes no fds any more: interrupts cannot be restored");
	self.fds = calloc(n, sizeof(*self.fds));
	if (!self.fds)
		return -ENOMEM;
	r = op_run_in(session, &self.op, deadline);
	free(self.fds);
	return r;
}

int client_irqs_restore(struct session *session, const struct version_caps *caps, rig_time deadline)
{
	struct rig_client *client = session->client;
	struct irq_record *records;
	size_t n;
	int r;

	pthread_mutex_lock(&client->lock);
	r = irq_records_list(client->irqs, &records, &n);
	pthread_mutex_unlock(&client->lock);
	if (r < 0)
		return r;
	r = restore(session, records, n, caps->max_msg_fds, deadline);
	free(records);
	return r;
}
