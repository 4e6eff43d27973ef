/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmnet/interfaces/watcher.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmnet/interfaces/event.h"
#include "vmnet/log.h"

#define EVENTS 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of making it */
static int poll_fd = -1, bell = -1;			 /* constant once made */
static _Atomic(bool) paced;

static void notice(interface_ref ref)
{
	struct interface *interface = interface_lock(ref);

	if (!interface)
		return;
	if (interface->driver) {
		event_noticed(interface);
		/* Nothing follows then, but the descriptor may stay readable. */
		if (net_driver_error(interface->driver) < 0)
			watcher_remove(interface->driver);
	}
	interface_unlock(interface);
}

static void *watch(void *unused)
{
	struct epoll_event events[EVENTS];
	rig_time due = RIG_FOREVER;
	uint64_t rings;
	int n;

	for (;;) {
		if (due == RIG_FOREVER && atomic_load(&paced))
			due = rig_after_ms(EVENT_PACE_MS);
		n = epoll_wait(poll_fd, events, EVENTS, due == RIG_FOREVER ? -1 : EVENT_PACE_MS);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				notice(events[i].data.ptr);
			else if (read(bell, &rings, sizeof(rings)) < 0)
				continue;
		}
		if (rig_now() >= due) {
			due = RIG_FOREVER;
			atomic_store(&paced, false);
			interface_each(event_again);
		}
	}
	return unused;
}

static int start_thread(void)
{
	sigset_t all, before;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&thread, NULL, watch, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_detach(thread);
	return r;
}

static int make(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int r;

	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = poll_fd < 0 || bell < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, bell, &event) < 0
		    ? -errno
		    : start_thread();
	if (r < 0) {
		if (poll_fd >= 0)
			close(poll_fd);
		if (bell >= 0)
			close(bell);
		poll_fd = bell = -1;
	}
	return r;
}

int watcher_add(const struct interface *interface)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = interface_handle(interface) };
	int r = 0;

	pthread_mutex_lock(&lock);
	if (poll_fd < 0)
		r = make();
	if (r == 0 &&
	    epoll_ctl(poll_fd, EPOLL_CTL_ADD, net_driver_event_fd(interface->driver), &event) < 0)
		r = -errno;
	pthread_mutex_unlock(&lock);
	if (r < 0)
		vmnet_log("cannot watch an interface: %s", strerror(-r));
	return r;
}

void watcher_remove(const struct net_driver *driver)
{
	/* It may be gone already, or not be there yet. */
	epoll_ctl(poll_fd, EPOLL_CTL_DEL, net_driver_event_fd(driver), NULL);
}

void watcher_pace(void)
{
	static const uint64_t ring = 1;

	if (!atomic_exchange(&paced, true) && write(bell, &ring, sizeof(ring)) < 0)
		return; /* full: it is ringing */
}
