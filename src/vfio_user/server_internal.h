/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_internal.h - what server.c (the life of devices and connections) and server_requests.c
 * (the commands) share
 */
#ifndef VFIO_USER_SERVER_INTERNAL_H
#define VFIO_USER_SERVER_INTERNAL_H

#include "vfio_user/dma.h"
#include "vfio_user/irq.h"
#include "vfio_user/link.h"
#include "vfio_user/version.h"
#include <outrigger/server.h>

/* What we accept in one message. QEMU refuses a server that says more than 16 fds. */
#define SERVER_MAX_MSG_FDS	  16u
#define SERVER_MAX_DATA_XFER_SIZE 1048576u

struct rig_server {
	struct rig_device device;
	struct dma_map *dma;	 /* of the client's memory; empty without one */
	struct irq_set *irqs;	 /* nothing attached without a client */
	struct rig_conn *client; /* the one that finished its handshake, or NULL */
	struct rig_conn *conns;	 /* all, linked by next */
	unsigned int n_conns;
};

/**
 * enum conn_state - what a connection may do
 * CONN_NEW: nothing but VERSION, which makes it the server's client or ends it.
 * CONN_CLIENT: every command but VERSION. At most one of a server's connections is here.
 * CONN_CLOSING: its last error reply is under way; what it still says is not listened to.
 *		The dispatch that got it here ends with its death.
 * CONN_DEAD: the link died; maps and IRQs are dropped. Waits for rig_conn_free().
 */
enum conn_state {
	CONN_NEW,
	CONN_CLIENT,
	CONN_CLOSING,
	CONN_DEAD,
};

struct rig_conn {
	struct rig_server *server; /* NULL: the server was freed before the connection */
	struct rig_conn *next;
	enum conn_state state;
	int fd;
	struct link *link;
	struct version_caps client_caps; /* CONN_CLIENT: what it proposed */
	unsigned int refusals;		 /* logged so far */
	void (*wants_changed)(void *opaque);
	void *wants_changed_opaque;
};

/** server_request() - the request callback of the link; opaque is the rig_conn */
void server_request(void *opaque, link_token token, const struct wire_request *request,
		    struct link_fds *fds);

/**
 * server_claim() - make this connection the client
 *
 * A client that hung up without anybody noticing yet is buried first.
 * Return: 0, -EBUSY another one is alive
 */
int server_claim(struct rig_server *server, struct rig_conn *conn);

void server_log(struct rig_server *server, enum rig_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Run ops->dma_unmapping; to be called before a range goes. */
void server_unmapping(struct rig_server *server, const struct dma_range *range);

/* All of the client's memory goes. */
void server_unmap_all(struct rig_server *server);

#endif
