/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * method_captures.c - methods: captures
 */
#include <errno.h>

#include "net/control/captures.h"
#include "net/control/methods.h"
#include "sys/explain.h"

const struct control_param control_params_capture_start[] = {
	{ "port", CONTROL_TEXT, false },
	{ "filter", CONTROL_TEXT, false },
	{ "limit", CONTROL_NUMBER, false },
	{ "snap-len", CONTROL_NUMBER, false },
	{ 0 },
};

int control_capture_start(struct control_call *call)
{
	struct port_table *ports = net_service_ports(call->host->service);
	const char *name = control_text(call, "port");
	uint64_t snap_len = control_number(call, "snap-len");
	struct captures_request request = {
		.port = name ? port_find(ports, name) : NULL,
		.config = { .fd = call->fd,
			    .filter = control_text(call, "filter"),
			    .snap_len = snap_len < UINT32_MAX ? (uint32_t)snap_len : 0,
			    .max_bytes = control_number(call, "limit") },
		.client = call->client,
	};
	uint64_t number;
	int r;

	if (name && !request.port)
		return explain(&call->error, -ENOENT, "no port is called %s", name);
	if (call->fd < 0)
		return explain(&call->error, -EINVAL,
			       "no fd came with the request; give one end of a stream socket pair");
	call->fd = -1; /* the capture's from here on */
	r = captures_start(call->host->captures, &request, &number, &call->error);
	if (r == -ENOTSOCK)
		return -EINVAL;
	if (r < 0)
		return r;
	json_put_number(call->result, "capture", number);
	return 0;
}

int control_capture_stop(struct control_call *call)
{
	uint64_t number = control_number(call, "capture");
	int r = captures_stop(call->host->captures, number);

	if (r < 0)
		return explain(&call->error, r, "no capture has number %llu",
			       (unsigned long long)number);
	return 0;
}

int control_captures(struct control_call *call)
{
	json_put(call->result, "captures", captures_list(call->host->captures));
	return 0;
}
