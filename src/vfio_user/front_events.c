/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front_events.c - what the links call back, and the runner that passes it on
 *
 * Links call back with the lock held. What concerns one of our calls is settled there: its accept(), its
 * result. Everything else becomes an event in a queue: requests (copied, for the receive buffer is the
 * reader's), calls that have a done(), and death. The runner takes events from the queue in the order in
 * which they came and calls back without the lock.
 *
 * Who runs: with dispatch_only the thread that dispatches, in front_dispatch() and, if @nested, in its
 * waits. Else whoever waits or dispatches and finds some. Only one thread at a time, so callbacks do not
 * overlap, except that one which waits lets others run inside its wait (@nested, to a bounded depth).
 * If the runner sleeps in such a wait it is woken; if it is in a callback it finds what came
 * when that returns.
 *
 * Death is told by the outermost run, so that no request is in the middle of its callback.
 */
#include "vfio_user/front_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL	   128u /* of requests whose memory is kept for the next */
#define MAX_SPARES 32u

/**
 * struct front_served - a request, as its receiver has it and as we do
 * @next_spare: while nobody has it
 * @cap: bytes that @bytes has room for
 * @kept, @kept_cap: NULL, or receive buffer of the link's that has the request's bytes
 */
struct front_served {
	struct front_request request;
	struct front_event event;
	struct front_served *next_spare;
	struct front_sock *sock;
	link_token token;
	size_t cap;
	void *kept;
	size_t kept_cap;
	uint8_t bytes[];
};

static struct front_served *served_of(struct front_request *request)
{
	return (struct front_served *)((char *)request - offsetof(struct front_served, request));
}

static struct front_served *served_of_event(struct front_event *event)
{
	return (struct front_served *)((char *)event - offsetof(struct front_served, event));
}

static struct front_call *call_of_event(struct front_event *event)
{
	return (struct front_call *)((char *)event - offsetof(struct front_call, event));
}

static void event_push(struct front_list *list, struct front_event *event)
{
	event->next = NULL;
	if (list->last != NULL)
		list->last->next = event;
	else
		list->first = event;
	list->last = event;
}

/*
 * What the peer wants to read is not looked for while it does not take what it has been told: all of
 * it would be copied. What it asks for after that comes after that.
 */
static bool event_must_wait(const struct front *front, struct front_event *event)
{
	const struct front_served *served;

	if (event->kind != FRONT_EVENT_REQUEST || front->error != 0)
		return false;
	served = served_of_event(event);
	if (front->held.first != NULL)
		return true;
	return served->request.wire.command == WIRE_DMA_READ &&
	       served->request.wire.dma_io->count > LINK_BULK_MIN &&
	       front_bulk_held(served->sock, (size_t)served->request.wire.dma_io->count);
}

/* The first, unless it has to wait for the outermost run. */
static struct front_event *event_pop(struct front *front)
{
	struct front_event *event;

	for (;;) {
		event = front->events.first;
		if (event == NULL || (event->kind == FRONT_EVENT_DEATH && front->depth > 1))
			return NULL;
		front->events.first = event->next;
		if (event->next == NULL)
			front->events.last = NULL;
		if (!event_must_wait(front, event))
			return event;
		event_push(&front->held, event);
	}
}

void front_release_held(struct front *front)
{
	if (front->held.first == NULL ||
	    (front->error == 0 && served_of_event(front->held.first)->sock->full))
		return;
	front->held.last->next = front->events.first;
	if (front->events.last == NULL)
		front->events.last = front->held.last;
	front->events.first = front->held.first;
	front->held = (struct front_list) { 0 };
}

/* Requests. */

static struct front_served *served_new(struct front *front, size_t len)
{
	struct front_served *served = front->spare;
	size_t cap = len > SMALL ? len : SMALL;

	if (served != NULL && len <= SMALL) {
		front->spare = served->next_spare;
		front->n_spare--;
		return served;
	}
	served = malloc(sizeof(*served) + cap);
	if (served != NULL)
		served->cap = cap;
	return served;
}

/* With the lock, if there can be anybody else. */
static void served_free(struct front *front, struct front_served *served)
{
	if (served->kept != NULL) {
		if (front->error == 0)
			link_recycle(served->sock->link, served->kept, served->kept_cap);
		else
			free(served->kept);
	}
	if (served->cap != SMALL || front->n_spare == MAX_SPARES) {
		free(served);
		return;
	}
	served->next_spare = front->spare;
	front->spare = served;
	front->n_spare++;
}

void front_free_spares(struct front *front)
{
	while (front->spare != NULL) {
		struct front_served *served = front->spare;

		front->spare = served->next_spare;
		free(served);
	}
}

/* A pointer into the bytes that were decoded, or NULL, becomes one into the copy. */
static const void *moved(const void *pointer, const void *from, const void *to)
{
	if (pointer == NULL)
		return NULL;
	return (const char *)to + ((const char *)pointer - (const char *)from);
}

static void wire_request_move(struct wire_request *request, const void *from, const void *to)
{
	switch (request->command) {
	case WIRE_VERSION:
		request->version.json = moved(request->version.json, from, to);
		break;
	case WIRE_DEVICE_SET_IRQS:
		request->irqs.set = moved(request->irqs.set, from, to);
		request->irqs.bools = moved(request->irqs.bools, from, to);
		break;
	case WIRE_DEVICE_FEATURE:
		request->feature.feature = moved(request->feature.feature, from, to);
		break;
	case WIRE_DEVICE_RESET:
		break;
	default:
		request->fixed = moved(request->fixed, from, to);
	}
}

/* The fds that nobody took before are the copy's. Return: 0, -ENOMEM */
static int served_take_fds(struct front_served *served, struct link_fds *fds)
{
	served->request.fds = NULL;
	if (fds->n == 0)
		return 0;
	served->request.fds = malloc(sizeof(*fds));
	if (served->request.fds == NULL)
		return -ENOMEM;
	served->request.fds->n = fds->n;
	for (size_t i = 0; i < fds->n; i++) {
		served->request.fds->fd[i] = fds->fd[i];
		fds->fd[i] = -1;
	}
	return 0;
}

static void served_close_fds(struct front_served *served)
{
	struct link_fds *fds = served->request.fds;

	if (fds == NULL)
		return;
	for (size_t i = 0; i < fds->n; i++) {
		if (fds->fd[i] >= 0)
			close(fds->fd[i]);
	}
	free(fds);
}

static struct front_served *served_copy(struct front_sock *sock, link_token token,
					const struct wire_request *request, struct link_fds *fds)
{
	size_t len;
	const void *bytes = link_request_bytes(sock->link, &len);
	size_t kept_cap = 0;
	void *kept = len > SMALL ? link_keep_request(sock->link, &kept_cap) : NULL;
	struct front_served *served = served_new(sock->front, kept != NULL ? 0 : len);

	if (served == NULL) {
		free(kept);
		return NULL;
	}
	served->sock = sock;
	served->kept = kept;
	served->kept_cap = kept_cap;
	if (served_take_fds(served, fds) < 0) {
		served_free(sock->front, served);
		return NULL;
	}
	served->token = token;
	served->event.kind = FRONT_EVENT_REQUEST;
	served->request.user = NULL;
	served->request.wire = *request;
	if (kept != NULL)
		return served;
	if (len > 0)
		memcpy(served->bytes, bytes, len);
	wire_request_move(&served->request.wire, bytes, served->bytes);
	return served;
}

static void link_asked(void *opaque, link_token token, const struct wire_request *request,
		       struct link_fds *fds)
{
	struct front_sock *sock = opaque;
	struct front_served *served = served_copy(sock, token, request, fds);

	if (served == NULL) {
		link_reply_error(sock->link, token, -ENOMEM);
		return;
	}
	sock->front->n_served++;
	event_push(&sock->front->events, &served->event);
}

static void link_refused(void *opaque, const struct wire_header *header, size_t n_fds, int error)
{
	struct front *front = ((struct front_sock *)opaque)->front;
	struct front_refusal *refusal = &front->refusal;

	if (front->config.ops->refused == NULL || atomic_load(&refusal->pending))
		return;
	atomic_store(&refusal->pending, true);
	refusal->header = *header;
	refusal->n_fds = n_fds;
	refusal->error = error;
	event_push(&front->events, &refusal->event);
}

/* It is answered, or nobody will. Locked; it is not when this returns. */
static void served_end(struct front *front, struct front_served *served)
{
	served_free(front, served);
	front_put(front);
}

static void reply(struct front *front, struct front_request *request, int error,
		  const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	struct front_served *served = served_of(request);

	served_close_fds(served);
	if (front_forked(front)) {
		free(served->kept);
		free(served);
		return;
	}
	front_lock(front);
	if (front->error == 0) {
		struct link *link = served->sock->link;

		if (error == 0 && front_is_bulk(iov, n_iov, n_fds))
			front_bulk_reply(served->sock, served->token, iov, n_iov);
		else if (error == 0)
			link_reply_ok(link, served->token, iov, n_iov, fds, n_fds);
		else
			link_reply_error(link, served->token, error);
		if (front->error == 0 && !front_batching(front))
			front_send(front);
	}
	served_end(front, served);
}

void front_reply_ok(struct front *front, struct front_request *request, const struct iovec *iov,
		    size_t n_iov, const int *fds, size_t n_fds)
{
	reply(front, request, 0, iov, n_iov, fds, n_fds);
}

void front_reply_error(struct front *front, struct front_request *request, int error)
{
	reply(front, request, error == 0 ? -EIO : error, NULL, 0, NULL, 0);
}

/* Calls. */

void front_call_done(void *opaque, const struct link_reply *reply)
{
	struct front_call *call = opaque;
	struct front *front = call->front;
	struct front_waiter *w = call->waiter;
	struct link_reply late = { .error = -ETIMEDOUT };

	if (front_forked(front))
		return;
	if (call->state == FRONT_CALL_LATE)
		reply = &late;
	call->result = call->accept != NULL ? call->accept(call, reply) : reply->error;
	call->state = FRONT_CALL_OVER;
	if (call->done != NULL)
		event_push(&front->events, &call->event);
	else if (w != NULL && w->following)
		front_wake(front, w, FRONT_WORD_OVER);
}

/* Death. */

static void link_dead(void *opaque, int error, const char *reason)
{
	struct front *front = ((struct front_sock *)opaque)->front;

	if (front_forked(front) || front->error != 0)
		return;
	front->error = error;
	snprintf(front->reason, sizeof(front->reason), "%s", reason);
	front_release_held(front);
	event_push(&front->events, &front->death);
	for (size_t i = 0; i < front->n_socks; i++) {
		link_kill(front->socks[i].link, error, reason);
		shutdown(front->socks[i].fd, SHUT_RDWR);
	}
	front_wake_room(front);
}

const struct link_ops front_link_ops = {
	.request = link_asked,
	.refused = link_refused,
	.dead = link_dead,
};

/* The runner. */

bool front_batching(const struct front *front)
{
	return front->depth > 0 &&
	       (front->config.plain_fd || pthread_equal(front->runner, pthread_self()));
}

bool front_runs_here(const struct front *front, const struct front_waiter *w)
{
	if (w->nested)
		return front->config.nested && front->depth < FRONT_MAX_DEPTH;
	if (w == &front->dispatching)
		return true;
	return front->config.dispatch_only && w->dispatcher && front->config.nested;
}

bool front_may_run(const struct front *front, const struct front_waiter *w)
{
	if (front->events.first == NULL || (front->depth > 0 && !w->nested))
		return false;
	if (front->events.first->kind == FRONT_EVENT_DEATH && w->nested)
		return false;
	return front_runs_here(front, w) || (!w->nested && !front->config.dispatch_only);
}

static void event_run(struct front *front, struct front_event *event)
{
	const struct front_ops *ops = front->config.ops;
	struct front_call *call;

	switch ((enum front_event_kind)event->kind) {
	case FRONT_EVENT_REQUEST:
		ops->request(front->config.opaque, &served_of_event(event)->request);
		break;
	case FRONT_EVENT_CALL:
		call = call_of_event(event);
		call->done(call, call->result);
		break;
	case FRONT_EVENT_REFUSAL:
		ops->refused(front->config.opaque, &front->refusal.header, front->refusal.n_fds,
			     front->refusal.error);
		atomic_store(&front->refusal.pending, false);
		break;
	case FRONT_EVENT_DEATH:
		if (ops->dead != NULL)
			ops->dead(front->config.opaque, front->error, front->reason);
		break;
	}
}

void front_run(struct front *front, const struct front_waiter *w, size_t budget)
{
	struct front_event *event;

	front->runner = pthread_self();
	front->depth++;
	while (budget-- > 0 && (event = event_pop(front)) != NULL) {
		front_unlock(front);
		event_run(front, event);
		front_lock(front);
		if (w != NULL && front_waiter_over(w) && front->reader != NULL)
			break;
	}
	front->depth--;
	if (front->depth == 0 && front->error != 0) {
		front_bell(front);
		pthread_cond_broadcast(&front->idle);
	}
}

/* Another thread runs callbacks: wait until it has. */
static void wait_idle(struct front *front)
{
	while (front->depth > 0) {
		front->locked = false;
		pthread_cond_wait(&front->idle, &front->lock);
		front->locked = true;
	}
}

void front_settle(struct front *front)
{
	if (front_forked(front))
		return;
	front_lock(front);
	wait_idle(front);
	while (front->events.first != NULL) {
		front_run(front, NULL, SIZE_MAX);
		wait_idle(front);
	}
	front_unlock(front);
}

void front_events_settle(struct front *front)
{
	struct front_waiter *w = front->sleeping_runner;

	if (front->events.first == NULL)
		return;
	if (w != NULL && front_may_run(front, w)) {
		if (w == front->reader)
			front_ring(front);
		else
			front_wake(front, w, FRONT_WORD_LOOK);
		return;
	}
	if (front->depth > 0 || front->in_dispatch) /* that one looks before it ends */
		return;
	if (!front->config.dispatch_only && front->reader != NULL)
		front_ring(front);
	else
		front_bell(front);
}

void front_drop_events(struct front *front)
{
	struct front_event *event;

	front_lock(front);
	while ((event = event_pop(front)) != NULL) {
		if (event->kind == FRONT_EVENT_REQUEST) {
			struct front_served *served = served_of_event(event);

			served_close_fds(served);
			served_free(front, served);
			front->n_served--;
			continue;
		}
		if (event->kind == FRONT_EVENT_REFUSAL)
			continue;
		front_unlock(front);
		event_run(front, event);
		front_lock(front);
	}
	front_unlock(front);
}
