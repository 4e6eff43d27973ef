/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_socket.h - what a user asks for with --nic, --stream, --dgram: a socket that guests come to
 *
 * A NIC's and a datagram socket are one port each, for as long as they exist; a stream socket is a
 * port for each guest that is connected. Names of ports: that of the socket, and for a stream
 * socket's second guest and later ones "NAME/2" and so on, the lowest that is free.
 *
 * One thread: the loop's.
 */
#ifndef NET_PORTS_PORT_SOCKET_H
#define NET_PORTS_PORT_SOCKET_H

#include <sys/types.h>

#include "net/port.h"

#define PORT_SOCKET_MODE 0600u /* of a socket's file, unless asked for otherwise */

enum port_socket_kind {
	PORT_SOCKET_NIC,    /* vfio-user */
	PORT_SOCKET_STREAM, /* QEMU -netdev stream: 4 bytes of length before each frame */
	PORT_SOCKET_DGRAM,  /* QEMU -netdev dgram, vfkit, krunkit: a datagram is a frame */
};

/**
 * struct port_socket_config - what is asked for; complete and checked
 * @name: unique among sockets; never empty
 * @path: of the socket to make, or that the service manager has made (sys/activation.h); NULL: @fd
 *        is inherited, listening or connected as it may be
 * @mtu:  0: the network's
 * @isolated: the network's if not isolated_given; settled before the socket is made
 */
struct port_socket_config {
	enum port_socket_kind kind;
	const char *name;
	const char *path;
	int fd;
	uint8_t mac[FRAME_MAC];
	bool mac_given; /* a NIC always has one */
	uint16_t mtu;
	bool isolated, isolated_given;
	bool no_guard; /* see struct port_config */
	struct port_limits limits;
	mode_t mode;
	bool mode_given;
	gid_t group;	     /* (gid_t)-1: the process's */
	bool ends_with_peer; /* @fd is connected: when that is over, so is the socket */
};

struct port_socket;

struct port_socket_ops {
	void (*free)(struct port_socket *socket);

	/* Of its ports, and those of guests to come. Return: as port_set_limits() */
	int (*set_limits)(struct port_socket *socket, const struct port_limits *limits);

	/* What concerns the socket and no port of it: who was refused, and why. NULL: nothing */
	void (*each_counter)(const struct port_socket *socket,
			     void (*each)(void *opaque, const char *name, uint64_t value),
			     void *opaque);
};

/* What every kind starts with. */
struct port_socket {
	const struct port_socket_ops *ops;

	/* Of one with ends_with_peer: the callee frees it, at once or later. NULL: nobody asks */
	void (*over)(void *opaque, struct port_socket *socket);
	void *opaque; /* for over */
};

/** port_socket_tell_over() - for kinds: nobody can come any more. It may be freed inside */
void port_socket_tell_over(struct port_socket *socket);

/**
 * port_socket_kind_of_fd() - what an inherited UNIX socket can be: a datagram socket is one, a
 * stream socket is taken for PORT_SOCKET_STREAM (it could be a NIC's, if the user says so)
 * @ret_error: a sentence; the caller frees
 * Return: 0, -EBADF not open, -ENOTSOCK, -EPROTONOSUPPORT neither UNIX stream nor datagram
 */
int port_socket_kind_of_fd(int fd, enum port_socket_kind *ret, char **ret_error);

/** port_socket_kind_name() - "nic", "stream", "dgram": the option's name, too */
const char *port_socket_kind_name(enum port_socket_kind kind);

/**
 * port_socket_new() - listen, or use the fd, and plug into the network
 * @config: strings are copied. A duplicate of its fd is used; the fd itself is closed on success,
 *          unless the service manager has passed it, and stays the caller's on failure
 * @ret_error: a sentence on failure: what is wrong with path or fd and what to do; the caller frees
 */
int port_socket_new(uv_loop_t *loop, const struct port_socket_config *config,
		    struct port_table *table, struct port_socket **ret, char **ret_error);

/** port_socket_set_limits() - of its ports, and those of guests to come. Return: 0, -ENOMEM */
int port_socket_set_limits(struct port_socket *socket, const struct port_limits *limits);

/** port_socket_each_counter() - for status and metrics, besides those of its ports */
void port_socket_each_counter(const struct port_socket *socket,
			      void (*each)(void *opaque, const char *name, uint64_t value),
			      void *opaque);

/**
 * port_socket_free() - disconnects guests, removes the socket's file. The loop must run once more
 * before it is closed. NULL is fine
 */
void port_socket_free(struct port_socket *socket);

#endif
