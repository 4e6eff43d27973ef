/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_conn.c - connections, one of which is the client's
 *
 * The first to finish the handshake is the client. The others wait for their own VERSION, which is
 * refused while the client lives. So a VMM that was killed and started again gets in although nobody
 * may have looked at the old connection since: what decides is whether its peer is still there when
 * the new one asks.
 *
 * A connection ends in server_conn_end(), whatever the cause. A client's is not over then: its fd
 * stays with the application until server_loss.c is done, which needs rig_conn_dispatch() for what
 * other threads do meanwhile. After that it is readable for good.
 *
 * What the application polls: the front's descriptor and, for the client, the inbox's, in an epoll set;
 * with RIG_DEVICE_ONE_THREAD the socket itself, and times are for the application to look at. That
 * socket hangs up when the client does, so while its loss goes on it is not to be polled.
 */
#include "vfio_user/server_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/fork_guard.h"
#include "vfio_user/server_inbox.h"

/* The client and those that wait for an answer to their VERSION. */
#define MAX_CONNS	  16u

/*
 * Bytes of our own requests that wait to be sent. With more a DMA write waits where its data is,
 * instead of being copied.
 */
#define MAX_REQUESTS	  (1u << 20)

/* Dispatches that empty any socket buffer after its peer closed it. */
#define LAST_WORDS_ROUNDS 1024

/* Dispatches that tell everybody who waits for our requests: more than there can be. */
#define CALLBACK_ROUNDS	  64

struct rig_conn *server_conn_ref(struct rig_conn *conn)
{
	atomic_fetch_add(&conn->refs, 1);
	return conn;
}

void server_conn_unref(struct rig_conn *conn)
{
	if (!conn || atomic_fetch_sub(&conn->refs, 1) > 1)
		return;
	if (conn->front)
		front_free(conn->front);
	else if (conn->sock >= 0)
		close(conn->sock);
	if (conn->poll_fd >= 0)
		close(conn->poll_fd);
	server_inbox_unref(conn->inbox);
	free(conn);
}

static int poll_add(struct rig_conn *conn, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(conn->poll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void conn_dead(void *opaque, int error, const char *reason)
{
	server_conn_end(opaque, error, reason);
}

static void conn_wants_changed(void *opaque)
{
	const struct rig_conn *conn = opaque;

	if (conn->wants_changed && !conn->dispatching)
		conn->wants_changed(conn->wants_changed_opaque);
}

void server_woken(void *opaque)
{
	const struct rig_server *server = opaque;

	if (server->client)
		conn_wants_changed(server->client);
}

void server_conn_over(struct rig_conn *conn)
{
	shutdown(conn->sock, SHUT_RDWR);
	if (conn->poll_fd >= 0)
		(void)poll_add(conn, conn->sock);
	else
		conn_wants_changed(conn);
}

void server_conn_end(struct rig_conn *conn, int error, const char *reason)
{
	bool was_client = conn->state == CONN_CLIENT;

	if (conn->state == CONN_DEAD)
		return;
	conn->state = CONN_DEAD;
	server_drop(conn, &conn->held, error);
	if (conn->poll_fd >= 0)
		epoll_ctl(conn->poll_fd, EPOLL_CTL_DEL, front_fd(conn->front), NULL);
	if (was_client)
		server_loss_begin(conn->server, error, reason);
	else
		server_conn_over(conn);
}

/*
 * It may have died before without anybody noticing: then that is the reason. Who waits for our requests
 * to be answered is told in the dispatch.
 */
static void conn_kill(struct rig_conn *conn, int error, const char *reason)
{
	char why[160];

	front_kill(conn->front, error, reason);
	front_reason(conn->front, why, sizeof(why));
	server_conn_end(conn, front_error(conn->front), why);
	for (int i = 0; i < CALLBACK_ROUNDS && front_dispatch(conn->front) == 0; i++)
		;
	server_dma_go_on(conn->server);
	server_loss_go_on(conn->server);
}

static bool peer_hung_up(const struct rig_conn *conn)
{
	struct pollfd p = { .fd = conn->sock, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1;
}

/* It may have said something before it closed: that is still done, like in its own dispatch. */
static void bury(struct rig_conn *conn)
{
	for (int i = 0; i < LAST_WORDS_ROUNDS && conn->state == CONN_CLIENT; i++)
		if (front_dispatch(conn->front) < 0)
			break;
	conn_kill(conn, -ECONNRESET, "the client closed its socket");
}

int server_claim(struct rig_server *server, struct rig_conn *conn)
{
	struct rig_conn *client = server->client;

	if (client && client->state == CONN_CLIENT && peer_hung_up(client))
		bury(client);
	server_inbox_run(server->inbox, server);
	server_loss_go_on(server);
	if (server->client)
		return -EBUSY;
	if (conn->poll_fd >= 0) {
		int r = poll_add(conn, server_inbox_fd(server->inbox));

		if (r < 0)
			return r;
	}
	server->client = server_conn_ref(conn);
	conn->state = CONN_CLIENT;
	return 0;
}

static int check_socket(int fd)
{
	int domain, type;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return -EINVAL;
	return domain == AF_UNIX && type == SOCK_STREAM ? 0 : -EINVAL;
}

static const struct front_ops conn_front_ops = {
	.request = server_request,
	.refused = server_refused,
	.dead = conn_dead,
};

/* The hook is for the one thread that there is: others need none, as the fd is all they poll. */
static const struct front_ops conn_front_ops_one_thread = {
	.request = server_request,
	.refused = server_refused,
	.dead = conn_dead,
	.wants_changed = conn_wants_changed,
};

static int conn_open(struct rig_conn *conn, bool one_thread)
{
	const struct front_config config = {
		.peer = WIRE_FROM_CLIENT,
		.accepts = { SERVER_MAX_DATA_XFER_SIZE, SERVER_MAX_MSG_FDS },
		.max_outstanding = SERVER_MAX_OUTSTANDING,
		.max_requests = MAX_REQUESTS,
		.dispatch_only = true,
		.plain_fd = one_thread,
		.ops = one_thread ? &conn_front_ops_one_thread : &conn_front_ops,
		.opaque = conn,
	};
	int r;

	if (conn->server->n_conns >= MAX_CONNS)
		return -EAGAIN;
	r = front_new(conn->sock, &config, &conn->front);
	if (r < 0 || one_thread)
		return r;
	conn->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (conn->poll_fd < 0)
		return -errno;
	r = front_fd(conn->front);
	return r < 0 ? r : poll_add(conn, r);
}

/* For people only: it may have handed its end to somebody else. 0: not of our namespace */
static pid_t pid_of_peer(int fd)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ? 0 : peer.pid;
}

static struct rig_conn *conn_new(struct rig_server *server, int fd)
{
	struct rig_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	atomic_init(&conn->refs, 1);
	conn->forks = fork_guard_generation();
	conn->server = server;
	conn->inbox = server->inbox;
	server_inbox_ref(conn->inbox);
	conn->sock = fd;
	conn->poll_fd = -1;
	conn->pid = pid_of_peer(fd);
	return conn;
}

int rig_server_connect(struct rig_server *server, int fd, struct rig_conn **ret)
{
	struct rig_conn *conn;
	int r = check_socket(fd);

	if (r < 0) {
		close(fd);
		return r;
	}
	conn = conn_new(server, fd);
	if (!conn) {
		close(fd);
		return -ENOMEM;
	}
	r = conn_open(conn, server_one_thread(server));
	if (r < 0) {
		server_conn_unref(conn);
		return r;
	}
	conn->next = server->conns;
	server->conns = conn;
	server->n_conns++;
	*ret = conn;
	return 0;
}

int rig_conn_fd(const struct rig_conn *conn)
{
	return conn->poll_fd >= 0 ? conn->poll_fd : conn->sock;
}

/* It is the client, and not gone for the device yet. */
static bool loss_goes_on(const struct rig_conn *conn)
{
	return conn->state == CONN_DEAD && conn->server && conn->server->client == conn;
}

static bool has_news(const struct rig_conn *conn)
{
	return conn->server && conn->server->client == conn && server_inbox_has_news(conn->inbox);
}

short rig_conn_events(const struct rig_conn *conn)
{
	short events;

	if (conn->poll_fd >= 0)
		return POLLIN;
	if (conn->state == CONN_DEAD)
		return loss_goes_on(conn) && !has_news(conn) ? 0 : POLLIN;
	events = front_events(conn->front);
	/* Left for its next dispatch, of which the socket knows nothing: it shall come at once. */
	if (front_deadline(conn->front) == 0 || has_news(conn))
		events |= POLLOUT;
	/* Not read, as too much is unanswered: its end has to be heard of nevertheless. */
	return events ? events : POLLHUP;
}

rig_time rig_conn_deadline(const struct rig_conn *conn)
{
	struct rig_server *server = conn->server;
	rig_time deadline, again;

	if (conn->poll_fd >= 0 || !server || server->client != conn)
		return RIG_FOREVER;
	if (has_news(conn))
		return 0;
	deadline = front_deadline(conn->front);
	again = atomic_load(&server->stalled) ? server_inbox_expected(conn->inbox) : RIG_FOREVER;
	return again < deadline ? again : deadline;
}

/* The client truncated memory, or signalled an eventfd, meanwhile. */
static void look_after_client(struct rig_conn *conn)
{
	struct rig_server *server = conn->server;

	if (dma_map_lost(server->dma)) {
		conn_kill(conn, -EFAULT, "the client truncated memory that it had shared");
		return;
	}
	irq_set_poll(server->irqs);
	if (!server_one_thread(server))
		server_inbox_expect(server->inbox, front_deadline(conn->front));
}

/* A client is over once its memory is. */
static int conn_result(const struct rig_conn *conn)
{
	int error = front_error(conn->front);

	if (conn->state != CONN_DEAD || loss_goes_on(conn))
		return 0;
	return error < 0 ? error : -ENOTCONN;
}

/* The epoll is the parent's, too, and so are eventfds that a dispatch would read. */
static bool conn_forked(const struct rig_conn *conn)
{
	return conn->forks != fork_guard_generation();
}

int rig_conn_dispatch(struct rig_conn *conn, short revents)
{
	struct rig_server *server = conn->server;

	if (conn_forked(conn))
		return -ENOTCONN;
	if (!server)
		return conn_result(conn);
	conn->dispatching = true;
	server_inbox_run(server->inbox, server);
	(void)front_dispatch(conn->front);
	server_dma_go_on(server); /* now that there may be room */
	if (conn->state == CONN_CLOSING)
		conn_kill(conn, -EPROTO, "the handshake failed");
	if (conn->state == CONN_CLIENT)
		look_after_client(conn);
	server_reap(server);
	server_loss_go_on(server);
	conn->dispatching = false;
	return conn_result(conn);
}

void rig_conn_set_wants_changed(struct rig_conn *conn, void (*hook)(void *opaque), void *opaque)
{
	conn->wants_changed = hook;
	conn->wants_changed_opaque = opaque;
}

static void unlink_conn(struct rig_conn *conn)
{
	struct rig_conn **p = &conn->server->conns;

	while (*p != conn)
		p = &(*p)->next;
	*p = conn->next;
	conn->server->n_conns--;
}

void server_conn_drop(struct rig_conn *conn, const char *reason)
{
	unlink_conn(conn);
	conn_kill(conn, -ESHUTDOWN, reason);
}

void server_conn_abandon(struct rig_conn *conn)
{
	unlink_conn(conn);
	conn->server = NULL;
	front_free(conn->front); /* closes its copies */
	conn->front = NULL;
	conn->sock = -1;
	if (conn->poll_fd >= 0)
		close(conn->poll_fd);
	conn->poll_fd = -1;
}

void rig_conn_free(struct rig_conn *conn)
{
	if (!conn)
		return;
	conn->wants_changed = NULL;
	if (conn->server && conn_forked(conn))
		server_conn_abandon(conn);
	else if (conn->server)
		server_conn_drop(conn, "the server closed the connection");
	server_conn_unref(conn);
}
