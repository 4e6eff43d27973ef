/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bind.c - the socket behind a port: made at a path, passed by the service manager, or inherited
 *
 * A path that the service manager has bound already is its socket, and its file stays when we end.
 *
 * O_NONBLOCK of an inherited socket is shared with whoever has it besides us, and so set for them,
 * too; and may be taken away by them at any time, which is why everything here sends and receives
 * with MSG_DONTWAIT.
 */
#include "net/ports/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/activation.h"
#include "sys/explain.h"

#define LABEL_MAX 160u

void port_bind_label(const struct port_socket_config *config, char *buf, size_t size)
{
	const char *kind = port_socket_kind_name(config->kind);

	if (config->path)
		snprintf(buf, size, "--%s %s", kind, config->path);
	else
		snprintf(buf, size, "--%s fd=%d", kind, config->fd);
}

static int say(const struct port_socket_config *config, char **ret_error, int error,
	       const char *what)
{
	char label[LABEL_MAX];

	port_bind_label(config, label, sizeof(label));
	return explain(ret_error, error, "%s: %s", label, what);
}

/* At a path */

const char *port_bind_why_no_path(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "another process serves it; stop that one or choose another path";
	case -EEXIST:
		return "a file that is no socket is there; remove it or choose another path";
	case -ENAMETOOLONG:
		return "too long for a socket, which takes up to 107 bytes; choose a shorter path";
	case -ENOENT:
	case -ENOTDIR:
		return "its directory does not exist; create it or choose another path";
	case -EACCES:
	case -EROFS:
		return "may not be created in this directory; choose one that you can write to";
	case -EPERM:
		return "may not be given to its group; join the group, choose another, or leave "
		       "group= out";
	case -EBUSY:
		return "another process keeps its directory locked; end that one or choose another "
		       "path";
	default:
		return strerror(-error);
	}
}

static const char *why_not_passed(int error)
{
	if (error == -EPROTOTYPE)
		return "the service manager has bound it to a socket of another kind: nic and "
		       "stream need ListenStream=, dgram needs ListenDatagram=";
	return strerror(-error);
}

static int bind_path(const struct port_socket_config *config, struct port_bound *ret,
		     char **ret_error)
{
	const struct sock_access access = { .mode = config->mode, .group = config->group };
	bool dgram = config->kind == PORT_SOCKET_DGRAM;
	int fd = activation_fd_by_path(config->path, dgram ? SOCK_DGRAM : SOCK_STREAM);
	int r;

	if (fd >= 0) {
		*ret = (struct port_bound) { .listener = { .fd = fd } };
		return 0;
	}
	if (fd != -ENOENT)
		return say(config, ret_error, fd, why_not_passed(fd));
	ret->connected = false;
	r = dgram ? sock_bind_dgram(config->path, &access, &ret->listener)
		  : sock_listen(config->path, &access, &ret->listener);
	return r < 0 ? say(config, ret_error, r, port_bind_why_no_path(r)) : 0;
}

/* By fd */

/* Return: the value, -errno */
static int option(int fd, int name)
{
	int value;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -errno : value;
}

static const char *why_no_socket(int error)
{
	switch (error) {
	case -EBADF:
		return "not open; give an fd that this process inherits";
	case -ENOTSOCK:
		return "not a socket; give a UNIX stream or datagram socket";
	case -EPROTONOSUPPORT:
		return "not a UNIX stream or datagram socket";
	default:
		return strerror(-error);
	}
}

/* Return: SOCK_STREAM, SOCK_DGRAM, -EBADF, -ENOTSOCK, -EPROTONOSUPPORT */
static int type_of(int fd)
{
	int domain = option(fd, SO_DOMAIN), type = option(fd, SO_TYPE);

	if (domain < 0 || type < 0)
		return domain < 0 ? domain : type;
	if (domain != AF_UNIX || (type != SOCK_STREAM && type != SOCK_DGRAM))
		return -EPROTONOSUPPORT;
	return type;
}

int port_socket_kind_of_fd(int fd, enum port_socket_kind *ret, char **ret_error)
{
	int type = type_of(fd);

	if (type < 0)
		return explain(ret_error, type, "%s", why_no_socket(type));
	*ret = type == SOCK_DGRAM ? PORT_SOCKET_DGRAM : PORT_SOCKET_STREAM;
	return 0;
}

static bool has_peer(int fd)
{
	struct sockaddr_un address;
	socklen_t len = sizeof(address);

	return getpeername(fd, (struct sockaddr *)&address, &len) == 0;
}

static bool has_name(int fd)
{
	struct sockaddr_un address;
	socklen_t len = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	       len > offsetof(struct sockaddr_un, sun_path);
}

/* Can it be used as what it shall be? */
static int check_fd(const struct port_socket_config *config, bool *ret_connected, char **ret_error)
{
	bool dgram = config->kind == PORT_SOCKET_DGRAM;
	int type = type_of(config->fd);
	bool connected;

	if (type < 0)
		return say(config, ret_error, type, why_no_socket(type));
	if (dgram != (type == SOCK_DGRAM))
		return say(config, ret_error, -EPROTOTYPE,
			   dgram ? "a stream socket; give it to --stream or --nic"
				 : "a datagram socket; give it to --dgram");
	connected = has_peer(config->fd);
	if (!connected && dgram && !has_name(config->fd))
		return say(config, ret_error, -ENOTCONN,
			   "neither connected nor bound; no datagram can come");
	if (!connected && !dgram && option(config->fd, SO_ACCEPTCONN) != 1)
		return say(config, ret_error, -ENOTCONN, "neither connected nor listening");
	*ret_connected = connected;
	return 0;
}

static int prepare_fd(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static int bind_fd(const struct port_socket_config *config, struct port_bound *ret,
		   char **ret_error)
{
	bool connected = false;
	int r = check_fd(config, &connected, ret_error);
	int fd;

	if (r < 0)
		return r;
	fd = fcntl(config->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return say(config, ret_error, -errno, strerror(errno));
	r = prepare_fd(fd);
	if (r < 0) {
		close(fd);
		return say(config, ret_error, r, strerror(-r));
	}
	*ret = (struct port_bound) { .listener = { .fd = fd }, .connected = connected };
	return 0;
}

int port_bind(const struct port_socket_config *config, struct port_bound *ret, char **ret_error)
{
	return config->path ? bind_path(config, ret, ret_error) : bind_fd(config, ret, ret_error);
}
