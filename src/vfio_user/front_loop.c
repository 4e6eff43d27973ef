/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front_loop.c - a front in somebody's loop
 *
 * The loop polls an epoll descriptor over the sockets and a bell, an eventfd. It is made
 * when somebody asks for it: a front whose users only wait does without. While a thread reads that is not
 * the loop's own the sockets are taken off: each reply would wake the loop for nothing.
 * The bell rings when there are callbacks that nobody else runs, and after death.
 *
 * With plain_fd it is the socket itself: one thread, which cannot ring for itself. Events that it left
 * behind in a wait are a deadline which has passed.
 */
#include "vfio_user/front_internal.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DISPATCH_ROUNDS 16
#define DISPATCH_EVENTS 1024

void front_write_eventfd(int fd)
{
	uint64_t one = 1;

	/* It fails only if it is full, and then is readable as well. */
	(void)!write(fd, &one, sizeof(one));
}

void front_read_eventfd(int fd)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
}

void front_bell(struct front *front)
{
	if (front->epoll_fd < 0 || front->bell_rung)
		return;
	front->bell_rung = true;
	front_write_eventfd(front->bell_fd);
}

static int loop_init(struct front *front)
{
	struct epoll_event event = { .events = EPOLLIN };

	front->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (front->bell_fd < 0)
		return -errno;
	front->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (front->epoll_fd < 0 ||
	    epoll_ctl(front->epoll_fd, EPOLL_CTL_ADD, front->bell_fd, &event) < 0) {
		int r = -errno;

		close(front->bell_fd);
		if (front->epoll_fd >= 0)
			close(front->epoll_fd);
		front->bell_fd = -1;
		front->epoll_fd = -1;
		return r;
	}
	front->has_loop = true;
	return 0;
}

int front_fd(struct front *front)
{
	int r = 0;

	if (front->config.plain_fd)
		return front->socks[0].fd;
	if (front_forked(front))
		return -ENOTCONN;
	front_lock(front);
	if (front->epoll_fd < 0)
		r = loop_init(front);
	if (r == 0)
		r = front->epoll_fd;
	if (front->error != 0)
		front_bell(front);
	front_unlock(front);
	return r;
}

/* Does a waiting thread read, other than the loop's own, which cannot poll meanwhile? */
static bool read_elsewhere(const struct front *front)
{
	return front->reader != NULL && front->reader != &front->dispatching &&
	       !front->reader->dispatcher;
}

static void sock_arm(struct front_sock *sock, bool off)
{
	struct front *front = sock->front;
	struct epoll_event event = { 0 };
	int op;

	if (front->error != 0) {
		if (sock->armed >= 0)
			epoll_ctl(front->epoll_fd, EPOLL_CTL_DEL, sock->fd, NULL);
		sock->armed = -1;
		return;
	}
	if (!off)
		event.events =
			(link_wants_read(sock->link) ? EPOLLIN : 0) | (sock->full ? EPOLLOUT : 0);
	if (sock->armed == (int)event.events)
		return;
	op = sock->armed < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
	if (epoll_ctl(front->epoll_fd, op, sock->fd, &event) == 0)
		sock->armed = (int)event.events;
}

/* What the loop has to know. */
static struct front_wants wants_now(const struct front *front)
{
	const struct front_sock *sock = &front->socks[0];
	struct front_wants wants = { .events = POLLIN, .deadline = RIG_FOREVER };

	if (front->n_socks == 0)
		return wants;
	if (front->config.plain_fd) {
		wants.events = (short)((link_wants_read(sock->link) ? POLLIN : 0) |
				       (sock->full ? POLLOUT : 0));
		if (front->events.first != NULL && front->depth == 0)
			wants.deadline = 0;
	}
	if (!read_elsewhere(front)) {
		rig_time next = front_next_deadline(front);

		if (next < wants.deadline)
			wants.deadline = next;
	}
	return wants;
}

void front_loop_settle(struct front *front)
{
	struct front_wants told = front->told, now;

	if (front->freed)
		return;
	if (front->epoll_fd >= 0) {
		bool off = read_elsewhere(front);

		for (size_t i = 0; i < front->n_socks; i++)
			sock_arm(&front->socks[i], off);
	}
	if (front->config.ops->wants_changed == NULL)
		return;
	if (front->in_dispatch &&
	    (front->config.plain_fd || pthread_equal(front->dispatcher, pthread_self())))
		return;
	now = wants_now(front);
	front->told = now;
	if (now.events != told.events || now.deadline < told.deadline)
		front->config.ops->wants_changed(front->config.opaque);
}

static struct front_wants wants_of(struct front *front)
{
	struct front_wants wants = { .events = POLLIN, .deadline = RIG_FOREVER };

	if (front_forked(front))
		return wants;
	front_lock(front);
	wants = wants_now(front);
	front->told = wants;
	front_unlock_unchanged(front);
	return wants;
}

short front_events(struct front *front)
{
	return wants_of(front).events;
}

rig_time front_deadline(struct front *front)
{
	return wants_of(front).deadline;
}

/* poll() reports a hang-up unasked, and a link that does not read would never see the end. */
static void check_hang_up(struct front_sock *sock)
{
	struct pollfd p = { .fd = sock->fd };

	if (link_error(sock->link) == 0 && !link_wants_read(sock->link) && poll(&p, 1, 0) == 1 &&
	    (p.revents & (POLLHUP | POLLERR)))
		front_die(sock->front, -ECONNRESET,
			  "peer closed the connection before it read its replies");
}

/* Receive once, unless a waiting thread does. Return: is there more? */
static bool dispatch_receive(struct front *front)
{
	enum front_receipt receipt;

	if (front->reader != NULL)
		return false;
	front->reader = &front->dispatching;
	for (size_t i = 0; i < front->n_socks; i++)
		check_hang_up(&front->socks[i]);
	receipt = front_receive(front);
	front_pass_role(front, &front->dispatching);
	return receipt == FRONT_MORE;
}

/* All but sending: that follows when everything was said. */
static void dispatch_round(struct front *front, bool *more)
{
	if (*more)
		*more = dispatch_receive(front);
	front_tick(front);
	if (front_may_run(front, &front->dispatching))
		front_run(front, NULL, DISPATCH_EVENTS);
}

static void dispatch_send(struct front *front)
{
	for (size_t i = 0; i < front->n_socks; i++) {
		if (link_wants_write(front->socks[i].link))
			front->socks[i].full = false; /* it is tried */
	}
	front_send(front);
	front_release_held(front);
}

/* Once in a dispatch, those that wait for POLLOUT are tried. */
static void dispatch_held(struct front *front)
{
	for (size_t i = 0; i < front->n_socks; i++) {
		if (!link_wants_write(front->socks[i].link))
			front->socks[i].full = false;
	}
	front_release_held(front);
}

/* After its dispatch a loop looks at what to wait for by itself. */
static void loop_unlock(struct front *front)
{
	if (front->config.plain_fd) {
		front_unlock_unchanged(front);
		return;
	}
	front->told = wants_now(front);
	front_unlock(front);
}

int front_dispatch(struct front *front)
{
	bool more = true;
	int r = 0;

	if (front_forked(front))
		return -ENOTCONN;
	front_lock(front);
	front->dispatcher = pthread_self();
	front->in_dispatch = true;
	if (front->bell_rung) {
		front->bell_rung = false;
		front_read_eventfd(front->bell_fd);
	}
	dispatch_held(front);
	for (int i = 0; i < DISPATCH_ROUNDS; i++) {
		dispatch_round(front, &more);
		if (more)
			continue;
		/* What is sent may make room for requests that waited for it. */
		if (!front_batching(front))
			dispatch_send(front);
		if (!front_may_run(front, &front->dispatching))
			break;
	}
	if (more && !front_batching(front))
		dispatch_send(front);
	front->in_dispatch = false;
	if (front->error != 0 && front->events.first == NULL && front->depth == 0)
		r = front->error;
	loop_unlock(front);
	return r;
}
