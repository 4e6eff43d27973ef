/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sock.h - UNIX sockets by path: listening without stealing, removing only what is ours
 */
#ifndef SYS_SOCK_H
#define SYS_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#define SOCK_GROUP_OWN ((gid_t)-1) /* the process's, or what the directory hands down */

/** struct sock_access - who may connect or send: the rights of the socket's file (write counts) */
struct sock_access {
	mode_t mode; /* up to 0777 */
	gid_t group;
};

/**
 * struct sock_listener - a socket and the file that names it
 *
 * The file is removed at close only if it is still the one that was made here (device and inode).
 */
struct sock_listener {
	int fd;
	char *path; /* NULL: the file, if there is one, is not ours */
	unsigned long long dev, ino;
};

/**
 * sock_listen() - listen at path (UNIX stream, non-blocking, close-on-exec)
 * @access: NULL: mode 0600. Whatever the umask, the file has these rights, and never wider ones
 *
 * A socket that nobody listens on any more is taken over; one that answers, and a file of any
 * other kind, stay untouched. Of two processes that start at once one wins: each holds a lock on
 * the directory while it looks and binds (for microseconds; waits up to a second for others).
 *
 * Return: 0; -EADDRINUSE somebody listens there; -EEXIST a file that is no socket;
 * -ENAMETOOLONG longer than a socket address holds (107 bytes); -EBUSY the directory stayed
 * locked; -EPERM the process may not give files to that group; or the errno of what failed
 */
int sock_listen(const char *path, const struct sock_access *access, struct sock_listener *ret);

/** sock_bind_dgram() - the same for a UNIX datagram socket */
int sock_bind_dgram(const char *path, const struct sock_access *access, struct sock_listener *ret);

/** sock_is_listening() - does it take connections? False for any fd that cannot */
bool sock_is_listening(int fd);

/** sock_listener_close() - close, and remove the file if it is ours. Safe on {-1, NULL} */
void sock_listener_close(struct sock_listener *listener);

/**
 * sock_accept() - the next waiting connection
 *
 * Return: a non-blocking, close-on-exec fd; -EAGAIN nobody waits (any more); -errno
 */
int sock_accept(int fd);

/**
 * sock_connect() - to a UNIX stream socket; waits for nobody
 *
 * Return: a non-blocking, close-on-exec fd, or -errno (-ENAMETOOLONG as above; -EAGAIN the
 * listener's queue is full)
 */
int sock_connect(const char *path);
int sock_connect_to(const struct sockaddr_un *address);

/** sock_address() - of a path. Return: 0, -ENOENT it is empty, -ENAMETOOLONG as above */
int sock_address(const char *path, struct sockaddr_un *ret);

#endif
