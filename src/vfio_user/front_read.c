/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front_read.c - the reader: how it waits, and what it does with what came
 *
 * Only the reader calls link_space() and link_feed(). Between the two, without the lock, it is inside
 * recvmsg(); whatever others do to the link meanwhile leaves the buffer alone.
 *
 * Three ways to wait, from cheap to thorough:
 *
 *   look	recvmsg() with MSG_DONTWAIT again and again, for at most look_us, yielding the processor
 *		now and then: the peer may need this one. look_us follows what waits are like:
 *		it doubles with each that was shorter than poll_us, and halves with each that was longer
 *   nap	one recvmsg() which may sleep, for at most a tick of the kernel's (SO_RCVTIMEO): the
 *		ordinary reply comes within, and one system call waited for it and received it. A nap cannot
 *		be interrupted, except by death, which shuts the socket down
 *   sleep	poll() on everything: the sockets, room to send, ring_fd. Others interrupt it with
 *		front_ring() when it polls for the wrong things
 *
 * A nap is only taken when reading one socket is all there is to do, and once it was in vain, not
 * again before something came. A poll() in its place would cost a second system call on the way back,
 * when everybody waits for this thread.
 */
#include "vfio_user/front_internal.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include "sys/clock.h"
#include "sys/sock_msg.h"

#define LOOK_MIN_US  8u
#define LOOKS	     8u	    /* between two yields */
#define NAP_AT_MOST  20000u /* what is due sooner is waited for with poll() */
#define MAX_SLEEP_MS (3600 * 1000)
#define DRAIN_ROUNDS 64
#define HUNG_UP	     "peer closed the connection before it read its replies"

/* What came, or did not. */
static enum front_receipt received(struct front_sock *sock, ssize_t n, size_t len,
				   struct sock_fds *fds)
{
	struct front *front = sock->front;

	if (n == -EINTR)
		return FRONT_MORE;
	if (n < 0) {
		if (n != -EAGAIN)
			front_die_of(front, "recvmsg", (int)n);
		else if (sock->broken)
			front_die_of(front, "sendmsg", -EPIPE);
		return FRONT_NOTHING;
	}
	if (fds->lost)
		front_die(front, -EPROTO, "fds of a message were lost: too many");
	if (link_feed(sock->link, (size_t)n, fds->fd, fds->n) < 0)
		return FRONT_SOMETHING;
	return (size_t)n == len || fds->n > 0 ? FRONT_MORE : FRONT_SOMETHING;
}

enum manner {
	RECEIVE,
	LOOK, /* several times */
	NAP,
};

/* Without the lock. */
static ssize_t receive(int fd, void *buf, size_t len, enum manner manner, struct sock_fds *ret)
{
	unsigned int tries = manner == LOOK ? LOOKS : 1;
	ssize_t n;

	do {
		n = sock_msg_recv(fd, buf, len, manner == NAP ? 0 : MSG_DONTWAIT, ret);
	} while (n == -EAGAIN && --tries > 0);
	return n;
}

/* A recvmsg, or none if the link does not want to read. */
static enum front_receipt sock_receive(struct front_sock *sock, enum manner manner,
				       struct front_waiter *w)
{
	struct front *front = sock->front;
	struct sock_fds fds;
	size_t len;
	void *buf = link_space(sock->link, &len);
	ssize_t n;

	if (len == 0) {
		if (sock->broken)
			front_die(front, -EPIPE, HUNG_UP);
		return FRONT_NOTHING;
	}
	front_unlock(front);
	if (manner == NAP)
		front_hook_release(w);
	n = receive(sock->fd, buf, len, manner, &fds);
	front_lock(front);
	return received(sock, n, len, &fds);
}

static enum front_receipt receive_all(struct front *front, enum manner manner)
{
	enum front_receipt most = FRONT_NOTHING;

	for (size_t i = 0; i < front->n_socks; i++) {
		enum front_receipt r = sock_receive(&front->socks[i], manner, NULL);

		if (r > most)
			most = r;
	}
	return most;
}

enum front_receipt front_receive(struct front *front)
{
	return receive_all(front, RECEIVE);
}

void front_drain(struct front *front)
{
	if (front->reader != NULL)
		return;
	front->reader = &front->dispatching;
	/* A peer that goes on saying things is heard again the next time. */
	for (int i = 0; i < DRAIN_ROUNDS && front_receive(front) != FRONT_NOTHING; i++)
		;
	front_pass_role(front, &front->dispatching);
}

rig_time front_next_deadline(const struct front *front)
{
	rig_time next = RIG_FOREVER;

	for (size_t i = 0; i < front->n_socks; i++) {
		uint64_t deadline = link_deadline_us(front->socks[i].link);

		if (deadline < next)
			next = deadline;
	}
	return next;
}

void front_tick(struct front *front)
{
	rig_time now;

	if (front_next_deadline(front) == RIG_FOREVER)
		return;
	now = rig_now();
	for (size_t i = 0; i < front->n_socks; i++)
		link_tick(front->socks[i].link, now);
}

static short sock_wants(const struct front_sock *sock)
{
	return (short)((link_wants_read(sock->link) ? POLLIN : 0) | (sock->full ? POLLOUT : 0));
}

void front_ring(struct front *front)
{
	if (!front->polling || front->rung || front->ring_fd < 0)
		return;
	front->rung = true;
	front_write_eventfd(front->ring_fd);
}

void front_reader_settle(struct front *front)
{
	if (!front->polling)
		return;
	if (front_waiter_over(front->reader) || front_next_deadline(front) < front->polling_until)
		front_ring(front);
	for (size_t i = 0; i < front->n_socks; i++) {
		const struct front_sock *sock = &front->socks[i];

		if (sock->broken || (sock_wants(sock) & ~sock->polled))
			front_ring(front);
	}
}

/* How long waits are nowadays. */
static void look_adapt(struct front *front, rig_time took)
{
	uint32_t most = front->config.poll_us;

	if (took > most)
		front->look_us /= 2;
	else if (front->look_us < most / 2)
		front->look_us = front->look_us < LOOK_MIN_US ? LOOK_MIN_US : front->look_us * 2;
	else
		front->look_us = most;
}

/* Return: did anything change? */
static bool look(struct front *front, struct front_waiter *w, rig_time now)
{
	rig_time end = now + front->look_us;

	do {
		if (receive_all(front, LOOK) != FRONT_NOTHING || front_waiter_over(w) ||
		    front_may_run(front, w))
			return true;
		front_unlock(front);
		sched_yield();
		front_lock(front);
	} while (rig_now() < end);
	return false;
}

/* Is reading from one socket all there is to do for a while? */
static bool may_nap(const struct front *front, const struct front_waiter *w, rig_time until)
{
	const struct front_sock *sock = &front->socks[0];

	return sock->naps && front->n_socks == 1 && !w->napped && !sock->full && !sock->broken &&
	       link_wants_read(sock->link) && until > clock_coarse() + NAP_AT_MOST;
}

static void sock_polled(struct front_sock *sock, short revents)
{
	if (revents & POLLOUT) {
		sock->full = false;
		front_release_held(sock->front);
	}
	if (!(revents & ~POLLOUT))
		return;
	if (link_wants_read(sock->link))
		sock_receive(sock, RECEIVE, NULL);
	else if (revents & (POLLHUP | POLLERR))
		front_die(sock->front, -ECONNRESET, HUNG_UP);
}

static int poll_ms(rig_time until)
{
	rig_time now = rig_now(), us = until > now ? until - now : 0;

	return us > MAX_SLEEP_MS * (rig_time)1000 ? MAX_SLEEP_MS : (int)((us + 999) / 1000);
}

static void sleep_until(struct front *front, struct front_waiter *w, rig_time until)
{
	struct pollfd p[FRONT_SOCKS + 1];
	nfds_t n = front->n_socks;

	for (size_t i = 0; i < n; i++) {
		front->socks[i].polled = sock_wants(&front->socks[i]);
		p[i] = (struct pollfd) { .fd = front->socks[i].fd,
					 .events = front->socks[i].polled };
	}
	p[n] = (struct pollfd) { .fd = front->ring_fd, .events = POLLIN };
	front->polling = true;
	front->polling_until = until;
	if (front_runs_here(front, w))
		front->sleeping_runner = w;
	front_unlock(front);

	front_hook_release(w);
	if (poll(p, n + 1, poll_ms(until)) <= 0)
		n = 0; /* time out, or a signal: the caller looks */

	front_lock(front);
	front->polling = false;
	if (front->sleeping_runner == w) /* a follower may be it */
		front->sleeping_runner = NULL;
	if (front->rung) {
		front->rung = false;
		front_read_eventfd(front->ring_fd);
	}
	for (size_t i = 0; i < n; i++)
		sock_polled(&front->socks[i], p[i].revents);
}

static bool any_broken(const struct front *front)
{
	for (size_t i = 0; i < front->n_socks; i++) {
		if (front->socks[i].broken)
			return true;
	}
	return false;
}

static void nap(struct front *front, struct front_waiter *w)
{
	w->napped = sock_receive(&front->socks[0], NAP, w) == FRONT_NOTHING;
}

/* Look, then sleep. start: it is now */
static void wait_longer(struct front *front, struct front_waiter *w, rig_time until, rig_time start)
{
	if (front->look_us > 0 && look(front, w, start))
		return;
	if (may_nap(front, w, until))
		nap(front, w);
	else
		sleep_until(front, w, until);
	if (front->config.poll_us > 0)
		look_adapt(front, rig_now() - start);
}

void front_read_turn(struct front *front, struct front_waiter *w)
{
	rig_time next = front_next_deadline(front);
	rig_time until = next < w->deadline ? next : w->deadline;
	rig_time now;

	if (front->config.poll_us == 0 && may_nap(front, w, until)) {
		nap(front, w);
		return;
	}
	now = rig_now();
	if (now >= w->deadline)
		w->late = true;
	else if (now >= next)
		front_tick(front);
	else if (any_broken(front))
		front_receive(front);
	else
		wait_longer(front, w, until, now);
}
