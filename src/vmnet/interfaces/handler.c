/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmnet/interfaces/handler.h"

#include <stdlib.h>

#include "darwin/block.h"

struct handler {
	dispatch_queue_t queue;
	void *block;
	vmnet_return_t status;
	xpc_object_t object;
};

struct handler *handler_new(dispatch_queue_t queue, const void *block)
{
	struct handler *handler = calloc(1, sizeof(*handler));

	if (!handler)
		return NULL;
	if (block) {
		handler->block = _Block_copy(block);
		if (!handler->block) {
			free(handler);
			return NULL;
		}
	}
	dispatch_retain(queue);
	handler->queue = queue;
	return handler;
}

void handler_free(struct handler *handler)
{
	if (!handler)
		return;
	if (handler->block)
		_Block_release(handler->block);
	if (handler->object)
		xpc_release(handler->object);
	dispatch_release(handler->queue);
	free(handler);
}

static void run_status(void *context)
{
	struct handler *handler = context;
	void (*invoke)(const void *, vmnet_return_t) =
		(void (*)(const void *, vmnet_return_t))block_function(handler->block);

	invoke(handler->block, handler->status);
	handler_free(handler);
}

static void run_params(void *context)
{
	struct handler *handler = context;
	void (*invoke)(const void *, vmnet_return_t, xpc_object_t) = (void (*)(
		const void *, vmnet_return_t, xpc_object_t))block_function(handler->block);

	invoke(handler->block, handler->status, handler->object);
	handler_free(handler);
}

static void run_rules(void *context)
{
	struct handler *handler = context;
	void (*invoke)(const void *, xpc_object_t) =
		(void (*)(const void *, xpc_object_t))block_function(handler->block);

	invoke(handler->block, handler->object);
	handler_free(handler);
}

static void run(struct handler *handler, void (*function)(void *))
{
	if (handler->block)
		dispatch_async_f(handler->queue, handler, function);
	else
		handler_free(handler);
}

void handler_run_status(struct handler *handler, vmnet_return_t status)
{
	handler->status = status;
	run(handler, run_status);
}

void handler_run_params(struct handler *handler, vmnet_return_t status, xpc_object_t params)
{
	handler->status = status;
	handler->object = params;
	run(handler, run_params);
}

void handler_run_rules(struct handler *handler, xpc_object_t rules)
{
	handler->object = rules;
	run(handler, run_rules);
}
