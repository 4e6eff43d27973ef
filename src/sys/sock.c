/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sock.c - UNIX sockets by path
 *
 * The kernel leaves a socket's file behind when its process dies, and bind() refuses a name that
 * exists. So a server that restarts must remove the file - but only if nobody listens there, and
 * of two servers that find the same dead file only one may win. Looking (connect), removing and
 * binding therefore happen under a lock. It is on the directory: that needs no file of its
 * own, which would have to be removed in turn, with the same race.
 *
 * bind() and listen() are two steps with the same consequence: in between a live server looks
 * dead. Under the lock nobody looks in between.
 */
#include "sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES    100
#define LOCK_PAUSE_NS 10000000L

static int address_of(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	/* An empty name would not fail: the kernel takes it for an abstract address. */
	if (len == 0)
		return -ENOENT;
	if (len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, len + 1);
	return 0;
}

static int stream_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int connect_to(const struct sockaddr_un *address)
{
	int fd = stream_socket();
	int r;

	if (fd < 0)
		return fd;
	do
		r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	while (r < 0 && errno == EINTR);
	if (r < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int sock_connect(const char *path)
{
	struct sockaddr_un address;
	int r = address_of(path, &address);

	return r < 0 ? r : connect_to(&address);
}

int sock_accept(int fd)
{
	int r;

	do
		r = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (r < 0 && errno == EINTR);
	if (r >= 0)
		return r;
	/* That one gave up while it waited: nothing that the listener has to hear of. */
	return errno == ECONNABORTED ? -EAGAIN : -errno;
}

/* Returns an fd that holds the lock until it is closed. */
static int lock_directory_of(const char *path)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	char *copy = strdup(path);
	int fd;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return -errno;

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		if (errno != EWOULDBLOCK && errno != EINTR) {
			int r = -errno;

			close(fd);
			return r;
		}
		nanosleep(&pause, NULL);
	}
	close(fd);
	return -EBUSY;
}

/* Make sure that the name is free, under the lock. */
static int remove_if_dead(const struct sockaddr_un *address)
{
	struct stat st;
	int fd;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;

	fd = connect_to(address);
	if (fd >= 0)
		close(fd);
	/* EAGAIN: its queue is full; EPROTOTYPE: it is no stream, but alive. */
	if (fd >= 0 || fd == -EAGAIN || fd == -EPROTOTYPE)
		return -EADDRINUSE;
	if (fd != -ECONNREFUSED)
		return fd == -ENOENT ? 0 : fd;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_and_listen(int fd, const struct sockaddr_un *address, struct stat *ret_st)
{
	int r;

	/* Linux gives the file the socket's mode. umask() would be the whole process's. */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	if (listen(fd, SOMAXCONN) < 0 || lstat(address->sun_path, ret_st) < 0) {
		r = -errno;
		unlink(address->sun_path);
		return r;
	}
	return 0;
}

static int listen_locked(const struct sockaddr_un *address, struct sock_listener *ret)
{
	struct stat st;
	char *path;
	int fd;
	int r = remove_if_dead(address);

	if (r < 0)
		return r;
	fd = stream_socket();
	if (fd < 0)
		return fd;
	path = strdup(address->sun_path);
	r = path ? bind_and_listen(fd, address, &st) : -ENOMEM;
	if (r < 0) {
		free(path);
		close(fd);
		return r;
	}
	*ret = (struct sock_listener) {
		.fd = fd, .path = path, .dev = st.st_dev, .ino = st.st_ino
	};
	return 0;
}

int sock_listen(const char *path, struct sock_listener *ret)
{
	struct sockaddr_un address;
	int lock, r;

	r = address_of(path, &address);
	if (r < 0)
		return r;
	lock = lock_directory_of(path);
	if (lock < 0)
		return lock;
	r = listen_locked(&address, ret);
	close(lock);
	return r;
}

void sock_listener_close(struct sock_listener *listener)
{
	struct stat st;

	/* Removed while it still listens: nobody can have taken a live name over in between. */
	if (listener->path && lstat(listener->path, &st) == 0 && st.st_dev == listener->dev &&
	    st.st_ino == listener->ino)
		unlink(listener->path);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener->path);
	*listener = (struct sock_listener) { .fd = -1 };
}
