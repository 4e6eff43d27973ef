/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_iface.h - one interface of vmnet: started, told of its event, stopped
 *
 *   vmnet's blocks, on a serial queue of this interface          the loop
 *   start handler   keeps what it was told, rings        --->    started() or failed()
 *   event           sets a flag, rings if it was not set --->    clears it, readable()
 *   stop handler    rings                                --->    handles and memory go
 *
 * Blocks take the interface's own lock, which is held around no call but that of the bell
 * (uv_async_send()), and no other lock: nobody waits for the loop, and the loop waits for nobody.
 *
 * Memory belongs to the loop, to the start handler until it ran, and to the stop handler until it ran:
 * who is the last frees it. Blocks of the event that are queued when it is switched off, or when the
 * interface is being stopped, run before the stop handler does and find everything in place.
 *
 * All functions: the loop's thread.
 */
#ifndef NET_VMNET_VMN_IFACE_H
#define NET_VMNET_VMN_IFACE_H

#include <stdbool.h>
#include <uv.h>

#include "net/vmnet/vmn_facts.h"

struct vmn_iface;

/** struct vmn_times - how long handlers may take */
struct vmn_times {
	uint64_t start_ms, stop_ms;
	uint64_t answer_ms; /* of everything else */
};

/** struct vmn_iface_events - run by the loop, never inside a call of the interface */
struct vmn_iface_events {
	/* It has not started at once: once, before anything else is told. */
	void (*pending)(void *opaque);
	void (*started)(void *opaque, const struct vmn_facts *facts);
	/* It will never start; only closing it is left. @error: negative errno */
	void (*failed)(void *opaque, int error, const char *why);
	/* Packets may wait: once after one or many events, and after vmn_iface_poke(). */
	void (*readable)(void *opaque);
	/* The pause is over. */
	void (*resumed)(void *opaque);
};

/** struct vmn_iface_config - for the call */
struct vmn_iface_config {
	const char *name;	  /* for log lines: of the port, or the network */
	xpc_object_t description; /* released by the caller */
	void *object;		  /* network object that it is started on, or NULL */
	struct vmn_times times;
};

/**
 * vmn_iface_new() - begin to start it; started() or failed() follows
 * @events: may be NULL
 * Return: 0; -EINVAL vmnet would not have it, with @ret_error; -ENOMEM; -errno
 */
int vmn_iface_new(uv_loop_t *loop, const struct vmn_iface_config *config,
		  const struct vmn_iface_events *events, void *opaque, struct vmn_iface **ret,
		  char **ret_error);

/**
 * vmn_iface_wait() - for the start handler, at most times.start_ms: for those that cannot go on
 * without. started() and failed() are not called.
 * Return: 0 it runs; -ETIMEDOUT or what vmnet's status is, with @ret_error
 */
int vmn_iface_wait(struct vmn_iface *iface, char **ret_error);

/**
 * vmn_iface_close() - no event from now on; it is stopped, and freed when its stop handler ran. The
 * loop runs until then, or until times.stop_ms. NULL is fine
 */
void vmn_iface_close(struct vmn_iface *iface);

/** vmn_iface_ref(), vmn_iface_facts() - once it is started */
interface_ref vmn_iface_ref(const struct vmn_iface *iface);
const struct vmn_facts *vmn_iface_facts(const struct vmn_iface *iface);

/**
 * vmn_iface_watch() - have readable() called when packets come, or no more
 *
 * vmnet fires without pause while packets are unread, so who does not read switches it off. Who
 * switches it on reads afterwards: what came meanwhile may not be told.
 * Return: VMNET_SUCCESS, or else it stays as it was
 */
vmnet_return_t vmn_iface_watch(struct vmn_iface *iface, bool on);
bool vmn_iface_is_watched(const struct vmn_iface *iface);

/** vmn_iface_poke() - have readable() called in the loop's next turn, or sooner */
void vmn_iface_poke(struct vmn_iface *iface);

/** vmn_iface_pause() - have resumed() called after @ms; of several the last one counts */
void vmn_iface_pause(struct vmn_iface *iface, uint64_t ms);

#endif
