/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shared_interfaces.h - which of the host's interfaces bridged mode can use
 *
 * Bridges (of Linux and Open vSwitch), Ethernet and what carries Ethernet frames like it; not what
 * is a port of a bridge already, what belongs to a network of ours, and wireless interfaces, which
 * take frames of their own address only. Looked up at each call. Any thread.
 */
#ifndef VMNET_KEYS_SHARED_INTERFACES_H
#define VMNET_KEYS_SHARED_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>

struct host_link;

/** shared_interface_suits() - as far as what is said of the link tells */
bool shared_interface_suits(const struct host_link *link);

/** shared_interface_usable() - is it in the list? */
bool shared_interface_usable(const char *name);

/** shared_interface_text() - "is eth0, br0", "is none", for a sentence; the caller frees. NULL: unknown */
char *shared_interface_text(void);

/**
 * shared_interface_names() - in the kernel's order
 * Return: an array that ends with NULL, one allocation, the caller frees; NULL: it cannot be known
 */
char **shared_interface_names(void);

#endif
