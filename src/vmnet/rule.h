/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rule.h - a port forwarding rule, and the dictionary that a caller gets it as
 *
 * Pure; any thread.
 */
#ifndef VMNET_RULE_H
#define VMNET_RULE_H

#include "vmnet/networks/backend.h"

/** rule_is_valid() - protocol, family and external port */
bool rule_is_valid(const struct backend_forward *rule);

/** rule_to_xpc() - the caller's */
xpc_object_t rule_to_xpc(const struct backend_forward *rule);

#endif
