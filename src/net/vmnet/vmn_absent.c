/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_absent.c - instead of the rest of this folder, where the compiler has no blocks
 */
#include "net/vmnet/vmn_network.h"

#include <errno.h>

#include "sys/explain.h"

int vmn_network_new(uv_loop_t *loop, const struct network_config *config, struct network **ret,
		    char **ret_error)
{
	return explain(ret_error, -EOPNOTSUPP,
		       "--network vmnet: this outrigger was built without it, by a compiler that "
		       "has no blocks; build it with clang, or leave "
		       "the option out");
}
