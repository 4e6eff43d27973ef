/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forwarding_record.h - which settings of forwarding are ours, for whoever comes after a kill
 *
 * A file in the network's runtime directory. It counts only together with the bridge that it
 * names, by index and alias, which a kill leaves behind as well: the directory of another
 * namespace, or another start of the system, may have the same name. One thread.
 */
#ifndef NET_KERNEL_FORWARDING_RECORD_H
#define NET_KERNEL_FORWARDING_RECORD_H

#include "net/kernel/host_scan.h"
#include "net/kernel/nat_rules.h"

/** forwarding_setting() - the one that decides about one interface; NULL: this kernel has none */
const char *forwarding_setting(int family);

/**
 * forwarding_record_write() - before they are opened
 * @dir: the network's runtime directory
 * @bridge: its bridge, with its alias
 * Return: 0 or -errno
 */
int forwarding_record_write(const char *dir, const struct host_link *bridge,
			    const struct nat_opened *opened, size_t n);

/** forwarding_record_undo() - close what the dead network of this bridge, which is still there, had opened */
void forwarding_record_undo(const struct host_link *bridge);

#endif
