/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sysctl.h - /proc/sys/net/FAMILY/conf/INTERFACE/NAME of the network namespace
 */
#ifndef NET_KERNEL_SYSCTL_H
#define NET_KERNEL_SYSCTL_H

/** sysctl_get() - @family: "ipv4", "ipv6". Return: the number, -ENOENT no such setting, -errno */
int sysctl_get(const char *family, const char *interface, const char *name);

/** sysctl_set() - writes only what differs. Return: 0 or -errno */
int sysctl_set(const char *family, const char *interface, const char *name, int value);

#endif
