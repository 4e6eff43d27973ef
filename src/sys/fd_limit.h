/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fd_limit.h - how many files the process may have open
 */
#ifndef SYS_FD_LIMIT_H
#define SYS_FD_LIMIT_H

#define FD_LIMIT_WANTED 65536u

/**
 * fd_limit_raise() - as far as it may be without privileges, up to FD_LIMIT_WANTED
 *
 * For programs that hold no fd above 1023 in an fd_set (select(2)). Return: 0, -errno
 */
int fd_limit_raise(void);

#endif
