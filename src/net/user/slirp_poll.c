/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slirp_poll.c - libslirp's sockets and timeouts on a libuv loop
 *
 * libslirp thinks in turns of poll(): before it sleeps, slirp_pollfds_fill() names every fd with
 * its events and a timeout; afterwards slirp_pollfds_poll() asks what happened. Here each fd has a
 * uv_poll handle that stays, and a turn is taken only when there is a reason:
 *
 *   prepare   if something changed (a packet went in, a turn was taken): fill, and tell epoll the
 *             differences
 *   poll      handles collect what happened
 *   check     if anything did: slirp_pollfds_poll(), which is a change
 *   timer     the same, when the time is up that libslirp asked for
 *
 * So a loop that turns for other reasons, which is often while a NIC polls its rings, costs
 * libslirp nothing.
 *
 * Timeouts: fill never leaves more than 1000 ms, needed or not; only what is below is a wish. It is
 * given relative to now at each fill: the earliest one that was asked for counts, or frequent fills
 * would put it off for ever.
 */
#include "net/user/slirp_poll.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "sys/sock.h"

/* What slirp_pollfds_fill() answers when it wants to be called for nothing in particular. */
#define SLIRP_NO_TIMEOUT_MS 1000u

/*
 * How old libslirp's clock may be when a packet goes in. It decides when idle UDP sockets expire
 * (minutes).
 */
#define SLIRP_CLOCK_AGE_MS  100u

#define NO_DEADLINE	    UINT64_MAX

/* One fd. In the table from the first fill that names it until libslirp is about to close it. */
struct watch {
	uv_poll_t handle;
	struct slirp_poll *poll;
	int wanted;  /* SLIRP_POLL_ bits of the last fill; 0: not named in it */
	int armed;   /* what the handle waits for */
	int revents; /* collected for the next slirp_pollfds_poll() */
};

struct slirp_poll {
	Slirp *slirp; /* NULL: not started, or stopped */
	uv_loop_t *loop;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_timer_t timer;
	unsigned int open_handles;
	struct watch **watches; /* by fd */
	int n_watches;		/* size of the table */
	bool changed;
	bool happened;
	bool held; /* listening sockets are left alone */
	uint64_t deadline_ms;
	uint64_t polled_ms;
};

static int to_uv(int events)
{
	return (events & SLIRP_POLL_IN ? UV_READABLE : 0) |
	       (events & SLIRP_POLL_OUT ? UV_WRITABLE : 0) |
	       (events & SLIRP_POLL_PRI ? UV_PRIORITIZED : 0);
}

static int from_uv(int events)
{
	return (events & UV_READABLE ? SLIRP_POLL_IN : 0) |
	       (events & UV_WRITABLE ? SLIRP_POLL_OUT : 0) |
	       (events & UV_PRIORITIZED ? SLIRP_POLL_PRI : 0);
}

/* libslirp names -1, too: that of a connection for which accept() had no fd left. */
static struct watch *watch_find(const struct slirp_poll *poll, int fd)
{
	return fd >= 0 && fd < poll->n_watches ? poll->watches[fd] : NULL;
}

static int table_grow(struct slirp_poll *poll, int fd)
{
	int n = poll->n_watches ? poll->n_watches : 64;
	struct watch **watches;

	if (fd < poll->n_watches)
		return 0;
	while (n <= fd)
		n *= 2;
	watches = realloc(poll->watches, (size_t)n * sizeof(*watches));
	if (!watches)
		return -ENOMEM;
	for (int i = poll->n_watches; i < n; i++)
		watches[i] = NULL;
	poll->watches = watches;
	poll->n_watches = n;
	return 0;
}

static struct watch *watch_new(struct slirp_poll *poll, int fd)
{
	struct watch *watch;

	if (table_grow(poll, fd) < 0)
		return NULL;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return NULL;
	if (uv_poll_init(poll->loop, &watch->handle, fd) < 0) {
		free(watch);
		return NULL;
	}
	watch->poll = poll;
	watch->handle.data = watch;
	poll->watches[fd] = watch;
	return watch;
}

static void watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void slirp_poll_forget(struct slirp_poll *poll, int fd)
{
	struct watch *watch = watch_find(poll, fd);

	if (!watch)
		return;
	poll->watches[fd] = NULL;
	uv_close((uv_handle_t *)&watch->handle, watch_closed);
}

/*
 * libuv reports an error on the fd as a status, and stops the handle. libslirp finds out which
 * error by trying, so it is told that all it waits for is possible - but urgent data, which it
 * would read as such.
 */
static void on_event(uv_poll_t *handle, int status, int events)
{
	struct watch *watch = handle->data;

	if (status < 0) {
		watch->armed = 0;
		watch->revents |= (watch->wanted & ~SLIRP_POLL_PRI) | SLIRP_POLL_ERR;
	} else {
		watch->revents |= from_uv(events);
	}
	watch->poll->happened = true;
}

/*
 * epoll reports errors and hang-ups in any case; with no event asked for it would do so again and
 * again.
 */
static void watch_arm(struct watch *watch)
{
	int events = to_uv(watch->wanted);

	if (events == watch->armed)
		return;
	watch->armed = events;
	if (events)
		uv_poll_start(&watch->handle, events, on_event);
	else
		uv_poll_stop(&watch->handle);
}

/*
 * Return: what get_revents() will be asked for. Without memory the socket stands still until a
 * later fill.
 */
static int add_poll(int fd, int events, void *opaque)
{
	struct slirp_poll *poll = opaque;
	struct watch *watch = watch_find(poll, fd);

	if (!watch)
		watch = watch_new(poll, fd);
	if (watch)
		watch->wanted = poll->held && sock_is_listening(fd) ? 0 : events;
	return fd;
}

static int get_revents(int fd, void *opaque)
{
	struct watch *watch = watch_find(opaque, fd);
	int revents = 0;

	if (watch) {
		revents = watch->revents;
		watch->revents = 0;
	}
	return revents;
}

static void on_timer(uv_timer_t *timer);

static void set_deadline(struct slirp_poll *poll, uint32_t timeout_ms)
{
	uint64_t deadline_ms = uv_now(poll->loop) + timeout_ms;

	if (timeout_ms >= SLIRP_NO_TIMEOUT_MS || deadline_ms >= poll->deadline_ms)
		return;
	poll->deadline_ms = deadline_ms;
	uv_timer_start(&poll->timer, on_timer, timeout_ms, 0);
}

static void fill(struct slirp_poll *poll)
{
	uint32_t timeout_ms = UINT32_MAX;

	poll->changed = false;
	for (int fd = 0; fd < poll->n_watches; fd++) {
		if (poll->watches[fd])
			poll->watches[fd]->wanted = 0;
	}
	slirp_pollfds_fill(poll->slirp, &timeout_ms, add_poll, poll);
	for (int fd = 0; fd < poll->n_watches; fd++) {
		if (poll->watches[fd])
			watch_arm(poll->watches[fd]);
	}
	set_deadline(poll, timeout_ms);
}

static void take_turn(struct slirp_poll *poll)
{
	poll->happened = false;
	poll->changed = true;
	poll->deadline_ms = NO_DEADLINE;
	poll->polled_ms = uv_now(poll->loop);
	uv_timer_stop(&poll->timer);
	slirp_pollfds_poll(poll->slirp, 0, get_revents, poll);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct slirp_poll *poll = prepare->data;

	if (poll->changed)
		fill(poll);
}

static void on_check(uv_check_t *check)
{
	struct slirp_poll *poll = check->data;

	if (poll->happened)
		take_turn(poll);
}

static void on_timer(uv_timer_t *timer)
{
	take_turn(timer->data);
}

void slirp_poll_changed(struct slirp_poll *poll)
{
	poll->changed = true;
}

void slirp_poll_hold(struct slirp_poll *poll, bool held)
{
	poll->changed |= held != poll->held;
	poll->held = held;
}

/* A turn in which nothing happened to any fd (select_error): the clock and what is due by it. */
void slirp_poll_flush(struct slirp_poll *poll)
{
	poll->polled_ms = uv_now(poll->loop);
	poll->changed = true;
	slirp_pollfds_poll(poll->slirp, 1, get_revents, poll);
}

void slirp_poll_refresh(struct slirp_poll *poll)
{
	if (uv_now(poll->loop) - poll->polled_ms >= SLIRP_CLOCK_AGE_MS)
		slirp_poll_flush(poll);
}

int slirp_poll_new(uv_loop_t *loop, struct slirp_poll **ret)
{
	struct slirp_poll *poll = calloc(1, sizeof(*poll));

	if (!poll)
		return -ENOMEM;
	poll->loop = loop;
	poll->deadline_ms = NO_DEADLINE;
	uv_prepare_init(loop, &poll->prepare);
	uv_check_init(loop, &poll->check);
	uv_timer_init(loop, &poll->timer);
	poll->open_handles = 3;
	poll->prepare.data = poll->check.data = poll->timer.data = poll;
	*ret = poll;
	return 0;
}

void slirp_poll_start(struct slirp_poll *poll, Slirp *slirp)
{
	poll->slirp = slirp;
	poll->changed = true;
	uv_prepare_start(&poll->prepare, on_prepare);
	uv_check_start(&poll->check, on_check);
}

static void handle_closed(uv_handle_t *handle)
{
	struct slirp_poll *poll = handle->data;

	if (--poll->open_handles == 0)
		free(poll);
}

void slirp_poll_free(struct slirp_poll *poll)
{
	if (!poll)
		return;
	for (int fd = 0; fd < poll->n_watches; fd++)
		slirp_poll_forget(poll, fd);
	free(poll->watches);
	poll->watches = NULL;
	poll->n_watches = 0;
	uv_close((uv_handle_t *)&poll->prepare, handle_closed);
	uv_close((uv_handle_t *)&poll->check, handle_closed);
	uv_close((uv_handle_t *)&poll->timer, handle_closed);
}
