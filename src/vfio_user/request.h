/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * request.h - a request of the peer's that the application answers later
 *
 * Both ends make them: the client of the server's DMA messages, the server of whatever its device
 * does not want to wait for. The maker embeds it in what it needs to remember.
 */
#ifndef VFIO_USER_REQUEST_H
#define VFIO_USER_REQUEST_H

#include "vfio_user/front.h"

/**
 * struct rig_request
 * @front, @wire: what to answer, and where
 * @data, @len: for rig_request_data(): the maker's, until done()
 * @may_be_short: for rig_request_set_len()
 * @done: answers @wire and frees the request; error is 0 or negative. Any thread
 */
struct rig_request {
	struct front *front;
	struct front_request *wire;
	void *data;
	size_t len;
	bool may_be_short;
	void (*done)(struct rig_request *request, int error);
};

#endif
