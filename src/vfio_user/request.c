/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * request.c - a request of the peer's that the application answers later
 */
#include "vfio_user/request.h"

#include <errno.h>

void *rig_request_data(struct rig_request *request, size_t *ret_len)
{
	*ret_len = request->len;
	return request->data;
}

int rig_request_set_len(struct rig_request *request, size_t len)
{
	if (!request->may_be_short || len > request->len)
		return -EINVAL;
	request->len = len;
	return 0;
}

void rig_request_done(struct rig_request *request, int error)
{
	request->done(request, error > 0 ? -error : error);
}
