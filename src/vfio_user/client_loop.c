/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_loop.c - a client in somebody's loop
 *
 * The client outlives its connections (client_session.c). What a loop polls is therefore an epoll
 * of its own, over those of the sessions' fronts: it stays when they change.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vfio_user/client_internal.h"

int client_watch(struct rig_client *client, struct session *session)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd;

	pthread_mutex_lock(&client->lock);
	fd = client->fd;
	pthread_mutex_unlock(&client->lock);
	if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, front_fd(session->front), &event) == 0)
		return 0;
	/* Two may have found that it is missing: one that asked for the fd, one that reconnected. */
	return errno == EEXIST ? 0 : -errno;
}

void client_unwatch(struct rig_client *client, struct session *session)
{
	int fd;

	pthread_mutex_lock(&client->lock);
	fd = client->fd;
	pthread_mutex_unlock(&client->lock);
	if (fd >= 0)
		epoll_ctl(fd, EPOLL_CTL_DEL, front_fd(session->front), NULL);
}

/* Earlier sessions too: they may have something to call back. */
static int watch_all(struct rig_client *client)
{
	struct session *session = session_current(client);
	int r = 0;

	for (; session; session = session_after(session))
		if (r == 0 && !atomic_load(&session->drained))
			r = client_watch(client, session);
	return r;
}

/* The epoll, made if there is none yet. */
static int loop_fd(struct rig_client *client, bool *ret_first)
{
	int fd;

	pthread_mutex_lock(&client->lock);
	*ret_first = client->fd < 0;
	if (*ret_first)
		client->fd = epoll_create1(EPOLL_CLOEXEC);
	fd = client->fd < 0 ? -errno : client->fd;
	pthread_mutex_unlock(&client->lock);
	return fd;
}

int rig_client_fd(struct rig_client *client)
{
	bool first;
	int fd, r;

	if (client_forked(client))
		return -ENOTCONN;
	fd = loop_fd(client, &first);
	if (fd < 0 || !first)
		return fd;
	r = watch_all(client);
	if (r < 0) {
		pthread_mutex_lock(&client->lock);
		client->fd = -1;
		pthread_mutex_unlock(&client->lock);
		close(fd);
		return r;
	}
	return fd;
}

short rig_client_events(struct rig_client *client)
{
	struct session *session;
	short events;

	if (client_forked(client))
		return 0;
	session = session_current(client);
	events = front_events(session->front) ? POLLIN : 0;
	session_unref(session);
	return events;
}

rig_time rig_client_deadline(struct rig_client *client)
{
	struct session *session;
	rig_time deadline;

	if (client_forked(client))
		return RIG_FOREVER;
	session = session_current(client);
	deadline = front_deadline(session->front);
	session_unref(session);
	return deadline;
}

int rig_client_dispatch(struct rig_client *client)
{
	return client_forked(client) ? -ENOTCONN : client_dispatch_sessions(client);
}
