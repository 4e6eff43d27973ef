/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmnet/interfaces/event.h"

#include <stdlib.h>

#include "darwin/block.h"
#include "vmnet/interfaces/watcher.h"
#include "vmnet/log.h"

struct event_sink {
	_Atomic(unsigned int) refs;
	interface_ref ref;
	dispatch_queue_t queue;
	void *block;

	pthread_mutex_t lock; /* after the interface's */
	bool ended, running;
	pthread_t runner;
	struct handler *after; /* run when the callback returns */
};

static struct event_sink *sink_new(interface_ref ref, dispatch_queue_t queue, const void *block)
{
	struct event_sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return NULL;
	sink->block = _Block_copy(block);
	if (!sink->block || pthread_mutex_init(&sink->lock, NULL) != 0) {
		if (sink->block)
			_Block_release(sink->block);
		free(sink);
		return NULL;
	}
	dispatch_retain(queue);
	sink->queue = queue;
	sink->ref = ref;
	atomic_init(&sink->refs, 1);
	return sink;
}

static void sink_put(struct event_sink *sink)
{
	if (atomic_fetch_sub(&sink->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&sink->lock);
	_Block_release(sink->block);
	dispatch_release(sink->queue);
	free(sink);
}

void event_sink_end(struct event_sink *sink, pthread_t caller, struct handler *handler)
{
	bool wait = false;

	if (sink) {
		pthread_mutex_lock(&sink->lock);
		sink->ended = true;
		wait = handler && sink->running && !pthread_equal(sink->runner, caller);
		if (wait)
			sink->after = handler;
		pthread_mutex_unlock(&sink->lock);
		sink_put(sink);
	}
	if (handler && !wait)
		handler_run_status(handler, VMNET_SUCCESS);
}

static void run_event(void *context);

/* Locked. The queue has a reference. */
static void queue_event(struct interface *interface)
{
	interface->event = EVENT_QUEUED;
	interface->consumed = false;
	atomic_fetch_add(&interface->sink->refs, 1);
	dispatch_async_f(interface->sink->queue, interface->sink, run_event);
}

/* Locked: be told of the next packet, or go on at once if one, or an error, is here already. */
static void arm_or_queue(struct interface *interface)
{
	if (net_driver_arm(interface->driver))
		interface->event = EVENT_ARMED;
	else
		queue_event(interface);
}

/* Locked, after a callback. A lost network is told once: what is read says it, too. */
static void go_on(struct interface *interface)
{
	if (net_driver_error(interface->driver) < 0) {
		interface->event = EVENT_OFF;
	} else if (net_driver_arm(interface->driver)) {
		interface->event = EVENT_ARMED;
	} else if (interface->consumed) {
		queue_event(interface);
	} else {
		interface->event = EVENT_PACED;
		watcher_pace();
	}
}

static bool sink_begin(struct event_sink *sink)
{
	bool begin;

	pthread_mutex_lock(&sink->lock);
	begin = !sink->ended;
	sink->running = begin;
	sink->runner = pthread_self();
	pthread_mutex_unlock(&sink->lock);
	return begin;
}

static void sink_finish(struct event_sink *sink)
{
	struct handler *after;

	pthread_mutex_lock(&sink->lock);
	sink->running = false;
	after = sink->after;
	sink->after = NULL;
	pthread_mutex_unlock(&sink->lock);
	if (after)
		handler_run_status(after, VMNET_SUCCESS);
}

/* Is it still this one's callback? Then it is locked. */
static struct interface *lock_of(const struct event_sink *sink)
{
	struct interface *interface = interface_lock(sink->ref);

	if (interface && (interface->sink != sink || !interface->driver ||
			  interface_refuses(interface) != VMNET_SUCCESS)) {
		interface_unlock(interface);
		interface = NULL;
	}
	return interface;
}

static void call(struct event_sink *sink, size_t waiting)
{
	void (*invoke)(const void *, interface_event_t, xpc_object_t) = (void (*)(
		const void *, interface_event_t, xpc_object_t))block_function(sink->block);
	xpc_object_t event = xpc_dictionary_create_empty();

	xpc_dictionary_set_uint64(event, vmnet_estimated_packets_available_key, waiting);
	invoke(sink->block, VMNET_INTERFACE_PACKETS_AVAILABLE, event);
	xpc_release(event);
}

/* On the callback's queue. */
static void run_event(void *context)
{
	struct event_sink *sink = context;
	struct interface *interface = lock_of(sink);
	size_t waiting = 0;

	if (interface) {
		waiting = net_driver_waiting(interface->driver);
		interface_unlock(interface);
		if (sink_begin(sink)) {
			call(sink, waiting);
			sink_finish(sink);
		}
		interface = lock_of(sink);
	}
	if (interface) {
		go_on(interface);
		interface_unlock(interface);
	}
	sink_put(sink);
}

void event_noticed(struct interface *interface)
{
	net_driver_handle_event(interface->driver);
	if (net_driver_error(interface->driver) < 0)
		vmnet_log("an interface's network is lost");
	if (interface->event == EVENT_ARMED)
		arm_or_queue(interface);
}

void event_again(struct interface *interface)
{
	if (interface->event == EVENT_PACED)
		queue_event(interface);
}

void event_drained(struct interface *interface)
{
	if (interface->event == EVENT_PACED)
		arm_or_queue(interface);
}

vmnet_return_t vmnet_interface_set_event_callback(interface_ref ref, interface_event_t event_mask,
						  dispatch_queue_t queue,
						  vmnet_interface_event_callback_t block)
{
	struct event_sink *sink = NULL, *old = NULL;
	struct interface *interface;
	vmnet_return_t status = VMNET_INVALID_ARGUMENT;

	if (!queue != !block || (queue && event_mask != VMNET_INTERFACE_PACKETS_AVAILABLE))
		return VMNET_INVALID_ARGUMENT;
	if (queue) {
		sink = sink_new(ref, queue, block);
		if (!sink)
			return VMNET_MEM_FAILURE;
	}
	interface = interface_lock(ref);
	if (interface) {
		status = interface_refuses(interface);
		if (status == VMNET_SUCCESS) {
			old = interface->sink;
			interface->sink = sink;
			interface->event = EVENT_OFF;
			if (sink)
				arm_or_queue(interface);
			sink = NULL;
		}
		interface_unlock(interface);
	}
	event_sink_end(old, pthread_self(), NULL);
	event_sink_end(sink, pthread_self(), NULL);
	return status;
}
