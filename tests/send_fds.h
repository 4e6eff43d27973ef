/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * send_fds.h - sendmsg() with file descriptors, for peers that tests play
 */
#ifndef TESTS_SEND_FDS_H
#define TESTS_SEND_FDS_H

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SEND_FDS_MAX 253 /* that Linux passes at once */

/** send_fds() - as sendmsg(); n_fds may be 0. Never a SIGPIPE. The fds stay the caller's */
static inline ssize_t send_fds(int fd, struct iovec *iov, size_t n_iov, const int *fds,
			       size_t n_fds, int flags)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(SEND_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = n_iov };

	if (n_fds > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header = (struct cmsghdr) { .cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
						    .cmsg_level = SOL_SOCKET,
						    .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	return sendmsg(fd, &m, flags | MSG_NOSIGNAL);
}

#endif
