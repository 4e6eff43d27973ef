/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_migration.c - move a device: its migration state, and the data of its own state
 *
 * The data is a stream of bytes that only the device understands. Where it is cut means nothing, so
 * save() and load() cut it as suits the socket.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfio_user/client_feature.h"

/* Linux may cut longer messages, and libvfio-user loses one that comes in parts. */
#define DATA_MAX     32768u

/*
 * What is saved while the device runs is time it need not be stopped; but a busy one always has
 * something new to say.
 */
#define PRE_COPY_MAX (UINT64_C(256) << 20)

/* --- flags and state --- */

/* Ask for a fixed number of bytes. */
static int get_feature(struct rig_client *client, enum rig_feature feature, void *buf, size_t len,
		       rig_time deadline)
{
	int r = rig_client_feature(client, (uint32_t)feature | RIG_FEATURE_GET, NULL, 0, buf, len,
				   deadline);

	if (r == -E2BIG || (r >= 0 && (size_t)r != len))
		return client_fail(client, RIG_LOG_WARNING, -EPROTO,
				   "DEVICE_FEATURE %u: not the %zu bytes that it has",
				   (unsigned int)feature, len);
	return r < 0 ? r : 0;
}

int rig_client_migration_flags(struct rig_client *client, uint64_t *ret, rig_time deadline)
{
	struct wire_migration reply = { 0 };
	int r = get_feature(client, RIG_FEATURE_MIGRATION, &reply, sizeof(reply), deadline);

	/* How servers say that they have no such feature: libvfio-user, the kernel, old ones. */
	if (r == -EINVAL || r == -ENOTTY || r == -ENOSYS)
		return -EOPNOTSUPP;
	if (r < 0)
		return r;
	if (!(reply.flags & RIG_MIGRATION_STOP_COPY))
		return client_fail(client, RIG_LOG_WARNING, -EPROTO,
				   "the device migrates, but without STOP_COPY: flags 0x%llx",
				   (unsigned long long)reply.flags);
	*ret = reply.flags;
	return 0;
}

int rig_client_migration_get_state(struct rig_client *client, enum rig_migration_state *ret,
				   rig_time deadline)
{
	struct wire_device_state reply = { 0 };
	int r = get_feature(client, RIG_FEATURE_MIG_DEVICE_STATE, &reply, sizeof(reply), deadline);

	if (r < 0)
		return r;
	if (reply.state > RIG_MIGRATION_PRE_COPYING || reply.state == 5)
		return client_fail(client, RIG_LOG_WARNING, -EPROTO,
				   "the device is in migration state %u", reply.state);
	*ret = (enum rig_migration_state)reply.state;
	return 0;
}

struct state_op {
	struct op op;
	struct wire_device_state state;
	bool sent;
	struct wire_feature head;
};

static int state_next(struct op *op, struct op_message *ret)
{
	struct state_op *s = (struct state_op *)op;

	if (s->sent)
		return 0;
	s->sent = true;
	ret->iov[0] = (struct iovec) { &s->head, sizeof(s->head) };
	ret->iov[1] = (struct iovec) { &s->state, sizeof(s->state) };
	ret->n_iov = 2;
	ret->reply_min = sizeof(s->head);
	ret->reply_max = sizeof(s->head) + sizeof(s->state);
	return 1;
}

static int state_accept(struct op *op, const void *payload, size_t len, struct link_fds *fds)
{
	return client_feature_check(op, &((struct state_op *)op)->head, payload);
}

static const struct op_kind state_kind = {
	.command = WIRE_DEVICE_FEATURE,
	.next = state_next,
	.accept = state_accept,
};

static struct state_op state_op(enum rig_migration_state state)
{
	return (struct state_op) {
		.op = { .kind = &state_kind },
		.head = { sizeof(struct wire_feature) + sizeof(struct wire_device_state),
			  RIG_FEATURE_MIG_DEVICE_STATE | RIG_FEATURE_SET },
		.state = { state, -1 },
	};
}

int rig_client_migration_set_state(struct rig_client *client, enum rig_migration_state state,
				   rig_time deadline)
{
	struct state_op s = state_op(state);

	return op_run(client, &s.op, deadline);
}

int rig_client_migration_set_state_async(struct rig_client *client, enum rig_migration_state state,
					 rig_time deadline, struct rig_completion done,
					 rig_call *ret_call)
{
	struct state_op *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = state_op(state);
	return op_submit(client, &s->op, deadline, done, ret_call);
}

/* --- data --- */

struct data_read {
	void *buf;
	uint32_t asked, got;
};

/*
 * The size field says how many bytes there are; libvfio-user pads them to what was asked for. More
 * than that do not come: reply_max.
 */
static int read_accept(struct op *op, void *opaque, const void *payload, size_t len,
		       struct link_fds *fds)
{
	const struct wire_mig_data *data = payload;
	struct data_read *d = opaque;

	if (data->size > len - sizeof(*data))
		return op_wrong(op, "%u bytes of %u in a payload of %zu", data->size, d->asked,
				len);
	memcpy(d->buf, data->data, data->size);
	d->got = data->size;
	return 0;
}

ssize_t rig_client_migration_read(struct rig_client *client, void *buf, size_t size,
				  rig_time deadline)
{
	struct data_read d = { .buf = buf };
	struct wire_mig_data head = { 0 };
	const struct iovec iov = { &head, sizeof(head) };
	struct client_ask ask = {
		.command = WIRE_MIG_DATA_READ,
		.iov = &iov,
		.n_iov = 1,
		.reply_min = sizeof(head),
		.accept = read_accept,
		.opaque = &d,
	};
	uint32_t limit;
	int r;

	if (client_forked(client))
		return -ENOTCONN;
	limit = client_limit(client);
	d.asked = size < limit ? (uint32_t)size : limit;
	head.size = d.asked;
	head.argsz = (uint32_t)sizeof(head) + d.asked;
	ask.reply_max = head.argsz;
	r = client_ask(client, &ask, deadline);
	return r < 0 ? r : (ssize_t)d.got;
}

struct write_op {
	struct op op;
	const uint8_t *data;
	size_t left;
	uint32_t limit;
	struct wire_mig_data head;
};

static int write_next(struct op *op, struct op_message *ret)
{
	struct write_op *w = (struct write_op *)op;
	uint32_t size = w->left < w->limit ? (uint32_t)w->left : w->limit;

	if (size == 0)
		return 0;
	w->head = (struct wire_mig_data) { (uint32_t)sizeof(w->head) + size, size };
	ret->iov[0] = (struct iovec) { &w->head, sizeof(w->head) };
	ret->iov[1] = (struct iovec) { (void *)w->data, size };
	ret->n_iov = 2;
	w->data += size;
	w->left -= size;
	return 1;
}

static const struct op_kind write_kind = {
	.command = WIRE_MIG_DATA_WRITE,
	.next = write_next,
};

int rig_client_migration_write(struct rig_client *client, const void *buf, size_t size,
			       rig_time deadline)
{
	struct write_op w = { .op = { .kind = &write_kind }, .data = buf, .left = size };

	if (client_forked(client))
		return -ENOTCONN;
	w.limit = client_limit(client);
	if (w.limit > DATA_MAX)
		w.limit = DATA_MAX;
	return op_run(client, &w.op, deadline);
}

/* --- to a file, and from one --- */

/** struct transfer - all of a device's state on its way; bytes: so far */
struct transfer {
	struct rig_client *client;
	int fd;
	rig_time deadline;
	uint64_t flags; /* RIG_MIGRATION_... of the device */
	uint64_t bytes;
	uint8_t buf[DATA_MAX];
};

static int transfer_new(struct rig_client *client, int fd, rig_time deadline, struct transfer **ret)
{
	uint64_t flags = 0;
	int r = rig_client_migration_flags(client, &flags, deadline);
	struct transfer *t = r < 0 ? NULL : malloc(sizeof(*t));

	if (!t)
		return r < 0 ? r : -ENOMEM;
	t->client = client;
	t->fd = fd;
	t->deadline = deadline;
	t->flags = flags;
	t->bytes = 0;
	*ret = t;
	return 0;
}

static int go_to(struct transfer *t, enum rig_migration_state state)
{
	return rig_client_migration_set_state(t->client, state, t->deadline);
}

static int write_all(struct transfer *t, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(t->fd, t->buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return client_fail(t->client, RIG_LOG_WARNING, -errno,
					   "cannot write the device's state: %s", strerror(errno));
		done += (size_t)n;
	}
	t->bytes += len;
	return 0;
}

/* What the device has to say in the state that it is in, up to about max bytes in all. */
static int save_data(struct transfer *t, uint64_t max)
{
	while (t->bytes < max) {
		ssize_t n =
			rig_client_migration_read(t->client, t->buf, sizeof(t->buf), t->deadline);
		int r;

		if (n <= 0)
			return (int)n;
		r = write_all(t, (size_t)n);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A device that runs is saved as far as it goes before it is stopped, if it knows how. One that does
 * not run is not made to; and data that somebody else has begun to read is started over, as leaving
 * the state ends its session.
 */
static int save_start(struct transfer *t)
{
	enum rig_migration_state state = RIG_MIGRATION_ERROR;
	int r = rig_client_migration_get_state(t->client, &state, t->deadline);

	if (r < 0)
		return r;
	if (state != RIG_MIGRATION_RUNNING)
		return go_to(t, RIG_MIGRATION_STOP);
	if (!(t->flags & RIG_MIGRATION_PRE_COPY))
		return 0;
	r = go_to(t, RIG_MIGRATION_PRE_COPYING);
	return r < 0 ? r : save_data(t, PRE_COPY_MAX);
}

static int save(struct transfer *t)
{
	int r = save_start(t);

	if (r == 0)
		r = go_to(t, RIG_MIGRATION_STOP_COPYING);
	return r < 0 ? r : save_data(t, UINT64_MAX);
}

int rig_client_save(struct rig_client *client, int fd, uint64_t *ret_bytes, rig_time deadline)
{
	struct transfer *t = NULL;
	int stopped, r = transfer_new(client, fd, deadline, &t);

	if (r < 0)
		return r;
	r = save(t);
	/* Whatever went wrong: nobody will read the rest. */
	stopped = go_to(t, RIG_MIGRATION_STOP);
	if (r == 0)
		r = stopped;
	if (r == 0 && ret_bytes)
		*ret_bytes = t->bytes;
	free(t);
	return r;
}

static ssize_t read_some(struct transfer *t)
{
	ssize_t n;

	do
		n = read(t->fd, t->buf, sizeof(t->buf));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return client_fail(t->client, RIG_LOG_WARNING, -errno,
				   "cannot read the device's state: %s", strerror(errno));
	return n;
}

static int load_data(struct transfer *t)
{
	ssize_t n;

	while ((n = read_some(t)) > 0) {
		int r = rig_client_migration_write(t->client, t->buf, (size_t)n, t->deadline);

		if (r < 0)
			return r;
		t->bytes += (uint64_t)n;
	}
	return (int)n;
}

static int load(struct transfer *t)
{
	int r = go_to(t, RIG_MIGRATION_RESUMING);

	if (r == 0)
		r = load_data(t);
	return r < 0 ? r : go_to(t, RIG_MIGRATION_STOP);
}

int rig_client_load(struct rig_client *client, int fd, uint64_t *ret_bytes, rig_time deadline)
{
	struct transfer *t = NULL;
	int r = transfer_new(client, fd, deadline, &t);

	if (r < 0)
		return r;
	r = load(t);
	if (r == 0 && ret_bytes)
		*ret_bytes = t->bytes;
	free(t);
	return r;
}
