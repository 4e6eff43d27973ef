/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * method_reload.c - method: the configuration file, read again
 */
#include <errno.h>

#include "net/control/methods.h"
#include "sys/explain.h"

static void append(void *opaque, const char *sentence)
{
	json_append(opaque, json_object_new_string(sentence));
}

int control_reload(struct control_call *call)
{
	const struct control_host *host = call->host;
	struct json_object *refused = json_object_new_array();
	int r = -ENOMEM;

	if (!host->reload)
		r = explain(&call->error, -EOPNOTSUPP, "there is no file to read again");
	else if (refused)
		r = host->reload(host->opaque, append, refused, &call->error);
	if (r < 0)
		json_object_put(refused);
	else
		json_put(call->result, "refused", refused);
	return r;
}
