/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_socket.c - a socket of any kind, called by its ops
 */
#include "net/ports/port_socket.h"

#include <unistd.h>

#include "net/ports/dgram.h"
#include "net/ports/nic.h"
#include "net/ports/stream.h"
#include "sys/activation.h"

static const struct {
	const char *name;
	int (*make)(uv_loop_t *loop, const struct port_socket_config *config,
		    struct port_table *table, struct port_socket **ret, char **ret_error);
} kinds[] = {
	[PORT_SOCKET_NIC] = { "nic", nic_new },
	[PORT_SOCKET_STREAM] = { "stream", stream_new },
	[PORT_SOCKET_DGRAM] = { "dgram", dgram_new },
};

const char *port_socket_kind_name(enum port_socket_kind kind)
{
	return kinds[kind].name;
}

int port_socket_new(uv_loop_t *loop, const struct port_socket_config *config,
		    struct port_table *table, struct port_socket **ret, char **ret_error)
{
	struct port_socket_config complete = *config;
	int r;

	if (!complete.mtu)
		complete.mtu = network_config_of(port_table_network(table))->mtu;
	r = kinds[config->kind].make(loop, &complete, table, ret, ret_error);
	if (r >= 0 && !config->path && !activation_has(config->fd))
		close(config->fd);
	return r;
}

int port_socket_set_limits(struct port_socket *socket, const struct port_limits *limits)
{
	return socket->ops->set_limits(socket, limits);
}

void port_socket_each_counter(const struct port_socket *socket,
			      void (*each)(void *opaque, const char *name, uint64_t value),
			      void *opaque)
{
	if (socket->ops->each_counter)
		socket->ops->each_counter(socket, each, opaque);
}

void port_socket_tell_over(struct port_socket *socket)
{
	if (socket->over)
		socket->over(socket->opaque, socket);
}

void port_socket_free(struct port_socket *socket)
{
	if (socket)
		socket->ops->free(socket);
}
