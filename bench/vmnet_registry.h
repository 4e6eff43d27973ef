/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_registry.h - where libvmnet registers the networks that a measurement makes it start
 *
 * A folder in the directory of a process that is served, so that nothing of the user's is touched. It is
 * left behind if the measurement dies.
 */
#ifndef VMNET_REGISTRY_H
#define VMNET_REGISTRY_H

#include "bench.h"

/** vmnet_registry_use() - from now on, of this process and those it starts. They start env OUTRIGGER */
void vmnet_registry_use(const struct served *s);

/** vmnet_registry_end() - after serve_end(): wait until all networks have ended, remove it and the directory */
void vmnet_registry_end(const struct served *s);

#endif
