/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * runtime_dir.h - a directory for the files of one running network
 */
#ifndef NET_KERNEL_RUNTIME_DIR_H
#define NET_KERNEL_RUNTIME_DIR_H

#include <limits.h>

/**
 * runtime_dir_make() - make it, and empty it of what a dead network of this name has left
 * @name: of the network's bridge, claimed
 * @ret: its path, which the caller frees
 * @ret_error: a sentence; the caller frees
 * Return: 0 or -errno
 */
int runtime_dir_make(const char *name, char **ret, char **ret_error);

/** runtime_dir_find() - the path of one that is there, and this user's. Return: 0, -ENOENT, -EPERM */
int runtime_dir_find(const char *name, char ret[PATH_MAX]);

/** runtime_dir_remove() - with the files in it; NULL is fine */
void runtime_dir_remove(const char *path);

#endif
