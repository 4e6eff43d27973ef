/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_io.c - regions read and written by messages
 *
 * What is longer than the server takes in one message goes in several, one after the other. All three
 * commands answer by echoing where they were done, which is compared.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/client_internal.h"

/* REGION_READ and REGION_WRITE */

/* Linux may cut longer messages, and libvfio-user loses one that comes in parts. */
#define WRITE_MAX (32u << 10)

/**
 * struct io_op
 * @in: where bytes that are read go; @out: those to write
 * @left: bytes that are not sent or asked for yet
 * @part: the message in flight
 */
struct io_op {
	struct op op;
	uint8_t *in;
	const uint8_t *out;
	size_t left;
	uint64_t offset;
	uint32_t limit;
	bool any;   /* a message was sent: one is, even for no bytes */
	void *copy; /* asynchronous writes: what out points into */
	struct wire_region_io part;
};

/* The part that comes next: begins where the last one ended. */
static bool next_part(struct io_op *self)
{
	if (self->any && self->left == 0)
		return false;
	self->any = true;
	self->part.offset = self->offset;
	self->part.count = self->left < self->limit ? (uint32_t)self->left : self->limit;
	self->offset += self->part.count;
	self->left -= self->part.count;
	return true;
}

static int check_echo(struct op *op, const struct wire_region_io *asked, const void *payload,
		      size_t len)
{
	struct wire_region_io reply;

	/* libvfio-user answers for no bytes with a header alone. */
	if (len == 0 && asked->count == 0)
		return 0;
	if (len < sizeof(reply))
		return op_wrong(op, "a reply of %zu bytes", len);
	memcpy(&reply, payload, sizeof(reply));
	if (memcmp(&reply, asked, sizeof(reply)) != 0)
		return op_wrong(op, "the reply is for %u bytes at 0x%llx of region %u", reply.count,
				(unsigned long long)reply.offset, reply.region);
	return 0;
}

static int read_next(struct op *op, struct op_message *ret)
{
	struct io_op *self = (struct io_op *)op;

	if (!next_part(self))
		return 0;
	ret->iov[0] = (struct iovec) { &self->part, sizeof(self->part) };
	ret->n_iov = 1;
	ret->reply_max = sizeof(self->part) + self->part.count;
	ret->reply_min = self->part.count ? ret->reply_max : 0;
	return 1;
}

static int read_accept(struct op *op, const void *payload, size_t len, struct link_fds *fds)
{
	struct io_op *self = (struct io_op *)op;
	int r = check_echo(op, &self->part, payload, len);

	if (r < 0 || self->part.count == 0)
		return r;
	memcpy(self->in, (const uint8_t *)payload + sizeof(self->part), self->part.count);
	self->in += self->part.count;
	return 0;
}

static int write_next(struct op *op, struct op_message *ret)
{
	struct io_op *self = (struct io_op *)op;

	if (!next_part(self))
		return 0;
	ret->iov[0] = (struct iovec) { &self->part, sizeof(self->part) };
	ret->iov[1] = (struct iovec) { (void *)self->out, self->part.count };
	ret->n_iov = self->part.count ? 2 : 1;
	ret->reply_max = sizeof(self->part);
	ret->reply_min = self->part.count ? ret->reply_max : 0;
	if (self->part.count)
		self->out += self->part.count;
	return 1;
}

static int write_accept(struct op *op, const void *payload, size_t len, struct link_fds *fds)
{
	return check_echo(op, &((struct io_op *)op)->part, payload, len);
}

static void write_clear(struct op *op)
{
	free(((struct io_op *)op)->copy);
}

static const struct op_kind read_kind = {
	.command = WIRE_REGION_READ,
	.next = read_next,
	.accept = read_accept,
};

static const struct op_kind write_kind = {
	.command = WIRE_REGION_WRITE,
	.next = write_next,
	.accept = write_accept,
	.clear = write_clear,
};

/*
 * What both ways of doing it begin with. @self: on the stack of who waits, so not cleared as a whole:
 * that would cost more than all that is done with it.
 * @ret: with a reference, for op_run_in() or op_submit_in(). Return: as client_begin_io()
 */
static int io_begin(struct io_op *self, struct rig_client *client, const struct op_kind *kind,
		    uint32_t region, uint64_t offset, size_t count, struct session **ret)
{
	int r = client_begin_io(client, region, offset, count, &self->limit, ret);

	if (r < 0)
		return r;
	op_init(&self->op, kind);
	self->left = count;
	self->offset = offset;
	if (kind == &write_kind && self->limit > WRITE_MAX)
		self->limit = WRITE_MAX;
	self->any = false;
	self->part.region = region;
	return 0;
}

int rig_client_region_read(struct rig_client *client, uint32_t region, uint64_t offset, void *buf,
			   size_t count, rig_time deadline)
{
	struct session *session;
	struct io_op self;
	int r = io_begin(&self, client, &read_kind, region, offset, count, &session);

	if (r < 0)
		return r;
	self.in = buf;
	r = op_run_in(session, &self.op, deadline);
	session_unref(session);
	return r;
}

int rig_client_region_write(struct rig_client *client, uint32_t region, uint64_t offset,
			    const void *buf, size_t count, rig_time deadline)
{
	struct session *session;
	struct io_op self;
	int r = io_begin(&self, client, &write_kind, region, offset, count, &session);

	if (r < 0)
		return r;
	self.out = buf;
	r = op_run_in(session, &self.op, deadline);
	session_unref(session);
	return r;
}

int rig_client_region_read_async(struct rig_client *client, uint32_t region, uint64_t offset,
				 void *buf, size_t count, rig_time deadline,
				 struct rig_completion done, rig_call *ret_call)
{
	struct io_op *self = calloc(1, sizeof(*self));
	struct session *session;
	int r;

	if (!self)
		return -ENOMEM;
	r = io_begin(self, client, &read_kind, region, offset, count, &session);
	if (r < 0) {
		free(self);
		return r;
	}
	self->in = buf;
	return op_submit_in(session, &self->op, deadline, done, ret_call);
}

int rig_client_region_write_async(struct rig_client *client, uint32_t region, uint64_t offset,
				  const void *buf, size_t count, rig_time deadline,
				  struct rig_completion done, rig_call *ret_call)
{
	struct session *session;
	struct io_op *self;
	int r = client_check_range(client, region, offset, count);

	if (r < 0)
		return r;
	self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
	self->copy = malloc(count ? count : 1);
	r = self->copy ? io_begin(self, client, &write_kind, region, offset, count, &session)
		       : -ENOMEM;
	if (r < 0) {
		free(self->copy);
		free(self);
		return r;
	}
	if (count > 0)
		memcpy(self->copy, buf, count);
	self->out = self->copy;
	return op_submit_in(session, &self->op, deadline, done, ret_call);
}

/* Writes without a reply */

static int post(struct session *session, enum wire_command command, const struct iovec *iov,
		size_t n_iov, rig_time deadline)
{
	int r = front_post(session->front, command, iov, n_iov);

	while (r == -EAGAIN) {
		r = front_room(session->front, deadline);
		if (r == 0)
			r = front_post(session->front, command, iov, n_iov);
	}
	return r;
}

int rig_client_region_post(struct rig_client *client, uint32_t region, uint64_t offset,
			   const void *buf, size_t count, rig_time deadline)
{
	struct session *session;
	struct io_op self;
	int r = io_begin(&self, client, &write_kind, region, offset, count, &session);

	if (r < 0)
		return r;
	self.out = buf;
	while (r == 0 && next_part(&self)) {
		const struct iovec iov[] = {
			{ &self.part, sizeof(self.part) },
			{ (void *)self.out, self.part.count },
		};

		r = post(session, WIRE_REGION_WRITE, iov, self.part.count ? 2 : 1, deadline);
		if (self.part.count)
			self.out += self.part.count;
	}
	session_unref(session);
	return r;
}

/* REGION_WRITE_MULTI */

/* As many as QEMU sends: no server may take more bytes than that for granted. */
#define MULTI_MAX 200u

/**
 * struct multi_op
 * @n: that are not sent yet; @n_part: in the message in flight; @done: that the device did
 */
struct multi_op {
	struct op op;
	const struct rig_write *writes;
	size_t n, n_part, done;
	uint64_t wr_cnt; /* struct wire_write_multi, up to the entries */
	struct wire_write_multi_entry entries[MULTI_MAX];
};

static bool multi_fill(struct multi_op *self)
{
	self->n_part = self->n < MULTI_MAX ? self->n : MULTI_MAX;
	for (size_t i = 0; i < self->n_part; i++) {
		const struct rig_write *write = &self->writes[i];
		struct wire_write_multi_entry *entry = &self->entries[i];

		*entry = (struct wire_write_multi_entry) { write->offset, write->region,
							   write->count };
		memcpy(entry->data, write->data, write->count);
	}
	self->wr_cnt = self->n_part;
	self->writes += self->n_part;
	self->n -= self->n_part;
	return self->n_part > 0;
}

static void multi_iov(struct multi_op *self, struct iovec *iov)
{
	iov[0] = (struct iovec) { &self->wr_cnt, sizeof(self->wr_cnt) };
	iov[1] = (struct iovec) { self->entries, self->n_part * sizeof(self->entries[0]) };
}

static int multi_next(struct op *op, struct op_message *ret)
{
	struct multi_op *self = (struct multi_op *)op;

	if (!multi_fill(self))
		return 0;
	multi_iov(self, ret->iov);
	ret->n_iov = 2;
	ret->reply_min = ret->reply_max = sizeof(self->wr_cnt);
	return 1;
}

static int multi_accept(struct op *op, const void *payload, size_t len, struct link_fds *fds)
{
	struct multi_op *self = (struct multi_op *)op;
	uint64_t done;

	memcpy(&done, payload, sizeof(done));
	if (done > self->n_part)
		return op_wrong(op, "%llu writes done of %zu", (unsigned long long)done,
				self->n_part);
	self->done += (size_t)done;
	return done < self->n_part ? -EIO : 0;
}

static const struct op_kind multi_kind = {
	.command = WIRE_REGION_WRITE_MULTI,
	.next = multi_next,
	.accept = multi_accept,
};

static int check_writes(struct rig_client *client, const struct rig_write *writes, size_t n)
{
	if (client_forked(client))
		return -ENOTCONN;
	if (!client_caps(client).write_multiple)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < n; i++) {
		int r = writes[i].count > WIRE_WRITE_MULTI_DATA
				? -EINVAL
				: client_check_range(client, writes[i].region, writes[i].offset,
						     writes[i].count);

		if (r < 0)
			return r;
	}
	return 0;
}

int rig_client_region_write_multi(struct rig_client *client, const struct rig_write *writes,
				  size_t n, size_t *ret_done, rig_time deadline)
{
	struct multi_op self;
	int r = check_writes(client, writes, n);

	op_init(&self.op, &multi_kind);
	self.writes = writes;
	self.n = n;
	self.done = 0;
	if (r == 0)
		r = op_run(client, &self.op, deadline);
	if (ret_done)
		*ret_done = self.done;
	return r;
}

int rig_client_region_post_multi(struct rig_client *client, const struct rig_write *writes,
				 size_t n, rig_time deadline)
{
	struct session *session;
	struct multi_op self;
	int r = check_writes(client, writes, n);

	if (r < 0)
		return r;
	session = session_current(client);
	self.writes = writes;
	self.n = n;
	while (r == 0 && multi_fill(&self)) {
		struct iovec iov[2];

		multi_iov(&self, iov);
		r = post(session, WIRE_REGION_WRITE_MULTI, iov, 2, deadline);
	}
	session_unref(session);
	return r;
}
