/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stop.c - how an interface goes
 *
 * Reads and writes fail as soon as the state says so. All else happens on the interface's queue,
 * behind a start that may still be under way, and the handler comes when the event callback is
 * not running any more - but if the callback is who stops it, and may be waiting for the handler.
 */
#include <stdlib.h>

#include "vmnet/interfaces/event.h"
#include "vmnet/interfaces/interface.h"
#include "vmnet/interfaces/watcher.h"

#define DRAIN_TIMEOUT_MS 100u

struct stop {
	struct interface *interface;
	struct handler *handler;
	pthread_t caller;
};

void interface_take_apart(struct interface *interface)
{
	struct net_driver *driver;

	forwards_drop(interface);
	pthread_mutex_lock(&interface->tx);
	pthread_mutex_lock(&interface->lock);
	driver = interface->driver;
	interface->driver = NULL;
	interface->event = EVENT_OFF;
	free(interface->slots);
	interface->slots = NULL;
	pthread_mutex_unlock(&interface->lock);
	/* What was written before the stop is on its way. */
	if (driver)
		(void)net_driver_drain(driver, rig_after_ms(DRAIN_TIMEOUT_MS));
	pthread_mutex_unlock(&interface->tx);
	if (driver)
		watcher_remove(driver);
	net_driver_free(driver);
	backend_close(interface->backend);
	interface->backend = NULL;
	free(interface->network);
	interface->network = NULL;
	xpc_release(interface->keep);
	interface->keep = NULL;
}

/* On the interface's queue. */
static void run_stop(void *context)
{
	struct stop *stop = context;
	struct interface *interface = stop->interface;
	struct event_sink *sink;

	interface_take_apart(interface);
	pthread_mutex_lock(&interface->lock);
	sink = interface->sink;
	interface->sink = NULL;
	pthread_mutex_unlock(&interface->lock);
	interface_free(interface);
	event_sink_end(sink, stop->caller, stop->handler);
	free(stop);
}

vmnet_return_t vmnet_stop_interface(interface_ref ref, dispatch_queue_t queue,
				    vmnet_interface_completion_handler_t block)
{
	struct interface *interface;
	struct stop *stop;

	if (!queue || !block)
		return VMNET_INVALID_ARGUMENT;
	stop = calloc(1, sizeof(*stop));
	if (stop)
		stop->handler = handler_new(queue, block);
	if (!stop || !stop->handler) {
		free(stop);
		return VMNET_MEM_FAILURE;
	}
	stop->caller = pthread_self();
	interface = interface_lock(ref);
	if (interface &&
	    atomic_exchange(&interface->state, INTERFACE_STOPPING) != INTERFACE_STOPPING) {
		stop->interface = interface;
		dispatch_async_f(interface->control, stop, run_stop);
		interface_unlock(interface);
		return VMNET_SUCCESS;
	}
	if (interface)
		interface_unlock(interface);
	handler_free(stop->handler);
	free(stop);
	return VMNET_INVALID_ARGUMENT;
}
