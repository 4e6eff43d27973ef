/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_calls.c - the requests in flight, ours and the peer's
 *
 * Ours: the id is the index of a slot. A slot is waiting until its completion runs and late when
 * that ran before the reply came; only a reply frees it, so a reply can never be taken for that
 * to a younger request. Free ids queue up: the one used longest ago is next.
 *
 * The peer's: their ids may repeat, so a request is known by its token, which holds its slot (low
 * 16 bits) and a serial number that never repeats.
 *
 * Deadlines: next_deadline_us is a lower bound. It is not raised when a call completes, so a
 * steady stream of calls costs one comparison each, and a scan once per deadline.
 */
#include "vfio_user/link_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_FIRST	16u
#define ERRNO_MAX	4095u
#define TOKEN_SLOT_BITS 16
#define TOKEN_SLOTS	(1u << TOKEN_SLOT_BITS)

void calls_init(struct link *link)
{
	link->calls.first_free = CALL_NONE;
	link->calls.last_free = CALL_NONE;
	link->calls.next_deadline_us = LINK_FOREVER;
}

void calls_free(struct link *link)
{
	free(link->calls.slots);
}

static void call_release(struct link_calls *calls, uint32_t id)
{
	calls->slots[id].state = CALL_FREE;
	calls->slots[id].next_free = CALL_NONE;
	if (calls->last_free != CALL_NONE)
		calls->slots[calls->last_free].next_free = id;
	else
		calls->first_free = id;
	calls->last_free = id;
}

/* More ids. CALL_ID_POST is never one of them. */
static int calls_grow(struct link_calls *calls)
{
	uint32_t n = calls->n == 0 ? CALLS_FIRST : calls->n * 2;
	struct call *slots;

	if (calls->n == CALL_ID_POST)
		return -ENOBUFS;
	if (n > CALL_ID_POST)
		n = CALL_ID_POST;
	slots = realloc(calls->slots, n * sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	calls->slots = slots;
	for (uint32_t id = calls->n; id < n; id++)
		call_release(calls, id);
	calls->n = n;
	return 0;
}

bool link_has_room(const struct link *link)
{
	return link->tx.queued[TX_REQUEST] <= link->config.max_requests;
}

/* May another request be queued? */
static int calls_check(const struct link *link)
{
	if (link->error != 0)
		return -ENOTCONN;
	return link_has_room(link) ? 0 : -EAGAIN;
}

/* The id that the next request gets. Return: 0, -ENOTCONN, -EAGAIN, -ENOBUFS, -ENOMEM */
static int call_next(struct link *link, struct wire_header *header)
{
	int r = calls_check(link);

	if (r == 0 && link->calls.first_free == CALL_NONE)
		r = calls_grow(&link->calls);
	if (r == 0)
		header->id = (uint16_t)link->calls.first_free;
	return r;
}

/* It is on its way. @ret_id: NULL if nobody asks */
static void call_wait(struct link *link, const struct wire_header *header, const struct call *call,
		      uint16_t *ret_id)
{
	struct link_calls *calls = &link->calls;
	struct call *slot = &calls->slots[header->id];

	calls->first_free = slot->next_free;
	if (calls->first_free == CALL_NONE)
		calls->last_free = CALL_NONE;
	*slot = *call;
	slot->state = CALL_WAITING;
	slot->command = header->command;
	calls->n_waiting++;
	if (call->deadline_us < calls->next_deadline_us)
		calls->next_deadline_us = call->deadline_us;
	if (ret_id != NULL)
		*ret_id = header->id;
	link_changed(link);
}

int link_request(struct link *link, enum wire_command command, const struct iovec *iov,
		 size_t n_iov, const int *fds, size_t n_fds, size_t reply_max, size_t reply_fds_max,
		 uint64_t deadline_us, link_completion *done, void *opaque, uint16_t *ret_id)
{
	struct wire_header header = { .command = (uint16_t)command };
	const struct call call = {
		.reply_max = reply_max,
		.reply_fds_max = reply_fds_max,
		.deadline_us = deadline_us,
		.done = done,
		.opaque = opaque,
	};
	int r = call_next(link, &header);

	if (r == 0)
		r = tx_message(link, TX_REQUEST, &header, iov, n_iov, fds, n_fds);
	if (r < 0)
		return r;
	call_wait(link, &header, &call, ret_id);
	return 0;
}

int link_request_bulk(struct link *link, enum wire_command command, struct link_bulk *bulk,
		      size_t reply_max, size_t reply_fds_max, uint64_t deadline_us,
		      link_completion *done, void *opaque, uint16_t *ret_id)
{
	struct wire_header header = { .command = (uint16_t)command };
	const struct call call = {
		.reply_max = reply_max,
		.reply_fds_max = reply_fds_max,
		.deadline_us = deadline_us,
		.done = done,
		.opaque = opaque,
	};
	int r = call_next(link, &header);

	if (r == 0)
		r = tx_bulk(link, TX_REQUEST, &header, bulk);
	if (r < 0)
		return r;
	call_wait(link, &header, &call, ret_id);
	return 0;
}

void link_into(struct link *link, uint16_t id, size_t head, void *data)
{
	struct call *call = &link->calls.slots[id];

	assert(head <= LINK_HEAD_MAX && call->state == CALL_WAITING && call->reply_fds_max == 0);
	call->head = head;
	call->data = data;
}

int link_post(struct link *link, enum wire_command command, const struct iovec *iov, size_t n_iov)
{
	struct wire_header header = {
		.id = CALL_ID_POST,
		.command = (uint16_t)command,
		.flags = WIRE_TYPE_COMMAND | WIRE_FLAG_NO_REPLY,
	};
	int r;

	r = calls_check(link);
	if (r == 0)
		r = tx_message(link, TX_REQUEST, &header, iov, n_iov, NULL, 0);
	if (r < 0)
		return r;
	link->calls.posts++;
	link_changed(link);
	return 0;
}

/*
 * The only place where a completion runs. The slot is in its next state before, so that the
 * completion may do anything, also reallocate the slots.
 */
static void call_complete(struct link *link, uint32_t id, enum call_state next,
			  const struct link_reply *reply)
{
	struct link_calls *calls = &link->calls;
	struct call call = calls->slots[id];

	if (next == CALL_FREE)
		call_release(calls, id);
	else
		calls->slots[id].state = next;
	if (--calls->n_waiting == 0)
		calls->next_deadline_us = LINK_FOREVER;
	call.done(call.opaque, reply);
}

static void call_fail(struct link *link, uint32_t id, enum call_state next, int error)
{
	const struct link_reply reply = { .error = error };

	call_complete(link, id, next, &reply);
}

static bool call_waits(const struct link *link, uint32_t id)
{
	return id < link->calls.n && link->calls.slots[id].state == CALL_WAITING;
}

size_t call_reply_max(const struct link *link, uint16_t id)
{
	const struct link_calls *calls = &link->calls;

	return id < calls->n && calls->slots[id].state != CALL_FREE ? calls->slots[id].reply_max
								    : 0;
}

/* What an error reply says. Peers do send 0 and numbers that are no errno. */
static int reply_errno(const struct wire_header *header)
{
	if (header->error == 0 || header->error > ERRNO_MAX)
		return -EIO;
	return -(int)header->error;
}

/* A reply that no call waits for. */
static enum call_verdict judge_stray(struct link *link, const struct wire_header *header)
{
	if (header->id == CALL_ID_POST && link->calls.posts > 0) {
		link->calls.posts--;
		return CALL_DROP;
	}
	link_die(link, -EPROTO, "reply with id %u to a request that was not made", header->id);
	return CALL_BROKEN;
}

enum call_verdict call_judge(struct link *link, const struct wire_header *header, size_t n_fds,
			     int *ret_error)
{
	const struct call *call;

	if (header->id >= link->calls.n || link->calls.slots[header->id].state == CALL_FREE)
		return judge_stray(link, header);

	call = &link->calls.slots[header->id];
	if (call->command != header->command) {
		const char *asked = wire_command_name(call->command);

		if (call->state == CALL_WAITING)
			call_fail(link, header->id, CALL_LATE, -EPROTO);
		link_die(link, -EPROTO, "reply with id %u says command %u, the request was %s",
			 header->id, header->command, asked);
		return CALL_BROKEN;
	}
	if (header->flags & WIRE_FLAG_ERROR)
		*ret_error = reply_errno(header);
	else if (header->size - sizeof(*header) > call->reply_max || n_fds > call->reply_fds_max)
		*ret_error = -EPROTO;
	else if (call->state == CALL_WAITING)
		return CALL_DELIVER;
	return CALL_DROP;
}

void call_deliver(struct link *link, uint16_t id, const void *payload, size_t len,
		  struct link_fds *fds)
{
	const struct link_reply reply = { .payload = payload, .len = len, .fds = fds };

	call_complete(link, id, CALL_FREE, &reply);
}

bool call_pours(const struct link *link, uint16_t id)
{
	return link->calls.slots[id].data != NULL;
}

void call_pour(struct link *link, uint16_t id, size_t at, const uint8_t *bytes, size_t n,
	       uint8_t *head)
{
	const struct call *call = &link->calls.slots[id];

	if (call->state != CALL_WAITING) /* nobody waits for it any more */
		return;
	if (at < call->head) {
		size_t here = n < call->head - at ? n : call->head - at;

		memcpy(head + at, bytes, here);
		at += here;
		bytes += here;
		n -= here;
	}
	if (n > 0)
		memcpy(call->data + (at - call->head), bytes, n);
}

void call_poured(struct link *link, uint16_t id, const void *head, size_t len)
{
	struct link_fds none;

	none.n = 0;
	if (call_waits(link, id))
		call_deliver(link, id, head, len, &none);
	else
		call_release(&link->calls, id);
}

void call_dropped(struct link *link, uint16_t id, int error)
{
	if (call_waits(link, id))
		call_fail(link, id, CALL_FREE, error);
	else if (id < link->calls.n)
		call_release(&link->calls, id);
}

void link_cancel(struct link *link, uint16_t id)
{
	if (!call_waits(link, id))
		return;
	call_fail(link, id, CALL_LATE, -ECANCELED);
	link_changed(link);
}

void link_tick(struct link *link, uint64_t now_us)
{
	struct link_calls *calls = &link->calls;
	uint32_t n = calls->n; /* requests that completions make are not due before the next */

	if (now_us < calls->next_deadline_us)
		return;
	link_enter(link);
	calls->next_deadline_us = LINK_FOREVER;
	for (uint32_t id = 0; id < n; id++) {
		uint64_t deadline_us = calls->slots[id].deadline_us;

		if (calls->slots[id].state != CALL_WAITING)
			continue;
		if (deadline_us <= now_us)
			call_fail(link, id, CALL_LATE, -ETIMEDOUT);
		else if (deadline_us < calls->next_deadline_us)
			calls->next_deadline_us = deadline_us;
	}
	link_leave(link);
}

/* The link is dead, so completions cannot add calls. */
void calls_fail_all(struct link *link)
{
	for (uint32_t id = 0; id < link->calls.n; id++) {
		if (link->calls.slots[id].state == CALL_WAITING)
			call_fail(link, id, CALL_LATE, -ENOTCONN);
	}
}

int served_init(struct link *link, size_t n)
{
	struct link_served *served = &link->served;

	if (n > TOKEN_SLOTS)
		return -EINVAL;
	served->slots = calloc(n, sizeof(*served->slots));
	if (served->slots == NULL)
		return -ENOMEM;
	served->n = (uint32_t)n;
	for (uint32_t i = 0; i < served->n; i++)
		served->slots[i].next_free = i + 1;
	return 0;
}

void served_free(struct link *link)
{
	free(link->served.slots);
}

/* What the peer asked for, so that it cannot ask for more at once than it may leave unread. */
static uint32_t reply_due(const struct link *link, const struct wire_request *request)
{
	uint32_t argsz;

	if (request->no_reply)
		return 0;
	switch (request->command) {
	case WIRE_REGION_READ:
		return request->region_io->count;
	case WIRE_DMA_READ:
		return (uint32_t)request->dma_io->count;
	case WIRE_MIG_DATA_READ:
		return request->mig_data->size;
	case WIRE_DEVICE_FEATURE:
		argsz = request->feature.feature->argsz;
		return argsz < link->max_size ? argsz : link->max_size;
	default:
		return 0;
	}
}

link_token served_add(struct link *link, const struct wire_request *request)
{
	struct link_served *served = &link->served;
	uint32_t i = served->first_free;
	struct served *slot = &served->slots[i];

	served->first_free = slot->next_free;
	served->n_used++;
	slot->token = ++served->serial << TOKEN_SLOT_BITS | i;
	slot->id = request->id;
	slot->command = (uint16_t)request->command;
	slot->no_reply = request->no_reply;
	slot->due = reply_due(link, request);
	served->due += slot->due;
	return slot->token;
}

void served_forget_all(struct link *link)
{
	for (uint32_t i = 0; i < link->served.n; i++)
		link->served.slots[i].token = 0;
}

/* The request that this token names; the token is void afterwards. */
static int served_take(struct link *link, link_token token, struct served *ret)
{
	struct link_served *served = &link->served;
	uint32_t i = token % TOKEN_SLOTS;

	if (token == 0 || i >= served->n || served->slots[i].token != token)
		return -ENOENT;
	*ret = served->slots[i];
	served->slots[i].token = 0;
	served->slots[i].next_free = served->first_free;
	served->first_free = i;
	served->n_used--;
	served->due -= ret->due;
	return 0;
}

/* Return: r */
static int served_queued(struct link *link, const struct wire_header *header, int r)
{
	if (r < 0)
		link_die(link, r, "cannot queue the reply to %s",
			 wire_command_name(header->command));
	return r;
}

static int served_send(struct link *link, struct wire_header *header, const struct iovec *iov,
		       size_t n_iov, const int *fds, size_t n_fds)
{
	return served_queued(link, header,
			     tx_message(link, TX_REPLY, header, iov, n_iov, fds, n_fds));
}

/* Whom to answer. Return: 0: nobody; 1; -ENOENT */
static int served_begin(struct link *link, link_token token, struct wire_header *header)
{
	struct served request;
	int r = served_take(link, token, &request);

	if (r < 0)
		return r;
	header->id = request.id;
	header->command = request.command;
	return !request.no_reply;
}

/* Return: r, if it is an error */
static int served_end(struct link *link, int r)
{
	if (r < 0)
		return r;
	rx_handle(link);
	link_changed(link);
	return 0;
}

static int served_answer(struct link *link, link_token token, uint32_t flags, uint32_t error,
			 const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	struct wire_header header = { .flags = flags, .error = error };
	int r = served_begin(link, token, &header);

	if (r > 0)
		r = served_send(link, &header, iov, n_iov, fds, n_fds);
	return served_end(link, r);
}

int link_reply_bulk(struct link *link, link_token token, struct link_bulk *bulk)
{
	struct wire_header header = { .flags = WIRE_TYPE_REPLY };
	int r = served_begin(link, token, &header);

	if (r > 0)
		r = served_queued(link, &header, tx_bulk(link, TX_REPLY, &header, bulk));
	else
		bulk->straight = false;
	return served_end(link, r);
}

int link_reply_ok(struct link *link, link_token token, const struct iovec *iov, size_t n_iov,
		  const int *fds, size_t n_fds)
{
	return served_answer(link, token, WIRE_TYPE_REPLY, 0, iov, n_iov, fds, n_fds);
}

/* What we say in an error reply: the one place where an internal error becomes the wire's. */
static uint32_t wire_errno(int error)
{
	uint32_t number = error < 0 ? -(uint32_t)error : (uint32_t)error;

	return number == 0 || number > ERRNO_MAX ? EIO : number;
}

int link_reply_error(struct link *link, link_token token, int error)
{
	return served_answer(link, token, WIRE_TYPE_REPLY | WIRE_FLAG_ERROR, wire_errno(error),
			     NULL, 0, NULL, 0);
}

void served_refuse(struct link *link, const struct wire_header *header, int error)
{
	struct wire_header reply = {
		.id = header->id,
		.command = header->command,
		.flags = WIRE_TYPE_REPLY | WIRE_FLAG_ERROR,
		.error = wire_errno(error),
	};

	if (!(header->flags & WIRE_FLAG_NO_REPLY))
		served_send(link, &reply, NULL, 0, NULL, 0);
}
