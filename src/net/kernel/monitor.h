/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * monitor.h - tells when interfaces of the host, or what they forward, may have changed
 *
 * One thread: the loop's.
 */
#ifndef NET_KERNEL_MONITOR_H
#define NET_KERNEL_MONITOR_H

#include <uv.h>

struct monitor;

/** monitor_new() - @changed: from the loop, once for many changes. Return: 0 or -errno */
int monitor_new(uv_loop_t *loop, void (*changed)(void *opaque), void *opaque, struct monitor **ret);
void monitor_free(struct monitor *monitor); /* NULL is fine */

#endif
