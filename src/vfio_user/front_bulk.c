/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front_bulk.c - long messages: neither sent nor copied with the lock held
 *
 * If nothing else waits and nobody sends, its thread becomes the sender and gives the message to the
 * kernel from where it is; only what the socket does not take is copied. Else all of it is, and
 * queues. Either way the caller's memory is its own again when the call returns: a peer that does not
 * read keeps no guest memory in use.
 *
 * The copying is without the lock: pages of guest memory may take their time to come.
 */
#include "vfio_user/front_internal.h"

#include <errno.h>
#include <string.h>

#include "sys/sock_msg.h"

/* Ranges of guest memory in one sendmsg(). */
#define MAX_IOV 8u

static size_t total(const struct iovec *iov, size_t n_iov)
{
	size_t len = 0;

	for (size_t i = 0; i < n_iov; i++)
		len += iov[i].iov_len;
	return len;
}

bool front_is_bulk(const struct iovec *iov, size_t n_iov, size_t n_fds)
{
	return n_fds == 0 && n_iov < MAX_IOV && total(iov, n_iov) > LINK_BULK_MIN;
}

/* Nothing waits and nobody else sends. Is there room for the whole, or is it not worth waiting for? */
static bool bulk_fits(const struct front_sock *sock, size_t len)
{
	size_t used = sock_msg_unread(sock->fd);

	return used <= sock->sndbuf / 4 || used + len + len / 8 <= sock->sndbuf;
}

bool front_bulk_held(struct front_sock *sock, size_t len)
{
	if (!sock->sending && !sock->full && !sock->broken && !link_wants_write(sock->link) &&
	    !bulk_fits(sock, len))
		sock->full = true;
	return sock->full;
}

/* May be copied meanwhile, without the lock. Return: 0, -ENOMEM, -ENOTCONN */
static int bulk_begin(struct front_sock *sock, const struct iovec *iov, size_t n_iov,
		      struct link_bulk *ret)
{
	struct front *front = sock->front;
	bool may_send;
	int r;

	front_sock_send(sock);
	may_send = !sock->sending && !sock->full && !sock->broken;
	link_bulk_begin(sock->link, total(iov, n_iov), may_send, ret);
	if (ret->straight)
		return 0;
	front_unlock(front);
	r = link_bulk_copy(ret, iov, n_iov, 0);
	front_lock(front);
	return front->error != 0 ? -ENOTCONN : r;
}

static void bulk_end(struct front_sock *sock, struct link_bulk *bulk)
{
	link_bulk_end(sock->front->error == 0 ? sock->link : NULL, bulk);
}

/* Straight. Without the lock. Return: bytes, -errno */
static ssize_t bulk_to_kernel(struct front_sock *sock, struct link_bulk *bulk,
			      const struct iovec *iov, size_t n_iov)
{
	struct iovec all[MAX_IOV] = { { &bulk->header, sizeof(bulk->header) } };
	ssize_t n;
	int r = 0;

	memcpy(all + 1, iov, n_iov * sizeof(*iov));
	n = sock_msg_send(sock->fd, all, n_iov + 1, NULL, 0);
	/* What the kernel does not reach, we do, or fault like before: it is the caller's memory. */
	if (n == -EAGAIN || n == -EFAULT)
		n = 0;
	if (n >= 0 && (size_t)n < bulk->header.size)
		r = link_bulk_copy(bulk, iov, n_iov, (size_t)n);
	return r < 0 ? r : n;
}

/* The message was accepted. */
static void bulk_send(struct front_sock *sock, struct link_bulk *bulk, const struct iovec *iov,
		      size_t n_iov)
{
	struct front *front = sock->front;
	ssize_t n;

	if (!bulk->straight) {
		front_sock_send(sock);
		return;
	}
	sock->sending = true;
	front_unlock(front);
	n = bulk_to_kernel(sock, bulk, iov, n_iov);
	front_lock(front);
	if (n >= 0)
		link_bulk_sent(sock->link, bulk, (size_t)n);
	front_sock_sent(sock, n, bulk->header.size);
	front_sock_go_on(sock);
}

int front_bulk_request(struct front_call *call, enum wire_command command, const struct iovec *iov,
		       size_t n_iov, size_t reply_max, size_t reply_fds_max)
{
	struct front *front = call->front;
	struct front_sock *sock = &front->socks[call->sock];
	struct link_bulk bulk;
	int r;

	if (front->error != 0)
		return -ENOTCONN;
	if (!link_has_room(sock->link))
		return -EAGAIN;
	/* Who waits for room would find some. */
	if (call->done != NULL && front_bulk_held(sock, total(iov, n_iov)))
		return -EAGAIN;
	r = bulk_begin(sock, iov, n_iov, &bulk);
	if (r == 0)
		r = link_request_bulk(sock->link, command, &bulk, reply_max, reply_fds_max,
				      front_call_deadline(call), front_call_done, call, &call->id);
	if (r == 0) {
		front_call_sent(call);
		bulk_send(sock, &bulk, iov, n_iov);
	}
	bulk_end(sock, &bulk);
	return r;
}

void front_bulk_reply(struct front_sock *sock, link_token token, const struct iovec *iov,
		      size_t n_iov)
{
	struct link_bulk bulk;
	int r = bulk_begin(sock, iov, n_iov, &bulk);

	if (r == 0)
		r = link_reply_bulk(sock->link, token, &bulk);
	else if (r == -ENOMEM)
		front_die_of(sock->front, "the reply to a long request", r);
	if (r == 0)
		bulk_send(sock, &bulk, iov, n_iov);
	bulk_end(sock, &bulk);
}
