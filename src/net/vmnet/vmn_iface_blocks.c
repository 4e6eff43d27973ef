/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_iface_blocks.c - one interface of vmnet: what vmnet's threads run
 *
 * The serial queue runs one block at a time, but the loop's thread runs besides. Blocks keep what they
 * are told and ring; each is an owner of the memory until it has run.
 */
#include "net/vmnet/vmn_iface_internal.h"

#include <stdlib.h>

/* Owners */

void vmn_iface_let_go(struct vmn_iface *iface)
{
	if (atomic_fetch_sub(&iface->owners, 1) > 1)
		return;
	dispatch_release(iface->queue);
	uv_cond_destroy(&iface->answered);
	uv_mutex_destroy(&iface->lock);
	free(iface->name);
	free(iface);
}

void vmn_iface_expect(struct vmn_iface *iface, struct answer *answer)
{
	atomic_fetch_add(&iface->owners, 1);
	uv_mutex_lock(&iface->lock);
	answer->awaited = true;
	uv_mutex_unlock(&iface->lock);
}

/* The handler will not run. Should it be queued all the same, it finds the memory in place. */
void vmn_iface_expect_no_more(struct vmn_iface *iface, struct answer *answer)
{
	atomic_fetch_add(&iface->owners, 1);
	dispatch_async(iface->queue, ^{
	  bool mine;

	  uv_mutex_lock(&iface->lock);
	  mine = answer->awaited;
	  answer->awaited = false;
	  uv_mutex_unlock(&iface->lock);
	  if (mine)
		  vmn_iface_let_go(iface);
	  vmn_iface_let_go(iface);
	});
}

/* With the lock held. */
static void ring(struct vmn_iface *iface)
{
	if (!iface->bell_gone)
		uv_async_send(&iface->bell);
}

/* Blocks */

void vmn_iface_on_event(struct vmn_iface *iface)
{
	if (atomic_exchange(&iface->event, true))
		return;
	uv_mutex_lock(&iface->lock);
	ring(iface);
	uv_mutex_unlock(&iface->lock);
}

/* Return: true: the first time, and so the caller is an owner who has to let go. With the lock held */
static bool take_answer(struct vmn_iface *iface, struct answer *answer, vmnet_return_t status)
{
	bool mine = answer->awaited;

	answer->awaited = false;
	answer->given = true;
	answer->status = status;
	uv_cond_signal(&iface->answered);
	ring(iface);
	return mine;
}

static void on_stopped(struct vmn_iface *iface, vmnet_return_t status)
{
	bool mine;

	uv_mutex_lock(&iface->lock);
	mine = take_answer(iface, &iface->stop, status);
	uv_mutex_unlock(&iface->lock);
	if (mine)
		vmn_iface_let_go(iface);
}

vmnet_return_t vmn_iface_stop(struct vmn_iface *iface)
{
	vmnet_return_t status;

	vmn_iface_expect(iface, &iface->stop);
	status = vmnet_stop_interface(iface->ref, iface->queue, ^(vmnet_return_t answer) {
	  on_stopped(iface, answer);
	});
	if (status != VMNET_SUCCESS)
		vmn_iface_expect_no_more(iface, &iface->stop);
	return status;
}

void vmn_iface_on_start(struct vmn_iface *iface, vmnet_return_t status, xpc_object_t parameters)
{
	struct vmn_facts facts;
	bool mine, too_late;

	vmn_facts_read(status == VMNET_SUCCESS ? parameters : NULL, &facts);
	uv_mutex_lock(&iface->lock);
	iface->told = facts;
	mine = take_answer(iface, &iface->start, status);
	too_late = iface->bell_gone && iface->ref;
	uv_mutex_unlock(&iface->lock);
	if (!mine)
		return;
	if (too_late && status == VMNET_SUCCESS)
		(void)vmn_iface_stop(iface);
	vmn_iface_let_go(iface);
}
