/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * backend_internal.h - what the files of the backend share
 */
#ifndef VMNET_NETWORKS_BACKEND_INTERNAL_H
#define VMNET_NETWORKS_BACKEND_INTERNAL_H

#include "vmnet/networks/backend.h"
#include "vmnet/networks/netctl.h"
#include "vmnet/networks/registry.h"

struct vmnet_backend {
	struct netctl *ctl; /* which holds the network */
	struct backend_facts facts;
	char name[sizeof(REGISTRY_NAME)];
};

/**
 * backend_hold() - connect to a network of the registry
 * Return: 0; -ENOTCONN it is about to end, or has; -errno
 */
int backend_hold(const struct registry *registry, const char *name, struct vmnet_backend **ret,
		 char **ret_error);

/** backend_status_of() - of an errno, in vmnet's words */
vmnet_return_t backend_status_of(int error);

/** backend_hand_over() - a sentence to the caller if it failed and he wants it, else it is freed */
void backend_hand_over(char *error, vmnet_return_t status, char **ret_error);

#endif
