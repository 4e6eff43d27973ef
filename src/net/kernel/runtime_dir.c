/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * runtime_dir.c - /run/outrigger/rig0.4026531840
 *
 * In $RUNTIME_DIRECTORY (systemd's RuntimeDirectory=), else /run/outrigger for root, else in
 * $XDG_RUNTIME_DIR, else in /tmp. The number is that of the network namespace: in another one
 * somebody else may have the same name. Only a directory of our own is used: in /tmp others can
 * put one in its place.
 */
#include "net/kernel/runtime_dir.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/explain.h"

#define MODE 0755 /* dnsmasq, as a user of its own, reads in it */

static void base_of(char ret[PATH_MAX])
{
	const char *systemd = secure_getenv("RUNTIME_DIRECTORY");
	const char *user = secure_getenv("XDG_RUNTIME_DIR");

	if (systemd && systemd[0] == '/')
		snprintf(ret, PATH_MAX, "%.*s", (int)strcspn(systemd, ":"), systemd);
	else if (geteuid() == 0)
		snprintf(ret, PATH_MAX, "/run/outrigger");
	else if (user && user[0] == '/')
		snprintf(ret, PATH_MAX, "%s/outrigger", user);
	else
		snprintf(ret, PATH_MAX, "/tmp/outrigger-%u", (unsigned int)geteuid());
}

static bool has_control(const char *text)
{
	while (*text && !iscntrl((unsigned char)*text))
		text++;
	return *text;
}

static int make_own(const char *path, char **ret_error)
{
	struct stat stat;

	if (mkdir(path, MODE) < 0 && errno != EEXIST)
		return explain(ret_error, -errno,
			       "cannot make the directory %s: %s; name another one in "
			       "$RUNTIME_DIRECTORY",
			       path, strerror(errno));
	if (lstat(path, &stat) < 0 || !S_ISDIR(stat.st_mode) || stat.st_uid != geteuid())
		return explain(
			ret_error, -EPERM,
			"%s is not a directory of this user; remove it, or name another one in "
			"$RUNTIME_DIRECTORY",
			path);
	(void)chmod(path, MODE); /* whatever our umask */
	return 0;
}

static void empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0); /* not what is a directory */
	closedir(dir);
}

static unsigned long namespace_number(void)
{
	struct stat ns;

	return stat("/proc/self/ns/net", &ns) < 0 ? 0 : (unsigned long)ns.st_ino;
}

int runtime_dir_make(const char *name, char **ret, char **ret_error)
{
	char base[PATH_MAX], *path;
	int r;

	base_of(base);
	if (has_control(base)) /* it is going to stand in lines of files */
		return explain(ret_error, -EINVAL,
			       "the directory for files of this run has a control character in its "
			       "name; name another one in $RUNTIME_DIRECTORY");
	r = make_own(base, ret_error);
	if (r < 0)
		return r;
	if (asprintf(&path, "%s/%s.%lu", base, name, namespace_number()) < 0)
		return -ENOMEM;
	r = make_own(path, ret_error);
	if (r < 0) {
		free(path);
		return r;
	}
	empty(path);
	*ret = path;
	return 0;
}

int runtime_dir_find(const char *name, char ret[PATH_MAX])
{
	char base[PATH_MAX];
	struct stat stat;

	base_of(base);
	if (snprintf(ret, PATH_MAX, "%s/%s.%lu", base, name, namespace_number()) >= PATH_MAX ||
	    lstat(ret, &stat) < 0)
		return -ENOENT;
	return S_ISDIR(stat.st_mode) && stat.st_uid == geteuid() ? 0 : -EPERM;
}

/* The base stays: others may have theirs in it. */
void runtime_dir_remove(const char *path)
{
	if (!path)
		return;
	empty(path);
	rmdir(path);
}
