/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netlink.c - rtnetlink requests with the kernel's own errno
 *
 * libnl folds errnos into codes of its own (EEXIST and EADDRINUSE are one), so the acknowledgement
 * is looked at here.
 */
#include "net/kernel/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct netlink {
	struct nl_sock *socket;
	struct nl_cb *callbacks;
	void (*each)(void *opaque, struct nlmsghdr *header);
	void *opaque;
	int error;
	bool done;
};

static int on_message(struct nl_msg *message, void *opaque)
{
	struct netlink *netlink = opaque;

	if (netlink->each)
		netlink->each(netlink->opaque, nlmsg_hdr(message));
	return NL_OK;
}

static int on_end(struct nl_msg *message, void *opaque)
{
	struct netlink *netlink = opaque;

	netlink->done = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *opaque)
{
	struct netlink *netlink = opaque;

	netlink->error = error->error;
	netlink->done = true;
	return NL_STOP;
}

int netlink_new(struct netlink **ret)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));

	if (!netlink)
		return -ENOMEM;
	netlink->socket = nl_socket_alloc();
	netlink->callbacks = nl_cb_alloc(NL_CB_CUSTOM);
	if (!netlink->socket || !netlink->callbacks ||
	    nl_connect(netlink->socket, NETLINK_ROUTE) < 0) {
		netlink_free(netlink);
		return -ENOBUFS;
	}
	nl_cb_set(netlink->callbacks, NL_CB_VALID, NL_CB_CUSTOM, on_message, netlink);
	nl_cb_set(netlink->callbacks, NL_CB_FINISH, NL_CB_CUSTOM, on_end, netlink);
	nl_cb_set(netlink->callbacks, NL_CB_ACK, NL_CB_CUSTOM, on_end, netlink);
	nl_cb_err(netlink->callbacks, NL_CB_CUSTOM, on_error, netlink);
	*ret = netlink;
	return 0;
}

void netlink_free(struct netlink *netlink)
{
	if (!netlink)
		return;
	nl_cb_put(netlink->callbacks);
	nl_socket_free(netlink->socket);
	free(netlink);
}

/*
 * The rest of an answer that could not be read (a lost message, no memory) would be taken for the
 * next request's, and libnl would wait for old sequence numbers. There is neither on another
 * socket; where there is none requests fail from now on.
 */
static void renew(struct netlink *netlink)
{
	struct nl_sock *fresh = nl_socket_alloc();

	if (!fresh || nl_connect(fresh, NETLINK_ROUTE) < 0) {
		if (fresh)
			nl_socket_free(fresh);
		nl_close(netlink->socket);
		return;
	}
	nl_socket_free(netlink->socket);
	netlink->socket = fresh;
}

/* The kernel answers before sendmsg returns, so this waits for nobody. */
static int exchange(struct netlink *netlink, struct nl_msg *message)
{
	int r = message ? nl_send_auto(netlink->socket, message) : -NLE_NOMEM;
	bool interrupted = false;

	nlmsg_free(message);
	if (r < 0)
		return r == -NLE_NOMEM ? -ENOMEM : -EIO;
	netlink->error = 0;
	netlink->done = false;
	while (!netlink->done) {
		r = nl_recvmsgs(netlink->socket, netlink->callbacks);
		if (r < 0 && !netlink->done && r != -NLE_DUMP_INTR) {
			renew(netlink);
			return -EIO;
		}
		interrupted |= r == -NLE_DUMP_INTR;
	}
	return interrupted ? -EAGAIN : netlink->error;
}

int netlink_request(struct netlink *netlink, struct nl_msg *message)
{
	return netlink_get(netlink, message, NULL, NULL);
}

int netlink_get(struct netlink *netlink, struct nl_msg *message,
		void (*each)(void *opaque, struct nlmsghdr *header), void *opaque)
{
	netlink->each = each;
	netlink->opaque = opaque;
	if (message)
		nlmsg_hdr(message)->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	return exchange(netlink, message);
}

int netlink_dump(struct netlink *netlink, struct nl_msg *message,
		 void (*each)(void *opaque, struct nlmsghdr *header), void *opaque)
{
	netlink->each = each;
	netlink->opaque = opaque;
	if (message)
		nlmsg_hdr(message)->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	return exchange(netlink, message);
}
