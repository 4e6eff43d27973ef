/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sock_bind.c - UNIX sockets with a name: bound without stealing, never wider open than asked
 *
 * The kernel leaves a socket's file behind when its process dies, and bind() refuses a name that
 * exists. So a server that restarts must remove the file - but only if nobody listens there, and
 * of two servers that find the same dead file only one may win. Looking (connect), removing and
 * binding therefore happen under a lock. It is on the directory: that needs no file of its
 * own, which would have to be removed in turn, with the same race.
 *
 * bind() and listen() are two steps with the same consequence: in between a live server looks
 * dead. Under the lock nobody looks in between.
 *
 * Mode and group. Whoever may write to the file may connect or send, from bind() on. Linux gives
 * the file the mode of the socket, less the umask, which is the whole process's and stays alone:
 * so it is made with the owner's rights only, then gets its group, then the mode in full. At no
 * time may anybody in whom it was not meant for. Both changes go through an O_PATH descriptor of
 * the file: a name could lead elsewhere by then.
 */
#include "sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES    100
#define LOCK_PAUSE_NS 10000000L

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

	fd = sock_connect_to(address);
	if (fd >= 0)
		close(fd);
	/* A stream will do for a look at any: EAGAIN: its queue is full; EPROTOTYPE: it is no
	 * stream, but alive. */
	if (fd >= 0 || fd == -EAGAIN || fd == -EPROTOTYPE)
		return -EADDRINUSE;
	if (fd != -ECONNREFUSED)
		return fd == -ENOENT ? 0 : fd;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* The file gets its group, then its mode in full. @file: an O_PATH descriptor */
static int open_up(int file, const struct stat *st, const struct sock_access *access)
{
	char path[32];

	if (access->group != SOCK_GROUP_OWN && access->group != st->st_gid &&
	    fchownat(file, "", (uid_t)-1, access->group, AT_EMPTY_PATH) < 0)
		return -errno;
	if ((st->st_mode & 0777) == access->mode)
		return 0;
	/* fchmod() takes no O_PATH descriptor. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return chmod(path, access->mode) < 0 ? -errno : 0;
}

/* Under the lock, and in a directory that others may not write to, it is the one just made. */
static int open_up_path(const char *path, const struct sock_access *access, struct stat *ret_st)
{
	int file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (file < 0)
		return -errno;
	if (fstat(file, &st) < 0)
		r = -errno;
	else if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		r = -EEXIST;
	else
		r = open_up(file, &st, access);
	close(file);
	if (r >= 0)
		*ret_st = st;
	return r;
}

static int bind_fd(int fd, int type, const struct sockaddr_un *address,
		   const struct sock_access *access, struct stat *ret_st)
{
	int r;

	if (fchmod(fd, access->mode & 0700) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	r = open_up_path(address->sun_path, access, ret_st);
	if (r >= 0 && type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0)
		r = -errno;
	if (r < 0)
		unlink(address->sun_path);
	return r;
}

static int bind_locked(int type, const struct sockaddr_un *address,
		       const struct sock_access *access, struct sock_listener *ret)
{
	struct stat st = { 0 };
	char *path;
	int fd;
	int r = remove_if_dead(address);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	path = strdup(address->sun_path);
	r = path ? bind_fd(fd, type, address, access, &st) : -ENOMEM;
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

static int bind_path(int type, const char *path, const struct sock_access *access,
		     struct sock_listener *ret)
{
	static const struct sock_access private = { .mode = 0600, .group = SOCK_GROUP_OWN };
	struct sockaddr_un address;
	int lock, r;

	r = sock_address(path, &address);
	if (r < 0)
		return r;
	lock = lock_directory_of(path);
	if (lock < 0)
		return lock;
	r = bind_locked(type, &address, access ? access : &private, ret);
	close(lock);
	return r;
}

int sock_listen(const char *path, const struct sock_access *access, struct sock_listener *ret)
{
	return bind_path(SOCK_STREAM, path, access, ret);
}

int sock_bind_dgram(const char *path, const struct sock_access *access, struct sock_listener *ret)
{
	return bind_path(SOCK_DGRAM, path, access, ret);
}

void sock_listener_close(struct sock_listener *listener)
{
	struct stat st;

	/* Removed while it still lives: nobody can have taken a live name over in between. */
	if (listener->path && lstat(listener->path, &st) == 0 && st.st_dev == listener->dev &&
	    st.st_ino == listener->ino)
		unlink(listener->path);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener->path);
	*listener = (struct sock_listener) { .fd = -1 };
}
