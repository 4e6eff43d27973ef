/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peer_eventfd.c - eventfds that came from somebody we do not trust
 *
 * A write to a blocking eventfd waits while the counter is full, so it is asked first (poll). The
 * kernel has no way to write without waiting to a descriptor that others set to blocking: eventfds
 * refuse RWF_NOWAIT on writes, and setting O_NONBLOCK would change how the sender's own reads
 * behave. What remains is a sender that fills its counter in the instant between poll() and
 * write(), against itself: it holds up the thread that serves it until it reads.
 */
#include "sys/peer_eventfd.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * Without /proc (in a sandbox): eventfds share one inode with a few other kinds that live in no
 * file system. Those among them that can be written at all neither block nor signal.
 */
static bool has_inode_of_eventfds(int fd)
{
	struct stat st, own_st;
	int own = eventfd(0, EFD_CLOEXEC);
	bool same;

	if (own < 0)
		return false;
	same = fstat(fd, &st) == 0 && fstat(own, &own_st) == 0 && st.st_dev == own_st.st_dev &&
	       st.st_ino == own_st.st_ino;
	close(own);
	return same;
}

bool peer_eventfd_check(int fd)
{
	static const char eventfd_link[] = "anon_inode:[eventfd]";
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	char target[sizeof(eventfd_link)];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target));
	if (n < 0)
		return has_inode_of_eventfds(fd);
	return n == sizeof(eventfd_link) - 1 && memcmp(target, eventfd_link, (size_t)n) == 0;
}

void peer_eventfd_signal(int fd)
{
	const uint64_t one = 1;
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	/* The write can only fail as full, which is fine too. */
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT))
		(void)!write(fd, &one, sizeof(one));
}

bool peer_eventfd_consume(int fd)
{
	uint64_t count;
	struct iovec iov = { &count, sizeof(count) };

	/* Others may read it too: unlike poll() and read() this cannot lose a race and wait. */
	return preadv2(fd, &iov, 1, -1, RWF_NOWAIT) == sizeof(count);
}
