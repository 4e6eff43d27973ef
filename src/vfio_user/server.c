/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.c - the life of a device and of the connections to it
 *
 * A server may have several connections, one of which is its client: the first to finish the
 * handshake. The others wait for their own VERSION, which is refused while the client lives. So a
 * VMM that was killed and started again gets in although nobody may have looked at the old
 * connection since: what decides is whether its peer is still there when the new one asks.
 *
 * A connection ends in its link's death, whatever the cause: server_dead() is the one place that
 * drops the client's memory and eventfds. The object itself lives until rig_conn_free().
 */
#include "vfio_user/server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfio_user/link_sock.h"
#include "vfio_user/region_info.h"

/* The client and those that wait for an answer to their VERSION. */
#define MAX_CONNS	  16u

/* Rounds of link_sock_readable() that empty any socket buffer after its peer closed it. */
#define LAST_WORDS_ROUNDS 1024

#define IRQ_FLAGS	  (RIG_IRQ_EVENTFD | RIG_IRQ_MASKABLE | RIG_IRQ_NORESIZE)

void server_log(struct rig_server *server, enum rig_log_level level, const char *format, ...)
{
	const struct rig_device_ops *ops = server->device.ops;
	char message[256];
	va_list args;

	if (!ops->log)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	ops->log(server->device.opaque, level, message);
}

static int check_regions(const struct rig_device *device)
{
	for (uint32_t i = 0; i < device->n_regions; i++)
		if (region_info_check(&device->regions[i]) < 0)
			return -EINVAL;
	return 0;
}

static int check_irqs(const struct rig_device *device)
{
	for (uint32_t i = 0; i < device->n_irqs; i++)
		if (device->irqs[i].flags & ~IRQ_FLAGS)
			return -EINVAL;
	return 0;
}

static int check_device(const struct rig_device *device)
{
	if (device->struct_size < sizeof(*device) || !device->ops || !device->ops->region_read ||
	    !device->ops->region_write)
		return -EINVAL;
	if (device->flags & ~(RIG_DEVICE_RESET | RIG_DEVICE_PCI))
		return -EINVAL;
	if ((device->flags & RIG_DEVICE_RESET) && !device->ops->reset)
		return -EINVAL;
	if ((device->flags & RIG_DEVICE_PCI) &&
	    (device->n_regions < RIG_PCI_REGIONS || device->n_irqs < RIG_PCI_IRQS))
		return -EINVAL;
	if (check_regions(device) < 0)
		return -EINVAL;
	return check_irqs(device);
}

int rig_server_new(const struct rig_device *device, struct rig_server **ret)
{
	struct rig_server *server;
	int r;

	r = check_device(device);
	if (r < 0)
		return r;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->device = *device;
	if (server->device.max_dma_maps == 0)
		server->device.max_dma_maps = RIG_DEFAULT_MAX_DMA_MAPS;

	r = irq_set_new(device->irqs, device->n_irqs, &server->irqs);
	if (r == 0)
		r = dma_map_new(server->device.max_dma_maps, &server->dma);
	if (r < 0) {
		rig_server_free(server);
		return r;
	}
	*ret = server;
	return 0;
}

void rig_server_free(struct rig_server *server)
{
	if (!server)
		return;
	while (server->conns) {
		struct rig_conn *conn = server->conns;

		link_kill(conn->link, -ESHUTDOWN, "the device was removed");
		server->conns = conn->next;
		conn->server = NULL;
	}
	irq_set_free(server->irqs);
	dma_map_free(server->dma);
	free(server);
}

void server_unmapping(struct rig_server *server, const struct dma_range *range)
{
	const struct rig_device_ops *ops = server->device.ops;

	if (ops->dma_unmapping)
		ops->dma_unmapping(server->device.opaque, range->address, range->size);
}

void server_unmap_all(struct rig_server *server)
{
	for (const struct dma_range *range = dma_map_first(server->dma); range;
	     range = dma_map_next(server->dma, range))
		server_unmapping(server, range);
	dma_map_remove_all(server->dma);
}

/* The link's last callback. What the client lent goes with it, the device's state stays. */
static void server_dead(void *opaque, int error, const char *reason)
{
	struct rig_conn *conn = opaque;
	struct rig_server *server = conn->server;
	const struct rig_device_ops *ops = server->device.ops;

	conn->state = CONN_DEAD;
	if (server->client != conn)
		return;
	irq_set_detach_all(server->irqs);
	server_unmap_all(server);
	server->client = NULL;
	if (ops->disconnected)
		ops->disconnected(server->device.opaque, error, reason);
}

static void server_wants_changed(void *opaque)
{
	struct rig_conn *conn = opaque;

	if (conn->wants_changed)
		conn->wants_changed(conn->wants_changed_opaque);
}

static const struct link_ops server_link_ops = {
	.request = server_request,
	.wants_changed = server_wants_changed,
	.dead = server_dead,
};

static bool peer_hung_up(const struct rig_conn *conn)
{
	struct pollfd p = { .fd = conn->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1;
}

/* It may have said something before it closed: that is still done, like in its own dispatch. */
static void bury(struct rig_conn *conn)
{
	for (int i = 0; i < LAST_WORDS_ROUNDS && link_error(conn->link) == 0; i++)
		if (link_sock_readable(conn->link, conn->fd) < 0)
			return;
	link_kill(conn->link, -ECONNRESET, "the client closed its socket");
}

int server_claim(struct rig_server *server, struct rig_conn *conn)
{
	if (server->client && peer_hung_up(server->client))
		bury(server->client);
	if (server->client)
		return -EBUSY;
	server->client = conn;
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

static int conn_open(struct rig_conn *conn)
{
	const struct link_config config = {
		.peer = WIRE_FROM_CLIENT,
		.accepts = { SERVER_MAX_DATA_XFER_SIZE, SERVER_MAX_MSG_FDS },
		.ops = &server_link_ops,
		.opaque = conn,
	};
	int flags = fcntl(conn->fd, F_GETFL);

	if (check_socket(conn->fd) < 0)
		return -EINVAL;
	if (conn->server->n_conns >= MAX_CONNS)
		return -EAGAIN;
	if (fcntl(conn->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return link_new(&config, &conn->link);
}

int rig_server_connect(struct rig_server *server, int fd, struct rig_conn **ret)
{
	struct rig_conn *conn = calloc(1, sizeof(*conn));
	int r;

	if (!conn) {
		close(fd);
		return -ENOMEM;
	}
	conn->server = server;
	conn->fd = fd;
	r = conn_open(conn);
	if (r < 0) {
		close(fd);
		free(conn);
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
	return conn->fd;
}

short rig_conn_events(const struct rig_conn *conn)
{
	return link_sock_events(conn->link);
}

/* After a request was refused for good: its reply, which is short, and the end. */
static void conn_close(struct rig_conn *conn)
{
	if (link_wants_write(conn->link) && link_sock_writable(conn->link, conn->fd) < 0)
		return;
	link_kill(conn->link, -EPROTO, "the handshake failed");
}

static int conn_receive(struct rig_conn *conn, short revents)
{
	int r = 0;

	if (revents & POLLOUT)
		r = link_sock_writable(conn->link, conn->fd);
	if (r == 0 && (revents & ~POLLOUT))
		r = link_sock_readable(conn->link, conn->fd);
	return r;
}

int rig_conn_dispatch(struct rig_conn *conn, short revents)
{
	struct rig_server *server = conn->server;
	int r;

	if (conn->state == CONN_DEAD)
		return link_error(conn->link);
	r = conn_receive(conn, revents);
	if (r < 0)
		return r;
	if (conn->state == CONN_CLOSING) {
		conn_close(conn);
	} else if (server->client == conn) {
		if (dma_map_lost(server->dma))
			link_kill(conn->link, -EFAULT,
				  "the client truncated memory that it had shared");
		else
			irq_set_poll(server->irqs);
	}
	return link_error(conn->link);
}

void rig_conn_set_wants_changed(struct rig_conn *conn, void (*hook)(void *opaque), void *opaque)
{
	conn->wants_changed = hook;
	conn->wants_changed_opaque = opaque;
}

static void conn_unlink(struct rig_conn *conn)
{
	struct rig_conn **p = &conn->server->conns;

	while (*p != conn)
		p = &(*p)->next;
	*p = conn->next;
	conn->server->n_conns--;
}

void rig_conn_free(struct rig_conn *conn)
{
	if (!conn)
		return;
	if (conn->server) {
		link_kill(conn->link, -ESHUTDOWN, "the server closed the connection");
		conn_unlink(conn);
	}
	link_free(conn->link);
	close(conn->fd);
	free(conn);
}

int rig_irq_trigger(struct rig_server *server, uint32_t index, uint32_t vector)
{
	return irq_set_trigger(server->irqs, index, vector);
}

int rig_dma_translate(struct rig_server *server, uint64_t address, uint64_t len, uint32_t prot,
		      struct iovec *iov, size_t max_iov)
{
	return dma_map_translate(server->dma, address, len, prot, iov, max_iov);
}
