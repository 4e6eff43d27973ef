/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_iface.c - one interface of vmnet: started, told of its event, stopped
 *
 *   STARTING --start handler: success--> RUNNING --close--> STOPPING --stop handler--> gone
 *      |                                                       |
 *      +--failure, NULL, deadline--> FAILED --close--> gone    +--deadline--> gone, all but the memory
 *
 * Closed while STARTING it waits for the start handler, as there is nothing yet that could be stopped.
 * A handler that comes after its deadline finds the memory still there, and nobody to tell: an
 * interface that started that late is stopped by its own start handler.
 */
#include "net/vmnet/vmn_iface_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "net/vmnet/vmn_newer.h"
#include "net/vmnet/vmn_status.h"
#include "sys/explain.h"
#include "sys/log.h"

#define EVENTS	     VMNET_INTERFACE_PACKETS_AVAILABLE
#define NS_PER_MS    1000000u
#define LOOP_HANDLES 2u

/* The end */

static void on_handle_closed(uv_handle_t *handle)
{
	struct vmn_iface *iface = handle->data;

	if (--iface->open_handles == 0)
		vmn_iface_let_go(iface);
}

static void close_handles(struct vmn_iface *iface)
{
	iface->state = VMN_ENDING;
	uv_close((uv_handle_t *)&iface->bell, on_handle_closed);
	uv_close((uv_handle_t *)&iface->timer, on_handle_closed);
}

/* Return: false: the handler has spoken in the meantime */
static bool give_up(struct vmn_iface *iface, const struct answer *answer)
{
	bool given;

	uv_mutex_lock(&iface->lock);
	given = answer->given;
	iface->bell_gone = !given;
	uv_mutex_unlock(&iface->lock);
	return !given;
}

static void end(struct vmn_iface *iface)
{
	uv_mutex_lock(&iface->lock);
	iface->bell_gone = true;
	uv_mutex_unlock(&iface->lock);
	close_handles(iface);
}

static void on_timer(uv_timer_t *timer);

static void begin_stop(struct vmn_iface *iface)
{
	vmnet_return_t status;

	(void)vmn_iface_watch(iface, false);
	iface->state = VMN_STOPPING;
	uv_update_time(iface->timer.loop);
	status = vmn_iface_stop(iface);
	if (status == VMNET_SUCCESS) {
		uv_timer_start(&iface->timer, on_timer, iface->times.stop_ms, 0);
		return;
	}
	log_warning("%s: vmnet would not stop the interface: %s", iface->name,
		    vmn_status_text(status));
	end(iface);
}

/* What handlers have said */

static struct answer look(struct vmn_iface *iface, const struct answer *answer)
{
	struct answer copy;

	uv_mutex_lock(&iface->lock);
	copy = *answer;
	uv_mutex_unlock(&iface->lock);
	return copy;
}

static void tell_failed(struct vmn_iface *iface, int error, const char *why)
{
	iface->state = VMN_FAILED;
	if (iface->closed)
		end(iface);
	else if (iface->events)
		iface->events->failed(iface->opaque, error, why);
}

/* The start handler has spoken: STARTING is over. */
static void settle_start(struct vmn_iface *iface, vmnet_return_t status)
{
	uv_timer_stop(&iface->timer);
	uv_mutex_lock(&iface->lock);
	iface->facts = iface->told;
	uv_mutex_unlock(&iface->lock);
	iface->state = status == VMNET_SUCCESS ? VMN_RUNNING : VMN_FAILED;
}

static void on_start_answer(struct vmn_iface *iface, vmnet_return_t status)
{
	char *why = NULL;

	settle_start(iface, status);
	if (iface->state == VMN_FAILED) {
		explain(&why, 0, "vmnet cannot start an interface: %s", vmn_status_text(status));
		tell_failed(iface, vmn_status_errno(status), why ? why : "no memory");
		free(why);
	} else if (iface->closed) {
		begin_stop(iface);
	} else if (iface->events) {
		iface->events->started(iface->opaque, &iface->facts);
	}
}

static void tell_pending(struct vmn_iface *iface)
{
	if (iface->pending_told || !iface->events)
		return;
	iface->pending_told = true;
	iface->events->pending(iface->opaque);
}

static void on_bell(uv_async_t *bell)
{
	struct vmn_iface *iface = bell->data;
	struct answer answer = { .given = false };

	if (iface->state == VMN_STARTING)
		answer = look(iface, &iface->start);
	if (answer.given)
		on_start_answer(iface, answer.status);
	else if (iface->state == VMN_STARTING)
		tell_pending(iface);
	if (iface->state == VMN_STOPPING && look(iface, &iface->stop).given)
		end(iface);
	if (atomic_exchange(&iface->event, false) && iface->state == VMN_RUNNING && iface->events)
		iface->events->readable(iface->opaque);
}

static int explain_no_start(char **ret_error, const struct vmn_iface *iface)
{
	return explain(ret_error, -ETIMEDOUT,
		       "vmnet has not answered the start of an interface in %" PRIu64 " ms",
		       iface->times.start_ms);
}

static void on_start_deadline(struct vmn_iface *iface)
{
	char *why = NULL;

	if (!give_up(iface, &iface->start)) {
		on_start_answer(iface, look(iface, &iface->start).status);
		return;
	}
	(void)explain_no_start(&why, iface);
	if (iface->closed) {
		log_error("%s: %s", iface->name, why ? why : "no memory");
		close_handles(iface);
	} else {
		tell_failed(iface, -ETIMEDOUT, why ? why : "no memory");
	}
	free(why);
}

static void on_timer(uv_timer_t *timer)
{
	struct vmn_iface *iface = timer->data;

	if (iface->state == VMN_STARTING) {
		on_start_deadline(iface);
	} else if (iface->state == VMN_RUNNING && iface->events) {
		iface->events->resumed(iface->opaque);
	} else if (iface->state == VMN_STOPPING) {
		if (give_up(iface, &iface->stop))
			log_error("%s: vmnet has not stopped the interface in %" PRIu64
				  " ms; its memory stays",
				  iface->name, iface->times.stop_ms);
		end(iface);
	}
}

/* Made and used */

int vmn_iface_wait(struct vmn_iface *iface, char **ret_error)
{
	uint64_t end_ns = uv_hrtime() + iface->times.start_ms * NS_PER_MS, now_ns;
	struct answer answer;

	uv_mutex_lock(&iface->lock);
	while (!iface->start.given && (now_ns = uv_hrtime()) < end_ns)
		(void)uv_cond_timedwait(&iface->answered, &iface->lock, end_ns - now_ns);
	answer = iface->start;
	iface->bell_gone = !answer.given;
	uv_mutex_unlock(&iface->lock);
	if (!answer.given) {
		uv_timer_stop(&iface->timer);
		iface->state = VMN_FAILED;
		return explain_no_start(ret_error, iface);
	}
	settle_start(iface, answer.status);
	if (iface->state == VMN_RUNNING)
		return 0;
	return explain(ret_error, vmn_status_errno(answer.status),
		       "vmnet cannot start an interface: %s", vmn_status_text(answer.status));
}

void vmn_iface_close(struct vmn_iface *iface)
{
	if (!iface)
		return;
	iface->closed = true;
	iface->events = NULL;
	if (iface->state == VMN_RUNNING)
		begin_stop(iface);
	else if (iface->state == VMN_FAILED)
		end(iface);
	/* STARTING: by the start handler, or its deadline */
}

interface_ref vmn_iface_ref(const struct vmn_iface *iface)
{
	return iface->ref;
}

const struct vmn_facts *vmn_iface_facts(const struct vmn_iface *iface)
{
	return &iface->facts;
}

vmnet_return_t vmn_iface_watch(struct vmn_iface *iface, bool on)
{
	vmnet_return_t status;

	if (iface->watched == on)
		return VMNET_SUCCESS;
	if (on)
		status = vmnet_interface_set_event_callback(
			iface->ref, EVENTS, iface->queue,
			^(interface_event_t event, xpc_object_t parameters) {
			  vmn_iface_on_event(iface);
			});
	else
		status = vmnet_interface_set_event_callback(iface->ref, EVENTS, NULL, NULL);
	if (status == VMNET_SUCCESS)
		iface->watched = on;
	return status;
}

bool vmn_iface_is_watched(const struct vmn_iface *iface)
{
	return iface->watched;
}

void vmn_iface_poke(struct vmn_iface *iface)
{
	vmn_iface_on_event(iface);
}

void vmn_iface_pause(struct vmn_iface *iface, uint64_t ms)
{
	uv_timer_start(&iface->timer, on_timer, ms, 0);
}

static interface_ref start(struct vmn_iface *iface, const struct vmn_iface_config *config)
{
	vmnet_start_interface_completion_handler_t handler =
		^(vmnet_return_t status, xpc_object_t parameters) {
		  vmn_iface_on_start(iface, status, parameters);
		};

	if (config->object)
		return vmn_newer()->start_with_network(config->object, config->description,
						       iface->queue, handler);
	return vmnet_start_interface(config->description, iface->queue, handler);
}

static int make(uv_loop_t *loop, const struct vmn_iface_config *config, struct vmn_iface **ret)
{
	struct vmn_iface *iface = calloc(1, sizeof(*iface));
	int r = -ENOMEM;

	if (iface)
		iface->name = strdup(config->name);
	if (iface && iface->name)
		iface->queue = dispatch_queue_create("outrigger.vmnet", DISPATCH_QUEUE_SERIAL);
	if (iface && iface->queue)
		r = uv_async_init(loop, &iface->bell, on_bell);
	if (r < 0) {
		if (iface && iface->queue)
			dispatch_release(iface->queue);
		free(iface ? iface->name : NULL);
		free(iface);
		return r;
	}
	uv_timer_init(loop, &iface->timer);
	uv_mutex_init(&iface->lock);
	uv_cond_init(&iface->answered);
	iface->bell.data = iface->timer.data = iface;
	iface->open_handles = LOOP_HANDLES;
	iface->times = config->times;
	atomic_init(&iface->owners, 1);
	atomic_init(&iface->event, false);
	*ret = iface;
	return 0;
}

int vmn_iface_new(uv_loop_t *loop, const struct vmn_iface_config *config,
		  const struct vmn_iface_events *events, void *opaque, struct vmn_iface **ret,
		  char **ret_error)
{
	struct vmn_iface *iface;
	interface_ref ref;
	int r = make(loop, config, &iface);

	if (r < 0)
		return r;
	vmn_iface_expect(iface, &iface->start);
	ref = start(iface, config);
	if (!ref) {
		vmn_iface_expect_no_more(iface, &iface->start);
		end(iface);
		return explain(ret_error, -EINVAL,
			       "vmnet would not start an interface with these options");
	}
	uv_mutex_lock(&iface->lock);
	iface->ref = ref;
	uv_mutex_unlock(&iface->lock);
	iface->events = events;
	iface->opaque = opaque;
	uv_update_time(loop);
	uv_timer_start(&iface->timer, on_timer, iface->times.start_ms, 0);
	uv_async_send(&iface->bell);
	*ret = iface;
	return 0;
}
