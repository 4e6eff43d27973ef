/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handler.h - running a caller's handler later, on the caller's queue
 *
 * A handler keeps its block and its queue until it ran, or was given up. Any thread.
 */
#ifndef VMNET_INTERFACES_HANDLER_H
#define VMNET_INTERFACES_HANDLER_H

#include <vmnet/vmnet.h>

struct handler;

/** handler_new() - @block may be NULL: then nothing will run. Return: NULL no memory */
struct handler *handler_new(dispatch_queue_t queue, const void *block);

/** handler_free() - it will not run. NULL is fine */
void handler_free(struct handler *handler);

/** handler_run_status(), ..._params(), ..._rules() - queue it with its arguments; frees it then */
void handler_run_status(struct handler *handler, vmnet_return_t status);
/** @params: the handler's from now on; may be NULL */
void handler_run_params(struct handler *handler, vmnet_return_t status, xpc_object_t params);
void handler_run_rules(struct handler *handler, xpc_object_t rules);

#endif
