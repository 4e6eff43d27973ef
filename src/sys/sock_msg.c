/* SPDX-License-Identifier: BSD-3-Clause */
/* sock_msg.c - bytes and fds through a UNIX stream socket: see sock_msg.h */
#include "sys/sock_msg.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Room for the most fds that one message can carry, aligned as the kernel wants it. */
union fd_control {
	struct cmsghdr align;
	char space[CMSG_SPACE(SOCK_MAX_FDS * sizeof(int))];
};

/* Every fd that the kernel made for us; there may be several headers. */
static void collect_fds(struct msghdr *msg, struct sock_fds *ret)
{
	ret->n = 0;
	ret->lost = msg->msg_flags & MSG_CTRUNC;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(ret->fd + ret->n, CMSG_DATA(c), n * sizeof(int));
		ret->n += n;
	}
}

ssize_t sock_msg_recv(int fd, void *buf, size_t len, int flags, struct sock_fds *ret)
{
	union fd_control control;
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	collect_fds(&msg, ret);
	return n;
}

ssize_t sock_msg_send(int fd, struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	union fd_control control;
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n_iov };
	ssize_t n;

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
		if (n_iov == 1 && n_fds == 0) /* the usual case, and the cheaper call */
			n = send(fd, iov->iov_base, iov->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

size_t sock_msg_room(int fd)
{
	int bytes;
	socklen_t len = sizeof(bytes);

	return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len) == 0 ? (size_t)bytes : 0;
}

size_t sock_msg_unread(int fd)
{
	int bytes;

	return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? (size_t)bytes : 0;
}
