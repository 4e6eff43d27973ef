/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_order.c - which request waits for which
 *
 * Requests are begun in the order of their arrival. Which of them overtake one that is not answered
 * yet, because the device deferred it:
 *
 *	not answered			what waits for it
 *	the device goes quiet, resets	everything
 *	a transition, data of the state	what concerns migration: features, data of the state, resets
 *	a change of interrupts		the next ones
 *	an unmap of pinned memory	a map that overlaps it (so it need not fail), or, if all is
 *					unmapped, any; and the maps and unmaps behind that
 *	anything else			nothing
 *
 * What waits is held in one list per connection, which is gone through again when something was
 * answered: a request may go unless one before it in the list is of its kind, or a reset, or it is a
 * reset itself. The list is as long as a front lets requests be unanswered.
 */
#include "vfio_user/server_internal.h"

enum kind {
	KIND_ACCESS = 1u << 0, /* regions, descriptions */
	KIND_MEMORY = 1u << 1,
	KIND_MIGRATION = 1u << 2,
	KIND_RESET = 1u << 3,
	KIND_IRQS = 1u << 4,
};

#define KIND_ALL (KIND_ACCESS | KIND_MEMORY | KIND_MIGRATION | KIND_RESET | KIND_IRQS)

static uint32_t kind_of(const struct front_request *request)
{
	switch (request->wire.command) {
	case WIRE_DMA_MAP:
	case WIRE_DMA_UNMAP:
		return KIND_MEMORY;
	case WIRE_DEVICE_FEATURE:
		return server_feature_moves(request) ? KIND_MIGRATION : KIND_ACCESS;
	case WIRE_MIG_DATA_READ:
	case WIRE_MIG_DATA_WRITE:
		return KIND_MIGRATION;
	case WIRE_DEVICE_RESET:
		return KIND_RESET;
	case WIRE_DEVICE_SET_IRQS:
		return KIND_IRQS;
	default:
		return KIND_ACCESS;
	}
}

/* What must wait while this is not answered. */
static uint32_t kinds_blocked(uint32_t blocked)
{
	uint32_t kinds = 0;

	if (blocked & SERVER_BLOCK_ALL)
		return KIND_ALL;
	if (blocked & SERVER_BLOCK_MIGRATION)
		kinds |= KIND_MIGRATION | KIND_RESET;
	if (blocked & SERVER_BLOCK_IRQS)
		kinds |= KIND_IRQS;
	return kinds;
}

/* What must wait behind a request of this kind that is held. */
static uint32_t kinds_behind(uint32_t kind)
{
	return kind == KIND_RESET ? KIND_ALL : kind | KIND_RESET;
}

void server_go_on(struct rig_conn *conn)
{
	void **at = &conn->held;
	uint32_t behind = 0;

	while (conn->state == CONN_CLIENT && *at) {
		struct front_request *request = *at;
		uint32_t kind = kind_of(request);
		bool waits = (kinds_blocked(conn->blocked) | behind) & kind;

		if (!waits) {
			*at = request->user;
			request->user = NULL;
			waits = server_serve(conn, request) == SERVER_WAIT;
			if (waits) {
				request->user = *at;
				*at = request;
			}
		}
		if (waits) {
			behind |= kinds_behind(kind);
			at = &request->user;
		}
	}
}

void server_hold(struct rig_conn *conn, struct front_request *request)
{
	void **end = &conn->held;

	while (*end)
		end = &((struct front_request *)*end)->user;
	*end = request;
}

void server_admit(struct rig_conn *conn, struct front_request *request)
{
	if (!conn->held && !conn->blocked && server_serve(conn, request) != SERVER_WAIT)
		return;
	server_hold(conn, request);
	server_go_on(conn);
}

void server_drop(struct rig_conn *conn, void **list, int error)
{
	while (*list) {
		struct front_request *request = *list;

		*list = request->user;
		request->user = NULL;
		front_reply_error(conn->front, request, error);
	}
}
