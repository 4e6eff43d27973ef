/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * registry.c - the user's directory of living networks
 *
 * Everything is opened relative to the directory that was checked, and no link is followed. The
 * exception is the control socket, as connect() knows paths only.
 */
#include "vmnet/networks/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "sys/explain.h"
#include "sys/sock.h"
#include "vmnet/networks/record.h"

#define LOCK_WAIT_MS   30000u
#define LOCK_STEP_MS   10u
#define RECORD_MAX_LEN 4096u
/* What a socket's address holds, less that of a network's in it. */
#define PATH_LEN_MAX \
	(sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof("/" REGISTRY_NAME "/control"))

/* The directory */

static char *choose_path(void)
{
	const char *chosen = secure_getenv("OUTRIGGER_VMNET_DIR");
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	char *path = NULL;
	int r;

	if (chosen && *chosen == '/')
		return strdup(chosen);
	if (geteuid() == 0)
		return strdup("/run/outrigger-vmnet");
	if (runtime && *runtime == '/')
		r = asprintf(&path, "%s/outrigger-vmnet", runtime);
	else
		r = asprintf(&path, "/tmp/outrigger-vmnet-%u", (unsigned int)geteuid());
	return r < 0 ? NULL : path;
}

static int check_owner(int fd, const char *path, char **ret_error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return explain(ret_error, -errno, "%s: %s", path, strerror(errno));
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return explain(ret_error, -EPERM,
			       "%s: others can write to it, or own it; remove it, or name another "
			       "directory by OUTRIGGER_VMNET_DIR",
			       path);
	return 0;
}

int registry_open(struct registry *ret, char **ret_error)
{
	struct registry registry = { .fd = -1, .path = choose_path(), .lock = -1 };
	int r = registry.path ? 0 : -ENOMEM;

	if (r >= 0 && strlen(registry.path) > PATH_LEN_MAX)
		r = explain(ret_error, -ENAMETOOLONG,
			    "%s: too long for sockets in it; name one of up to %zu bytes by "
			    "OUTRIGGER_VMNET_DIR",
			    registry.path, PATH_LEN_MAX);
	if (r >= 0 && mkdir(registry.path, 0700) < 0 && errno != EEXIST)
		r = explain(ret_error, -errno, "%s: %s", registry.path, strerror(errno));
	if (r >= 0) {
		registry.fd = open(registry.path, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (registry.fd < 0)
			r = explain(ret_error, -errno, "%s: %s", registry.path, strerror(errno));
		else
			r = check_owner(registry.fd, registry.path, ret_error);
	}
	if (r < 0) {
		registry_close(&registry);
		return r;
	}
	*ret = registry;
	return 0;
}

void registry_close(struct registry *registry)
{
	registry_unlock(registry);
	if (registry->fd >= 0)
		close(registry->fd);
	free(registry->path);
	*registry = (struct registry) { .fd = -1, .lock = -1 };
}

/* flock() is of the open file: threads of one process keep each other out, too. */
int registry_lock(struct registry *registry, char **ret_error)
{
	int fd = openat(registry->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000 };

	if (fd < 0)
		return explain(ret_error, -errno, "%s/lock: %s", registry->path, strerror(errno));
	for (unsigned int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += LOCK_STEP_MS) {
		int r = errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;

		if (r != -ETIMEDOUT || waited >= LOCK_WAIT_MS) {
			close(fd);
			return explain(ret_error, r, "%s/lock: %s", registry->path, strerror(-r));
		}
		nanosleep(&step, NULL);
	}
	registry->lock = fd;
	return 0;
}

void registry_unlock(struct registry *registry)
{
	if (registry->lock >= 0) {
		/* A child that the program forked meanwhile has the open file, too. */
		flock(registry->lock, LOCK_UN);
		close(registry->lock);
	}
	registry->lock = -1;
}

/* Its networks */

bool registry_is_name(const char *name)
{
	return strlen(name) == strlen(REGISTRY_NAME) && strncmp(name, "net-", 4) == 0 &&
	       !name[4 + strspn(name + 4, "0123456789abcdef")];
}

char *registry_path(const struct registry *registry, const char *name, const char *file)
{
	char *path;

	return asprintf(&path, "%s/%s/%s", registry->path, name, file) < 0 ? NULL : path;
}

/* A queue that is full is somebody's, too. */
bool registry_serves(const struct registry *registry, const char *name)
{
	char *path = registry_path(registry, name, "control");
	int fd = path ? sock_connect(path) : -ENOMEM;

	free(path);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || (fd != -ECONNREFUSED && fd != -ENOENT && fd != -ENOTDIR);
}

void registry_remove(struct registry *registry, const char *name)
{
	static const char *const files[] = { "record", "control", "alive", "log" };
	int dir = openat(registry->fd, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(dir, files[i], 0);
	close(dir);
	unlinkat(registry->fd, name, AT_REMOVEDIR); /* which leaves what is not ours */
}

static int open_file(const struct registry *registry, const char *name, const char *file)
{
	char path[sizeof(REGISTRY_NAME "/record")];

	snprintf(path, sizeof(path), "%.*s/%s", (int)strlen(REGISTRY_NAME), name, file);
	return openat(registry->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* The process has inherited the lock, and it goes with it, however that ends. */
static bool has_process(const struct registry *registry, const char *name)
{
	int fd = open_file(registry, name, "alive");
	bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return locked;
}

static int read_record(const struct registry *registry, const char *name,
		       struct backend_living *ret)
{
	char text[RECORD_MAX_LEN + 1];
	int fd = open_file(registry, name, "record");
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, RECORD_MAX_LEN);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = '\0';
	return record_parse(text, ret);
}

int registry_list(struct registry *registry, struct registry_net *ret)
{
	int fd = openat(registry->fd, ".", O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	unsigned int n = 0;

	if (!dir) {
		int r = -errno;

		if (fd >= 0)
			close(fd);
		return r;
	}
	while (n < REGISTRY_NETS_MAX && (entry = readdir(dir))) {
		if (!registry_is_name(entry->d_name))
			continue;
		ret[n].ending = !registry_serves(registry, entry->d_name);
		if (ret[n].ending && !has_process(registry, entry->d_name))
			registry_remove(registry, entry->d_name);
		else if (read_record(registry, entry->d_name, &ret[n].living) == 0)
			memcpy(ret[n++].name, entry->d_name, sizeof(REGISTRY_NAME));
	}
	closedir(dir);
	return (int)n;
}

/* Return: an fd above stderr, locked; -errno */
static int make_alive(int dir)
{
	int fd = openat(dir, "alive", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int above = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int r = above < 0 || flock(above, LOCK_EX | LOCK_NB) < 0 ? -errno : above;

	if (fd >= 0)
		close(fd);
	if (r < 0 && above >= 0)
		close(above);
	return r;
}

static int write_record(int dir, const struct backend_living *living)
{
	int fd = openat(dir, "record", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	char *text = record_print(living);
	int r = 0;

	if (fd < 0)
		r = -errno;
	else if (!text)
		r = -ENOMEM;
	else if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		r = -EIO;
	free(text);
	if (fd >= 0)
		close(fd);
	return r;
}

int registry_add(struct registry *registry, const struct backend_living *living,
		 char ret_name[sizeof(REGISTRY_NAME)], int *ret_alive, char **ret_error)
{
	unsigned long long random;
	char name[sizeof(REGISTRY_NAME)];
	int dir, r, alive = -1;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return explain(ret_error, -EIO, "no random number to name a network by");
	snprintf(name, sizeof(name), "net-%016llx", random);
	if (mkdirat(registry->fd, name, 0700) < 0)
		return explain(ret_error, -errno, "%s/%s: %s", registry->path, name,
			       strerror(errno));
	dir = openat(registry->fd, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = dir < 0 ? -errno : write_record(dir, living);
	if (r >= 0)
		r = alive = make_alive(dir);
	if (dir >= 0)
		close(dir);
	if (r < 0) {
		registry_remove(registry, name);
		return explain(ret_error, r, "%s/%s: %s", registry->path, name, strerror(-r));
	}
	memcpy(ret_name, name, sizeof(name));
	*ret_alive = alive;
	return 0;
}
