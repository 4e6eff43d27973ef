/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link.c - one vfio-user connection: its life, its death, and what it waits for
 *
 * The parts are in link_internal.h. How they hang together:
 *
 *            link_space(), link_feed()                 link_pending(), link_sent()
 *                       |                                          ^
 *                 [ link_rx ] -- replies --> [ calls ] -- ours --> |
 *                       |                                      [ link_tx ]
 *                       +----- requests --> [ served ] -- replies -+
 *                                               |
 *                                         ops->request, link_reply_*()
 *
 * A link lives until link_die(), which is the only place where link->error is set. From then on
 * nothing is received, sent or answered. Order of dying: fds that wait for their message and
 * everything queued are dropped, tokens become void, ops->dead is told, then each call that waits
 * gets -ENOTCONN. The receive buffer stays until link_free(), because the request whose callback
 * killed the link points into it, and another thread may be receiving into it. For the same reason
 * bytes that link_pending() handed out stay until link_sent().
 *
 * Reentrancy: rx_handle() is a loop with a flag. A callback that answers, and thereby makes room
 * for the next request, returns to that loop, so no sequence of messages nests calls.
 *
 * Limit: requests are handled in the order in which they came, and replies behind a request that
 * waits for room wait with it. A peer that fills max_outstanding, or max_queued, with requests whose
 * answers need replies from itself makes those time out; so do two sides that both have more than
 * max_queued of replies unsent. A twin socket avoids that.
 */
#include "vfio_user/link_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_OUTSTANDING 256u
#define DEFAULT_QUEUED	    (4u << 20)

void link_close_fds(struct link_fds *fds)
{
	for (size_t i = 0; i < fds->n; i++) {
		if (fds->fd[i] >= 0)
			close(fds->fd[i]);
	}
	fds->n = 0;
}

static struct link_wants wants_now(const struct link *link)
{
	return (struct link_wants) {
		.read = link_wants_read(link),
		.write = link_wants_write(link),
		.deadline_us = link_deadline_us(link),
	};
}

void link_note_wants(struct link *link)
{
	link->told = wants_now(link);
}

void link_tell_wants(struct link *link)
{
	struct link_wants told = link->told, now;

	if (link->driven > 0 || link->handling || link->error != 0)
		return;
	now = wants_now(link);
	link->told = now;
	if (now.read != told.read || now.write != told.write || now.deadline_us < told.deadline_us)
		link->config.ops->wants_changed(link->config.opaque);
}

int link_new(const struct link_config *config, struct link **ret)
{
	struct link *link;
	int r;

	link = calloc(1, sizeof(*link));
	if (link == NULL)
		return -ENOMEM;
	link->config = *config;
	if (link->config.max_outstanding == 0)
		link->config.max_outstanding = DEFAULT_OUTSTANDING;
	if (link->config.max_queued == 0)
		link->config.max_queued = DEFAULT_QUEUED;
	if (link->config.max_requests == 0)
		link->config.max_requests = link->config.max_queued;
	link->max_size = wire_max_size(&config->accepts);
	calls_init(link);
	r = served_init(link, link->config.max_outstanding);
	if (r < 0) {
		free(link);
		return r;
	}
	link->told = wants_now(link);
	*ret = link;
	return 0;
}

void link_free(struct link *link)
{
	if (link == NULL)
		return;
	link_die(link, -ENOTCONN, "closed by this side");
	rx_free(link);
	tx_free(link);
	calls_free(link);
	served_free(link);
	free(link);
}

/* Everybody is told, in the order that the head of this file gives. */
static void link_bury(struct link *link)
{
	link_enter(link);
	rx_drop_fds(link);
	tx_drop(link);
	served_forget_all(link);
	if (link->config.ops->dead != NULL)
		link->config.ops->dead(link->config.opaque, link->error, link->reason);
	calls_fail_all(link);
	link_leave(link);
}

void link_die(struct link *link, int error, const char *format, ...)
{
	va_list args;

	if (link->error != 0)
		return;
	link->error = error;
	va_start(args, format);
	vsnprintf(link->reason, sizeof(link->reason), format, args);
	va_end(args);
	link_bury(link);
}

void link_kill(struct link *link, int error, const char *reason)
{
	if (error == 0)
		error = -ENOTCONN;
	link_die(link, error < 0 ? error : -error, "%s", reason);
}

int link_error(const struct link *link)
{
	return link->error;
}

const char *link_reason(const struct link *link)
{
	return link->reason;
}

bool link_wants_read(const struct link *link)
{
	return link->error == 0 && !rx_blocked(link);
}

bool link_wants_write(const struct link *link)
{
	return link->error == 0 && link->tx.head != NULL;
}

uint64_t link_deadline_us(const struct link *link)
{
	return link->calls.next_deadline_us;
}
