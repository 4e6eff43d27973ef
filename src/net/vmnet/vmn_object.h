/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_object.h - network objects of macOS 26: what a description of an interface cannot say
 *
 * A network of its own, with reservations or without DHCP, that lives as long as the object. Types are
 * pointers: the header may be older than the system that we run on.
 */
#ifndef NET_VMNET_VMN_OBJECT_H
#define NET_VMNET_VMN_OBJECT_H

#include "net/network_config.h"

/**
 * vmn_object_new() - the system has them: vmn_has_objects()
 * @answer_ms: vmnet may take longer, and is known to have never come back
 * Return: 0, -ETIMEDOUT, what vmnet's status is; with @ret_error
 */
int vmn_object_new(const struct network_config *config, uint64_t answer_ms, void **ret,
		   char **ret_error);

/** vmn_object_free() - interfaces that run on it keep it. NULL is fine */
void vmn_object_free(void *object);

#endif
