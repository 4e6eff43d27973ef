/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front.c - the life of a front, and its lock
 *
 * A front dies with either of its links; link_dead() in front_events.c is the one place. The sockets are
 * shut down then, which ends any sleep in recvmsg(), and every call is over. The object stays until
 * front_free(), and its memory until the last request of the peer's is answered, for its receiver may
 * be about to.
 *
 * A child of fork() has a copy of all this in which other threads do not exist. It calls nothing
 * back and changes no socket. It frees memory only if nobody was in the middle of changing
 * something, and closes its copies of the fds in any case.
 */
#include "vfio_user/front_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "sys/fork_guard.h"
#include "sys/sock_msg.h"

/* The longest nap; the kernel rounds it up to its timer tick. See front_read.c */
#define NAP_US	    1000

#define SEND_BUFFER (2 << 20)

bool front_forked(const struct front *front)
{
	return front->generation != fork_guard_generation();
}

void front_unlock_telling(struct front *front)
{
	struct front_waiter *w;

	front_events_settle(front);
	front_reader_settle(front);
	front_loop_settle(front);
	w = front->woken;
	front->woken = NULL;
	front_unlock_unchanged(front);
	while (w != NULL) {
		struct front_waiter *next = w->next_woken;

		waitword_set(&w->word, w->verdict); /* w may be gone now */
		w = next;
	}
}

/* Naps are a convenience: a socket that cannot be set up for them is polled. */
static bool sock_may_nap(int fd)
{
	struct timeval nap = { .tv_usec = NAP_US };
	int flags = fcntl(fd, F_GETFL);

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &nap, sizeof(nap)) == 0 && flags >= 0 &&
	       fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

/* Room for a whole message of data, if the system permits: each part of one costs a wake-up. */
static void sock_make_room(int fd)
{
	const int bytes = SEND_BUFFER;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int sock_init(struct front *front, size_t i, int fd)
{
	const struct link_config config = {
		.peer = front->config.peer,
		.accepts = front->config.accepts,
		.max_outstanding = front->config.max_outstanding,
		.max_queued = front->config.max_queued,
		.max_requests = front->config.max_requests,
		.ops = &front_link_ops,
		.opaque = &front->socks[i],
	};
	struct link *link;
	int r;

	r = link_new(&config, &link);
	if (r < 0)
		return r;
	front->socks[i] = (struct front_sock) {
		.front = front,
		.link = link,
		.fd = fd,
		.naps = !front->config.plain_fd && sock_may_nap(fd),
		.armed = -1,
	};
	front->n_socks = i + 1;
	if (!front->config.plain_fd)
		sock_make_room(fd);
	front->socks[i].sndbuf = sock_msg_room(fd);
	return 0;
}

int front_new(int fd, const struct front_config *config, struct front **ret)
{
	struct front *front = calloc(1, sizeof(*front));
	int r = 0;

	if (front == NULL)
		return -ENOMEM;
	fork_guard_init();
	front->config = *config;
	front->generation = fork_guard_generation();
	front->dispatcher = pthread_self();
	front->death.kind = FRONT_EVENT_DEATH;
	front->refusal.event.kind = FRONT_EVENT_REFUSAL;
	front->epoll_fd = -1;
	front->bell_fd = -1;
	front->has_loop = config->ops->wants_changed != NULL;
	front->told = (struct front_wants) { POLLIN, RIG_FOREVER };
	front->look_us = config->poll_us;
	front->ring_fd = config->plain_fd ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (front->ring_fd < 0 && !config->plain_fd)
		r = -errno;
	if (r == 0)
		r = sock_init(front, 0, fd);
	if (r < 0) {
		if (front->ring_fd >= 0)
			close(front->ring_fd);
		free(front);
		return r;
	}
	pthread_mutex_init(&front->lock, NULL);
	pthread_cond_init(&front->idle, NULL);
	*ret = front;
	return 0;
}

int front_add_twin(struct front *front, int fd)
{
	int r;

	if (front_forked(front))
		return -ENOTCONN;
	front_lock(front);
	if (front->error != 0)
		r = -ENOTCONN;
	else if (front->config.plain_fd || front->n_socks == FRONT_SOCKS)
		r = -EINVAL;
	else
		r = sock_init(front, 1, fd);
	front_unlock(front);
	return r;
}

void front_set_out_twin(struct front *front)
{
	if (front_forked(front))
		return;
	front_lock(front);
	front->out = (uint8_t)(front->n_socks - 1);
	front_unlock(front);
}

static void close_fds(struct front *front)
{
	const int fds[] = { front->ring_fd, front->epoll_fd, front->bell_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	for (size_t i = 0; i < front->n_socks; i++)
		close(front->socks[i].fd);
}

static void free_links(struct front *front)
{
	for (size_t i = 0; i < front->n_socks; i++)
		link_free(front->socks[i].link);
	front->n_socks = 0;
}

/* Nothing of it is in use any more. */
static void front_destroy(struct front *front)
{
	front_free_spares(front);
	pthread_cond_destroy(&front->idle);
	pthread_mutex_destroy(&front->lock);
	free(front);
}

void front_put(struct front *front)
{
	bool last = --front->n_served == 0 && front->freed;

	front_unlock(front);
	if (last)
		front_destroy(front);
}

/* The links do not call back: front_link_ops look at front_forked(). */
static void free_in_child(struct front *front)
{
	close_fds(front);
	if (front->locked)
		return;
	free_links(front);
	front_free_spares(front);
	free(front);
}

/* Who answers a request may be inside sendmsg() still, with a socket and bytes that are ours. */
static void wait_for_senders(struct front *front)
{
	for (size_t i = 0; i < front->n_socks; i++) {
		while (front->socks[i].sending) {
			front->locked = false;
			pthread_cond_wait(&front->idle, &front->lock);
			front->locked = true;
		}
	}
}

void front_free(struct front *front)
{
	bool last;

	if (front == NULL)
		return;
	if (front_forked(front)) {
		free_in_child(front);
		return;
	}
	front_kill(front, -ENOTCONN, "closed by this side");
	front_drop_events(front);
	front_lock(front);
	wait_for_senders(front);
	close_fds(front);
	free_links(front);
	front->epoll_fd = -1;
	front->freed = true;
	last = front->n_served == 0;
	front_unlock(front);
	if (last)
		front_destroy(front);
}

void front_die(struct front *front, int error, const char *reason)
{
	link_kill(front->socks[0].link, error, reason);
}

void front_die_of(struct front *front, const char *call, int error)
{
	char reason[96];

	snprintf(reason, sizeof(reason), "%s: %s", call, strerror(-error));
	front_die(front, error, reason);
}

void front_kill(struct front *front, int error, const char *reason)
{
	if (front_forked(front))
		return;
	front_lock(front);
	front_die(front, error, reason);
	front_unlock(front);
}

int front_error(const struct front *front)
{
	struct front *locked = (struct front *)front;
	int error;

	if (front_forked(front))
		return -ENOTCONN;
	front_lock(locked);
	error = front->error;
	front_unlock_unchanged(locked);
	return error;
}

void front_reason(struct front *front, char *buf, size_t size)
{
	if (front_forked(front)) {
		snprintf(buf, size, "the connection belongs to the process that forked this one");
		return;
	}
	front_lock(front);
	snprintf(buf, size, "%s", front->reason);
	front_unlock_unchanged(front);
}
