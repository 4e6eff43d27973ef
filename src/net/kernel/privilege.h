/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * privilege.h - which capabilities a kernel network takes, and how to get them
 */
#ifndef NET_KERNEL_PRIVILEGE_H
#define NET_KERNEL_PRIVILEGE_H

#include <stdint.h>
#include <sys/types.h>

struct network_config;

/**
 * privilege_check() - is what such a network takes in effect? @ret_error says what is missing, and
 * how to grant it. Return: 0, -EPERM
 */
int privilege_check(const struct network_config *config, char **ret_error);

/**
 * privilege_limit() - once the network stands, before guests are let in: the process keeps what
 * is needed while it runs. For good, and for the whole process: it is the command's to call.
 * Return: 0, -errno (it goes on with more than it needs)
 */
int privilege_limit(const struct network_config *config);

/** privilege_explain() - the same sentence, for a refusal by the kernel. Return: @error */
int privilege_explain(int error, char **ret_error);

/** privilege_bit() - of a capability in a mask; all that we name are below 32 */
#define privilege_bit(capability) (UINT32_C(1) << (capability))

/**
 * privilege_become() - in a child between fork and exec: give up all but some capabilities, which
 * the program then run has as far as we do
 * @uid, @gid: to become, if we are root. In a user namespace without that user we stay who we are
 * Async-signal-safe. Return: 0 or -errno
 */
int privilege_become(uid_t uid, gid_t gid, uint32_t capabilities);

#endif
