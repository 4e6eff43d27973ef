/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_reset.c - "VFIO_USER_DEVICE_RESET"
 *
 * Maps and interrupts stay attached (the specification drops them with the connection only), so
 * nothing that is recorded changes.
 */
#include <errno.h>
#include <stdlib.h>

#include "vfio_user/client_internal.h"

struct reset_op {
	struct op op;
	bool asked;
};

static int reset_next(struct op *op, struct op_message *ret)
{
	struct reset_op *self = (struct reset_op *)op;

	if (self->asked)
		return 0;
	self->asked = true;
	return 1;
}

static const struct op_kind reset_kind = {
	.command = WIRE_DEVICE_RESET,
	.next = reset_next,
};

int rig_client_reset(struct rig_client *client, rig_time deadline)
{
	struct reset_op self = { .op.kind = &reset_kind };

	return op_run(client, &self.op, deadline);
}

int rig_client_reset_async(struct rig_client *client, rig_time deadline, struct rig_completion done,
			   rig_call *ret_call)
{
	struct reset_op *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	self->op.kind = &reset_kind;
	return op_submit(client, &self->op, deadline, done, ret_call);
}
