/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_sock.c - a link on a UNIX stream socket
 *
 * The common wake-up is one recvmsg and one sendmsg. A read that left room in the buffer emptied
 * the socket, unless it brought fds: the kernel ends a read behind those. A write that was short
 * filled it. Neither is tried again only to be told EAGAIN.
 */
#include "vfio_user/link_sock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_ROUNDS 16
#define MAX_IOV	    64

/* Room for the most fds that one message can carry, aligned as the kernel wants it. */
union fd_control {
	struct cmsghdr align;
	char space[CMSG_SPACE(LINK_MAX_FDS * sizeof(int))];
};

/* Every fd that the kernel made for us; there may be several headers. */
static void collect_fds(struct msghdr *msg, struct link_fds *ret)
{
	ret->n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(ret->fd + ret->n, CMSG_DATA(c), n * sizeof(int));
		ret->n += n;
	}
}

static void sock_failed(struct link *link, const char *call)
{
	int error = errno;
	char reason[96];

	snprintf(reason, sizeof(reason), "%s: %s", call, strerror(error));
	link_kill(link, -error, reason);
}

enum sock_read {
	SOCK_READ_MORE,
	SOCK_READ_ALL,
};

/* One recvmsg, or none if the link does not want to read. */
static enum sock_read sock_read(struct link *link, int fd)
{
	union fd_control control;
	struct iovec iov;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct link_fds fds;
	ssize_t n;

	iov.iov_base = link_space(link, &iov.iov_len);
	if (iov.iov_len == 0)
		return SOCK_READ_ALL;
	n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0) {
		if (errno == EINTR)
			return SOCK_READ_MORE;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			sock_failed(link, "recvmsg");
		return SOCK_READ_ALL;
	}
	collect_fds(&msg, &fds);
	if (msg.msg_flags & MSG_CTRUNC) {
		/* Not all fds could be received: which are missing is not known. */
		link_kill(link, -EPROTO, "fds of a message were lost: too many");
	}
	if (link_feed(link, (size_t)n, fds.fd, fds.n) < 0)
		return SOCK_READ_ALL;
	return (size_t)n == iov.iov_len || fds.n > 0 ? SOCK_READ_MORE : SOCK_READ_ALL;
}

/* poll() reports a hang-up unasked, and a link that does not read would never see the EOF. */
static void sock_check_hang_up(struct link *link, int fd)
{
	struct pollfd p = { .fd = fd };

	if (poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)))
		link_kill(link, -ECONNRESET,
			  "peer closed the connection before it read its replies");
}

int link_sock_readable(struct link *link, int fd)
{
	if (link_error(link) == 0 && !link_wants_read(link))
		sock_check_hang_up(link, fd);
	for (int i = 0; i < READ_ROUNDS; i++) {
		if (sock_read(link, fd) == SOCK_READ_ALL)
			break;
	}
	return link_sock_writable(link, fd);
}

/* The peer takes no more, but what it sent before, perhaps why, is still there to be read. */
static void sock_read_rest(struct link *link, int fd)
{
	int error = errno;

	while (sock_read(link, fd) == SOCK_READ_MORE)
		;
	errno = error;
	sock_failed(link, "sendmsg"); /* no-op if reading came to the end */
}

/* One sendmsg. Return: was everything taken that was offered? */
static bool sock_write(struct link *link, int fd, struct iovec *iov, size_t n_iov, const int *fds,
		       size_t n_fds)
{
	union fd_control control;
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n_iov };
	size_t offered = 0;
	ssize_t n;

	for (size_t i = 0; i < n_iov; i++)
		offered += iov[i].iov_len;
	if (n_fds > 0) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, CMSG_SPACE(n_fds * sizeof(int)));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}

	do {
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno == EPIPE || errno == ECONNRESET)
			sock_read_rest(link, fd);
		else if (errno != EAGAIN && errno != EWOULDBLOCK)
			sock_failed(link, "sendmsg");
		return false;
	}
	link_sent(link, (size_t)n);
	return (size_t)n == offered;
}

int link_sock_writable(struct link *link, int fd)
{
	struct iovec iov[MAX_IOV];
	const int *fds;
	size_t n_iov, n_fds;

	do {
		n_iov = link_pending(link, iov, MAX_IOV, &fds, &n_fds);
	} while (n_iov > 0 && sock_write(link, fd, iov, n_iov, fds, n_fds));
	return link_error(link);
}

short link_sock_events(const struct link *link)
{
	return (short)((link_wants_read(link) ? POLLIN : 0) |
		       (link_wants_write(link) ? POLLOUT : 0));
}
