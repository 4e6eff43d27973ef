/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capabilities.h - give up privileges that are not needed any more
 */
#ifndef SYS_CAPABILITIES_H
#define SYS_CAPABILITIES_H

#include <stddef.h>

/**
 * capabilities_keep() - of what the calling thread has keep these, and nothing for programs that
 * it runs but what it hands on itself; no program can gain others (no_new_privs)
 * @keep: CAP_... of linux/capability.h
 *
 * The threads that it starts later have no more. To be called before there are others.
 *
 * Return: 0, or -errno: there may be more than was asked for
 */
int capabilities_keep(const int *keep, size_t n);

#endif
