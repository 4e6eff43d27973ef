/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_inbox.h - what other threads leave to a server's own
 *
 * Tasks, each done once by the server's thread; and a descriptor that is readable while there are
 * some, or once a time has come (RIG_DEVICE_ONE_THREAD: none, the server is asked). Whoever may still leave
 * a task holds a reference: the inbox may outlive its server, and then does tasks where they are left.
 *
 * Any thread, unless said otherwise. The lock covers the list and the timer only.
 */
#ifndef VFIO_USER_SERVER_INBOX_H
#define VFIO_USER_SERVER_INBOX_H

#include <stdbool.h>

#include <outrigger/server.h>

struct server_inbox;

/** struct server_task - embedded in what has to be done */
struct server_task {
	void (*run)(struct server_task *task, struct rig_server *server); /* NULL: it is gone */
	struct server_task *next;
};

/**
 * server_inbox_new() - one reference
 * @woken: NULL: there is a descriptor. Else there is none, and only one thread; this runs when it
 *	left itself something to do, or expects something earlier
 *
 * Return: 0, -ENOMEM, errno of timerfd_create
 */
int server_inbox_new(void (*woken)(void *opaque), void *opaque, struct server_inbox **ret);

void server_inbox_ref(struct server_inbox *inbox);
void server_inbox_unref(struct server_inbox *inbox);

/** server_inbox_fd() - for epoll (EPOLLIN); -1: none. Only with a reference may it be used */
int server_inbox_fd(const struct server_inbox *inbox);

/** server_inbox_put() - to be done by the server's thread */
void server_inbox_put(struct server_inbox *inbox, struct server_task *task);

/** server_inbox_wake() - the server's thread shall look, as if there were a task */
void server_inbox_wake(struct server_inbox *inbox);

/** server_inbox_has_news() - did either happen since server_inbox_run()? */
bool server_inbox_has_news(struct server_inbox *inbox);

/** server_inbox_expect() - be readable at this time too, at the latest; RIG_FOREVER: no-op */
void server_inbox_expect(struct server_inbox *inbox, rig_time time);

/** server_inbox_expected() - the earliest of these times; RIG_FOREVER: none */
rig_time server_inbox_expected(struct server_inbox *inbox);

/** server_inbox_run() - do what was left, and forget a time that has come. The server's thread */
void server_inbox_run(struct server_inbox *inbox, struct rig_server *server);

/** server_inbox_close() - the server goes: what was left, and will be, is done without it */
void server_inbox_close(struct server_inbox *inbox);

#endif
