/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_vmnet.c - `outrigger net --network vmnet`: what libvmnet is told by its environment
 *
 * The library's own default is the program that it was installed with, which may be another one, or
 * none yet. Its API has room for a code only: without its log a user would know no reason. Apple's
 * framework reads neither variable.
 */
#include "cli/net_vmnet.h"

#include <limits.h>
#include <stdlib.h>
#include <uv.h>

void net_vmnet_environment(void)
{
	char path[PATH_MAX];
	size_t size = sizeof(path);

	if (uv_exepath(path, &size) == 0)
		setenv("OUTRIGGER_PROGRAM", path, 0);
	setenv("OUTRIGGER_VMNET_LOG", "stderr", 0);
}
