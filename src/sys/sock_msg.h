/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sock_msg.h - bytes and fds through a UNIX stream socket
 */
#ifndef SYS_SOCK_MSG_H
#define SYS_SOCK_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SOCK_MAX_FDS 253 /* that one sendmsg can carry (Linux's SCM_MAX_FD) */

/** struct sock_fds - what came with some bytes, close-on-exec; the receiver's */
struct sock_fds {
	size_t n;
	bool lost; /* there were more, which could not be received: which is not known */
	int fd[SOCK_MAX_FDS];
};

/**
 * sock_msg_recv() - one recvmsg
 * @flags: MSG_DONTWAIT or 0
 *
 * Return: bytes, 0: end of file, -errno (-EAGAIN, -EINTR too). ret is filled in if not negative
 */
ssize_t sock_msg_recv(int fd, void *buf, size_t len, int flags, struct sock_fds *ret);

/**
 * sock_msg_send() - one sendmsg, which never waits
 * @fds: go with the first byte
 *
 * Return: bytes, -errno (-EAGAIN too, never -EINTR)
 */
ssize_t sock_msg_send(int fd, struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds);

/** sock_msg_room() - bytes that the kernel holds of what the peer has not read. 0: unknown */
size_t sock_msg_room(int fd);

/** sock_msg_unread() - bytes that it does hold, counted like those. 0: unknown */
size_t sock_msg_unread(int fd);

#endif
