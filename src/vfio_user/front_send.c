/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front_send.c - the sender, and everything that queues a message
 *
 * A message is queued under the lock. Then, if nobody is the sender, its thread becomes it and sends
 * until nothing waits; else the sender that there is finds it when its sendmsg() returns, because
 * it stops being the sender under the same lock under which it found nothing. So what was
 * queued while a system call was on its way goes out with the next one, together.
 *
 * It stops early in three cases, in which others go on: the socket is full (the reader or the loop
 * polls for POLLOUT); the peer takes nothing more (what it said before is read, then the
 * connection is over); it has worked for others for long enough (treated as if full).
 *
 * Callbacks' messages are not sent one by one: who runs callbacks sends when it has run them.
 */
#include "vfio_user/front_internal.h"

#include <errno.h>
#include <unistd.h>

#include "sys/sock_msg.h"

#define SEND_ROUNDS 16

static bool may_send(const struct front_sock *sock)
{
	return !sock->full && !sock->broken && link_wants_write(sock->link);
}

bool front_sock_sent(struct front_sock *sock, ssize_t n, size_t offered)
{
	struct front *front = sock->front;

	if (n == (ssize_t)offered)
		return true;
	if (n >= 0 || n == -EAGAIN)
		sock->full = true;
	else if (n == -EPIPE || n == -ECONNRESET)
		sock->broken = true;
	else
		front_die_of(front, "sendmsg", (int)n);
	return false;
}

/* One sendmsg. Return: go on? */
static bool sock_send_some(struct front_sock *sock)
{
	struct front *front = sock->front;
	struct iovec iov;
	const int *fds;
	size_t n_fds;
	ssize_t n;

	if (!link_pending(sock->link, &iov, &fds, &n_fds))
		return false;
	front_unlock(front);
	n = sock_msg_send(sock->fd, &iov, 1, fds, n_fds);
	front_lock(front);
	link_sent(sock->link, n > 0 ? (size_t)n : 0);
	return front_sock_sent(sock, n, iov.iov_len);
}

void front_sock_go_on(struct front_sock *sock)
{
	for (int i = 0; may_send(sock) && sock_send_some(sock); i++) {
		if (i == SEND_ROUNDS) {
			sock->full = true;
			break;
		}
	}
	if (sock->front->n_room > 0)
		front_wake_room(sock->front);
	if (sock->broken)
		front_drain(sock->front);
	sock->sending = false;
	if (sock->front->error != 0)
		pthread_cond_broadcast(&sock->front->idle);
}

bool front_sock_send(struct front_sock *sock)
{
	if (sock->sending || !may_send(sock))
		return false;
	sock->sending = true;
	front_sock_go_on(sock);
	return true;
}

void front_send(struct front *front)
{
	bool again;

	do {
		again = false;
		for (size_t i = 0; i < front->n_socks; i++)
			again |= front_sock_send(&front->socks[i]);
	} while (again && front->n_socks > 1);
}

void front_flush(struct front *front)
{
	if (front_forked(front))
		return;
	front_lock(front);
	front_send(front);
	front_unlock(front);
}

/* Something was queued. Unlocks. */
static void queued(struct front *front, struct front_sock *sock)
{
	if (!front_batching(front))
		front_sock_send(sock);
	front_unlock(front);
}

void front_call_sent(struct front_call *call)
{
	struct front *front = call->front;

	call->order = ++front->started;
	if (call->data != NULL)
		link_into(front->socks[call->sock].link, call->id, call->head, call->data);
}

static void call_init(struct front *front, struct front_call *call, rig_time deadline)
{
	call->front = front;
	call->waiter = NULL;
	call->deadline = deadline;
	call->result = 0;
	call->state = FRONT_CALL_FLYING;
	call->event.kind = FRONT_EVENT_CALL;
	call->sock = front->out;
}

/* Who waits for a call looks at the clock itself. */
uint64_t front_call_deadline(const struct front_call *call)
{
	return call->done != NULL ? call->deadline : LINK_FOREVER;
}

int front_queue(struct front *front, struct front_call *call, enum wire_command command,
		const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds,
		size_t reply_max, size_t reply_fds_max, rig_time deadline)
{
	int r;

	call_init(front, call, deadline);
	r = link_request(front->socks[call->sock].link, command, iov, n_iov, fds, n_fds, reply_max,
			 reply_fds_max, front_call_deadline(call), front_call_done, call,
			 &call->id);
	if (r == 0)
		front_call_sent(call);
	return r;
}

/* It may be long. Sends, if nobody else does. */
static int start(struct front *front, struct front_call *call, enum wire_command command,
		 const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds,
		 size_t reply_max, size_t reply_fds_max, rig_time deadline)
{
	int r;

	if (front_is_bulk(iov, n_iov, n_fds)) {
		call_init(front, call, deadline);
		return front_bulk_request(call, command, iov, n_iov, reply_max, reply_fds_max);
	}
	r = front_queue(front, call, command, iov, n_iov, fds, n_fds, reply_max, reply_fds_max,
			deadline);
	if (r == 0 && !front_batching(front))
		front_sock_send(&front->socks[call->sock]);
	return r;
}

int front_start(struct front *front, struct front_call *call, enum wire_command command,
		const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds,
		size_t reply_max, size_t reply_fds_max, rig_time deadline)
{
	int r;

	if (front_forked(front))
		return -ENOTCONN;
	front_lock(front);
	r = start(front, call, command, iov, n_iov, fds, n_fds, reply_max, reply_fds_max, deadline);
	front_unlock(front);
	return r;
}

int front_post(struct front *front, enum wire_command command, const struct iovec *iov,
	       size_t n_iov)
{
	struct front_sock *sock;
	int r;

	if (front_forked(front))
		return -ENOTCONN;
	front_lock(front);
	sock = &front->socks[front->out];
	r = link_post(sock->link, command, iov, n_iov);
	if (r < 0) {
		front_unlock(front);
		return r;
	}
	queued(front, sock);
	return 0;
}

void front_cancel(struct front *front, struct front_call *call)
{
	if (front_forked(front))
		return;
	front_lock(front);
	if (call->state == FRONT_CALL_FLYING)
		link_cancel(front->socks[call->sock].link, call->id);
	front_unlock(front);
}
