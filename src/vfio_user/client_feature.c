/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_feature.c - "VFIO_USER_DEVICE_FEATURE" as it is: migration and dirty pages are built on it
 *
 * A reply repeats the request's flags, and has at most argsz bytes, which is what we have room for. A
 * server that would have more to say may say so with a larger argsz instead; this is -E2BIG, like
 * a reply to PROBE or SET (which repeats the request) that is more than the caller wants back.
 */
#include "vfio_user/client_feature.h"

#include <errno.h>
#include <string.h>

struct feature_op {
	struct op op;
	const void *data;
	size_t len;
	void *reply; /* NULL: not wanted */
	size_t reply_max;
	size_t got;
	bool sent;
	bool too_big;
	struct wire_feature head;
};

int client_feature_check(struct op *op, const struct wire_feature *asked, const void *payload)
{
	struct wire_feature head;

	memcpy(&head, payload, sizeof(head));
	if (head.flags != asked->flags)
		return op_wrong(op, "flags 0x%x instead of 0x%x", head.flags, asked->flags);
	return 0;
}

static int feature_next(struct op *op, struct op_message *ret)
{
	struct feature_op *f = (struct feature_op *)op;

	if (f->sent)
		return 0;
	f->sent = true;
	ret->iov[0] = (struct iovec) { &f->head, sizeof(f->head) };
	ret->iov[1] = (struct iovec) { (void *)f->data, f->len };
	ret->n_iov = 2;
	ret->reply_min = sizeof(f->head);
	ret->reply_max = f->head.argsz;
	return 1;
}

static int feature_accept(struct op *op, const void *payload, size_t len, struct link_fds *fds)
{
	struct feature_op *f = (struct feature_op *)op;
	const struct wire_feature *head = payload;
	int r = client_feature_check(op, &f->head, payload);

	if (r < 0)
		return r;
	f->got = len - sizeof(*head);
	if (!f->reply)
		return 0;
	f->too_big = head->argsz > f->head.argsz || f->got > f->reply_max;
	if (!f->too_big)
		memcpy(f->reply, head->data, f->got);
	return 0;
}

static int feature_over(struct op *op, int result)
{
	const struct feature_op *f = (const struct feature_op *)op;

	if (result < 0)
		return result;
	return f->too_big ? -E2BIG : (int)f->got;
}

static const struct op_kind feature_kind = {
	.command = WIRE_DEVICE_FEATURE,
	.next = feature_next,
	.accept = feature_accept,
	.over = feature_over,
};

/* What the reply may have: no more than what we said that we accept. */
static uint32_t room_for_reply(const struct rig_client *client, size_t len, size_t reply_max)
{
	const struct wire_limits accepts = { .max_data_xfer_size =
						     client->config.max_data_xfer_size };
	size_t most = wire_max_size(&accepts) - sizeof(struct wire_header);
	size_t data = reply_max > len ? reply_max : len;

	if (data > most - sizeof(struct wire_feature))
		return (uint32_t)most;
	return (uint32_t)(sizeof(struct wire_feature) + data);
}

size_t client_feature_max(struct rig_client *client)
{
	uint32_t max = client_caps(client).max_data_xfer_size;

	return max < WIRE_VARIABLE_MIN ? WIRE_VARIABLE_MIN : max;
}

int rig_client_feature(struct rig_client *client, uint32_t flags, const void *data, size_t len,
		       void *reply, size_t reply_max, rig_time deadline)
{
	struct feature_op f = {
		.op = { .kind = &feature_kind },
		.head = { .flags = flags },
		.data = data,
		.len = len,
		.reply = reply,
		.reply_max = reply_max,
	};

	if (client_forked(client))
		return -ENOTCONN;
	if (len > client_feature_max(client))
		return -EINVAL;
	f.head.argsz = room_for_reply(client, len, reply_max);
	return op_run(client, &f.op, deadline);
}
