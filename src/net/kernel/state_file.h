/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state_file.h - small files in the state directory, whole or not at all
 */
#ifndef NET_KERNEL_STATE_FILE_H
#define NET_KERNEL_STATE_FILE_H

#include <stddef.h>

/**
 * state_file_read() - @dir NULL: as if there were none
 * @ret: zero-terminated; a longer file is an error
 * Return: bytes, 0 if there is none, -EFBIG, -errno
 */
long state_file_read(const char *dir, const char *name, char *ret, size_t size);

/** state_file_write() - replace; @dir NULL: nothing happens. Return: 0 or -errno */
int state_file_write(const char *dir, const char *name, const char *text);

#endif
