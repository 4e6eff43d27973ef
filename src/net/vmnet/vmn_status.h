/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_status.h - what vmnet answers, in words
 *
 * By number: not every release of the header has all names. Pure.
 */
#ifndef NET_VMNET_VMN_STATUS_H
#define NET_VMNET_VMN_STATUS_H

#include <vmnet/vmnet.h>

/** vmn_status_text() - its name and what it means, for "..., vmnet says " */
const char *vmn_status_text(vmnet_return_t status);

/** vmn_status_errno() - 0 for VMNET_SUCCESS, else negative */
int vmn_status_errno(vmnet_return_t status);

#endif
